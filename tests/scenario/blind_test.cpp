// What is done with stored answers while nobody can say what was invalidated: Redis is gone, or its feed is cut, and time goes by.

#include "l2_fixture.hpp"
#include "range_origin.hpp"
#include "support/feed_link.hpp"

namespace tiercel::test {
namespace {

class Blind : public l2_fixture {
protected:
    void start_and_lose_redis(std::string_view rule)
    {
        s.set("cache.l1.when_blind", rule);
        s.set("cache.l1.max_ttl", "1h");
        start();
        s.get("/a").expect_body("v1");
        s.get("/a").expect_cache("hit; detail=l1");
        redis->kill();
        ASSERT_TRUE(eventually([&] { return redis_is("degraded"); }));
    }
    bool soon(std::string_view cache)
    {
        return eventually([&] { return cache_status_of(s.get("/a")).text() == cache; });
    }
    // The instance notices by itself that it is blind: on another thread, a moment after it was.
    void wait_until_blind()
    {
        ASSERT_TRUE(eventually([&] { return s.admin("GET", "/v1/status").body.find("\"blind\"") != std::string::npos; }))
            << s.admin("GET", "/v1/status").body;
    }
};

TEST_F(Blind, MemoryServesForTheGraceAndThenValidatesInTheBackgroundOnceInAWhile)
{
    auto& page = s.origin().page("/a").cache_control("max-age=6000").etag("\"1\"").body("v1");
    start_and_lose_redis("revalidate");
    s.advance(29s);
    wait_until_blind();
    s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
    s.advance(2s);
    s.get("/a").expect_cache("hit; detail=blind").expect_body("v1");
    EXPECT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    s.get("/a").expect_cache("hit; detail=l1");
    s.advance(29s);
    s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2) << "what was validated is good for another while";
    s.advance(2s);
    s.get("/a").expect_cache("hit; detail=blind");
    EXPECT_TRUE(page.wait_for_requests(3));
}

TEST_F(Blind, WhatHasChangedIsFoundOutByTheValidation)
{
    auto& page = s.origin().page("/a").cache_control("max-age=6000").etag("\"1\"").body("v1");
    start_and_lose_redis("revalidate");
    s.advance(31s);
    wait_until_blind();
    page.etag("\"2\"").body("v2");
    s.get("/a").expect_body("v1");
    EXPECT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
}

TEST_F(Blind, ToldToServeItAsksNobody)
{
    auto& page = s.origin().page("/a").cache_control("max-age=6000").body("v1");
    start_and_lose_redis("serve");
    s.advance(1h);
    wait_until_blind();
    s.get("/a").expect_cache("hit; detail=blind").expect_body("v1");
    s.head("/a").expect_cache("hit; detail=blind");
    s.wait_until_quiet();
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(Blind, ToldToGoPastTheCacheEveryRequestIsTheOrigins)
{
    auto& page = s.origin().page("/a").cache_control("max-age=6000").body("v1");
    start_and_lose_redis("bypass");
    s.advance(31s);
    wait_until_blind();
    page.body("v2");
    s.get("/a").expect_cache("fwd=bypass; detail=blind").expect_body("v2");
    s.get("/a").expect_cache("fwd=bypass; detail=blind").expect_body("v2");
    EXPECT_EQ(page.requests(), 3);
    auto& other = s.origin().page("/b").cache_control("max-age=6000").body("v1");
    s.get("/b").expect_cache("fwd=uri-miss; stored");
    s.get("/b").expect_cache("hit; detail=l1");   // it came a moment ago
    EXPECT_EQ(other.requests(), 1);
}

// It has never known what was invalidated, and what it fetches itself is good for the grace.
TEST_F(Blind, AnInstanceThatStartsWithoutRedisIsBlindAsWell)
{
    auto& page = s.origin().page("/a").cache_control("max-age=6000").body("v1");
    s.set("cache.l1.when_blind", "serve");
    redis->kill();
    s.start();
    s.get("/a").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_cache("hit; detail=l1");
    s.advance(29s);
    wait_until_blind();
    s.get("/a").expect_cache("hit; detail=l1");
    s.advance(2s);
    s.get("/a").expect_cache("hit; detail=blind");
    EXPECT_EQ(page.requests(), 1);
    redis->restart();
    wait_until_connected();
    EXPECT_TRUE(soon("hit; detail=l1"));
}

TEST_F(Blind, WhenTheLogIsReadAgainNothingIsDoubtedAnyMore)
{
    auto& page = s.origin().page("/a").cache_control("max-age=6000").body("v1");
    start_and_lose_redis("serve");
    s.advance(31s);
    wait_until_blind();
    s.get("/a").expect_cache("hit; detail=blind");
    redis->restart();
    EXPECT_TRUE(soon("hit; detail=l1"));
    const int fetched = page.requests();
    EXPECT_GE(fetched, 2) << "an empty Redis does not know what was invalidated before";
    s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), fetched);
}

// Blind, while Redis answers whoever asks it.
class BlindWithRedis : public l2_fixture {
protected:
    void SetUp() override
    {
        l2_fixture::SetUp();
        if (!redis) { return; }
        link.emplace(redis->port());
        s.set("cache.l2.url", link->url());
        s.set("cache.l1.max_ttl", "1h");
    }
    void go_blind()
    {
        link->cut();
        s.advance(31s);
        ASSERT_TRUE(eventually([&] { return s.admin("GET", "/v1/status").body.find("\"blind\"") != std::string::npos; }));
    }

    std::optional<feed_link> link;
};

// Requests that share no fetch: each of them looks for itself.
TEST_F(BlindWithRedis, WhoSharesNoFetchIsAnsweredAfterALookAtTheTable)
{
    auto& page = s.origin().page("/a").cache_control("public, max-age=6000").body("0123456789");
    start();
    s.get("/a");
    wait_for_entries(1);
    go_blind();
    s.head("/a").expect_status(200).expect_cache("hit; detail=l2");
    for (const std::string& name : redis->keys("tcl:*:e")) { redis->command({"DEL", name}); }
    s.advance(6s);
    const double before = s.metric("l2_duration_seconds_count", {{"op", "lookup"}});
    s.head("/a").expect_status(200).expect_cache("hit; detail=l1");
    s.expect_metric(before + 1, "l2_duration_seconds_count", {{"op", "lookup"}});
    s.advance(4s);
    s.head("/a").expect_status(200).expect_cache("hit; detail=l1");
    s.expect_metric(before + 1, "l2_duration_seconds_count", {{"op", "lookup"}});   // what was looked up is good for a while
    s.advance(2s);
    s.get("/a", {{"Range", "bytes=2-4"}}).expect_status(206).expect_body("234").expect_cache("hit; detail=l1");
    s.advance(6s);
    s.get("/a", {{"Authorization", "Bearer x"}}).expect_body("0123456789").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
    s.expect_metric(before + 3, "l2_duration_seconds_count", {{"op", "lookup"}});
}

TEST_F(BlindWithRedis, WhoSharesNoFetchGetsNothingThatWasPurgedElsewhere)
{
    auto& page = s.origin().page("/a").cache_control("public, max-age=6000").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    go_blind();
    const auto sees = another();
    for (const auto& [method, fields] : {std::pair<std::string, header_list>("HEAD", {}), {"GET", {{"Range", "bytes=0-1"}}},
                                         {"GET", {{"Authorization", "Bearer x"}}}}) {
        const int before = page.requests();
        const answer purged = sees->admin("POST", "/v1/invalidations", R"({"mode":"hard","scopes":[{"kind":"url","url":"http://shop.test/a"}]})");
        ASSERT_NE(purged.body.find("applied"), std::string::npos) << purged.body;
        s.advance(6s);
        EXPECT_FALSE(cache_status_of(s.request(method, "/a", fields)).hit) << method;
        EXPECT_EQ(page.requests(), before + 1) << method;
        s.get("/a");
    }
}

TEST_F(BlindWithRedis, PartsAreTrustedForAMomentOnly)
{
    const std::string all = "abcdefghijklmnopqrstuvwxyz";
    auto& page = s.origin().page("/a");
    page.answer([all](const http_request& r) { return answer_range(r, all, "\"one\"", {{"Cache-Control", "max-age=6000"}}); });
    const header_list range{{"Range", "bytes=2-5"}};
    start();
    s.get("/a", range).expect_status(206);
    s.get("/a", range).expect_body("cdef").expect_cache("hit; detail=partial");
    go_blind();
    EXPECT_EQ(page.requests(), 1);
    s.get("/a", range).expect_status(206).expect_body("cdef");
    EXPECT_EQ(page.requests(), 2) << "Redis has no parts that could be asked about";
    s.advance(4s);
    s.get("/a", range).expect_body("cdef").expect_cache("hit; detail=partial");
    s.advance(2s);
    s.get("/a", range).expect_body("cdef");
    EXPECT_EQ(page.requests(), 3);
}

}  // namespace
}  // namespace tiercel::test
