// What is invalidated on one instance is invalid on all of them, in memory, in Redis and in fetches under way.

#include "l2_fixture.hpp"

namespace tiercel::test {
namespace {

class Invalidation : public l2_fixture {
protected:
    // Until an instance's answer has that content: what is invalidated elsewhere is known here a moment later.
    static bool soon(const scenario& one, const std::string& target, const std::string& body)
    {
        return eventually([&] { return one.get(target).body == body; });
    }
};

TEST_F(Invalidation, AWriteThroughOneInstanceIsSeenByTheOthers)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    auto& untouched = s.origin().page("/b").cache_control("max-age=600").body("v1");
    start();
    const auto second = another();
    const auto third = another();
    for (const scenario* one : {&s, second.get(), third.get()}) {
        one->get("/a").expect_body("v1");
        one->get("/b").expect_body("v1");
    }
    page.body("v2");
    s.post("/a", "new").expect_status(200);
    s.get("/a").expect_body("v2").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
    EXPECT_TRUE(soon(*second, "/a", "v2"));
    EXPECT_TRUE(soon(*third, "/a", "v2"));
    EXPECT_EQ(page.requests(), 3) << "v1, the write, and v2 once for all of them";
    for (const scenario* one : {&s, second.get(), third.get()}) { one->get("/b").expect_cache("hit; detail=l1"); }
    EXPECT_EQ(untouched.requests(), 1);
}

TEST_F(Invalidation, WhileItLagsWhatIsOlderThanARouteAllowsIsValidated)
{
    s.set("routes.0", "{ name: strict, match: { path: /strict/ }, origin: shop, lag_budget: 5s }");
    s.set("routes.1", "{ name: rest, match: { path: / }, origin: shop }");
    auto& strict = s.origin().page("/strict/a").cache_control("max-age=600").etag("\"1\"").body("v1");
    auto& other = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/strict/a");
    s.get("/a");
    s.advance(6s);
    EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/strict/a")).text() == "hit; detail=l1"; }));
    const int before = strict.requests();

    redis->freeze();
    s.advance(4s);
    s.get("/strict/a").expect_cache("hit; detail=l1");
    s.advance(2s);
    s.get("/strict/a").expect_cache("fwd=stale; stored; detail=lag").expect_body("v1");
    s.get("/strict/a").expect_cache("hit; detail=l1");   // it came a moment ago
    s.get("/a").expect_cache("hit; detail=l1");
    s.admin("GET", "/readyz").expect_status(200);
    s.advance(6s);
    s.get("/strict/a").expect_cache("fwd=stale; stored; detail=lag");
    EXPECT_EQ(strict.requests(), before + 2);
    EXPECT_EQ(other.requests(), 1);

    redis->thaw();
    s.advance(6s);
    EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/strict/a")).text() == "hit; detail=l1"; }));
}

TEST_F(Invalidation, AreKnownByTheTableAloneWhereTheStreamMayNotBeReadAndTheOperatorIsTold)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    const auto other = another();
    other->get("/a").expect_body("v1");
    redis->command({"ACL", "SETUSER", "default", "-xread"});
    ASSERT_TRUE(eventually([&] { return redis_is("degraded", *other); }));
    for (const std::string v : {"v2", "v3"}) {
        page.body(v);
        s.post("/a", "new").expect_status(200);
        EXPECT_TRUE(soon(*other, "/a", v));
    }
    EXPECT_TRUE(eventually([&] { return other->admin("GET", "/readyz").body.find("only the table is read, now and then: NOPERM") != std::string::npos; }))
        << other->admin("GET", "/readyz").body;
    redis->command({"ACL", "SETUSER", "default", "+xread"});
    EXPECT_TRUE(eventually([&] { return redis_is("ok") && redis_is("ok", *other); })) << other->admin("GET", "/readyz").body;
}

TEST_F(Invalidation, AFetchUnderWayOnAnotherInstanceIsDeliveredAndNotStored)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    const auto other = another();
    page.hold();
    pending waiting = other->begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto& writing = s.origin().page("/w");
    writing.header("Location", "/a");
    s.post("/w", "new").expect_status(200);   // its Location names the page that is being fetched
    s.origin().page("/marker").cache_control("max-age=600").body("m1");
    other->get("/marker");
    s.origin().page("/marker").body("m2");
    s.post("/marker", "new");
    ASSERT_TRUE(soon(*other, "/marker", "m2")) << "what was invalidated after it is known there";
    page.release();
    waiting.get().expect_body("v1").expect_cache("fwd=uri-miss; detail=fence");
    page.body("v2");
    other->get("/a").expect_body("v2").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_body("v2");
}

// The origin answers out of a replica that lags behind what was written, and what was invalidated: the old state is fetched anew.
TEST_F(Invalidation, WhereTheOriginLagsTheRepetitionBringsWhatTheFirstFetchDidNot)
{
    s.set("invalidation.repeat_after", "1s");
    auto& page = s.origin().page("/a").cache_control("max-age=600").header("Surrogate-Key", "red").body("v1");
    start();
    const auto other = another();
    s.get("/a").expect_body("v1");
    other->get("/a").expect_body("v1");
    s.admin("POST", "/v1/invalidations?wait=applied", R"({"mode":"hard","scopes":[{"kind":"tag","name":"red"}]})").expect_status(200);
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");   // the replica does not know yet
    ASSERT_TRUE(eventually([&] { return cache_status_of(other->get("/a")).text() == "hit; detail=l1"; }));
    page.body("v2");
    EXPECT_TRUE(soon(s, "/a", "v2"));
    EXPECT_TRUE(soon(*other, "/a", "v2")) << "the repetition goes through the log";
    ASSERT_TRUE(eventually([&] { return cache_status_of(s.get("/a")).text() == "hit; detail=l1"; }));
    const std::string rows = s.admin("GET", "/v1/invalidations").body;
    EXPECT_EQ(rows.find("\"repeats\""), rows.rfind("\"repeats\"")) << "once: " << rows;
    EXPECT_EQ(redis->command({"XLEN", "tcl:{inv}:log"}).integer, 3) << "the floor, the purge, and it again";
}

TEST_F(Invalidation, AnEntryOfRedisThatIsOlderIsNotUsedByAnInstanceThatStartsLater)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/a").expect_body("v1");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    const std::string old = redis->command({"GET", name}).text;
    page.body("v2");
    s.post("/a", "new");
    redis->command({"SET", name, old});   // as if a slow writer had been last
    const auto late = another();
    late->get("/a").expect_body("v2");
}

TEST_F(Invalidation, AFlushOfRedisCostsFetchesAndNothingElse)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/a").expect_body("v1");
    s.get("/a").expect_cache("hit; detail=l1");
    page.body("v2");
    redis->command({"FLUSHALL"});
    EXPECT_TRUE(soon(s, "/a", "v2")) << "what was invalidated before is not known any more";
    EXPECT_TRUE(eventually([&] { return s.get("/a").raw_head.find("hit;") != std::string::npos; }));
}

TEST_F(Invalidation, AWriteWhileRedisIsAwayHoldsHereAndReachesTheOthersLater)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    const auto other = another();
    s.get("/a").expect_body("v1");
    other->get("/a").expect_body("v1");
    redis->freeze();
    page.body("v2");
    s.post("/a", "new").expect_status(200);
    s.get("/a").expect_body("v2");
    other->get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    redis->thaw();
    EXPECT_TRUE(soon(*other, "/a", "v2"));
}

}  // namespace
}  // namespace tiercel::test
