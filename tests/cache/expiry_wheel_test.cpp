#include "cache/expiry_wheel.hpp"

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace tiercel {
namespace {

using test::make_entry;
using test::start;

constexpr std::size_t many = 1'000'000;

std::vector<const entry*> take_due(expiry_wheel& w, instant now, std::size_t looks = many)
{
    std::vector<const entry*> out;
    while (const entry* e = w.next_due(now, looks)) {
        w.remove(*e);
        out.push_back(e);
    }
    return out;
}

entry_ptr until(instant t) { return make_entry("/a", {.fresh_until = t}); }

TEST(ExpiryWheel, GivesAnEntryOnceItsLastUsefulSecondHasPassed)
{
    expiry_wheel w;
    const entry_ptr e = until(start + milliseconds{2500});
    w.insert(*e);
    EXPECT_TRUE(take_due(w, start).empty());
    EXPECT_TRUE(take_due(w, start + milliseconds{2499}).empty());
    EXPECT_EQ(take_due(w, start + milliseconds{3000}), std::vector<const entry*>{e.get()});
    EXPECT_TRUE(take_due(w, start + seconds{9000}).empty());
    EXPECT_EQ(w.size(), 0u);
}

TEST(ExpiryWheel, CountsTheLongestWindow)
{
    expiry_wheel w;
    const entry_ptr e = make_entry("/a", {.fresh_until = start, .sie_until = start + seconds{700}});
    w.insert(*e);
    EXPECT_TRUE(take_due(w, start + seconds{699}).empty());
    EXPECT_EQ(take_due(w, start + seconds{701}).size(), 1u);
}

TEST(ExpiryWheel, FindsWhatWasUselessAlreadyWhenInserted)
{
    expiry_wheel w;
    EXPECT_TRUE(take_due(w, start).empty());
    const entry_ptr e = until(start - seconds{100});
    w.insert(*e);
    EXPECT_EQ(take_due(w, start + seconds{1}).size(), 1u);
}

TEST(ExpiryWheel, DoesNotHoldWhatNeverEnds)
{
    expiry_wheel w;
    const entry_ptr e = until(end_of_time);
    w.insert(*e);
    EXPECT_EQ(w.size(), 0u);
    w.remove(*e);
    EXPECT_TRUE(take_due(w, start + seconds{1'000'000}).empty());
}

TEST(ExpiryWheel, OneCallAfterALongPauseFindsEverything)
{
    expiry_wheel w;
    std::vector<entry_ptr> kept;
    EXPECT_TRUE(take_due(w, start).empty());
    for (int i = 0; i < 2000; ++i) {
        kept.push_back(until(start + seconds{i}));
        w.insert(*kept.back());
    }
    EXPECT_EQ(take_due(w, start + seconds{100'000}).size(), 2000u);
}

TEST(ExpiryWheel, ACrowdedSecondIsSpreadOverCalls)
{
    expiry_wheel w;
    std::vector<entry_ptr> kept;
    for (int i = 0; i < 1000; ++i) {
        // One slot, but every second entry is due 512 s later.
        kept.push_back(until(start + seconds{i % 2 == 0 ? 10 : 522}));
        w.insert(*kept.back());
    }
    std::size_t found = 0;
    for (int call = 0; call < 10; ++call) {
        std::size_t looks = 100;
        while (const entry* e = w.next_due(start + seconds{11}, looks)) {
            w.remove(*e);
            ++found;
        }
        EXPECT_LE(found, static_cast<std::size_t>(call + 1) * 100);
    }
    EXPECT_EQ(found, 500u);
    EXPECT_EQ(take_due(w, start + seconds{523}).size(), 500u);
}

TEST(ExpiryWheel, AgreesWithASortedMapUnderRandomOperations)
{
    std::mt19937 random(1);
    expiry_wheel w;
    std::map<const entry*, entry_ptr> model;
    instant now = start;
    for (int i = 0; i < 20'000; ++i) {
        if (random() % 3 != 0) {
            const entry_ptr e = until(now + milliseconds{static_cast<int>(random() % 2'000'000) - 1000});
            w.insert(*e);
            model.emplace(e.get(), e);
        } else if (!model.empty() && random() % 2 != 0) {
            w.remove(*model.begin()->first);
            model.erase(model.begin());
        } else {
            now += milliseconds{random() % 3000};
            for (const entry* e : take_due(w, now)) {
                ASSERT_LE(useless_from(*e), now);
                model.erase(e);
            }
            for (const auto& [e, keep] : model) {
                ASSERT_GT(useless_from(*e), now - seconds{2});   // found within a tick
            }
        }
        ASSERT_EQ(w.size(), model.size());
    }
}

}  // namespace
}  // namespace tiercel
