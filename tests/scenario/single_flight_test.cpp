#include "scenario.hpp"

namespace tiercel::test {
namespace {

constexpr std::string_view get_a = "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n";

// ---- one fetch for all ----

TEST(SingleFlight, ManyRequestsCauseOneFetch)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    auto all = s.begin_gets(40, "/a");
    s.wait_for_waiters(39);
    page.release();
    int collapsed = 0;
    for (auto& one : all) {
        const answer a = one.get().expect_status(200).expect_body("v1");
        const cache_status c = cache_status_of(a);
        EXPECT_EQ(c.fwd, "uri-miss");
        EXPECT_TRUE(c.stored);
        collapsed += c.collapsed ? 1 : 0;
    }
    EXPECT_EQ(collapsed, 39);
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AnExpiredAnswerIsValidatedOnceForAll)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.hold();
    auto all = s.begin_gets(10, "/a");
    s.wait_for_waiters(9);
    page.release();
    for (auto& one : all) {
        one.get().expect_status(200).expect_body("v1");
    }
    ASSERT_EQ(page.requests(), 2);
    EXPECT_TRUE(page.received()[1].has("If-None-Match"));
}

TEST(SingleFlight, EachWaiterHasItsOwnCondition)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").etag("\"one\"").body("v1").hold();
    s.start();
    auto whole = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto same = s.begin_get("/a", {{"If-None-Match", "\"one\""}});
    auto other = s.begin_get("/a", {{"If-None-Match", "\"two\""}});
    s.wait_for_waiters(2);
    page.release();
    whole.get().expect_status(200).expect_body("v1");
    same.get().expect_status(304).expect_body("");
    other.get().expect_status(200).expect_body("v1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, DifferentKeysDoNotWaitForEachOther)
{
    scenario s;
    auto& slow = s.origin().page("/slow").cache_control("max-age=60").body("slow").hold();
    s.origin().page("/fast").cache_control("max-age=60").body("fast");
    s.start();
    auto waiting = s.begin_get("/slow");
    ASSERT_TRUE(slow.wait_for_requests(1));
    s.get("/fast").expect_body("fast");
    slow.release();
    waiting.get().expect_body("slow");
}

TEST(SingleFlight, SwitchedOffEachRequestFetchesForItself)
{
    scenario s;
    s.set("routes.0.stampede.coalesce", "false");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    auto all = s.begin_gets(5, "/a");
    ASSERT_TRUE(page.wait_for_requests(5));
    page.release();
    for (auto& one : all) {
        one.get().expect_body("v1");
    }
    EXPECT_EQ(page.requests(), 5);
    s.wait_until_quiet();
    EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/a")).hit; }));
}

// ---- what may not be shared ----

TEST(SingleFlight, WhatMayNotBeSharedIsFetchedByEachAtOnce)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("private").body("mine").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto others = s.begin_gets(7, "/a");
    s.wait_for_waiters(7);
    page.release();
    first.get().expect_body("mine").expect_cache("fwd=uri-miss; detail=private");
    for (auto& one : others) {
        one.get().expect_status(200).expect_body("mine");
    }
    EXPECT_EQ(page.requests(), 8);
}

TEST(SingleFlight, AfterwardsNobodyWaitsForThatKey)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("no-store").body("v1");
    s.start();
    s.get("/a").expect_cache("fwd=uri-miss; detail=no-store");
    page.hold();
    auto all = s.begin_gets(6, "/a");
    ASSERT_TRUE(page.wait_for_requests(7));   // all at once, although none is answered
    page.release();
    for (auto& one : all) {
        one.get().expect_body("v1").expect_cache("fwd=uri-miss; detail=mark");
    }
    EXPECT_EQ(s.metric("coalesced_total"), 0);
}

TEST(SingleFlight, TheMarkEndsWithTheFirstAnswerThatIsStored)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("no-store").body("v1");
    s.start();
    s.get("/a");
    page.cache_control("max-age=60").body("v2");
    s.get("/a").expect_body("v2");
    EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/a")).hit; }));
}

TEST(SingleFlight, TheMarkEndsWithTime)
{
    scenario s;
    s.set("routes.0.stampede.mark_ttl", "100s");
    s.origin().page("/a").cache_control("no-store").body("v1");
    s.start();
    s.get("/a");
    s.get("/a").expect_cache("fwd=uri-miss; detail=mark");
    s.advance(101s);
    s.get("/a").expect_cache("fwd=uri-miss; detail=no-store");
}

// ---- clients that leave ----

TEST(SingleFlight, TheClientThatCausedTheFetchMayLeave)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    raw_client first = s.client();
    first.send(get_a);
    ASSERT_TRUE(page.wait_for_requests(1));
    auto others = s.begin_gets(5, "/a");
    s.wait_for_waiters(5);
    first.reset();
    page.release();
    for (auto& one : others) {
        one.get().expect_status(200).expect_body("v1");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AFetchThatNobodyWaitsForIsStillStored)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    raw_client only = s.client();
    only.send(get_a);
    ASSERT_TRUE(page.wait_for_requests(1));
    only.reset();
    page.release();
    s.wait_until_quiet();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

// ---- failures ----

TEST(SingleFlight, AFailureIsTheSameForAllAndHappensOnce)
{
    scenario s;
    auto& page = s.origin().page("/a").fault(origin_fault::close_without_answer).hold();
    s.start();
    auto all = s.begin_gets(10, "/a");
    s.wait_for_waiters(9);
    page.release();
    for (auto& one : all) {
        one.get().expect_problem(502, "origin_reset");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AnErrorOfTheOriginIsTheSameForAllAndHappensOnce)
{
    scenario s;
    auto& page = s.origin().page("/a").status(500).body("sorry").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto others = s.begin_gets(9, "/a");
    s.wait_for_waiters(9);
    page.release();
    first.get().expect_status(500).expect_body("sorry");
    for (auto& one : others) {
        one.get().expect_status(500);
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AKeyThatGotNoAnswerIsRefusedForAMoment)
{
    scenario s;
    s.set("routes.0.stampede.error_memo", "1s");
    auto& page = s.origin().page("/a").fault(origin_fault::close_without_answer);
    s.start();
    s.get("/a").expect_problem(502, "origin_reset");
    page.fault(origin_fault::none).cache_control("max-age=60").body("v1");
    s.get("/a").expect_problem(502, "origin_reset");
    s.origin().page("/b").body("other");
    s.get("/b").expect_status(200);
    EXPECT_EQ(page.requests(), 1);
    s.advance(1s);
    s.get("/a").expect_status(200).expect_body("v1");
}

// ---- limits of waiting ----

TEST(SingleFlight, BeyondTheMostWaitersOnesAreRefused)
{
    scenario s;
    s.set("routes.0.stampede.max_waiters", "3");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    auto all = s.begin_gets(3, "/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    s.wait_for_waiters(2);
    s.get("/a").expect_problem(503, "origin_busy").expect_header("Retry-After", "1");
    page.release();
    for (auto& one : all) {
        one.get().expect_body("v1");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, WhoWaitedTooLongIsServedStaleIfThatIsAllowed)
{
    scenario s;
    s.set("routes.0.stampede.max_wait", "30ms");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.hold().body("v2");
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.get("/a").expect_status(200).expect_body("v1");
    page.release();
    first.get().expect_body("v2");
    EXPECT_EQ(page.requests(), 2);
}

TEST(SingleFlight, WhoWaitedTooLongMayBeRefused)
{
    scenario s;
    s.set("routes.0.stampede.on_timeout", "503").set("routes.0.stampede.max_wait", "30ms");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    s.get("/a").expect_problem(503, "origin_busy").expect_header("Retry-After", "1");
    page.release();
    first.get().expect_body("v1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, WhoWaitedTooLongFetchesForItselfElse)
{
    for (const std::string rule : {"fetch", "stale"}) {
        scenario s;
        s.set("routes.0.stampede.on_timeout", rule).set("routes.0.stampede.max_wait", "30ms");
        auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
        s.start();
        auto first = s.begin_get("/a");
        ASSERT_TRUE(page.wait_for_requests(1));
        auto second = s.begin_get("/a");
        ASSERT_TRUE(page.wait_for_requests(2));
        page.release();
        first.get().expect_body("v1");
        second.get().expect_body("v1");
    }
}

TEST(SingleFlight, WhoFetchesAfterWaitingHasTheRestOfTheTime)
{
    scenario s;
    s.set("routes.0.stampede.on_timeout", "fetch").set("routes.0.stampede.max_wait", "500ms");
    s.set("routes.0.deadline", "20s").set("origins.shop.deadline_header", "X-Deadline");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto second = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    first.get().expect_body("v1");
    second.get().expect_body("v1");
    const int rest = std::stoi(page.received()[1].header("X-Deadline").value_or("0"));
    EXPECT_GT(rest, 0);
    EXPECT_LE(rest, 19'500);
}

TEST(SingleFlight, TheDeadlineOfTheRouteEndsTheRequest)
{
    scenario s;
    s.set("routes.0.deadline", "50ms");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
    s.start();
    s.get("/a").expect_status(504);
    page.release();
}

}  // namespace
}  // namespace tiercel::test
