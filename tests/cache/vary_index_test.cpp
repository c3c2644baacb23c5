#include "cache/vary_index.hpp"

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <ranges>
#include <string>
#include <vector>

namespace tiercel {
namespace {

using test::start;

using lists = std::vector<std::vector<std::string>>;

static_assert(std::ranges::forward_range<vary_lists> && std::ranges::forward_range<vary_list>);

lists lists_in(const entry& e)
{
    lists out;
    for (const vary_list list : vary_lists_of(e)) {
        out.emplace_back();
        for (const std::string_view name : list) {
            out.back().emplace_back(name);
        }
    }
    return out;
}

entry_ptr descriptor(const entry* old, std::initializer_list<std::string_view> names, seconds life = seconds{10})
{
    entry_parts base;
    base.key = "primary";
    base.stamp = 3;
    base.times.received = start;
    base.times.fresh_until = start + life;
    base.head = "ignored";
    base.small_body = "ignored";
    return make_vary_descriptor(base, old, std::span(names.begin(), names.size()));
}

entry_ptr with_body(std::string_view bytes)
{
    entry_parts p;
    p.flags = entry_flag::vary_descriptor;
    p.small_body = bytes;
    return entry::make(p);
}

TEST(VaryIndex, NamesAreLowerCaseSortedAndWithoutRepetition)
{
    const entry_ptr e = descriptor(nullptr, {"User-Agent", "accept-ENCODING", "", "user-agent"});
    EXPECT_EQ(lists_in(*e), (lists{{"accept-encoding", "user-agent"}}));
    EXPECT_TRUE(e->is(entry_flag::vary_descriptor));
    EXPECT_EQ(e->key(), "primary");
    EXPECT_EQ(e->stamp(), 3u);
    EXPECT_TRUE(e->head().empty());
}

TEST(VaryIndex, TheNewestListComesFirstAndEachOnce)
{
    const entry_ptr first = descriptor(nullptr, {"a"});
    const entry_ptr second = descriptor(first.get(), {"b", "a"});
    EXPECT_EQ(lists_in(*second), (lists{{"a", "b"}, {"a"}}));
    const entry_ptr third = descriptor(second.get(), {"A"});
    EXPECT_EQ(lists_in(*third), (lists{{"a"}, {"a", "b"}}));
}

TEST(VaryIndex, HoldsEightLists)
{
    entry_ptr e;
    for (char c = 'a'; c <= 'l'; ++c) {
        e = descriptor(e.get(), {std::string_view(&c, 1)});
    }
    EXPECT_EQ(lists_in(*e), (lists{{"l"}, {"k"}, {"j"}, {"i"}, {"h"}, {"g"}, {"f"}, {"e"}}));
}

TEST(VaryIndex, LivesAsLongAsTheAnswersItLeadsTo)
{
    const entry_ptr old = descriptor(nullptr, {"a"}, seconds{100});
    EXPECT_EQ(descriptor(old.get(), {"b"}, seconds{10})->times().fresh_until, start + seconds{100});
    EXPECT_EQ(descriptor(old.get(), {"b"}, seconds{200})->times().fresh_until, start + seconds{200});
}

TEST(VaryIndex, AnEmptyListIsAList)
{
    const entry_ptr none = descriptor(nullptr, {});
    EXPECT_EQ(lists_in(*none), (lists{{}}));
    EXPECT_EQ(lists_in(*descriptor(none.get(), {"a"})), (lists{{"a"}, {}}));
}

TEST(VaryIndex, ReadingStopsAtTheFirstThingThatIsNoFrame)
{
    EXPECT_EQ(lists_in(*with_body("")), lists{});
    EXPECT_EQ(lists_in(*with_body("\x02\x01\x61\x7f")), (lists{{"a"}}));
    EXPECT_EQ(lists_in(*with_body("\x03\x01\x61\x05\x02\x01\x62")), (lists{{"a"}, {"b"}}));
    EXPECT_EQ(lists_in(*with_body("\xff\xff\xff\xff\xff\xff")), lists{});
}

TEST(VaryIndex, CanBeReadTwiceAndInStep)
{
    const entry_ptr e = descriptor(nullptr, {"a", "b"});
    const vary_list list = *vary_lists_of(*e).begin();
    auto i = list.begin();
    const auto same = list.begin();
    EXPECT_TRUE(i == same);
    EXPECT_EQ(*i++, "a");
    EXPECT_FALSE(i == same);
    EXPECT_EQ(*i, "b");
    EXPECT_EQ(*same, "a");
}

}  // namespace
}  // namespace tiercel
