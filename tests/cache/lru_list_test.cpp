#include "cache/lru_list.hpp"

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel {
namespace {

using test::make_entry;
using test::start;

std::string order_of(const lru_list& l)
{
    std::string out;
    l.for_each([&](const entry& e) { out += e.key().back() == 0 ? e.key()[e.key().size() - 2] : e.key().back(); });
    return out;
}

struct lru_fixture : testing::Test {
    lru_list list;
    entry_ptr a = make_entry("/a");
    entry_ptr b = make_entry("/b");
    entry_ptr c = make_entry("/c");

    void insert_all()
    {
        list.on_insert(*a, start);
        list.on_insert(*b, start + seconds{100});
        list.on_insert(*c, start + seconds{200});
    }
    void TearDown() override { EXPECT_TRUE(list.is_consistent()); }
};
using LruList = lru_fixture;

TEST_F(LruList, HasNoVictimWhenEmpty) { EXPECT_EQ(list.victim(), nullptr); }

TEST_F(LruList, TheVictimIsTheOneInsertedFirst)
{
    insert_all();
    EXPECT_EQ(order_of(list), "cba");
    EXPECT_EQ(list.victim(), a.get());
}

TEST_F(LruList, AHitMovesToTheFront)
{
    insert_all();
    list.on_hit(*a, start + seconds{300});
    EXPECT_EQ(order_of(list), "acb");
    EXPECT_EQ(list.victim(), b.get());
    EXPECT_EQ(list.moves(), 1u);
}

TEST_F(LruList, AHitSoonAfterTheLastMoveMovesNothing)
{
    insert_all();
    // The oldest is 320 s old: promotion at most each 20 s.
    list.on_hit(*b, start + seconds{300});
    EXPECT_EQ(order_of(list), "bca");
    list.on_hit(*c, start + seconds{301});
    list.on_hit(*b, start + seconds{310});
    EXPECT_EQ(order_of(list), "cba");
    list.on_hit(*b, start + seconds{320});
    EXPECT_EQ(order_of(list), "bca");
}

TEST_F(LruList, NoEntryWaitsLongerThanAMinuteForItsPromotion)
{
    insert_all();
    list.on_hit(*b, start + seconds{100'000});
    list.on_hit(*c, start + seconds{100'001});
    list.on_hit(*b, start + seconds{100'030});
    EXPECT_EQ(order_of(list), "cba");
    list.on_hit(*b, start + seconds{100'061});
    EXPECT_EQ(order_of(list), "bca");
}

TEST_F(LruList, AClockThatReadsEarlierMovesNothing)
{
    insert_all();
    list.on_hit(*b, start - seconds{1});
    EXPECT_EQ(order_of(list), "cba");
}

TEST_F(LruList, RemovesFromEveryPlace)
{
    insert_all();
    list.on_remove(*b);
    EXPECT_EQ(order_of(list), "ca");
    EXPECT_TRUE(list.is_consistent());
    list.on_remove(*a);
    EXPECT_EQ(list.victim(), c.get());
    EXPECT_TRUE(list.is_consistent());
    list.on_remove(*c);
    EXPECT_EQ(list.victim(), nullptr);
}

}  // namespace
}  // namespace tiercel
