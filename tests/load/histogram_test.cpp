#include "load/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using tiercel::load::histogram;

namespace {

double error_bound(double value) { return value / (1 << histogram::bits); }

// What quantile() promises, from the values themselves.
std::uint64_t exact_quantile(std::vector<std::uint64_t> values, double share)
{
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

TEST(Histogram, SmallValuesAreExact)
{
    histogram h;
    for (std::uint64_t v = 0; v < 256; ++v) { h.record(v); }
    for (std::uint64_t v = 0; v < 256; ++v) { EXPECT_EQ(h.quantile(static_cast<double>(v + 1) / 256), v); }
}

TEST(Histogram, EveryQuantileIsWithinTheBoundedErrorWhateverTheSize)
{
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> times(13, 3);   // from a fraction of a microsecond to minutes, in nanoseconds
    std::vector<std::uint64_t> values;
    histogram h;
    for (int i = 0; i < 50'000; ++i) {
        values.push_back(static_cast<std::uint64_t>(times(random)));
        h.record(values.back());
    }
    for (const double share : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
        const auto exact = exact_quantile(values, share);
        EXPECT_GE(h.quantile(share), exact) << share;
        EXPECT_LE(static_cast<double>(h.quantile(share) - exact), error_bound(static_cast<double>(exact))) << share;
    }
}

TEST(Histogram, LeastMostMeanAndCountAreExact)
{
    histogram h;
    h.record(1'000'003);
    h.record(7, 3);
    EXPECT_EQ(h.count(), 4u);
    EXPECT_EQ(h.min(), 7u);
    EXPECT_EQ(h.max(), 1'000'003u);
    EXPECT_DOUBLE_EQ(h.mean(), (1'000'003 + 3 * 7) / 4.0);
}

TEST(Histogram, HoldsTheLargestValueThereIs)
{
    histogram h;
    h.record(~std::uint64_t{0});
    EXPECT_EQ(h.quantile(1), ~std::uint64_t{0});
}

TEST(Histogram, ASumIsTheSameAsRecordingEverythingInOne)
{
    histogram a, b, both;
    for (std::uint64_t v = 1; v < 100'000; v = v * 5 / 4 + 1) {
        (v % 2 == 0 ? a : b).record(v);
        both.record(v);
    }
    a.add(b);
    a.add(histogram());
    EXPECT_EQ(a.count(), both.count());
    EXPECT_EQ(a.min(), both.min());
    EXPECT_EQ(a.max(), both.max());
    for (const double share : {0.1, 0.5, 0.9, 1.0}) { EXPECT_EQ(a.quantile(share), both.quantile(share)); }
}

TEST(Histogram, CountsWhatIsAboveAValue)
{
    histogram h;
    h.record(10, 5);
    h.record(1'000'000, 2);
    EXPECT_EQ(h.count_above(9), 7u);
    EXPECT_EQ(h.count_above(10), 2u);
    EXPECT_EQ(h.count_above(2'000'000), 0u);
}

TEST(Histogram, SaysZeroWhenEmpty)
{
    const histogram h;
    EXPECT_EQ(h.quantile(0.5), 0u);
    EXPECT_EQ(h.min(), 0u);
    EXPECT_EQ(h.max(), 0u);
    EXPECT_EQ(h.mean(), 0);
}
