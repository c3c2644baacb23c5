#include "flow/flight.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace tiercel::flow {
namespace {

static_assert(!std::is_default_constructible_v<flight_failure> && !std::is_aggregate_v<flight_failure>);

// The stale copy that was to stand in may be over by the time it is sent: then this is what the client and the counts get.
TEST(FlightFailure, AnErrorAnswerIsTheOriginsFaultAndNeverOurs)
{
    const auto f = flight_failure::error_answer(503);
    EXPECT_EQ(f.status, 503);
    EXPECT_EQ(f.code, errc::origin_error);
    EXPECT_EQ(fault_of(f.code), fault::origin);
}

TEST(FlightFailure, WithoutAnAnswerThereIsNoStatusOfTheOrigin)
{
    const auto f = flight_failure::no_answer(errc::origin_busy, seconds(1));
    EXPECT_EQ(f.status, 0);
    EXPECT_EQ(f.code, errc::origin_busy);
    EXPECT_EQ(f.retry_after, seconds(1));
}

}  // namespace
}  // namespace tiercel::flow
