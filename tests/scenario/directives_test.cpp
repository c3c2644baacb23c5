#include "scenario.hpp"

namespace tiercel::test {
namespace {

// Cache-Control of requests (RFC 9111 §5.2.1), which counts only where the route honours it.
class Directives : public ::testing::Test {
protected:
    void start(std::string_view rule)
    {
        s.set("routes.0.request_directives", rule);
        page.cache_control("max-age=60").etag("\"one\"").body("v1");
        s.start();
    }
    answer ask(const std::string& directives) { return s.get("/a", {{"Cache-Control", directives}}); }

    scenario s;
    origin_page& page = s.origin().page("/a");
};

TEST_F(Directives, AreIgnoredByDefaultSoThatNobodyCanLoadTheOrigin)
{
    start("ignore");
    s.get("/a");
    for (const std::string d : {"no-cache", "no-store", "max-age=0", "min-fresh=1000", "only-if-cached, no-cache"}) {
        ask(d).expect_body("v1").expect_cache("hit; detail=l1");
    }
    s.get("/a", {{"Pragma", "no-cache"}}).expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(Directives, NoCacheAsksTheOrigin)
{
    start("honour");
    s.get("/a");
    ask("no-cache").expect_status(200).expect_body("v1").expect_cache("fwd=request; stored");
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[1].header("If-None-Match"), "\"one\"");
    s.get("/a", {{"Pragma", "no-cache"}}).expect_cache("fwd=request; stored");
    s.get("/a").expect_cache("hit; detail=l1");
}

TEST_F(Directives, MaxAgeLimitsTheAge)
{
    start("honour");
    s.get("/a");
    s.advance(20s);
    ask("max-age=30").expect_cache("hit; detail=l1");
    ask("max-age=10").expect_cache("fwd=request; stored");
    ask("max-age=10").expect_cache("hit; detail=l1");
}

TEST_F(Directives, MinFreshWantsSomethingLeft)
{
    start("honour");
    s.get("/a");
    s.advance(20s);
    ask("min-fresh=30").expect_cache("hit; detail=l1");
    ask("min-fresh=50").expect_cache("fwd=request; stored");
}

TEST_F(Directives, MaxStaleTakesOldAnswers)
{
    start("honour");
    s.get("/a");
    s.advance(80s);
    ask("max-stale=30").expect_body("v1").expect_cache("hit; detail=max-stale").expect_ttl(-20);
    ask("max-stale=10").expect_cache("fwd=stale; stored");
}

TEST_F(Directives, NoStoreNeitherReadsNorStores)
{
    start("honour");
    ask("no-store").expect_body("v1").expect_cache("fwd=request; detail=request-no-store");
    s.get("/a").expect_cache("fwd=uri-miss; stored");
    ask("no-store").expect_cache("fwd=request; detail=request-no-store");
    EXPECT_EQ(page.requests(), 3);
}

TEST_F(Directives, OnlyIfCachedNeverAsksTheOrigin)
{
    start("honour");
    ask("only-if-cached").expect_status(504);
    EXPECT_EQ(page.requests(), 0);
    s.get("/a");
    ask("only-if-cached").expect_body("v1").expect_cache("hit; detail=l1");
    s.advance(61s);
    ask("only-if-cached").expect_status(504);
    EXPECT_EQ(page.requests(), 1);
}

}  // namespace
}  // namespace tiercel::test
