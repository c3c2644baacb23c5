#include "l2_fixture.hpp"

namespace tiercel::test {
namespace {

class L2 : public l2_fixture {};

TEST_F(L2, AnAnswerOutlivesTheProcess)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").header("X-Kept", "yes").body("v1");
    start();
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
    wait_for_entries(1);
    restart();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l2").expect_header("X-Kept", "yes").expect_header("Content-Length", "2");
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");   // promoted
    EXPECT_EQ(page.requests(), 1);
    s.expect_metric(1, "requests_total", {{"outcome", "hit_l2"}});
}

// These share no fetch, but what is stored is theirs as well.
TEST_F(L2, RangesAndHeadRequestsAreAnsweredFromIt)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("0123456789");
    auto& other = s.origin().page("/b").cache_control("max-age=60").body("0123456789");
    start();
    s.get("/a");
    s.get("/b");
    wait_for_entries(2);
    restart();
    s.get("/a", {{"Range", "bytes=2-4"}}).expect_status(206).expect_body("234").expect_cache("hit; detail=l2");
    s.get("/a", {{"Range", "bytes=2-4"}}).expect_status(206).expect_body("234").expect_cache("hit; detail=l1");
    s.head("/b").expect_status(200).expect_cache("hit; detail=l2").expect_header("Content-Length", "10");
    EXPECT_EQ(page.requests() + other.requests(), 2);
}

TEST_F(L2, LargeAnswersComeBackWhole)
{
    const std::string content(700'000, 'x');
    s.origin().page("/a").cache_control("max-age=60").body(content).chunked();
    start();
    s.get("/a").expect_body(content);
    wait_for_entries(1);
    restart();
    s.get("/a").expect_body(content).expect_cache("hit; detail=l2");
}

TEST_F(L2, WhatIsTooLargeForRedisStaysInMemory)
{
    s.set("cache.l2.max_value", "64KiB");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body(std::string(100'000, 'x'));
    s.origin().page("/small").cache_control("max-age=60").body("v1");
    start();
    s.get("/a");
    s.get("/a").expect_cache("hit; detail=l1");
    s.get("/small");
    wait_for_entries(1);
    EXPECT_EQ(redis->keys("tcl:*:e").size(), 1U);
    restart();
    s.get("/a").expect_cache("fwd=uri-miss; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(L2, AStaleAnswerFromRedisIsValidated)
{
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    restart();
    s.advance(20s);
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; stored");
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[1].header("If-None-Match"), "\"one\"");
    s.get("/a").expect_cache("hit; detail=l1");
}

TEST_F(L2, AStaleAnswerFromRedisStandsInForTheOrigin)
{
    s.origin().page("/a").cache_control("max-age=10").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    restart();
    s.advance(20s);
    s.origin().go_down();
    s.get("/a").expect_status(200).expect_body("v1").expect_cache("fwd=stale; detail=sie");
}

TEST_F(L2, VariantsAreFoundThere)
{
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}, {"Vary", "X-Kind"}}, "for " + r.header("X-Kind").value_or("none"));
    });
    start();
    s.get("/a", {{"X-Kind", "red"}});
    s.get("/a", {{"X-Kind", "blue"}});
    wait_for_entries(3);
    restart();
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("for blue").expect_cache("hit; detail=l2");
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red");
    s.get("/a", {{"X-Kind", "green"}}).expect_body("for green");
    EXPECT_EQ(page.requests(), 3);
}

TEST_F(L2, TenantsShareNothingThere)
{
    s.configure(R"({ tenancy: { resolvers: [ { kind: host, pattern: "{tenant}.shop.test" } ] } })");
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}}, "for " + r.header("X-Tenant-ID").value_or("nobody"));
    });
    start();
    s.get("/a", {{"Host", "one.shop.test"}});
    wait_for_entries(1);
    restart();
    s.get("/a", {{"Host", "two.shop.test"}}).expect_body("for two").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"Host", "one.shop.test"}}).expect_body("for one").expect_cache("hit; detail=l2");
}

TEST_F(L2, WritesInvalidateThereToo)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    s.post("/a", "new").expect_status(200);
    page.body("v2");
    restart();
    s.get("/a").expect_body("v2").expect_cache("fwd=uri-miss; stored");
}

TEST_F(L2, MemoryAsksAgainAfterItsOwnTime)
{
    s.set("cache.l1.max_ttl", "10s");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    s.advance(11s);
    const double before = s.metric("l2_duration_seconds_count", {{"op", "get"}});
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    EXPECT_TRUE(eventually([&] { return s.metric("l2_duration_seconds_count", {{"op", "get"}}) > before; }));
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(L2, DamagedValuesAreMisses)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("some content of some length");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    const std::string whole = redis->command({"GET", name}).text;
    std::string flipped = whole;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    int requests = 1;
    for (const std::string& damaged : {flipped, whole.substr(0, whole.size() - 1), whole + "x", std::string("nonsense"), std::string(" ")}) {
        restart();
        redis->command({"SET", name, damaged});
        s.get("/a").expect_status(200).expect_body("some content of some length").expect_cache("fwd=uri-miss; stored");
        EXPECT_EQ(page.requests(), ++requests);
        ASSERT_TRUE(eventually([&] { return redis->command({"GET", name}).text != damaged; }));   // replaced
    }
    restart();
    redis->command({"DEL", name});
    redis->command({"LPUSH", name, "of another type"});
    s.get("/a").expect_status(200).expect_body("some content of some length");
}

TEST_F(L2, AnotherKeysValueIsAMiss)
{
    s.origin().page("/a").cache_control("max-age=60").body("content of a");
    s.origin().page("/b").cache_control("max-age=60").body("content of b");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name_a = redis->keys("tcl:*:e").at(0);
    s.get("/b");
    wait_for_entries(2);
    std::vector<std::string> names = redis->keys("tcl:*:e");
    std::erase(names, name_a);
    redis->command({"SET", name_a, redis->command({"GET", names.at(0)}).text});
    restart();
    s.get("/a").expect_body("content of a").expect_cache("fwd=uri-miss; stored");
}

// ---- which of two copies counts ----

TEST_F(L2, A304UpdatesTheEntryThereToo)
{
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"1\"").header("X-A", "1").header("X-B", "1").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    const std::string before = redis->command({"GET", name}).text;
    s.advance(11s);
    page.raw("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=100\r\nX-A: 2\r\nContent-Length: 99\r\n\r\n");
    s.get("/a").expect_body("v1").expect_header("X-A", "2").expect_header("Content-Length", "2");
    ASSERT_TRUE(eventually([&] { return redis->command({"GET", name}).text != before; }));
    restart();
    s.advance(60s);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l2").expect_header("X-A", "2").expect_header("X-B", "1")
        .expect_header("Content-Length", "2").expect_header("Cache-Control", "max-age=100");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(L2, AnOlderCopyThereIsNotServedOverANewerOneHere)
{
    s.set("routes.0.request_directives", "honour");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    const std::string old = redis->command({"GET", name}).text;
    s.advance(10s);
    page.cache_control("max-age=1").body("v2");
    s.get("/a", {{"Cache-Control", "no-cache"}}).expect_body("v2");
    ASSERT_TRUE(eventually([&] { return redis->command({"GET", name}).text != old; }));
    redis->command({"SET", name, old});   // as if the newer one had not arrived there
    s.advance(2s);
    page.body("v3");
    s.get("/a").expect_body("v3").expect_cache("fwd=stale; stored");
}

TEST_F(L2, MemoryTakesANewerCopyFromThereThoughItLivesShorter)
{
    s.set("cache.l1.max_ttl", "10s").set("routes.0.request_directives", "honour");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    const std::string before = redis->command({"GET", name}).text;

    scenario other;
    other.configure("{ server: { threads: 1 }, cache: { l2: { kind: redis, url: '" + redis->url() + "', timeout: 5s } } }");
    other.set("routes.0.request_directives", "honour");
    other.set("origins.shop.endpoints", "[ '" + s.origin().url() + "' ]").start();
    wait_until_connected(other);
    page.cache_control("max-age=300").body("v2");
    other.advance(1s);
    other.get("/a", {{"Cache-Control", "no-cache"}}).expect_body("v2");
    ASSERT_TRUE(eventually([&] { return redis->command({"GET", name}).text != before; }));

    s.advance(11s);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");   // looks into Redis, in the background
    EXPECT_TRUE(eventually([&] { return s.get("/a").body == "v2"; }));
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(L2, APromotedEntryKeepsItsOwnEnd)
{
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"1\"").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    restart();
    s.advance(7s);
    s.get("/a").expect_cache("hit; detail=l2");
    s.advance(2s);
    s.get("/a").expect_cache("hit; detail=l1");
    s.advance(2s);
    s.get("/a").expect_body("v1").expect_cache("fwd=stale; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(L2, AFetchThatBeganBeforeAWriteIsNotStoredThereEither)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("old").hold();
    start();
    auto reader = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto writer = std::async(std::launch::async, [&] { return s.post("/a", "new").status; });
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    EXPECT_EQ(writer.get(), 200);
    reader.get().expect_body("old");
    s.wait_until_quiet();
    page.body("new");
    restart();
    s.get("/a").expect_body("new");
}

TEST_F(L2, AHeadConfirmsWhatIsExpiredThere)
{
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"1\"").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    restart();
    s.advance(11s);
    s.head("/a").expect_status(200).expect_cache("fwd=stale; detail=method");
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(L2, WhatIsExpiredThereStandsInForTheOriginForThoseWhoGoAlone)
{
    s.origin().page("/a").cache_control("public, max-age=10").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    restart();
    s.advance(11s);
    s.origin().go_down();
    s.get("/a", {{"Authorization", "Bearer x"}}).expect_status(200).expect_body("v1").expect_cache("fwd=stale; detail=sie");
}

// ---- without Redis ----

TEST_F(L2, RedisThatDiesIsAMissAndMemoryGoesOn)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    auto& other = s.origin().page("/b").cache_control("max-age=60").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    redis->kill();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    s.get("/b").expect_body("v1").expect_cache("fwd=uri-miss; stored");
    s.get("/b").expect_body("v1").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
    EXPECT_EQ(other.requests(), 1);
    EXPECT_TRUE(eventually([&] { return redis_is("degraded"); }));
    s.admin("GET", "/readyz").expect_status(200);
}

TEST_F(L2, RedisThatComesBackIsUsedAgain)
{
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.origin().page("/b").cache_control("max-age=60").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    redis->kill();
    s.get("/b").expect_body("v1");
    ASSERT_TRUE(eventually([&] { return redis_is("degraded"); }));
    redis->restart();
    int n = 0;
    EXPECT_TRUE(eventually([&] {
        const std::string target = "/later/" + std::to_string(++n);
        s.origin().page(target).cache_control("max-age=60").body("v1");
        s.get(target).expect_status(200);
        s.advance(100ms);
        return !redis->keys("tcl:*:e").empty();
    }));
    EXPECT_TRUE(eventually([&] { return redis_is("ok"); }));
}

TEST_F(L2, RedisThatFreezesCostsOneTimeoutAtMost)
{
    s.set("cache.l2.timeout", "100ms");
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.origin().page("/b").cache_control("max-age=60").body("v1");
    start();
    s.get("/a");
    redis->freeze();
    s.get("/a").expect_cache("hit; detail=l1");
    for (int i = 0; i < 20; ++i) {
        const std::string target = "/frozen/" + std::to_string(i);
        s.origin().page(target).cache_control("max-age=60").body("v1");
        s.get(target).expect_status(200).expect_body("v1").expect_cache("fwd=uri-miss; stored");
        s.get(target).expect_cache("hit; detail=l1");
    }
    EXPECT_GT(s.metric("l2_errors_total"), 0);
    redis->thaw();
}

TEST_F(L2, RedisThatIsNotThereAtTheStartIsNotNeeded)
{
    redis->kill();
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    s.admin("GET", "/readyz").expect_status(200);
    EXPECT_TRUE(redis_is("degraded"));
}

TEST_F(L2, RedisThatIsRequiredMakesTheDifferenceForReadiness)
{
    redis->kill();
    s.set("cache.l2.required", "true");
    s.origin().page("/a").body("v1");
    s.start();
    s.admin("GET", "/readyz").expect_status(503);
    s.admin("GET", "/livez").expect_status(200);
    s.get("/a").expect_body("v1");
}

TEST(L2InMemory, OutlivesNothingButIsAsked)
{
    scenario s;
    s.set("cache.l2.kind", "memory").set("cache.l1.max_bytes", "0");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a").expect_cache("fwd=uri-miss; stored");
    EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/a")).detail == "l2"; }));
    EXPECT_LE(page.requests(), 2);
}

}  // namespace
}  // namespace tiercel::test
