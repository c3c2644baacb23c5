#include "l2_fixture.hpp"

#include "l2/redis_name.hpp"
#include "l2/wake_board.hpp"

#include <tiercel/cache_key.hpp>

namespace tiercel::test {
namespace {

using std::chrono::steady_clock;

// One fetch per key over all instances. In some tests the test itself is the other instance: it holds the lock in Redis, and
// says how its fetch ended.
class ClusterLock : public l2_fixture {
protected:
    static double locks(const scenario& one, std::string_view result)
    {
        return one.metric("lock_total", {{"result", std::string(result)}});
    }
    // News reach who is there when they come: nothing begins before all instances listen.
    void start()
    {
        l2_fixture::start();
        wait_until_all_hear();
    }
    std::unique_ptr<scenario> another() { return another([](scenario&) {}); }
    template <class Configure>
    std::unique_ptr<scenario> another(Configure configure)
    {
        auto other = l2_fixture::another(configure);
        ++instances;
        wait_until_all_hear();
        return other;
    }
    void wait_until_all_hear()
    {
        ASSERT_TRUE(eventually([&] { return redis->command({"PUBSUB", "NUMSUB", "tcl:wake"}).elements.at(1).integer == instances; }));
    }
    // Until that instance waits for another's fetch.
    static void wait_until_waiting(const scenario& one)
    {
        ASSERT_TRUE(eventually([&] { return locks(one, "busy") >= 1; }));
    }
    static void expect_locks(const scenario& one, double n, std::string_view result, location at = location::current())
    {
        one.expect_metric(n, "lock_total", {{"result", std::string(result)}}, at);
    }

    static std::string key(std::string_view path)
    {
        std::string framed;
        append_key(framed, {.tenant = "default", .scheme = "http", .host = "shop.test", .path = path});
        return framed;
    }
    static std::string lock(std::string_view path = "/a") { return l2::lock_name("tcl", "default", key(path)); }
    std::string holder(std::string_view path = "/a") { return redis->command({"GET", lock(path)}).text; }

    void hold_lock(std::chrono::milliseconds lease = 60s)
    {
        ASSERT_EQ(redis->command({"SET", lock(), "another-instance", "PX", std::to_string(lease.count())}).text, "OK");
    }
    void give_back(const l2::fill_news& news)
    {
        redis->command({"DEL", lock()});
        say(l2::wake_message(stable_hash(key("/a")), "another-instance", news));
    }
    void say(const std::string& message) { EXPECT_EQ(redis->command({"PUBLISH", "tcl:wake", message}).integer, instances) << "it is heard"; }

    std::int64_t instances = 1;
};

TEST_F(ClusterLock, ManyRequestsToManyInstancesCauseOneFetch)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    start();
    const auto second = another();
    const auto third = another();
    auto all = s.begin_gets(5, "/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    for (const auto* one : {second.get(), third.get()}) {
        auto more = one->begin_gets(5, "/a");
        std::move(more.begin(), more.end(), std::back_inserter(all));
        wait_until_waiting(*one);
        one->wait_for_waiters(4);
    }
    page.release();
    for (auto& one : all) { one.get().expect_status(200).expect_body("v1"); }
    second->get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
    expect_locks(s, 1, "acquired");
    for (const auto* one : {second.get(), third.get()}) {
        expect_locks(*one, 1, "busy");
        expect_locks(*one, 1, "found");
        one->expect_metric(1, "lock_wait_seconds_count");
    }
    EXPECT_TRUE(redis->keys("tcl:*:l").empty());
    EXPECT_TRUE(redis->keys("tcl:*:w").empty());
}

TEST_F(ClusterLock, TheAnswerOfAnotherInstanceIsAHit)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    start();
    const auto other = another();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto second = other->begin_get("/a");
    wait_until_waiting(*other);
    page.release();
    first.get().expect_cache("fwd=uri-miss; stored");
    second.get().expect_cache("hit; detail=l2");
}

TEST_F(ClusterLock, DifferentKeysDoNotWaitForEachOther)
{
    s.origin().page("/b").cache_control("max-age=60").body("v1");
    start();
    hold_lock();
    s.get("/b").expect_body("v1");
    expect_locks(s, 0, "busy");
}

TEST_F(ClusterLock, SwitchedOffEachInstanceFetchesForItself)
{
    s.set("routes.0.stampede.lock.enabled", "false");
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    hold_lock();
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
    expect_locks(s, 1, "skipped");
    wait_for_entries(1);
}

TEST_F(ClusterLock, QuickFetchesAreNotWorthIt)
{
    s.set("routes.0.stampede.lock.min_delta", "10s").set("routes.0.stale.while_revalidate", "0s");
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    start();
    s.get("/a").expect_body("v1");   // nothing is known about this one
    expect_locks(s, 1, "acquired");
    wait_for_entries(1);
    s.advance(20s);
    hold_lock();
    s.get("/a").expect_cache("fwd=stale; stored");
    expect_locks(s, 1, "skipped");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(ClusterLock, AnAnswerThatIsValidatedOnEachUseIsForAllWhoWaitedForIt)
{
    auto& page = s.origin().page("/a").cache_control("no-cache").etag("\"one\"").body("v1").hold();
    s.let_time_run();
    start();
    const auto second = another([](scenario& one) { one.let_time_run(); });
    const auto third = another([](scenario& one) { one.let_time_run(); });
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    std::vector<pending> all;
    for (const auto* one : {second.get(), third.get()}) {
        auto more = one->begin_gets(3, "/a");
        std::move(more.begin(), more.end(), std::back_inserter(all));
        wait_until_waiting(*one);
        one->wait_for_waiters(2);
    }
    page.release();
    first.get().expect_body("v1");
    for (auto& one : all) { one.get().expect_body("v1").expect_cache("fwd=uri-miss; collapsed"); }
    EXPECT_EQ(page.requests(), 1);
    second->get("/a").expect_body("v1");
    EXPECT_EQ(page.requests(), 2) << "who comes later has it validated";
}

TEST_F(ClusterLock, AnAnswerThatMayNotBeSharedReleasesAllInstancesAtOnce)
{
    auto& page = s.origin().page("/a").hold();
    page.answer([&](const http_request&) {
        // After the first, each waits until all are there: one by one, they would not come.
        if (page.requests() > 1) { EXPECT_TRUE(page.wait_for_requests(7)); }
        return plain_answer({{"Cache-Control", "no-store"}}, "for one");
    });
    start();
    const auto other = another();
    auto all = s.begin_gets(3, "/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    s.wait_for_waiters(2);
    auto more = other->begin_gets(4, "/a");
    other->wait_for_waiters(3);
    wait_until_waiting(*other);
    page.release();
    for (auto& one : all) { one.get().expect_status(200).expect_body("for one"); }
    for (auto& one : more) { one.get().expect_status(200).expect_body("for one"); }
    EXPECT_EQ(page.requests(), 7);
    other->get("/a").expect_cache("fwd=uri-miss; detail=mark");   // and the next ones do not wait
    EXPECT_TRUE(redis->keys("tcl:*:l").empty());
}

TEST_F(ClusterLock, AFailureIsTheSameForAllInstancesAndHappensOnce)
{
    auto& page = s.origin().page("/a").fault(origin_fault::close_without_answer).hold();
    start();
    const auto other = another();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto more = other->begin_gets(3, "/a");
    other->wait_for_waiters(2);
    wait_until_waiting(*other);
    page.release();
    first.get().expect_problem(502, "origin_reset");
    for (auto& one : more) {
        one.get().expect_problem(502, "origin_reset").expect_cache("fwd=uri-miss; collapsed; detail=unreachable");
    }
    other->get("/a").expect_problem(502, "origin_reset");   // remembered there, too
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(ClusterLock, AnErrorOfTheOriginIsTheSameForAllInstances)
{
    auto& page = s.origin().page("/a").status(503).body("the origin's own words").hold();
    start();
    const auto other = another();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto second = other->begin_get("/a");
    wait_until_waiting(*other);
    page.release();
    first.get().expect_status(503).expect_body("the origin's own words");
    second.get().expect_problem(503, "origin_error").expect_cache("fwd=uri-miss; collapsed");
    EXPECT_EQ(page.requests(), 1);
    page.status(200);
    other->get("/a").expect_status(200);   // an answer is not remembered as a failure
}

TEST_F(ClusterLock, AStaleAnswerStandsInForAFetchThatFailedElsewhere)
{
    s.set("routes.0.stampede.lock.min_delta", "0s");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    s.advance(20s);
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    give_back({.what = l2::fill_outcome::failed, .why = errc::origin_timeout});
    waiting.get().expect_status(200).expect_body("v1").expect_cache("fwd=stale; collapsed; detail=sie");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(ClusterLock, WhenTheHolderDiesTheNextOneFetches)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    constexpr auto lease = 500ms;
    hold_lock(lease);
    const auto began = steady_clock::now();
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
    const auto took = steady_clock::now() - began;
    EXPECT_GE(took, lease - 100ms) << "not before";
    EXPECT_LE(took, lease + 1s);
    expect_locks(s, 1, "taken_over");
    EXPECT_EQ(page.requests(), 1);
    wait_for_entries(1);
}

TEST_F(ClusterLock, WhatTheHolderDoesNotSayIsSeenAllTheSame)
{
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    redis->command({"DEL", lock()});   // and not a word
    waiting.get().expect_body("v1").expect_cache("fwd=uri-miss; stored");
}

TEST_F(ClusterLock, WhatWasStoredMeanwhileComesWithTheLock)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    const auto other = another();
    other->get("/a").expect_body("v1");
    wait_for_entries(1);
    const std::string name = l2::entry_name("tcl", "default", key("/a"));
    const std::string bytes = redis->command({"GET", name}).text;
    redis->command({"DEL", name});
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    redis->command({"SET", name, bytes, "PX", "60000"});
    redis->command({"DEL", lock()});   // and not a word
    waiting.get().expect_body("v1").expect_cache("hit; detail=l2");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(ClusterLock, AHolderThatGivesUpLetsTheNextOneTry)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    say("nonsense");
    say(hex(stable_hash(key("/a"))) + " another-instance evaporated");   // of another release: look for yourself
    say(l2::wake_message(stable_hash(key("/b")), "another-instance", {.what = l2::fill_outcome::uncacheable}));
    give_back({.what = l2::fill_outcome::released});
    waiting.get().expect_body("v1").expect_cache("fwd=uri-miss; stored");
    expect_locks(s, 1, "taken_over");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(ClusterLock, LateNewsOfTheFetchBeforeAreNotBelieved)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    for (const auto what : {l2::fill_outcome::failed, l2::fill_outcome::uncacheable, l2::fill_outcome::alone}) {
        say(l2::wake_message(stable_hash(key("/a")), "the-one-before", {.what = what, .why = errc::origin_reset}));
    }
    give_back({.what = l2::fill_outcome::released});
    waiting.get().expect_body("v1").expect_cache("fwd=uri-miss; stored");
    expect_locks(s, 1, "taken_over");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(ClusterLock, AnAnswerThatIsSaidToBeThereAndIsNotIsFetched)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    give_back({.what = l2::fill_outcome::stored});
    waiting.get().expect_body("v1").expect_cache("fwd=uri-miss; stored");
    EXPECT_EQ(page.requests(), 1);
}

// It had been there before, so the fetch that is waited for has not brought it.
TEST_F(ClusterLock, WhoWaitsIsNotContentWithWhatHadToBeValidatedAnyway)
{
    s.set("routes.0.stampede.lock.min_delta", "0s");
    auto& page = s.origin().page("/a").cache_control("no-cache").etag("\"one\"").body("v1");
    start();
    s.get("/a").expect_body("v1");
    wait_for_entries(1);
    page.etag("\"two\"").body("v2");
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    give_back({.what = l2::fill_outcome::stored});
    waiting.get().expect_body("v2");
}

TEST_F(ClusterLock, WhoWaitsIsNotContentWithWhatWasPurgedWhileOrBeforeItCame)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    const auto other = another();
    other->get("/a").expect_body("v1");
    wait_for_entries(1);
    const std::string name = l2::entry_name("tcl", "default", key("/a"));
    const std::string bytes = redis->command({"GET", name}).text;
    redis->command({"DEL", name});
    hold_lock();
    auto waiting = s.begin_get("/a");
    wait_until_waiting(s);
    s.admin("POST", "/v1/invalidations?wait=applied",
            R"({"mode":"soft","scopes":[{"kind":"url","url":"http://shop.test/a"}]})").expect_status(200);
    page.body("v2");
    redis->command({"SET", name, bytes, "PX", "60000"});   // a writer that has not heard of it
    give_back({.what = l2::fill_outcome::stored});
    waiting.get().expect_body("v2");
}

TEST_F(ClusterLock, WhatIsTooLargeForRedisIsFetchedOncePerInstance)
{
    s.set("cache.l2.max_value", "64KiB");
    const std::string content(200'000, 'x');
    auto& page = s.origin().page("/a").cache_control("max-age=60").body(content).hold();
    auto& chunked = s.origin().page("/chunked").cache_control("max-age=60").body(content).chunked().hold();
    start();
    const auto other = another([](scenario& o) { o.set("cache.l2.max_value", "64KiB"); });
    double waits = 0;
    for (auto* const one : {&page, &chunked}) {
        const std::string target = one == &page ? "/a" : "/chunked";
        auto first = s.begin_get(target);
        ASSERT_TRUE(one->wait_for_requests(1));
        auto more = other->begin_gets(3, target);
        ++waits;
        ASSERT_TRUE(eventually([&] { return locks(*other, "busy") >= waits; }));
        other->wait_for_waiters(static_cast<int>(2 * waits));
        one->release();
        first.get().expect_body(content);
        for (auto& r : more) { r.get().expect_body(content); }
        EXPECT_EQ(one->requests(), 2);
        other->get(target).expect_cache("hit; detail=l1");
    }
    EXPECT_TRUE(redis->keys("tcl:*:l").empty());
}

TEST_F(ClusterLock, WhoHasLostItServesItsClientsAndWritesNothing)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    ASSERT_TRUE(eventually([&] { return !holder().empty(); }));
    hold_lock();   // as if it had expired, and another instance had taken it
    page.release();
    first.get().expect_status(200).expect_body("v1").expect_cache("fwd=uri-miss; stored");
    expect_locks(s, 1, "lost");
    EXPECT_EQ(holder(), "another-instance");
    EXPECT_TRUE(redis->keys("tcl:*:e").empty());
    s.get("/a").expect_cache("hit; detail=l1");
}

TEST_F(ClusterLock, IsRenewedWhileTheFetchRuns)
{
    s.set("routes.0.stampede.lock.lease", "300ms");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    start();
    const auto other = another();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    const std::string token = holder();
    auto second = other->begin_get("/a");
    s.expect_metric(6, "l2_duration_seconds_count", {{"op", "renew"}});   // two leases long
    EXPECT_EQ(holder(), token);
    page.release();
    first.get().expect_body("v1");
    second.get().expect_body("v1");
    EXPECT_EQ(page.requests(), 1);
    expect_locks(s, 0, "lost");
}

TEST_F(ClusterLock, ARequestWaitsInVainOnlyOnce)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    redis->freeze();
    s.get("/a").expect_body("v1");
    redis->thaw();
    EXPECT_EQ(page.requests(), 1);
    expect_locks(s, 1, "unavailable");
    EXPECT_EQ(s.metric("l2_errors_total", {{"op", "get"}, {"reason", "timeout"}}), 1);
    EXPECT_EQ(s.metric("l2_errors_total", {{"op", "lock"}}), 0) << "not asked after that";
}

TEST_F(ClusterLock, RedisThatDiesLeavesEverybodyToThemselves)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    start();
    const auto other = another();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto more = other->begin_gets(3, "/a");
    wait_until_waiting(*other);
    other->wait_for_waiters(2);
    redis->kill();
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    first.get().expect_body("v1");
    for (auto& one : more) { one.get().expect_body("v1"); }
    EXPECT_EQ(page.requests(), 2);
    expect_locks(*other, 1, "unavailable");
}

TEST_F(ClusterLock, ARefreshInTheBackgroundDoesNotWait)
{
    s.set("routes.0.stampede.lock.min_delta", "0s");
    auto& page = s.origin().page("/a").cache_control("max-age=10, stale-while-revalidate=3600").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    s.advance(20s);
    page.body("v2");
    hold_lock();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    expect_locks(s, 1, "busy");
    s.wait_until_quiet();
    s.expect_metric(0, "lock_wait_seconds_count");
    EXPECT_EQ(page.requests(), 1);
    // As long as that lock may last there is no use in another attempt; then there is.
    redis->command({"DEL", lock()});
    for (int i = 0; i < 3; ++i) { s.get("/a").expect_body("v1").expect_cache("hit; detail=swr"); }
    s.wait_until_quiet();
    expect_locks(s, 1, "busy");
    EXPECT_EQ(page.requests(), 1);
    s.advance(61s);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
}

TEST_F(ClusterLock, AnEarlyRefreshDoesNotWaitEither)
{
    s.set("routes.0.stampede.lock.min_delta", "0s").set("routes.0.stampede.lock.lease", "300ms").set("routes.0.stampede.xfetch.beta", "10");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
    start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    s.expect_metric(1, "l2_duration_seconds_count", {{"op", "renew"}});   // so that the fetch takes a while
    page.release();
    first.get();
    wait_for_entries(1);
    hold_lock();
    s.advance(9s);
    for (int i = 0; locks(s, "busy") == 0; ++i) {
        s.get("/a").expect_body("v1").expect_status(200);
        ASSERT_LT(i, 1000);
    }
    s.expect_metric(1, "xfetch_total", {{"result", "elsewhere"}});
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(ClusterLock, ARefreshAfterAWriteLeavesItToTheOther)
{
    s.set("routes.0.on_write", "refresh");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    hold_lock();
    s.post("/a", "new").expect_status(200);
    wait_until_waiting(s);
    s.wait_until_quiet();
    EXPECT_EQ(page.requests(), 2) << "the write alone";
    s.expect_metric(0, "lock_wait_seconds_count");
    redis->command({"DEL", lock()});
    s.get("/a").expect_cache("fwd=uri-miss; stored");
}

TEST_F(ClusterLock, NobodyWaitsBeyondTheDeadlineOfTheRoute)
{
    s.set("routes.0.deadline", "200ms");
    start();
    hold_lock();
    s.get("/a").expect_status(504);
    s.wait_until_quiet();
}

TEST_F(ClusterLock, AWaitEndsWithTheTimeForTheShutdown)
{
    s.set("server.timeouts.drain", "200ms");
    start();
    hold_lock();
    raw_client c = s.client();
    c.connect();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    wait_until_waiting(s);
    const auto began = steady_clock::now();
    EXPECT_FALSE(s.begin_drain().get()) << "that request was broken off";
    EXPECT_LE(steady_clock::now() - began, 10s);
}

TEST_F(ClusterLock, EachVariantHasItsOwn)
{
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}, {"Vary", "X-Kind"}}, "for " + r.header("X-Kind").value_or("none"));
    });
    start();
    const auto other = another();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red");
    wait_for_entries(2);
    page.hold();
    auto blue = s.begin_get("/a", {{"X-Kind", "blue"}});
    ASSERT_TRUE(page.wait_for_requests(2));
    auto green = other->begin_get("/a", {{"X-Kind", "green"}});
    ASSERT_TRUE(page.wait_for_requests(3)) << "known to vary, they do not wait for each other";
    auto also_blue = other->begin_get("/a", {{"X-Kind", "blue"}});
    wait_until_waiting(*other);
    page.release();
    blue.get().expect_body("for blue");
    green.get().expect_body("for green");
    also_blue.get().expect_body("for blue").expect_cache("hit; detail=l2");
    EXPECT_EQ(page.requests(), 3);
}

TEST_F(ClusterLock, WhoWaitedForAnotherVariantGetsItsOwn)
{
    auto& page = s.origin().page("/a").hold();
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}, {"Vary", "X-Kind"}}, "for " + r.header("X-Kind").value_or("none"));
    });
    start();
    const auto other = another();
    auto red = s.begin_get("/a", {{"X-Kind", "red"}});
    ASSERT_TRUE(page.wait_for_requests(1));
    auto blue = other->begin_get("/a", {{"X-Kind", "blue"}});
    wait_until_waiting(*other);
    page.release();
    red.get().expect_body("for red");
    blue.get().expect_body("for blue");
    EXPECT_EQ(page.requests(), 2);
    EXPECT_TRUE(redis->keys("tcl:*:l").empty());
}

}  // namespace
}  // namespace tiercel::test
