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
        out.push_back({out.size(), c, 0});
    }
    return out;
}

const std::vector<share> four{{"http://a", 1}, {"http://b", 1}, {"http://c", 1}, {"http://d", 1}};
const std::vector<share> three{{"http://a", 1}, {"http://b", 1}, {"http://c", 1}};
const std::vector<share> uneven{{"http://a", 6}, {"http://b", 2}, {"http://c", 2}};

TEST(BalancingPolicy, EveryOneOfTheTableKeepsItsPromises)
{
    std::mt19937_64 random(1);
    for (const auto& row : balancing_policies()) {
        EXPECT_EQ(find_balancing_policy(row.name), &row);
        const auto policy = row.make(four);
        std::map<std::size_t, int> times;
        const auto all = with_costs({1, 1, 1, 1});
        for (int i = 0; i < 4000; ++i) {
            const std::size_t at = policy->pick(all, {random(), random()});
            ASSERT_LT(at, all.size()) << row.name;
            ++times[at];
        }
        for (const auto& [at, n] : times) {
            EXPECT_NEAR(n, 1000, 150) << row.name << " at equal cost, endpoint " << at;
        }
        // Some of them have refused: the index is one into what is left.
        const std::vector<candidate> left{{3, 1.0, 0}, {1, 1.0, 0}};
        for (int i = 0; i < 100; ++i) {
            ASSERT_LT(policy->pick(left, {random(), random()}), left.size()) << row.name;
        }
        const std::vector<candidate> one{{2, 1.0, 0}};
        EXPECT_EQ(policy->pick(one, {random(), random()}), 0u) << row.name;
    }
    EXPECT_EQ(find_balancing_policy("unheard_of"), nullptr);
}

TEST(BalancingPolicy, P2cAvoidsTheDearOne)
{
    const auto p2c = find_balancing_policy("p2c")->make(three);
    std::mt19937_64 random(2);
    const auto all = with_costs({1, 1, 50});
    for (int i = 0; i < 1000; ++i) {
        EXPECT_NE(p2c->pick(all, {random(), random()}), 2u) << "the dearest of three is never the cheaper of two";
    }
}

TEST(BalancingPolicy, RoundRobinInterleavesByWeight)
{
    const auto rr = find_balancing_policy("round_robin")->make(uneven);
    const auto all = with_costs({1, 1, 1});
    std::string order;
    for (int i = 0; i < 10; ++i) {
        order += static_cast<char>('a' + rr->pick(all, {}));
    }
    EXPECT_EQ(order, "abacaabaca");
}

TEST(BalancingPolicy, RoundRobinPassesOverWhoIsMissing)
{
    const auto rr = find_balancing_policy("round_robin")->make(three);
    const std::vector<candidate> left{{0, 1.0, 0}, {2, 1.0, 0}};
    std::string order;
    for (int i = 0; i < 6; ++i) {
        order += std::to_string(left[rr->pick(left, {})].endpoint);
    }
    EXPECT_EQ(order, "022022");
}

// Where each of many keys goes when nobody is busy, by name.
std::vector<std::string> places(const std::vector<share>& shares, const std::vector<candidate>& left)
{
    const auto policy = find_balancing_policy("hash")->make(shares);
    std::vector<std::string> out;
    for (std::uint64_t key = 1; key <= 10'000; ++key) {
        out.emplace_back(shares[left[policy->pick(left, {.random = key * 77, .key = key})].endpoint].name);
    }
    return out;
}

TEST(BalancingPolicy, HashSendsTheSameToTheSameAndSharesByWeight)
{
    const auto all = with_costs({1, 1, 1});
    const auto first = places(uneven, all);
    EXPECT_EQ(first, places(uneven, all)) << "another process, another object: the same places";
    std::map<std::string, int> n;
    for (const auto& name : first) {
        ++n[name];
    }
    EXPECT_NEAR(n["http://a"], 6000, 700);
    EXPECT_NEAR(n["http://b"], 2000, 400);
    EXPECT_NEAR(n["http://c"], 2000, 400);
}

TEST(BalancingPolicy, HashMovesNoMoreThanTheShareOfWhoComesOrGoes)
{
    const auto with_four = places(four, with_costs({1, 1, 1, 1}));
    const auto with_three = places(three, with_costs({1, 1, 1}));
    const auto refused = places(four, {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}});   // the fourth is there and takes nothing
    EXPECT_EQ(refused, with_three);
    for (std::size_t i = 0; i < with_four.size(); ++i) {
        if (with_four[i] != "http://d") {
            EXPECT_EQ(with_three[i], with_four[i]) << i;
        }
    }
}

TEST(BalancingPolicy, HashLetsNobodyCarryMoreThanAQuarterAboveTheMean)
{
    const auto policy = find_balancing_policy("hash")->make(four);
    auto all = with_costs({1, 1, 1, 1});
    for (int i = 0; i < 100; ++i) {   // everybody wants the same page
        ++all[policy->pick(all, {.random = 0, .key = 42})].inflight;
    }
    for (const auto& c : all) {
        EXPECT_LE(c.inflight, 32u);   // ceil(1.25 * 100 / 4)
    }
    const std::size_t home = policy->pick(with_costs({1, 1, 1, 1}), {.random = 0, .key = 42});
    EXPECT_EQ(all[home].inflight, 32u);
}

}  // namespace
}  // namespace tiercel::origin
