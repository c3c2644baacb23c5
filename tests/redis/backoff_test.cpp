#include "redis/backoff.hpp"

#include <gtest/gtest.h>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;

TEST(FullJitter, LiesBetweenNothingAndADoublingCeiling)
{
    struct row {
        unsigned attempt;
        double r;
        std::chrono::milliseconds expected;
    };
    for (const row& t : {row{0, 0.0, 0ms}, row{0, 0.5, 25ms}, row{0, 0.999, 49ms}, row{1, 0.5, 50ms}, row{3, 0.5, 200ms},
                         row{5, 0.999, 1598ms}, row{6, 0.5, 1000ms}, row{20, 0.5, 1000ms}, row{4000000000u, 0.5, 1000ms}}) {
        EXPECT_EQ(full_jitter(t.attempt, 50ms, 2s, t.r), t.expected) << t.attempt << " " << t.r;
    }
}

TEST(Around, StaysWithinAFifth)
{
    EXPECT_EQ(around(1s, 0.0), 800ms);
    EXPECT_EQ(around(1s, 0.5), 1000ms);
    EXPECT_LE(around(1s, 0.999), 1200ms);
}

}  // namespace
}  // namespace tiercel::redis
