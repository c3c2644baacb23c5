// Two endpoints, one of which stalls: clients wait little longer than hedge.after, and not for the one that stalls.

#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class Hedges : public testing::Test {
protected:
    std::string yaml(const std::string& more) const
    {
        setting s{.origin_url = slow_.url() + "\", \"" + quick_.url()};
        s.origin_options = "balance: round_robin, " + more;
        return s.yaml();
    }

    static constexpr auto stall = 4s;
    origin_process slow_;
    origin_process quick_;
};

TEST_F(Hedges, ClientsDoNotWaitForAnEndpointThatStalls)
{
    const proxy p(yaml("hedge: {after: 100ms, budget: 1.0}, retry: {budget: 1.0}"));
    slow_.control("latency=4s");
    std::vector<std::future<clock::duration>> asked;
    for (int i = 0; i < 20; ++i) {
        asked.push_back(std::async(std::launch::async, [&p, i] {
            const auto begin = clock::now();
            const http_response r = p.get("/b/5000/" + std::to_string(i));
            EXPECT_EQ(r.status, 200);
            EXPECT_EQ(r.body.size(), 5000u);
            return clock::now() - begin;
        }));
    }
    for (auto& one : asked) { EXPECT_LT(one.get(), stall / 2); }
    EXPECT_EQ(p.metric("hedged_requests_total", {{"result", "won"}}), 10);
    EXPECT_EQ(quick_.requests(), 20u) << "its own ten, and those of the other";
    EXPECT_LE(slow_.requests(), 10u);
    EXPECT_EQ(p.metric("breaker_transitions_total"), 0);
    // All of it is there, and right.
    for (int i = 0; i < 20; ++i) { EXPECT_TRUE(cache_status_of(p.get("/b/5000/" + std::to_string(i))).hit); }
}

TEST_F(Hedges, AreOffUnlessAskedFor)
{
    const proxy p(yaml("retry: {budget: 1.0}"));
    slow_.control("latency=500ms");
    for (int i = 0; i < 4; ++i) { EXPECT_EQ(p.get("/page/" + std::to_string(i)).status, 200); }
    EXPECT_EQ(p.metric("hedged_requests_total"), 0);
    EXPECT_EQ(slow_.requests(), 2u);
    EXPECT_EQ(quick_.requests(), 2u);
}

// However slow an endpoint gets, the other one is not asked for more than it can bear.
TEST_F(Hedges, AreNoMoreThanTheirShare)
{
    const proxy p(yaml("hedge: {after: 20ms, budget: 0.05}"));
    slow_.control("latency=200ms");
    quick_.control("latency=200ms");
    constexpr int clients = 10;
    constexpr int each = 20;
    const auto begin = clock::now();
    std::vector<std::future<void>> asked;
    for (int t = 0; t < clients; ++t) {
        asked.push_back(std::async(std::launch::async, [&p, t] {
            raw_client c = p.client();
            for (int i = 0; i < each; ++i) { EXPECT_EQ(c.get("/page/" + std::to_string(t * each + i)).status, 200); }
        }));
    }
    for (auto& one : asked) { one.get(); }
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(clock::now() - begin).count() + 1;
    const double sent = static_cast<double>(slow_.requests() + quick_.requests());
    EXPECT_GT(sent, clients * each) << "some there are";
    EXPECT_LE(sent, clients * each * 1.05 + static_cast<double>(seconds));
    EXPECT_GT(p.metric("hedged_requests_total", {{"result", "no_budget"}}), 0);
}

}  // namespace
}  // namespace tiercel::test
