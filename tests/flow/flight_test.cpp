#include "flow/flight.hpp"

#include "redis/run_task.hpp"

#include <gtest/gtest.h>

namespace tiercel::flow {
namespace {

using namespace std::chrono_literals;

const hash128 some_key{1, 2};
const scope_hash url = 7;
const validity valid;

// Who has found a flight, but is not among its readers yet, must find all of it there.
TEST(Flight, FreesNothingWhileSomebodyIsOnTheWayToIt)
{
    async::loop l;
    flight_table table;
    flight_table::place first = table.join("key", some_key, valid, url);
    first.hand_on();
    flight& f = *first.joined;
    f.publish_head(live_answer{}, flight_report{});
    flight_reader reader(first.joined, l);
    reader.advance(1'000);

    flight_table::place second = table.join("key", some_key, valid, url);
    ASSERT_FALSE(second.created);
    table.remove(f, some_key);
    f.begin_relay();
    EXPECT_EQ(redis::run(l, f.pace(l, 1'000, 10, 20ms)), std::nullopt) << "it may want to begin at the start";
    std::optional<flight_reader> late(std::in_place, second.joined, l);
    second.settle();
    EXPECT_EQ(redis::run(l, f.pace(l, 1'000, 10, 20ms)), std::nullopt);
    late.reset();
    EXPECT_EQ(redis::run(l, f.pace(l, 1'000, 10, 20ms)), 1'000u);
    f.break_off(errc::client_gone, detail::none);
}

TEST(Flight, EndsWhenItsFillIsNeverStarted)
{
    async::loop l;
    flight_table table;
    std::shared_ptr<flight> left;
    {
        const flight_table::place place = table.join("key", some_key, valid, url);
        ASSERT_TRUE(place.created);
        left = place.joined;
    }
    EXPECT_EQ(left->look().state, flight_state::failed);
    EXPECT_EQ(table.size(), 0u);
}

TEST(Flight, FromBeforeAnInvalidationGivesItsPlaceToANewOneButOnce)
{
    validity now;
    flight_table table;
    flight_table::place first = table.join("key", some_key, now, url);
    first.hand_on();
    now.apply(url + 1, purge_mode::hard, 1);
    EXPECT_FALSE(table.join("key", some_key, now, url).created) << "that was another URL";
    now.apply(url, purge_mode::hard, 2);
    flight_table::place second = table.join("key", some_key, now, url);
    second.hand_on();
    EXPECT_TRUE(second.created);
    EXPECT_TRUE(second.joined->is_second());
    now.apply(url, purge_mode::hard, 3);
    EXPECT_EQ(table.join("key", some_key, now, url).joined, second.joined) << "two at a time are enough";

    first.joined->fail(flight_failure::no_answer(errc::origin_reset), {});
    table.remove(*first.joined, some_key);
    EXPECT_FALSE(second.joined->is_second());
    flight_table::place third = table.join("key", some_key, now, url);
    third.hand_on();
    EXPECT_TRUE(third.created);
    EXPECT_FALSE(table.join("key", some_key, now, url).created);
}

}  // namespace
}  // namespace tiercel::flow
