#include "scenario.hpp"

namespace tiercel::test {
namespace {

// An origin that says who asked.
void echo_field(origin_page& page, std::string field, header_list fields)
{
    page.answer([=](const http_request& r) { return plain_answer(fields, "for " + r.header(field).value_or("nobody")); });
}

TEST(Personal, AnswersToAuthorizedRequestsAreNeitherStoredNorShared)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "Authorization", {{"Cache-Control", "max-age=60"}});
    s.start();
    for (const std::string who : {"Bearer one", "Bearer two", "Bearer one"}) {
        s.get("/a", {{"Authorization", who}}).expect_body("for " + who).expect_cache("fwd=uri-miss; detail=request-authorization");
    }
    s.get("/a").expect_body("for nobody").expect_cache("fwd=uri-miss; stored");
    EXPECT_EQ(page.requests(), 4);
}

TEST(Personal, AuthorizedRequestsDoNotWaitForEachOther)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "Authorization", {{"Cache-Control", "max-age=60"}});
    page.hold();
    s.start();
    auto one = s.begin_get("/a", {{"Authorization", "Bearer one"}});
    auto two = s.begin_get("/a", {{"Authorization", "Bearer two"}});
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    one.get().expect_body("for Bearer one");
    two.get().expect_body("for Bearer two");
}

TEST(Personal, AnswersToAuthorizedRequestsThatAreMadeForAllAreShared)
{
    for (const std::string directives : {"public, max-age=60", "s-maxage=60", "max-age=60, must-revalidate"}) {
        SCOPED_TRACE(directives);
        scenario s;
        auto& page = s.origin().page("/a").cache_control(directives).body("for all");
        s.start();
        s.get("/a", {{"Authorization", "Bearer one"}}).expect_body("for all");
        EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/a", {{"Authorization", "Bearer two"}})).hit; }));
        s.get("/a").expect_body("for all").expect_cache("hit; detail=l1");
        EXPECT_EQ(page.received()[0].header("Authorization"), "Bearer one");
    }
}

TEST(Personal, AStoredAnswerIsGoodForAuthorizedRequestsToo)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("for all");
    s.start();
    s.get("/a");
    s.get("/a", {{"Authorization", "Bearer one"}}).expect_body("for all").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Personal, PrivateAnswersAreNeitherStoredNorShared)
{
    for (const std::string directives : {"private", "private, max-age=60", "PRIVATE, max-age=60", "no-store", "no-store, max-age=60"}) {
        SCOPED_TRACE(directives);
        scenario s;
        auto& page = s.origin().page("/a");
        echo_field(page, "X-Me", {{"Cache-Control", directives}});
        s.start();
        s.get("/a", {{"X-Me", "one"}}).expect_body("for one");
        s.get("/a", {{"X-Me", "two"}}).expect_body("for two");
        EXPECT_EQ(page.requests(), 2);
        s.expect_metric(2, "uncacheable_total", {{"route", "all"}});
    }
}

TEST(Personal, FieldsThatArePrivateAreNotStored)
{
    scenario s;
    s.origin().page("/a").cache_control("private=\"X-Secret\", max-age=60").header("X-Secret", "mine").header("X-Open", "all").body("v1");
    s.start();
    s.get("/a").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_cache("hit; detail=l1").expect_no_header("X-Secret").expect_header("X-Open", "all");
}

TEST(Personal, AnswersWithSetCookieAreNotStoredUnlessTheRouteSaysSo)
{
    struct example {
        std::string rule;
        bool stored;
        bool cookie_on_hit;
    };
    for (const example& e : std::vector<example>{{"refuse", false, false}, {"strip", true, false}, {"store", true, true}}) {
        SCOPED_TRACE(e.rule);
        scenario s;
        s.set("routes.0.set_cookie", e.rule);
        auto& page = s.origin().page("/a").cache_control("max-age=60").header("Set-Cookie", "id=1").body("v1");
        s.start();
        s.get("/a").expect_body("v1").expect_header("Set-Cookie", "id=1");
        const answer second = s.get("/a").expect_body("v1");
        EXPECT_EQ(cache_status_of(second).hit, e.stored);
        EXPECT_EQ(second.has("Set-Cookie"), !e.stored || e.cookie_on_hit);
        EXPECT_EQ(page.requests(), e.stored ? 1 : 2);
    }
}

TEST(Personal, AStrippedCookieReachesOnlyTheClientThatCausedTheFetch)
{
    scenario s;
    s.set("routes.0.set_cookie", "strip");
    auto& page = s.origin().page("/a").cache_control("max-age=60").header("Set-Cookie", "id=1").body("v1").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto second = s.begin_get("/a");
    s.wait_for_waiters(1);
    page.release();
    first.get().expect_body("v1").expect_header("Set-Cookie", "id=1");
    second.get().expect_body("v1").expect_no_header("Set-Cookie");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Personal, ACookieInA304IsNotStored)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.raw("HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\nSet-Cookie: id=2\r\n\r\n");
    s.get("/a").expect_body("v1");
    s.get("/a").expect_cache("hit; detail=l1").expect_no_header("Set-Cookie");
}

TEST(Personal, CookiesOfRequestsDoNotPreventHits)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a", {{"Cookie", "id=1"}});
    s.get("/a", {{"Cookie", "id=2"}}).expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Personal, RequestsWithAPersonalCookieDoNotWait)
{
    scenario s;
    s.set("routes.0.stampede.personal_cookies", "[session]");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    auto first = s.begin_get("/a", {{"Cookie", "a=b; session=1"}});
    auto second = s.begin_get("/a", {{"Cookie", "session=2"}});
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    first.get().expect_body("v1");
    second.get().expect_body("v1");
}

TEST(Personal, WhatLooksLikeAnotherFileIsNotStoredWithoutItsSay)
{
    scenario s;
    s.set("routes.0.ttl.default", "60s");
    auto& page = s.origin().page("/account/me.css").header("Content-Type", "text/html").body("mine");
    s.start();
    s.get("/account/me.css").expect_body("mine").expect_cache("fwd=uri-miss; detail=type");
    s.get("/account/me.css").expect_body("mine");
    EXPECT_EQ(page.requests(), 2);
}

}  // namespace
}  // namespace tiercel::test
