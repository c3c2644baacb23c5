#include "coherence/repeat_queue.hpp"

#include <gtest/gtest.h>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;

const async::steady::time_point start{1h};

invalidation named(std::string id)
{
    invalidation i;
    i.id = std::move(id);
    i.event = "feed/1";
    i.tenant = "shop";
    i.scopes = {7};
    return i;
}

TEST(RepeatQueue, WhatWasAppendedIsDueOnceAfterThatTimeUnderANameOfItsOwn)
{
    repeat_queue q(2s, 10);
    q.add(named("a"), start);
    q.add(named("b"), start + 1s);
    EXPECT_FALSE(q.take_due(start + 1'999ms));
    const auto again = q.take_due(start + 2s);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->repeats, "a");
    EXPECT_EQ(again->id, "");
    EXPECT_EQ(again->event, "") << "else it would be a duplicate";
    EXPECT_EQ(again->tenant, "shop");
    EXPECT_EQ(again->scopes, std::vector<scope_hash>{7});
    EXPECT_FALSE(q.take_due(start + 2s));
    EXPECT_EQ(q.take_due(start + 3s)->repeats, "b");
    EXPECT_FALSE(q.take_due(start + 1h));
}

TEST(RepeatQueue, ARepetitionIsNotRepeatedNorIsAnythingWhenItIsOff)
{
    repeat_queue q(2s, 10);
    invalidation again = named("again");
    again.repeats = "a";
    q.add(again, start);
    EXPECT_EQ(q.size(), 0u);
    repeat_queue off(0ms, 10);
    off.add(named("a"), start);
    EXPECT_EQ(off.size(), 0u);
}

TEST(RepeatQueue, WhereTooManyWaitTheOldestIsDueAtOnce)
{
    repeat_queue q(2s, 2);
    for (const char* id : {"a", "b", "c"}) { q.add(named(id), start); }
    EXPECT_EQ(q.take_due(start)->repeats, "a");
    EXPECT_FALSE(q.take_due(start));
    EXPECT_EQ(q.size(), 2u);
}

TEST(RepeatQueue, AllThatWaitCanBeTakenAtTheEnd)
{
    repeat_queue q(2s, 10);
    for (const char* id : {"a", "b"}) { q.add(named(id), start); }
    const std::vector<invalidation> left = q.take_all();
    ASSERT_EQ(left.size(), 2u);
    EXPECT_EQ(left[1].repeats, "b");
    EXPECT_EQ(q.size(), 0u);
}

}  // namespace
}  // namespace tiercel::coherence
