#include "redis/time_offset.hpp"

#include <gtest/gtest.h>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;

TEST(TimeOffset, IsUnknownBeforeTheFirstSample)
{
    EXPECT_EQ(time_offset().best(), std::nullopt);
}

TEST(TimeOffset, TheShortestTripWins)
{
    time_offset o;
    o.add({.offset = 110ms, .round_trip = 30ms});
    EXPECT_EQ(o.best(), 110ms);
    o.add({.offset = 100ms, .round_trip = 1ms});
    EXPECT_EQ(o.best(), 100ms);
    o.add({.offset = 95ms, .round_trip = 20ms});
    EXPECT_EQ(o.best(), 100ms);
}

TEST(TimeOffset, OnlyTheLastSixtyCount)
{
    time_offset o;
    o.add({.offset = 100ms, .round_trip = 1ms});
    for (int i = 0; i < 59; ++i) {
        o.add({.offset = 101ms, .round_trip = 2ms});
        EXPECT_EQ(o.best(), 100ms);
    }
    o.add({.offset = 101ms, .round_trip = 2ms});
    EXPECT_EQ(o.best(), 101ms);
}

TEST(TimeOffset, AContradictionForgetsThePast)
{
    struct row {
        time_offset::sample second;
        milliseconds expected;
    };
    for (const row& t : {
             row{{.offset = 5000ms, .round_trip = 10ms}, 5000ms},    // a clock was set
             row{{.offset = -5000ms, .round_trip = 10ms}, -5000ms},
             row{{.offset = 1000ms, .round_trip = 1990ms}, 100ms},   // explained by a slow trip
             row{{.offset = 104ms, .round_trip = 2ms}, 100ms},       // explained by drift and resolution
             row{{.offset = 108ms, .round_trip = 2ms}, 108ms},
         }) {
        time_offset o;
        o.add({.offset = 100ms, .round_trip = 1ms});
        o.add(t.second);
        EXPECT_EQ(o.best(), t.expected);
    }
}

}  // namespace
}  // namespace tiercel::redis
