#include "scenario.hpp"

namespace tiercel::test {
namespace {

TEST(Hit, TheSecondRequestIsAnsweredFromMemory)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").header("X-Kept", "yes").body("v1");
    s.start();
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=uri-miss; stored").expect_ttl(60).expect_no_header("Age");
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("hit; detail=l1").expect_ttl(60).expect_header("Age", "0")
        .expect_header("X-Kept", "yes");
    EXPECT_EQ(page.requests(), 1);
    s.expect_metric(1, "requests_total", {{"route", "all"}, {"outcome", "miss"}});
    s.expect_metric(1, "requests_total", {{"route", "all"}, {"outcome", "hit_l1"}});
}

TEST(Hit, AgeGrowsAndTimeToLiveShrinks)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a");
    s.advance(59s);
    s.get("/a").expect_cache("hit; detail=l1").expect_header("Age", "59").expect_ttl(1);
}

TEST(Hit, AgeOnArrivalCounts)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").header("Age", "50").body("v1");
    s.start();
    s.get("/a").expect_header("Age", "50").expect_ttl(10);
    s.advance(5s);
    s.get("/a").expect_cache("hit; detail=l1").expect_header("Age", "55").expect_ttl(5);
    s.advance(5s);
    s.get("/a").expect_cache("fwd=stale; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Hit, HeadIsAnsweredFromAStoredGet)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("four");
    s.start();
    s.get("/a");
    s.head("/a").expect_status(200).expect_body("").expect_cache("hit; detail=l1").expect_header("Content-Length", "4");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Hit, HeadThatMissesIsPassedOnAndStoresNothing)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("four");
    s.start();
    s.head("/a").expect_status(200).expect_body("").expect_cache("fwd=uri-miss; detail=method").expect_header("Content-Length", "4");
    s.get("/a").expect_body("four").expect_cache("fwd=uri-miss; stored");
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[0].method, "HEAD");
    EXPECT_EQ(page.received()[1].method, "GET");
}

TEST(Hit, ConditionThatHoldsIsAnswered304FromTheStore)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(7s);
    s.get("/a", {{"If-None-Match", "\"zero\", W/\"one\""}}).expect_status(304).expect_body("").expect_cache("hit; detail=l1")
        .expect_header("ETag", "\"one\"").expect_header("Age", "7");
    s.get("/a", {{"If-None-Match", "\"two\""}}).expect_status(200).expect_body("v1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Hit, ConditionOfTheFirstClientDoesNotReachTheOrigin)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").etag("\"one\"").body("v1");
    s.start();
    s.get("/a", {{"If-None-Match", "\"one\""}}).expect_status(304).expect_body("").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("hit; detail=l1");
    ASSERT_EQ(page.requests(), 1);
    EXPECT_FALSE(page.received()[0].has("If-None-Match"));
}

TEST(Hit, ContentOfAnySizeComesBackUnchanged)
{
    scenario s;
    s.start();
    std::string all(3'000'000, 'x');
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i] = static_cast<char>('a' + i % 23);
    }
    for (const std::size_t size : {0UL, 1UL, 8191UL, 8192UL, 8193UL, 65'536UL, 1'000'003UL, 3'000'000UL}) {
        for (const bool chunked : {false, true}) {
            const std::string target = "/" + std::to_string(size) + (chunked ? "/chunked" : "/length");
            const std::string content = all.substr(0, size);
            s.origin().page(target).cache_control("max-age=60").body(content).chunked(chunked);
            s.get(target).expect_body(content).expect_cache("fwd=uri-miss; stored");
            s.get(target).expect_body(content).expect_cache("hit; detail=l1").expect_header("Content-Length", std::to_string(size));
        }
    }
}

TEST(Hit, NotFoundIsKeptForTheNegativeTime)
{
    scenario s;
    s.set("routes.0.ttl.negative", "10s");
    auto& page = s.origin().page("/gone").status(404).body("no");
    s.start();
    s.get("/gone").expect_status(404).expect_cache("fwd=uri-miss; stored; detail=negative");
    s.advance(9s);
    s.get("/gone").expect_status(404).expect_body("no").expect_cache("hit; detail=negative");
    s.advance(1s);
    s.get("/gone").expect_status(404).expect_cache("fwd=stale; stored; detail=negative");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Hit, HopByHopFieldsAreGoneFromHitsAndMisses)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").header("Connection", "keep-alive, X-Hop").header("X-Hop", "1")
        .header("Keep-Alive", "timeout=5").header("X-End", "2").body("v1");
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        s.get("/a").expect_cache(cache).expect_no_header("X-Hop").expect_no_header("Keep-Alive").expect_header("X-End", "2")
            .expect_header("Via", "1.1 tiercel");
    }
}

TEST(Hit, WhatTheRouteDoesNotCacheIsPassed)
{
    scenario s;
    s.set("routes.0.mode", "pass");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a").expect_body("v1").expect_cache("fwd=bypass; detail=pass");
    s.get("/a").expect_body("v1").expect_cache("fwd=bypass; detail=pass");
    EXPECT_EQ(page.requests(), 2);
    s.expect_metric(2, "requests_total", {{"outcome", "pass"}});
}

TEST(Hit, MemoryTierOfNoSizeStoresNothing)
{
    scenario s;
    s.set("cache.l1.max_bytes", "0");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a").expect_body("v1");
    s.get("/a").expect_body("v1");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Hit, AnswerBeyondTheLargestObjectIsPassedOnWhole)
{
    scenario s;
    s.set("cache.l1.max_object", "64KiB");
    const std::string content(100'000, 'x');
    auto& page = s.origin().page("/a").cache_control("max-age=60").body(content);
    s.start();
    s.get("/a").expect_body(content).expect_cache("fwd=uri-miss; detail=too-large");
    s.get("/a").expect_body(content);
    EXPECT_EQ(page.requests(), 2);
}

TEST(Hit, ChunkedAnswerThatGrowsBeyondTheLargestObjectIsPassedOnWhole)
{
    scenario s;
    s.set("cache.l1.max_object", "64KiB");
    const std::string content(1'000'000, 'x');
    auto& page = s.origin().page("/a").cache_control("max-age=60").body(content).chunked();
    s.start();
    s.get("/a").expect_body(content);
    s.get("/a").expect_body(content);
    s.get("/a").expect_body(content);
    EXPECT_EQ(page.requests(), 3);
}

}  // namespace
}  // namespace tiercel::test
