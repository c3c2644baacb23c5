#include "scenario.hpp"

namespace tiercel::test {
namespace {

TEST(Limits, LongTargetsAreRefused)
{
    scenario s;
    s.set("server.limits.uri", "100");
    s.origin().page("/" + std::string(99, 'x')).body("v1");
    s.start();
    s.get("/" + std::string(99, 'x')).expect_body("v1");
    s.get("/" + std::string(100, 'x')).expect_problem(414, "uri_too_long").expect_header("Connection", "close");
    s.expect_metric(1, "rejected_total", {{"reason", "uri_too_long"}});
}

TEST(Limits, LargeHeadsAreRefused)
{
    scenario s;
    s.set("server.limits.header_bytes", "2KiB");
    s.origin().page("/a").body("v1");
    s.start();
    s.get("/a", {{"X-Long", std::string(1'000, 'x')}}).expect_body("v1");
    s.get("/a", {{"X-Long", std::string(2'100, 'x')}}).expect_problem(431, "head_too_large");
    EXPECT_EQ(s.origin().requests(), 1);
}

TEST(Limits, ManyFieldsAreRefused)
{
    scenario s;
    s.set("server.limits.header_count", "10");
    s.origin().page("/a").body("v1");
    s.start();
    header_list fields(9, {"X-Many", "x"});
    s.get("/a", fields).expect_body("v1");   // and Host
    fields.emplace_back("X-Many", "x");
    s.get("/a", fields).expect_problem(431, "head_too_large");
}

TEST(Limits, HeadsThatNeverEndAreRefusedWithoutReadingThemAll)
{
    scenario s;
    s.start();
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n");
    const std::string line = "X-More: " + std::string(1'000, 'x') + "\r\n";
    int sent = 0;
    while (sent < 10'000 && c.try_send(line)) {
        ++sent;
    }
    EXPECT_LT(sent, 10'000);
    s.expect_metric(1, "rejected_total", {{"reason", "head_too_large"}});
}

TEST(Limits, SlowHeadsAreGivenUp)
{
    scenario s;
    s.set("server.timeouts.header", "50ms");
    s.start();
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: sh");
    answer(c.read_response()).expect_problem(408, "head_timeout");
    EXPECT_TRUE(c.is_closed_by_peer());
}

TEST(Limits, BodiesThatAreTooLargeAreRefused)
{
    scenario s;
    s.set("server.limits.body", "10");
    auto& page = s.origin().page("/a").body("ok");
    s.start();
    s.post("/a", "0123456789").expect_status(200);
    s.post("/a", "0123456789x").expect_problem(413, "body_too_large");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Limits, ALimitOfZeroLetsNoBodyThrough)
{
    scenario s;
    s.set("server.limits.body", "0");
    auto& page = s.origin().page("/a").body("ok");
    s.start();
    s.post("/a", "").expect_status(200);
    s.post("/a", "x").expect_problem(413, "body_too_large");
    raw_client c = s.client();
    c.send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    answer(c.read_response()).expect_problem(413, "body_too_large");
    EXPECT_LE(page.requests(), 2);
}

TEST(Limits, ConnectionsBeyondTheLimitAreRefused)
{
    scenario s;
    s.set("server.limits.connections", "3");
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    std::vector<raw_client> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(s.client());
        EXPECT_EQ(clients.back().get("/a").status, 200);
    }
    raw_client fourth = s.client();
    fourth.connect();
    const answer refused(fourth.read_response());
    refused.expect_problem(503, "too_many_connections").expect_header("Retry-After", "1").expect_header("Connection", "close");
    EXPECT_TRUE(fourth.is_closed_by_peer());
    EXPECT_EQ(clients[0].get("/a").status, 200);   // those that stand are not touched

    clients.pop_back();
    EXPECT_TRUE(eventually([&] {
        raw_client next = s.client();
        try {
            return next.get("/a").status == 200;
        } catch (const peer_closed&) {
            return false;
        }
    }));
}

TEST(Limits, ConnectionsOfOneClientMayBeLimited)
{
    scenario s;
    s.set("server.limits.connections_per_client", "1");
    s.origin().page("/a").body("v1");
    s.start();
    raw_client first = s.client();
    EXPECT_EQ(first.get("/a").status, 200);
    raw_client second = s.client();
    second.connect();
    answer(second.read_response()).expect_problem(503, "too_many_connections");
    EXPECT_EQ(first.get("/a").status, 200);
}

TEST(Limits, AClientThatDoesNotReadIsGivenUp)
{
    for (const std::string directives : {"max-age=60", "no-store"}) {
        scenario s;
        s.set("server.timeouts.write_idle", "100ms");
        s.origin().page("/a").cache_control(directives).body(std::string(30'000'000, 'x'));
        s.start();
        raw_client c = s.client();
        c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        EXPECT_EQ(c.read_exactly(15), "HTTP/1.1 200 \r\n");
        EXPECT_TRUE(eventually([&] { return s.metric("connections") == 0; }));
    }
}

TEST(Limits, TheMemoryTierStaysWithinItsSize)
{
    scenario s;
    s.set("cache.l1.max_bytes", "1MiB");
    s.start();
    for (int i = 0; i < 60; ++i) {
        const std::string target = "/" + std::to_string(i);
        s.origin().page(target).cache_control("max-age=60").body(std::string(50'000, 'x'));
        s.get(target).expect_status(200);
        EXPECT_LE(s.metric("l1_bytes"), 1024 * 1024);
    }
    s.get("/59").expect_cache("hit; detail=l1");
    s.get("/0").expect_cache("fwd=uri-miss; stored");
    EXPECT_GT(s.metric("l1_evictions_total", {{"reason", "capacity"}}), 0);
}

}  // namespace
}  // namespace tiercel::test
