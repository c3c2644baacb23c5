// Several endpoints behind one origin: who is asked.

#include "scenario.hpp"

#include <array>
#include <numeric>

namespace tiercel::test {
namespace {

class Balancing : public ::testing::Test {
protected:
    void start(const std::string& how)
    {
        std::string urls;
        for (auto& o : endpoints) {
            urls += (urls.empty() ? "'" : ", '") + o.url() + "'";
            o.others().body("here");
        }
        s.set("origins.shop.endpoints", "[ " + urls + " ]").set("origins.shop.balance", how);
        s.set("routes.0.mode", "pass").set("origins.shop.retry.max", "2");
        s.start();
    }
    std::array<int, 3> requests() const
    {
        return {endpoints[0].requests(), endpoints[1].requests(), endpoints[2].requests()};
    }

    std::array<fake_origin, 3> endpoints;
    scenario s;
};

TEST_F(Balancing, ASlowEndpointGetsLessThanAThirdOfItsShare)
{
    endpoints[1].others().takes(40ms);
    start("p2c");
    for (int i = 0; i < 180; ++i) {
        s.get("/" + std::to_string(i)).expect_status(200);
    }
    const auto n = requests();
    EXPECT_EQ(std::accumulate(n.begin(), n.end(), 0), 180);
    EXPECT_LT(n[1], 20);
    EXPECT_GT(n[0], 40);
    EXPECT_GT(n[2], 40);
}

TEST_F(Balancing, ByHashEachUrlHasItsEndpoint)
{
    start("hash");
    std::map<std::string, int> where;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 40; ++i) {
            const auto before = requests();
            s.get("/" + std::to_string(i)).expect_status(200);
            const auto now = requests();
            for (int e = 0; e < 3; ++e) {
                if (now[static_cast<std::size_t>(e)] != before[static_cast<std::size_t>(e)]) {
                    const auto [at, fresh] = where.emplace("/" + std::to_string(i), e);
                    EXPECT_EQ(at->second, e) << i;
                }
            }
        }
    }
    for (const int n : requests()) {
        EXPECT_GT(n, 3 * 4) << "each has some of them";
    }
    // HEAD is about the same resource, and another host about another one.
    const auto before = requests();
    s.request("HEAD", "/7").expect_status(200);
    const auto home = static_cast<std::size_t>(where["/7"]);
    EXPECT_EQ(requests()[home], before[home] + 1);
}

TEST_F(Balancing, WhoFailsItsHealthChecksIsLeftAlone)
{
    s.set("origins.shop.health.path", "/health").set("origins.shop.health.interval", "20ms");
    endpoints[2].page("/health").status(500);
    start("round_robin");
    ASSERT_TRUE(eventually([&] { return s.metric("endpoint_healthy") == 2; }));
    const int before = endpoints[2].page("").requests();
    for (int i = 0; i < 10; ++i) {
        s.get("/a").expect_status(200);
    }
    EXPECT_EQ(endpoints[2].page("").requests(), before);
    EXPECT_NE(s.admin("GET", "/v1/origins").body.find(R"("healthy":false)"), std::string::npos);
    endpoints[2].page("/health").status(200);
    ASSERT_TRUE(eventually([&] { return s.metric("endpoint_healthy") == 3; }));
    for (int i = 0; i < 9; ++i) {
        s.get("/a").expect_status(200);
    }
    EXPECT_EQ(endpoints[2].page("").requests(), before + 3);
}

// One checker for the whole process, however many threads it has.
TEST_F(Balancing, ChecksAreAsManyForSixteenThreadsAsForOne)
{
    s.set("server.threads", "16").set("origins.shop.health.path", "/health").set("origins.shop.health.interval", "100ms");
    auto& health = endpoints[0].page("/health");
    start("round_robin");
    ASSERT_TRUE(health.wait_for_requests(1));
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(health.wait_for_requests(11));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 10 * 80ms - 50ms) << "one each 100 ms, a fifth less at the least";
}

TEST_F(Balancing, WhenAllFailTheirChecksTrafficFlowsAllTheSame)
{
    s.set("origins.shop.health.path", "/health").set("origins.shop.health.interval", "20ms");
    for (auto& e : endpoints) {
        e.page("/health").status(500);
    }
    start("round_robin");
    ASSERT_TRUE(eventually([&] { return s.metric("endpoint_healthy") == 0; }));
    for (int i = 0; i < 9; ++i) {
        s.get("/a").expect_status(200);
    }
    for (auto& e : endpoints) {
        EXPECT_EQ(e.page("/a").requests() + e.page("").requests(), 3);
    }
}

TEST_F(Balancing, WhatWasMeantForADeadEndpointGoesToAnother)
{
    start("hash");
    endpoints[0].go_down();
    for (int i = 0; i < 60; ++i) {
        s.get("/" + std::to_string(i)).expect_status(200);
    }
    const auto n = requests();
    EXPECT_EQ(n[0], 0);
    EXPECT_EQ(n[1] + n[2], 60);
    s.expect_metric(1, "breaker_transitions_total", {{"to", "open"}});
    // No byte of it was sent, so a request that must not be repeated goes there too.
    s.request("POST", "/cart", {}, "x").expect_status(200);
}

}  // namespace
}  // namespace tiercel::test
