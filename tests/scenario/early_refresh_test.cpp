#include "scenario.hpp"

namespace tiercel::test {
namespace {

// A fetch takes 200 ms here, which count as age: after `shortly_before` an answer with max-age=100 is fresh for 500 ms. A request
// asks for a refresh then with probability exp(-500/200) = 0.08, and the odds that `many` in a row do not are 1 to 10^10.
constexpr auto fetch_time = 200ms;
constexpr auto shortly_before = 99'300ms;
constexpr int many = 300;

// Requests until one of them is told to have begun a refresh.
bool begins_a_refresh(scenario& s, const std::string& target)
{
    for (int i = 0; i < many; ++i) {
        const answer a = s.get(target);
        a.expect_status(200);
        if (a.header("cache-status").value_or("").find("detail=xfetch") != std::string::npos) {
            return true;
        }
    }
    return false;
}

TEST(EarlyRefresh, ABusyAnswerIsFetchedAnewBeforeItExpires)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=100").body("v1").takes(fetch_time);
    s.start();
    s.get("/a").expect_cache("fwd=uri-miss; stored");
    page.body("v2");
    s.advance(shortly_before);
    EXPECT_TRUE(begins_a_refresh(s, "/a"));
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1").expect_ttl(99);
    EXPECT_EQ(page.requests(), 2);
    s.expect_metric(1, "xfetch_total", {{"result", "refreshed"}});
    EXPECT_EQ(s.metric("refresh_lead_seconds_count"), 1);
}

TEST(EarlyRefresh, IsAHitWhileTheFetchRuns)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=100").body("v1").takes(fetch_time);
    s.start();
    s.get("/a");
    page.hold();
    s.advance(shortly_before);
    EXPECT_TRUE(begins_a_refresh(s, "/a"));
    ASSERT_TRUE(page.wait_for_requests(2));
    for (int i = 0; i < many; ++i) {
        s.get("/a").expect_body("v1");
    }
    EXPECT_EQ(page.requests(), 2) << "one refresh at a time";
    page.release();
}

TEST(EarlyRefresh, DoesNotTouchAnswersThatStayForLessThanASecond)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=1").takes(400ms);
    s.start();
    s.get("/a");
    // It stays for 600 ms, less than what is worth it.
    for (int i = 0; i < many; ++i) {
        s.get("/a").expect_cache("hit; detail=l1");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(EarlyRefresh, LeavesAloneWhatIsImmutableWhileItIsFresh)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=100, immutable, stale-while-revalidate=60").body("v1").takes(fetch_time);
    s.start();
    s.get("/a");
    s.advance(shortly_before);
    for (int i = 0; i < many; ++i) {
        s.get("/a").expect_cache("hit; detail=l1");
    }
    EXPECT_EQ(page.requests(), 1) << "nothing can have changed (RFC 8246 §2)";
    s.advance(10s);
    s.get("/a").expect_cache("hit; detail=swr");
    EXPECT_TRUE(page.wait_for_requests(2)) << "fresh no more, it is like any other";
}

TEST(EarlyRefresh, PausesAfterAFailureAndKeepsTheAnswer)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=100").body("v1").takes(fetch_time);
    s.start();
    s.get("/a");
    page.status(500).body("broken");
    s.advance(shortly_before);
    EXPECT_TRUE(begins_a_refresh(s, "/a"));
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    s.expect_metric(1, "xfetch_total", {{"result", "failed"}});
    for (int i = 0; i < many; ++i) {
        s.get("/a").expect_status(200).expect_body("v1").expect_cache("hit; detail=l1");
    }
    EXPECT_EQ(page.requests(), 2);
}

TEST(EarlyRefresh, LeavesAnOriginAloneWhoseBreakerIsOpen)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=100").body("v1").takes(fetch_time);
    s.origin().page("/broken").status(500).cache_control("no-store");
    s.start();
    s.get("/a");
    s.advance(shortly_before);
    for (int i = 0; i < 6; ++i) {
        s.get("/broken");
    }
    s.get("/broken").expect_status(503);
    for (int i = 0; i < many; ++i) {
        s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    }
    EXPECT_EQ(page.requests(), 1);
    EXPECT_EQ(s.metric("xfetch_total"), 0);
}

TEST(EarlyRefresh, CanBeSwitchedOff)
{
    scenario s;
    s.set("routes.0.stampede.xfetch.enabled", "false");
    auto& page = s.origin().page("/a").cache_control("max-age=100").takes(fetch_time);
    s.start();
    s.get("/a");
    s.advance(shortly_before);
    for (int i = 0; i < many; ++i) {
        s.get("/a").expect_cache("hit; detail=l1");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(BackgroundRefresh, OfAStaleAnswerPausesAfterAnError)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10, stale-while-revalidate=100").body("v1");
    s.start();
    s.get("/a");
    page.status(500).body("broken");
    s.advance(20s);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    for (int i = 0; i < 10; ++i) {
        s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    }
    s.wait_until_quiet();
    EXPECT_EQ(page.requests(), 2) << "the origin just failed";
    s.advance(2s);
    s.get("/a").expect_body("v1");
    EXPECT_TRUE(page.wait_for_requests(3));
}

}  // namespace
}  // namespace tiercel::test
