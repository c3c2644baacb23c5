#include "scenario.hpp"

namespace tiercel::test {
namespace {

// ---- stale instead of an error ----

TEST(StaleIfError, TheOldAnswerStandsInForAFailingOrigin)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10, stale-if-error=100").body("v1");
    s.start();
    s.get("/a");
    page.status(500).body("broken");
    s.advance(50s);
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; detail=sie").expect_header("Age", "50");
    s.advance(60s);   // past the window
    s.get("/a").expect_status(500).expect_body("broken");
    s.expect_metric(1, "requests_total", {{"outcome", "stale"}});
}

TEST(StaleIfError, TheRoutesWindowIsForAnswersThatSayNothing)
{
    scenario s;
    s.set("routes.0.stale.if_error", "100s");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
    s.start();
    s.get("/a");
    page.status(503).body("broken");
    s.advance(50s);
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; detail=sie");
}

TEST(StaleIfError, WithoutAWindowTheErrorIsPassedOn)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
    s.start();
    s.get("/a");
    page.status(500).body("broken");
    s.advance(10s);
    s.get("/a").expect_status(500).expect_body("broken");
    page.status(200).body("v2");
    s.get("/a").expect_status(200).expect_body("v2");
}

TEST(StaleIfError, NotForAnErrorOfTheClient)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10, stale-if-error=100").body("v1");
    s.start();
    s.get("/a");
    page.status(404).body("gone").cache_control("max-age=10");
    s.advance(50s);
    s.get("/a").expect_status(404).expect_body("gone");
}

TEST(StaleIfError, TheOldAnswerStandsInForAnUnreachableOrigin)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=10").body("v1");
    s.start();
    s.get("/a");
    s.origin().go_down();
    s.advance(1h);
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; detail=sie").expect_header("Age", "3600");
    s.advance(10s);   // past max-age + stale.if_unreachable
    s.get("/a").expect_problem(502, "origin_refused");
    s.origin().come_back();
    s.advance(10s);   // past what the failure is remembered for
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; stored");
}

TEST(StaleIfError, AnOriginThatHangsUpCountsAsUnreachable)
{
    for (const auto fault : {origin_fault::close_without_answer, origin_fault::reset_without_answer}) {
        scenario s;
        auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
        s.start();
        s.get("/a");
        page.fault(fault);
        s.advance(20s);
        s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; detail=sie");
    }
}

TEST(StaleIfError, AnOriginThatIsSilentCountsAsUnreachable)
{
    scenario s;
    s.set("origins.shop.try_timeout", "50ms");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
    s.start();
    s.get("/a");
    page.fault(origin_fault::hang_before_head);
    s.advance(20s);
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; detail=sie");
}

TEST(StaleIfError, WhatMustBeRevalidatedIsNotServedStale)
{
    for (const std::string directives : {"max-age=10, must-revalidate", "max-age=10, proxy-revalidate", "s-maxage=10", "no-cache"}) {
        SCOPED_TRACE(directives);
        scenario s;
        s.set("routes.0.stale.if_error", "1h");
        s.origin().page("/a").cache_control(directives).etag("\"one\"").body("v1");
        s.start();
        s.get("/a").expect_status(200);
        s.origin().go_down();
        s.advance(20s);
        s.get("/a").expect_status(504);
    }
}

// ---- stale while revalidate ----

TEST(StaleWhileRevalidate, OldAnswerWhileOneRefreshRuns)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=1, stale-while-revalidate=30").body("v1");
    s.start();
    s.get("/a").expect_body("v1");
    s.advance(2s);
    page.hold().body("v2");
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr").expect_header("Age", "2").expect_ttl(-1);
    ASSERT_TRUE(page.wait_for_requests(2));
    for (int i = 0; i < 5; ++i) {
        s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    }
    page.release();
    s.wait_until_quiet();
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1").expect_header("Age", "0");
    EXPECT_EQ(page.requests(), 2);
    s.expect_metric(6, "requests_total", {{"outcome", "stale"}});
}

TEST(StaleWhileRevalidate, TheRefreshValidatesWhatItHas)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=1, stale-while-revalidate=30").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(2s);
    s.get("/a").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(2));
    EXPECT_EQ(page.received()[1].header("If-None-Match"), "\"one\"");
    s.wait_until_quiet();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1").expect_header("Age", "0");
}

TEST(StaleWhileRevalidate, AfterTheWindowTheClientWaits)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=1, stale-while-revalidate=30").body("v1");
    s.start();
    s.get("/a");
    page.body("v2");
    s.advance(31s);
    s.get("/a").expect_body("v2").expect_cache("fwd=stale; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST(StaleWhileRevalidate, ARefreshThatFailsIsTriedAgainLater)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=1, stale-while-revalidate=30").body("v1");
    s.start();
    s.get("/a");
    s.advance(2s);
    page.fault(origin_fault::reset_without_answer);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    page.fault(origin_fault::none).body("v2");
    const int failed = page.requests();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");   // within stampede.error_memo: not asked again
    s.wait_until_quiet();
    EXPECT_EQ(page.requests(), failed);
    s.advance(2s);   // two tries are a second apart, give or take a fifth
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(failed + 1));
    s.wait_until_quiet();
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
}

TEST(StaleWhileRevalidate, NotForWhatMustBeRevalidated)
{
    scenario s;
    s.set("routes.0.stale.while_revalidate", "1h");
    auto& page = s.origin().page("/a").cache_control("max-age=1, must-revalidate").body("v1");
    s.start();
    s.get("/a");
    page.body("v2");
    s.advance(2s);
    s.get("/a").expect_body("v2").expect_cache("fwd=stale; stored");
}

}  // namespace
}  // namespace tiercel::test
