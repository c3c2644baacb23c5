#include "l2/lifetime.hpp"

#include <gtest/gtest.h>

namespace tiercel::l2 {
namespace {

constexpr instant now{milliseconds{1'700'000'000'000}};

instant in(std::int64_t s) { return now + seconds(s); }

TEST(TimeToLive, CoversFreshnessAndTheLongestStaleUseOrAMinute)
{
    struct row {
        instant fresh, swr, sie, unreachable;
        seconds expected;
    };
    constexpr instant none{};
    constexpr seconds day{86400};
    for (const row& t : {
             row{in(10), in(10), in(10), in(10), seconds(70)},
             row{in(10), none, none, none, seconds(70)},
             row{in(10), in(40), in(10), in(10), seconds(70)},          // a window below a minute adds nothing
             row{in(10), in(100), in(10), in(10), seconds(100)},
             row{in(10), in(100), in(300), in(200), seconds(300)},
             row{in(10), in(10), in(10), in(500), seconds(500)},
             row{in(-10), in(-10), in(-10), in(-10), seconds(50)},      // stale, yet good for revalidation
             row{in(-60), in(-60), in(-60), in(-60), seconds(0)},
             row{in(-600), in(30), in(-600), in(-600), seconds(30)},
             row{in(-600), none, none, none, seconds(0)},
             row{in(86400), none, none, none, day},                     // capped
             row{in(10), in(1'000'000), none, none, day},
             row{end_of_time, end_of_time, end_of_time, end_of_time, day},
             row{end_of_time - seconds(1), none, none, none, day},
         }) {
        entry_times times;
        times.fresh_until = t.fresh;
        times.swr_until = t.swr;
        times.sie_until = t.sie;
        times.unreachable_until = t.unreachable;
        EXPECT_EQ(time_to_live(times, now, day), t.expected);
    }
}

}  // namespace
}  // namespace tiercel::l2
