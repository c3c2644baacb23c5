#include "cache/vary_index.hpp"

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <cstdint>
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

constexpr std::uint64_t generation = 0x0123456789abcdef;

entry_parts base_of(instant received = start, seconds life = seconds{10})
{
    entry_parts base;
    base.key = "primary";
    base.stamp = 3;
    base.times.received = received;
    base.times.fresh_until = received + life;
    base.head = "ignored";
    base.small_body = "ignored";
    return base;
}

entry_ptr descriptor(const entry* old, std::initializer_list<std::string_view> names, seconds life = seconds{10})
{
    return make_vary_descriptor(base_of(start, life), generation, old, std::span(names.begin(), names.size()), {1, start + life});
}

entry_ptr noting(const entry* old, variant_note n, instant received = start)
{
    const std::string_view names[] = {"a"};
    return make_vary_descriptor(base_of(received), generation, old, names, n);
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

TEST(VaryIndex, KeepsItsGeneration)
{
    const entry_ptr first = descriptor(nullptr, {"a"});
    EXPECT_EQ(generation_of(*first), generation);
    EXPECT_EQ(generation_of(*descriptor(first.get(), {"b"})), generation);
}

TEST(VaryIndex, CountsEachVariantOnceAndUntilItsEnd)
{
    entry_ptr e = noting(nullptr, {1, start + seconds{10}});
    e = noting(e.get(), {2, start + seconds{30}});
    e = noting(e.get(), {1, start + seconds{20}});   // fetched anew
    EXPECT_EQ(count_variants(*e, start), 2u);
    EXPECT_TRUE(has_variant(*e, 1, start + seconds{15}));
    EXPECT_EQ(count_variants(*e, start + seconds{25}), 1u);
    EXPECT_FALSE(has_variant(*e, 1, start + seconds{25}));
    EXPECT_FALSE(has_variant(*e, 3, start));
}

TEST(VaryIndex, ForgetsVariantsThatAreOver)
{
    entry_ptr e;
    for (std::uint64_t id = 0; id < 1000; ++id) {
        const instant now = start + seconds{static_cast<std::int64_t>(id)};
        e = noting(e.get(), {id, now + seconds{10}}, now);
    }
    EXPECT_EQ(count_variants(*e, start + seconds{999}), 10u);
    EXPECT_LT(e->body_size(), 300u);
}

TEST(VaryIndex, EndsCountFromTheDescriptorsOwnReception)
{
    const entry_ptr first = noting(nullptr, {1, start + seconds{100}});
    const entry_ptr second = noting(first.get(), {2, start + seconds{50}}, start + seconds{40});
    EXPECT_TRUE(has_variant(*second, 1, start + seconds{99}));
    EXPECT_FALSE(has_variant(*second, 1, start + seconds{101}));
    EXPECT_FALSE(has_variant(*second, 2, start + seconds{51}));
    EXPECT_TRUE(has_variant(*noting(nullptr, {1, end_of_time}), 1, start + std::chrono::hours{24 * 365}));
}

TEST(VaryIndex, TwoOfOneGenerationUnite)
{
    const entry_ptr ours = descriptor(nullptr, {"a"}, seconds{10});
    const std::string_view names[] = {"b"};
    const entry_ptr theirs = make_vary_descriptor(base_of(start, seconds{60}), generation, nullptr, names, {2, start + seconds{60}});
    const entry_ptr both = united_descriptor(*ours, *theirs);
    EXPECT_EQ(lists_in(*both), (lists{{"a"}, {"b"}}));
    EXPECT_EQ(count_variants(*both, start), 2u);
    EXPECT_EQ(both->times().fresh_until, start + seconds{60});
    EXPECT_EQ(generation_of(*both), generation);
    EXPECT_EQ(both->key(), "primary");
}

TEST(VaryIndex, WhatIsNotWellFormedIsTheEnd)
{
    const std::string whole(descriptor(nullptr, {"a"})->small_body());
    EXPECT_EQ(lists_in(*with_body(whole)), (lists{{"a"}}));
    for (std::size_t n = 0; n < whole.size(); ++n) {
        EXPECT_EQ(lists_in(*with_body(whole.substr(0, n))), lists{}) << n;
        EXPECT_EQ(count_variants(*with_body(whole.substr(0, n)), start), 0u) << n;
    }
    EXPECT_EQ(lists_in(*with_body("\x02\x01\x61\x03xyz")), lists{});   // the first frame is no generation
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
