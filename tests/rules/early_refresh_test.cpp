#include "rules/early_refresh.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tiercel {
namespace {

using namespace std::chrono_literals;

constexpr instant start{milliseconds(1'000'000'000)};

entry_times times(milliseconds stay, milliseconds delta)
{
    entry_times t;
    t.received = start;
    t.fresh_until = t.swr_until = t.sie_until = t.unreachable_until = start + stay;
    t.delta = delta;
    return t;
}

TEST(EarlyRefresh, FollowsTheDraw)
{
    const entry_times t = times(10s, 300ms);
    const double e = std::exp(-1.0);   // -ln(u) = 1: a lead of exactly one delta
    EXPECT_TRUE(refresh_early(t, 1.0, start + 9'700ms, e * 0.999));
    EXPECT_FALSE(refresh_early(t, 1.0, start + 9'700ms, e * 1.001));
    EXPECT_FALSE(refresh_early(t, 1.0, start + 9'600ms, e * 0.999));
    EXPECT_TRUE(refresh_early(t, 2.0, start + 9'400ms, e * 0.999)) << "beta scales the lead";
    EXPECT_FALSE(refresh_early(t, 1.0, start + 9'999ms, 1.0)) << "a lead of nothing";
}

TEST(EarlyRefresh, LeavesYoungEntriesAlone)
{
    constexpr double always = 1e-300;
    // In the last quarter when fetches are fast, three deltas when they are slow, and never before half of the stay.
    struct row { milliseconds stay, delta, first; };
    for (const row& r : {row{10s, 300ms, 7'500ms}, row{10s, 1s, 7s}, row{10s, 4s, 5s}, row{1s, 200ms, 500ms}}) {
        const entry_times t = times(r.stay, r.delta);
        EXPECT_FALSE(refresh_early(t, 1.0, start + r.first - 1ms, always)) << r.stay.count() << " " << r.delta.count();
        EXPECT_TRUE(refresh_early(t, 1.0, start + r.first, always)) << r.stay.count() << " " << r.delta.count();
    }
}

TEST(EarlyRefresh, IsNotForWhatIsShortLivedExpiredOrWasFetchedInNoTime)
{
    constexpr double always = 1e-300;
    EXPECT_FALSE(refresh_early(times(999ms, 100ms), 1.0, start + 990ms, always));
    EXPECT_FALSE(refresh_early(times(10s, 300ms), 1.0, start + 10s, always));
    EXPECT_FALSE(refresh_early(times(10s, 300ms), 1.0, start + 11s, always));
    EXPECT_FALSE(refresh_early(times(10s, 0ms), 1.0, start + 9'999ms, always));
    EXPECT_FALSE(may_refresh_early(times(3600s, 5ms), 1.0, start + 3590s)) << "far beyond any draw";
}

// The closed form of the mean lead, beta delta (ln(r beta delta) + 0.577), by the rule itself.
TEST(EarlyRefresh, LeadsOnAverageAsThePaperSays)
{
    const entry_times t = times(60s, 300ms);
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(std::numeric_limits<double>::min(), 1.0);
    constexpr int cycles = 400;
    double sum = 0;
    for (int i = 0; i < cycles; ++i) {
        instant now = start + 40s;   // 200 requests per second
        while (!refresh_early(t, 1.0, now, uniform(random))) { now += 5ms; }
        sum += static_cast<double>((t.fresh_until - now).count());
    }
    const double expected = 300 * (std::log(200 * 0.3) + 0.577);
    EXPECT_NEAR(sum / cycles, expected, expected * 0.05);
}

}  // namespace
}  // namespace tiercel
