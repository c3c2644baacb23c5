#include "load/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>

using namespace std::chrono_literals;
using tiercel::load::schedule;
using std::chrono::nanoseconds;

TEST(Schedule, ConstantArrivalsAreEvenlySpacedAndDoNotDrift)
{
    schedule s = schedule::constant(3);   // a third of a second is no whole number of nanoseconds
    for (std::int64_t n = 0; n < 300'000; ++n) {
        const auto due = s.next();
        ASSERT_NEAR(static_cast<double>(due.count()), static_cast<double>(n) / 3 * 1e9, 1) << n;
    }
}

TEST(Schedule, PoissonArrivalsHaveTheirMeanRateAndTheSpreadOfIndependence)
{
    schedule s = schedule::poisson(1000, 7);
    constexpr int n = 100'000;
    double sum = 0, squares = 0;
    nanoseconds before{0};
    for (int i = 0; i < n; ++i) {
        const auto due = s.next();
        ASSERT_GE(due, before);
        const double gap = std::chrono::duration<double>(due - before).count();
        sum += gap;
        squares += gap * gap;
        before = due;
    }
    const double mean = sum / n;
    EXPECT_NEAR(mean, 0.001, 0.00002);
    EXPECT_NEAR(std::sqrt(squares / n - mean * mean), mean, 0.00003) << "the deviation of exponential gaps is their mean";
}

TEST(Schedule, TheSameSeedGivesTheSameArrivals)
{
    schedule a = schedule::poisson(50, 3), b = schedule::poisson(50, 3), c = schedule::poisson(50, 4);
    bool differs = false;
    for (int i = 0; i < 100; ++i) {
        const auto due = a.next();
        EXPECT_EQ(due, b.next());
        differs = differs || due != c.next();
    }
    EXPECT_TRUE(differs);
}

TEST(Schedule, ABurstIsDueAtOnce)
{
    schedule s = schedule::burst();
    for (int i = 0; i < 10; ++i) { EXPECT_EQ(s.next(), 0ns); }
    EXPECT_FALSE(s.is_saturating());
    EXPECT_TRUE(schedule::saturating().is_saturating());
}
