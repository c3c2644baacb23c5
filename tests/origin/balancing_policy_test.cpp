#include "origin/balancing_policy.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tiercel::origin {
namespace {

std::vector<candidate> with_costs(std::vector<double> costs)
{
    std::vector<candidate> out;
    for (const double c : costs) {
        out.push_back({out.size(), c});
    }
    return out;
}

TEST(BalancingPolicy, EveryOneOfTheTableKeepsItsPromises)
{
    std::mt19937_64 random(1);
    for (const auto& row : balancing_policies()) {
        EXPECT_EQ(find_balancing_policy(row.name), &row);
        const auto policy = row.make({1, 1, 1, 1});
        std::map<std::size_t, int> times;
        const auto all = with_costs({1, 1, 1, 1});
        for (int i = 0; i < 4000; ++i) {
            const std::size_t at = policy->pick(all, random());
            ASSERT_LT(at, all.size()) << row.name;
            ++times[at];
        }
        for (const auto& [at, n] : times) {
            EXPECT_NEAR(n, 1000, 150) << row.name << " at equal cost, endpoint " << at;
        }
        // Some of them have refused: the index is one into what is left.
        const std::vector<candidate> left{{3, 1.0}, {1, 1.0}};
        for (int i = 0; i < 100; ++i) {
            ASSERT_LT(policy->pick(left, random()), left.size()) << row.name;
        }
        const std::vector<candidate> one{{2, 1.0}};
        EXPECT_EQ(policy->pick(one, random()), 0u) << row.name;
    }
    EXPECT_EQ(find_balancing_policy("unheard_of"), nullptr);
}

TEST(BalancingPolicy, P2cAvoidsTheDearOne)
{
    const auto p2c = find_balancing_policy("p2c")->make({1, 1, 1});
    std::mt19937_64 random(2);
    const auto all = with_costs({1, 1, 50});
    for (int i = 0; i < 1000; ++i) {
        EXPECT_NE(p2c->pick(all, random()), 2u) << "the dearest of three is never the cheaper of two";
    }
}

TEST(BalancingPolicy, RoundRobinInterleavesByWeight)
{
    const auto rr = find_balancing_policy("round_robin")->make({6, 2, 2});
    const auto all = with_costs({1, 1, 1});
    std::string order;
    for (int i = 0; i < 10; ++i) {
        order += static_cast<char>('a' + rr->pick(all, 0));
    }
    EXPECT_EQ(order, "abacaabaca");
}

TEST(BalancingPolicy, RoundRobinPassesOverWhoIsMissing)
{
    const auto rr = find_balancing_policy("round_robin")->make({1, 1, 1});
    const std::vector<candidate> left{{0, 1.0}, {2, 1.0}};
    std::string order;
    for (int i = 0; i < 6; ++i) {
        order += std::to_string(left[rr->pick(left, 0)].endpoint);
    }
    EXPECT_EQ(order, "022022");
}

}  // namespace
}  // namespace tiercel::origin
