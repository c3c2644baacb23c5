#include "scenario.hpp"

#include "support/proxy.hpp"

namespace tiercel::test {
namespace {

bool holds(const http_response& r, std::string_view text) { return r.body.find(text) != std::string::npos; }

TEST(Admin, SaysThatItLivesAndIsReady)
{
    scenario s;
    s.start();
    s.admin("GET", "/livez").expect_status(200);
    const answer ready = s.admin("GET", "/readyz").expect_status(200);
    EXPECT_TRUE(holds(ready, "\"origin shop\"")) << ready.body;
    EXPECT_TRUE(holds(ready, "\"ok\"")) << ready.body;
}

TEST(Admin, CountsWhatHappened)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a");
    s.get("/a");
    s.get("/missing");
    s.expect_metric(3, "requests_total");
    const answer all = s.admin("GET", "/metrics").expect_status(200);
    EXPECT_TRUE(all.header("Content-Type").value_or("").starts_with("text/plain"));
    EXPECT_EQ(sum_metric(all.body, "tiercel_requests_total", {{"route", "all"}, {"outcome", "hit_l1"}}), 1);
    EXPECT_EQ(sum_metric(all.body, "tiercel_origin_requests_total", {{"origin", "shop"}}), 2);
    EXPECT_GE(sum_metric(all.body, "tiercel_l1_entries", {}), 1);
    EXPECT_EQ(sum_metric(all.body, "tiercel_build_info", {}), 1);
    s.expect_metric(3, "request_duration_seconds_count");
}

TEST(Admin, ShowsItsState)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a");
    s.advance(90s);
    const answer status = s.admin("GET", "/v1/status").expect_status(200).expect_header("Content-Type", "application/json");
    for (const std::string_view text : {"\"uptime_seconds\":90", "\"workers\":2", "\"flights\":0", "\"entries\":1", "\"kind\":\"none\"",
                                        "\"breaker\":\"closed\""}) {
        EXPECT_TRUE(holds(status, text)) << text << " in " << status.body;
    }
    EXPECT_TRUE(holds(status, "127.0.0.1:" + std::to_string(s.port()))) << status.body;
}

TEST(Admin, ShowsItsConfigurationWithoutSecrets)
{
    scenario s;
    s.set("cache.l2.kind", "redis").set("cache.l2.url", "redis://user:hush@127.0.0.1:1/0").set("cache.l2.password", "silence");
    s.start();
    const answer shown = s.admin("GET", "/v1/config").expect_status(200);
    EXPECT_TRUE(holds(shown, "cache.l1.max_bytes")) << shown.body.substr(0, 500);
    EXPECT_FALSE(holds(shown, "hush"));
    EXPECT_FALSE(holds(shown, "silence"));
}

TEST(Admin, IsNotOnTheDataPort)
{
    scenario s;
    s.set("routes.0.match.path", "/shop/");
    s.start();
    for (const std::string target : {"/livez", "/metrics", "/v1/status", "/v1/config"}) {
        s.get(target).expect_problem(404, "no_route");
    }
}

TEST(Admin, WantsATokenWhenThereAreTokens)
{
    scenario s;
    s.set("admin.tokens", "[ { token: a-long-enough-token-for-this, role: read } ]");
    s.start();
    raw_client c(s.port());
    s.admin("GET", "/livez").expect_status(200);
    s.admin("GET", "/v1/status").expect_status(401);
}

TEST(Admin, TellsWhichOriginIsInTrouble)
{
    scenario s;
    s.origin().page("/a").status(500);
    s.start();
    for (int i = 0; i < 5; ++i) {
        s.get("/a");
    }
    s.expect_gauge(1, "breaker_state", {{"origin", "shop"}});
    const answer ready = s.admin("GET", "/readyz").expect_status(200);
    EXPECT_TRUE(holds(ready, "\"degraded\"")) << ready.body;
    EXPECT_TRUE(holds(s.admin("GET", "/v1/status"), "\"breaker\":\"open\""));
}

}  // namespace
}  // namespace tiercel::test
