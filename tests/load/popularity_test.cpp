#include "load/popularity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace tiercel::load;

namespace {

std::vector<double> shares(const popularity& p, std::uint64_t picks)
{
    std::vector<double> out(p.size());
    for (std::uint64_t n = 0; n < picks; ++n) { out[p.pick(1, n)] += 1.0 / static_cast<double>(picks); }
    return out;
}

}  // namespace

TEST(Popularity, FollowsZipf)
{
    const auto seen = shares(popularity(100, 1.0), 1'000'000);
    double sum = 0;
    for (int k = 1; k <= 100; ++k) { sum += 1.0 / k; }
    for (const std::size_t k : {1u, 2u, 10u, 100u}) { EXPECT_NEAR(seen[k - 1], 1.0 / static_cast<double>(k) / sum, 0.002) << k; }
}

TEST(Popularity, WithoutExponentAllKeysAreAlike)
{
    for (const double share : shares(popularity(10, 0), 200'000)) { EXPECT_NEAR(share, 0.1, 0.005); }
}

TEST(Popularity, ARequestAskedForTwiceIsForTheSameKey)
{
    const popularity p(1000, 0.9);
    for (std::uint64_t n = 0; n < 100; ++n) { EXPECT_EQ(p.pick(5, n), p.pick(5, n)); }
}
