#include "scenario.hpp"

namespace tiercel::test {
namespace {

constexpr std::string_view modified = "Fri, 10 Jan 2020 08:00:00 GMT";

// ---- expiry and validation ----

TEST(Freshness, AnExpiredAnswerIsFetchedAnew)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
    s.start();
    s.get("/a").expect_body("v1");
    page.body("v2");
    s.advance(9s);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    s.advance(1s);
    s.get("/a").expect_body("v2").expect_cache("fwd=stale; stored").expect_ttl(10);
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1").expect_header("Age", "0");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Freshness, AnAnswerWithoutLifetimeIsNotReused)
{
    scenario s;
    auto& page = s.origin().page("/a").body("v1");
    s.start();
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; detail=no-lifetime");
    s.get("/a").expect_body("v1");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Freshness, TheRoutesDefaultIsForAnswersWithoutLifetime)
{
    scenario s;
    s.set("routes.0.ttl.default", "5s");
    s.origin().page("/silent").body("v1");
    s.origin().page("/speaks").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/silent").expect_cache("fwd=uri-miss; stored").expect_ttl(5);
    s.get("/speaks").expect_cache("fwd=uri-miss; stored").expect_ttl(60);
}

TEST(Validation, SendsBothValidatorsAndServesTheOldContentOn304)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").header("Last-Modified", std::string(modified)).body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; stored").expect_ttl(10);
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[1].header("If-None-Match"), "\"one\"");
    EXPECT_EQ(page.received()[1].header("If-Modified-Since"), modified);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1").expect_header("Age", "0");
    s.expect_metric(1, "requests_total", {{"outcome", "revalidated"}});
}

TEST(Validation, FieldsOfThe304ReplaceTheStoredOnes)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").header("X-Turn", "1").header("X-Kept", "yes")
                     .header("Content-Type", "text/plain").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.raw("HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\nCache-Control: max-age=100\r\nX-Turn: 2\r\n\r\n");
    s.get("/a").expect_status(200).expect_body("v1").expect_header("X-Turn", "2").expect_ttl(100);
    s.advance(99s);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1").expect_header("X-Turn", "2").expect_header("X-Kept", "yes")
        .expect_header("Cache-Control", "max-age=100").expect_header("Content-Type", "text/plain");
    EXPECT_EQ(page.requests(), 2);
}

// The length is about how the answer is sent, and not a field that anybody could withhold.
TEST(Validation, A304CannotTakeAwayTheLength)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=1").etag("\"1\"").body("v1");
    s.start();
    s.get("/a");
    for (const std::string names : {"private=\"content-length\"", "no-cache=\"Content-Length, X-Other\""}) {
        s.advance(2s);
        page.raw("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=1, " + names + "\r\n\r\n");
        s.get("/a").expect_status(200).expect_body("v1").expect_header("Content-Length", "2");
        s.get("/a").expect_body("v1").expect_cache("hit; detail=l1").expect_header("Content-Length", "2");
    }
}

TEST(Validation, A304CannotMakeAVariantEverybodys)
{
    scenario s;
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        const std::string kind = r.header("X-Kind").value_or("none");
        if (r.has("If-None-Match")) { return std::string("HTTP/1.1 304 Not Modified\r\nETag: \"" + kind + "\"\r\n\r\n"); }
        return plain_answer({{"Cache-Control", "max-age=1, no-cache=\"vary\""}, {"Vary", "X-Kind"}, {"ETag", "\"" + kind + "\""}}, "for " + kind);
    });
    s.start();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red");
    s.advance(2s);
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red").expect_header("Vary", "X-Kind");
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("for blue").expect_cache("fwd=vary-miss; stored");
}

TEST(Validation, AFullAnswerReplacesTheOldOne)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.etag("\"two\"").body("v2");
    s.get("/a").expect_body("v2").expect_cache("fwd=stale; stored").expect_header("ETag", "\"two\"");
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Validation, AFullAnswerThatMayNotBeStoredRemovesTheOldOne)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.cache_control("no-store").etag("\"two\"").body("v2");
    s.get("/a").expect_body("v2").expect_cache("fwd=stale; detail=no-store");
    page.fault(origin_fault::reset_without_answer);
    s.get("/a").expect_status(502);   // the old one would still be within stale.if_unreachable
}

TEST(Validation, A304ThatNobodyAskedForIsAnError)
{
    scenario s;
    s.origin().page("/a").raw("HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n");
    s.start();
    s.get("/a").expect_problem(502, "origin_invalid");
}

TEST(Validation, A304ForSomethingElseLeadsToAFullFetch)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.answer([](const http_request& r) {
        return r.has("If-None-Match") ? std::string("HTTP/1.1 304 Not Modified\r\nETag: \"other\"\r\n\r\n")
                                      : plain_answer({{"Cache-Control", "max-age=10"}, {"ETag", "\"two\""}}, "v2");
    });
    s.get("/a").expect_status(200).expect_body("v2");
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 3);
}

TEST(Validation, WhatMustAlwaysBeValidatedIsAskedForEachTime)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("no-cache").etag("\"one\"").body("v1");
    s.start();
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
    for (int i = 0; i < 3; ++i) {
        s.get("/a").expect_status(200).expect_body("v1");
    }
    ASSERT_EQ(page.requests(), 4);
    EXPECT_EQ(page.received()[3].header("If-None-Match"), "\"one\"");
    s.expect_metric(3, "requests_total", {{"outcome", "revalidated"}});
}

TEST(Validation, AClientThatHasTheConfirmedAnswerGets304)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    s.get("/a", {{"If-None-Match", "\"one\""}}).expect_status(304).expect_body("").expect_cache("fwd=stale; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Validation, AnAnswerThatMayNeverBeServedStaleIsStillKeptForIt)
{
    for (const std::string directives : {"s-maxage=10", "max-age=10, must-revalidate", "max-age=10, stale-if-error=0"}) {
        SCOPED_TRACE(directives);
        scenario s;
        auto& page = s.origin().page("/a").cache_control(directives).etag("\"one\"").body("v1");
        s.start();
        s.get("/a");
        s.advance(20s);
        s.expire();
        s.get("/a").expect_status(200).expect_body("v1");
        ASSERT_EQ(page.requests(), 2);
        EXPECT_EQ(page.received()[1].header("If-None-Match"), "\"one\"");
    }
}

}  // namespace
}  // namespace tiercel::test
