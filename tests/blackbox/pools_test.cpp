// However many clients ask, the origin sees no more connections than it was promised, and who finds no place is told at once.

#include "blackbox/setting.hpp"
#include "support/fake_origin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

std::vector<http_response> ask_at_once(const proxy& p, int count, const std::string& query)
{
    std::vector<std::future<http_response>> asked;
    for (int i = 0; i < count; ++i) {
        asked.push_back(std::async(std::launch::async, [&p, i, query] { return p.get("/page/" + std::to_string(i) + query); }));
    }
    std::vector<http_response> answers;
    for (auto& one : asked) { answers.push_back(one.get()); }
    return answers;
}

// Nothing is answered by the origin until so many have been refused.
std::vector<http_response> ask_until_refused(const proxy& p, fake_origin& origin, int count, int refused)
{
    origin.others().hold();
    std::atomic<int> refusals = 0;
    std::vector<std::future<http_response>> asked;
    for (int i = 0; i < count; ++i) {
        asked.push_back(std::async(std::launch::async, [&p, &refusals, i] {
            http_response r = p.get("/page/" + std::to_string(i));
            if (r.status == 503) { ++refusals; }
            return r;
        }));
    }
    EXPECT_TRUE(eventually([&] { return refusals == refused; }));
    origin.others().release();
    std::vector<http_response> answers;
    for (auto& one : asked) { answers.push_back(one.get()); }
    return answers;
}

TEST(Pools, AreNeverLargerThanTheirLimit)
{
    const origin_process origin;
    const proxy p(setting{.origin_url = origin.url(), .origin_options = "pool: {max: 10, queue: 1000, queue_timeout: 20s}"}.yaml());
    for (const http_response& r : ask_at_once(p, 100, "?delay=20ms")) { EXPECT_EQ(r.status, 200); }
    EXPECT_LE(origin.most_connections(), 10u);
    EXPECT_EQ(origin.requests(), 100u);
}

TEST(Pools, ThatAreFullRefuseWithAWord)
{
    fake_origin origin;
    const proxy p(setting{.origin_url = origin.url(), .origin_options = "pool: {max: 2, queue: 2, queue_timeout: 200ms}"}.yaml());
    int served = 0;
    for (const http_response& r : ask_until_refused(p, origin, 20, 18)) {
        if (r.status == 200) {
            ++served;
            continue;
        }
        EXPECT_EQ(r.status, 503);
        EXPECT_EQ(cache_status_of(r).detail, "shed");
        EXPECT_TRUE(r.has("Retry-After"));
        expect_problem(r);
    }
    EXPECT_EQ(served, 2);
    EXPECT_EQ(origin.connections(), 2);
    EXPECT_EQ(p.get("/page/later").status, 200);
}

TEST(Pools, ThatAreFullKeepAsManyWaitingAsTheirQueueHolds)
{
    fake_origin origin;
    const proxy p(setting{.origin_url = origin.url(), .origin_options = "pool: {max: 2, queue: 2, queue_timeout: 20s}"}.yaml());
    const std::vector<http_response> answers = ask_until_refused(p, origin, 20, 16);
    EXPECT_EQ(std::count_if(answers.begin(), answers.end(), [](const http_response& r) { return r.status == 200; }), 4);
    EXPECT_EQ(std::count_if(answers.begin(), answers.end(), [](const http_response& r) { return r.status == 503; }), 16);
    EXPECT_EQ(origin.requests(), 4);
}

TEST(Pools, UseAConnectionAgainAndLetGoOfItWhenIdle)
{
    const origin_process origin;
    setting s{.origin_url = origin.url(), .origin_options = "pool: {idle_timeout: 300ms}"};
    s.server = "{threads: 1}";
    const proxy p(s.yaml());
    for (int i = 0; i < 20; ++i) { EXPECT_EQ(p.get("/page/" + std::to_string(i)).status, 200); }
    EXPECT_EQ(origin.connections(), 1u);
    const auto is_open = [&p] {
        return p.admin("GET", "/v1/status").body.find("\"connections\":1") != std::string::npos;   // to the endpoint
    };
    EXPECT_TRUE(eventually([&] { return !is_open(); }));
    EXPECT_EQ(p.get("/page/again").status, 200);
    EXPECT_EQ(origin.connections(), 2u);
}

// log.slow_origin is about origins. A client may take its time.
TEST(SlowOrigins, AreWorthALineAndSlowClientsAreNot)
{
    const origin_process origin;
    setting s{.origin_url = origin.url(), .route_options = "mode: pass"};
    s.log = "{level: warn, slow_origin: 250ms, access: {file: \"off\"}}";
    const proxy p(s.yaml());

    raw_client c = p.client();
    c.send("POST /page/a HTTP/1.1\r\nHost: shop\r\nX-Request-ID: slow-client\r\nContent-Length: 8\r\n\r\nsome");
    EXPECT_TRUE(c.is_silent_for(500ms));
    c.send("more");
    const http_response uploaded = c.read_response();
    EXPECT_EQ(uploaded.body, "somemore");
    const http_response slow = p.request("POST", "/page/a?delay=300ms", {}, "content");
    EXPECT_EQ(slow.body, "content");

    const auto is_logged = [&p](const http_response& r) {
        return p.log().find("request_id=" + r.header("X-Request-ID").value_or("none")) != std::string::npos;
    };
    EXPECT_TRUE(eventually([&] { return is_logged(slow); }));
    EXPECT_THAT(p.log(), testing::ContainsRegex("slow origin route=all tenant=default .*origin_ms=3[0-9][0-9] attempts=1 request_id="));
    EXPECT_FALSE(is_logged(uploaded));
}

// A server that closes while it is not looked at is no failure of anybody.
TEST(Pools, AreNotSurprisedByConnectionsThatWereClosedMeanwhile)
{
    origin_process origin;
    const proxy p(setting{.origin_url = origin.url(), .origin_options = "retry: {max: 0}, pool: {idle_timeout: 60s}"}.yaml());
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(p.get("/page/" + std::to_string(i)).status, 200);
        origin.restart();
        EXPECT_EQ(p.request("POST", "/page/" + std::to_string(i), {}, "content").body, "content");
    }
    EXPECT_EQ(p.metric("retries_total"), 0);
    EXPECT_EQ(p.metric("breaker_transitions_total"), 0);
}

}  // namespace
}  // namespace tiercel::test
