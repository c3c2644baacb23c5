#include "coherence/table_lookup.hpp"

#include <gtest/gtest.h>

namespace tiercel::coherence {
namespace {

redis::reply score(std::string text)
{
    redis::reply r;
    r.kind = redis::reply::type::bulk;
    r.text = std::move(text);
    return r;
}

redis::reply nil() { return redis::reply(); }

redis::reply list(std::vector<redis::reply> items)
{
    redis::reply r;
    r.kind = redis::reply::type::array;
    r.items = std::move(items);
    return r;
}

constexpr scope_hash red[] = {7};

TEST(TableLookup, AsksForBothModesOfEachScope)
{
    const redis::command expected{"ZMSCORE", "tcl:{inv}:table", "!head", "!floor", member_of(7, purge_mode::hard), member_of(7, purge_mode::soft)};
    EXPECT_EQ(make_lookup(log_names("tcl"), red).bytes(), expected.bytes());
}

TEST(TableLookup, WhatWasInvalidatedElsewhereIsInvalidHere)
{
    validity v;
    v.advance(1'000);
    const std::uint64_t version = v.version();
    EXPECT_TRUE(take_lookup(list({score("2000"), score("10"), score("1500"), nil()}), red, v));
    EXPECT_FALSE(v.is_valid(red, 1'499));
    EXPECT_TRUE(v.is_valid(red, 1'500));
    EXPECT_EQ(v.position(), 1'000u) << "the log itself was not read";
    EXPECT_NE(v.version(), version);
}

TEST(TableLookup, NothingNewLeavesWhatWasFoundGoodAsItIs)
{
    validity v;
    v.apply(7, purge_mode::soft, 900);
    v.raise_floor(10);
    v.advance(1'000);
    const std::uint64_t version = v.version();
    EXPECT_TRUE(take_lookup(list({score("2000"), score("10"), nil(), score("900")}), red, v));
    EXPECT_EQ(v.version(), version);
}

TEST(TableLookup, AFloorThatWasRaisedHoldsHere)
{
    validity v;
    v.advance(1'000);
    EXPECT_TRUE(take_lookup(list({score("2000"), score("1900"), nil(), nil()}), red, v));
    EXPECT_FALSE(v.is_valid(red, 1'899));
}

TEST(TableLookup, ATableThatKnowsLessOrIsGoneOrIsNoneSaysNothing)
{
    validity v;
    v.advance(1'000);
    const std::uint64_t version = v.version();
    EXPECT_FALSE(take_lookup(list({nil(), nil(), nil(), nil()}), red, v));
    EXPECT_FALSE(take_lookup(list({score("999"), score("10"), nil(), nil()}), red, v));
    EXPECT_FALSE(take_lookup(list({score("2000"), score("10"), score("1500")}), red, v));
    EXPECT_FALSE(take_lookup(list({score("2000"), score("10"), score("1500x"), nil()}), red, v));
    EXPECT_FALSE(take_lookup(score("2000"), red, v));
    EXPECT_EQ(v.version(), version);
    EXPECT_TRUE(v.is_valid(red, 1));
}

}  // namespace
}  // namespace tiercel::coherence
