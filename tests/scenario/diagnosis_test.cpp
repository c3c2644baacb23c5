#include "scenario.hpp"

#include "support/temp_dir.hpp"

namespace tiercel::test {
namespace {

// What helps people to follow one request through several systems.

TEST(RequestId, IsMadeForEachRequestAndToldToBothSides)
{
    scenario s;
    auto& page = s.origin().page("/a");
    s.start();
    const answer first = s.get("/a");
    const answer second = s.get("/a");
    ASSERT_TRUE(first.has("X-Request-ID"));
    EXPECT_NE(first.header("X-Request-ID"), second.header("X-Request-ID"));
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[0].headers("X-Request-ID"), first.headers("X-Request-ID"));
}

TEST(RequestId, OfATrustedPeerIsKept)
{
    scenario s;
    s.set("server.trusted_proxies", "[ 127.0.0.0/8 ]");
    auto& page = s.origin().page("/a");
    s.start();
    s.get("/a", {{"X-Request-ID", "from-the-edge.7"}}).expect_header("X-Request-ID", "from-the-edge.7");
    EXPECT_EQ(page.received().at(0).headers("X-Request-ID"), std::vector<std::string>({"from-the-edge.7"}));
    for (const std::string& bad : {std::string("a b"), std::string("a\"b"), std::string("a\\b"), std::string(129, 'x')}) {
        const answer r = s.get("/a", {{"X-Request-ID", bad}});
        ASSERT_EQ(r.count("X-Request-ID"), 1U);
        EXPECT_NE(r.header("X-Request-ID"), bad);
    }
}

TEST(RequestId, OfAnybodyElseIsReplaced)
{
    scenario s;
    auto& page = s.origin().page("/a");
    s.start();
    const answer r = s.get("/a", {{"X-Request-ID", "forged"}});
    ASSERT_EQ(r.count("X-Request-ID"), 1U);
    EXPECT_NE(r.header("X-Request-ID"), "forged");
    EXPECT_EQ(page.received().at(0).headers("X-Request-ID"), r.headers("X-Request-ID"));
}

TEST(RequestId, OfTheOriginIsNotStored)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").header("X-Request-ID", "the-origins-own").body("v1");
    s.start();
    const answer miss = s.get("/a");
    const answer hit = s.get("/a").expect_cache("hit; detail=l1");
    for (const answer& r : {miss, hit}) {
        ASSERT_EQ(r.count("X-Request-ID"), 1U);
        EXPECT_NE(r.header("X-Request-ID"), "the-origins-own");
    }
}

TEST(Debug, TellsTrustedPeersMore)
{
    scenario s;
    s.set("server.trusted_proxies", "[ 127.0.0.0/8 ]");
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        const answer r = s.get("/a", {{"Tiercel-Debug", "1"}}).expect_cache(cache).expect_header("Tiercel-Route", "all")
                             .expect_header("Tiercel-Tenant", "default").expect_header("Tiercel-Key", "default|http|shop.test|/a");
        EXPECT_FALSE(cache_status_of(r).key.empty());
    }
    s.get("/a").expect_no_header("Tiercel-Route").expect_no_header("Tiercel-Key");
}

TEST(Debug, TellsNobodyElse)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    const answer r = s.get("/a", {{"Tiercel-Debug", "1"}}).expect_no_header("Tiercel-Key").expect_no_header("Tiercel-Route");
    EXPECT_TRUE(cache_status_of(r).key.empty());
}

TEST(Trace, ContextIsPassedOnUnchanged)
{
    scenario s;
    auto& page = s.origin().page("/a");
    s.start();
    s.get("/a", {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"tracestate", "a=b"}});
    EXPECT_EQ(page.received().at(0).header("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    EXPECT_EQ(page.received().at(0).header("tracestate"), "a=b");
}

TEST(CacheStatus, OfCachesNearerToTheOriginComesFirst)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").header("Cache-Status", "inner; hit").body("v1");
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        const answer r = s.get("/a").expect_cache(cache);
        EXPECT_EQ(cache_status_of(r).before, std::vector<std::string>({"inner"}));
    }
}

// Several lines are one list (RFC 9110 §5.3), and a list with one bad member is none (RFC 8941 §4.2): ours would be lost with it.
TEST(CacheStatus, OfCachesNearerToTheOriginIsDroppedWhereItCannotBeRead)
{
    scenario s;
    for (const std::string page : {"/stored", "/passed"}) {
        s.origin().page(page).cache_control(page == "/stored" ? "max-age=60" : "no-store").header("Cache-Status", "HIT from edge (4.1)")
            .header("Cache-Status", "inner; hit").header("Cache-Status", "").header("Cache-Status", "outer; fwd=miss,").body("v1");
    }
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        const answer r = s.get("/stored").expect_cache(cache);
        EXPECT_EQ(cache_status_of(r).before, std::vector<std::string>({"inner"}));
    }
    EXPECT_EQ(cache_status_of(s.get("/passed").expect_cache("fwd=uri-miss; detail=no-store")).before, std::vector<std::string>({"inner"}));
    EXPECT_EQ(cache_status_of(s.request("OPTIONS", "/passed")).before, std::vector<std::string>({"inner"}));
}

TEST(CacheStatus, OfAConfirmationReplacesTheStoredOneOnlyIfItCanBeRead)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=1").header("ETag", "\"1\"").header("Cache-Status", "inner; hit").body("v1");
    s.start();
    s.get("/a");
    const auto confirm_with = [&](const std::string& status) {
        page.raw("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=1\r\nCache-Status: " + status + "\r\n\r\n");
        s.advance(2s);
        return cache_status_of(s.get("/a").expect_body("v1")).before;
    };
    EXPECT_EQ(confirm_with("broken; hit,"), std::vector<std::string>({"inner"}));
    EXPECT_EQ(confirm_with("other; hit"), std::vector<std::string>({"other"}));
}

// Instances may stand in a row: the last member is that of the one that the client has talked to.
TEST(CacheStatus, OfAnotherInstanceOfTiercelStandsBeforeOurs)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").header("Cache-Status", "tiercel; hit; ttl=5; detail=l2").body("v1");
    s.start();
    s.get("/a").expect_cache("fwd=uri-miss; stored");
    const answer r = s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(r.headers("Cache-Status").front(), "tiercel; hit; ttl=5; detail=l2");
    EXPECT_TRUE(r.headers("Cache-Status").back().starts_with("tiercel; hit; ttl=")) << r.headers("Cache-Status").back();
}

TEST(Listener, MayBeAUnixSocket)
{
    temp_dir dir;
    const std::filesystem::path socket = dir.path() / "tiercel.sock";
    scenario s;
    s.set("server.listen", "[ '127.0.0.1:0', 'unix:" + socket.string() + "' ]");
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    raw_client c(socket);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(c.get("/a", {{"Host", "shop.test"}}).body, "v1");
    }
    s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_TRUE(s.begin_drain().get());
    EXPECT_FALSE(std::filesystem::exists(socket));
}

}  // namespace
}  // namespace tiercel::test
