#include "scenario.hpp"

namespace tiercel::test {
namespace {

// ---- breaker ----

class Breaker : public ::testing::Test {
protected:
    Breaker()
    {
        s.set("origins.shop.breaker.failures", "5").set("origins.shop.breaker.open", "30s");
        s.set("origins.shop.breaker.half_open_permits", "1").set("origins.shop.breaker.close_after", "2");
        s.set("routes.0.stampede.error_memo", "0s");
        s.origin().page("/ok").body("fine");
        s.origin().page("/bad").status(500).body("broken");
    }
    void open()
    {
        for (int i = 0; i < 5; ++i) {
            s.get("/bad").expect_status(500).expect_body("broken");
        }
        s.expect_gauge(1, "breaker_state");
    }

    scenario s;
};

TEST_F(Breaker, AfterFiveFailuresTheOriginIsLeftAlone)
{
    s.start();
    open();
    const answer refused = s.get("/ok").expect_problem(503, "breaker_open");
    EXPECT_EQ(cache_status_of(refused).detail, "breaker");
    ASSERT_TRUE(refused.has("Retry-After"));
    EXPECT_GE(std::stoi(*refused.header("Retry-After")), 1);
    EXPECT_LE(std::stoi(*refused.header("Retry-After")), 60);
    EXPECT_EQ(s.origin().requests(), 5);
    s.expect_metric(1, "breaker_transitions_total", {{"to", "open"}});
    EXPECT_NE(s.admin("GET", "/readyz").body.find("degraded"), std::string::npos);
}

TEST_F(Breaker, AnswersInBetweenEndTheRun)
{
    s.start();
    for (int i = 0; i < 4; ++i) {
        s.get("/bad");
    }
    s.get("/ok").expect_status(200);
    for (int i = 0; i < 4; ++i) {
        s.get("/bad").expect_status(500);
    }
    s.get("/ok").expect_status(200);
}

TEST_F(Breaker, ErrorsOfTheClientAreNoFailures)
{
    s.origin().page("/missing").status(404);
    s.start();
    for (int i = 0; i < 10; ++i) {
        s.get("/missing").expect_status(404);
    }
    s.get("/ok").expect_status(200);
}

TEST_F(Breaker, StoredAnswersAreServedMeanwhile)
{
    s.origin().page("/fresh").cache_control("max-age=600").body("kept");
    s.origin().page("/stale").cache_control("max-age=1").body("kept");
    s.start();
    s.get("/fresh");
    s.get("/stale");
    open();
    s.advance(2s);
    s.get("/fresh").expect_body("kept").expect_cache("hit; detail=l1");
    s.get("/stale").expect_status(200).expect_body("kept").expect_cache("fwd=stale; detail=sie");
    EXPECT_EQ(s.origin().requests(), 7);
}

TEST_F(Breaker, WithTimeProbesCloseItAgain)
{
    s.start();
    open();
    s.advance(26s);   // the open time is drawn at random, a tenth around its length
    s.get("/ok").expect_status(503);
    s.advance(8s);
    s.get("/ok").expect_status(200).expect_body("fine");
    s.get("/ok").expect_status(200);
    s.expect_gauge(0, "breaker_state");
    for (int i = 0; i < 4; ++i) {
        s.get("/bad").expect_status(500);
    }
    s.get("/ok").expect_status(200);
}

TEST_F(Breaker, AProbeThatFailsOpensItForLonger)
{
    s.start();
    open();
    s.advance(60s);
    s.get("/bad").expect_status(500);
    s.get("/ok").expect_problem(503, "breaker_open");
    s.advance(40s);
    s.get("/ok").expect_problem(503, "breaker_open");
    s.advance(80s);
    s.get("/ok").expect_status(200);
}

TEST_F(Breaker, UnreachableOriginsOpenItToo)
{
    s.start();
    s.origin().go_down();
    for (int i = 0; i < 5; ++i) {
        s.get("/ok").expect_problem(502, "origin_refused");
    }
    s.get("/ok").expect_problem(503, "breaker_open");
}

// ---- retries ----

TEST(Retry, AnotherTryMayHelp)
{
    for (const int status : {502, 503, 504}) {
        SCOPED_TRACE(status);
        scenario s;
        s.set("origins.shop.retry.max", "2");
        auto& page = s.origin().page("/a");
        std::atomic<int> n = 0;
        page.answer([&](const http_request&) {
            return n++ < 2 ? plain_answer({}, "not now", status) : plain_answer({}, "at last");
        });
        s.start();
        s.get("/a").expect_status(200).expect_body("at last");
        ASSERT_EQ(page.requests(), 3);
        EXPECT_FALSE(page.received()[0].has("Tiercel-Attempt"));
        EXPECT_EQ(page.received()[1].header("Tiercel-Attempt"), "2");
        EXPECT_EQ(page.received()[2].header("Tiercel-Attempt"), "3");
        s.expect_metric(2, "retries_total");
    }
}

TEST(Retry, TheLastAnswerIsPassedOn)
{
    scenario s;
    s.set("origins.shop.retry.max", "2");
    auto& page = s.origin().page("/a").status(503).body("not now");
    s.start();
    s.get("/a").expect_status(503).expect_body("not now");
    EXPECT_EQ(page.requests(), 3);
}

// What the origin asks for is heeded, if there is time for it. Otherwise its answer is passed on as it came.
TEST(Retry, WaitsAsLongAsTheOriginAsksFor)
{
    scenario s;
    s.set("origins.shop.retry.max", "2");
    auto& page = s.origin().page("/a");
    std::atomic<int> n = 0;
    page.answer([&](const http_request&) {
        return n++ == 0 ? plain_answer({{"Retry-After", "1"}}, "not now", 503) : plain_answer({}, "at last");
    });
    auto& later = s.origin().page("/later").status(503).header("Retry-After", "60").header("X-Mine", "yes").body("much later");
    s.start();
    const auto begin = std::chrono::steady_clock::now();
    s.get("/a").expect_status(200).expect_body("at last");
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);
    EXPECT_EQ(page.requests(), 2);
    s.get("/later").expect_status(503).expect_body("much later").expect_header("Retry-After", "60").expect_header("X-Mine", "yes");
    EXPECT_EQ(later.requests(), 1);
}

TEST(Retry, TheOriginIsToldHowMuchTimeIsLeft)
{
    scenario s;
    s.set("origins.shop.retry.max", "2").set("origins.shop.deadline_header", "X-Time-Left").set("routes.0.deadline", "5s");
    auto& page = s.origin().page("/a").status(503).takes(20ms);
    s.start();
    s.get("/a", {{"x-time-left", "999999"}, {"Tiercel-Attempt", "9"}, {"X-Time-Left-Not", "kept"}}).expect_status(503);
    ASSERT_EQ(page.requests(), 3);
    int before = 5'001;
    for (const http_request& r : page.received()) {
        ASSERT_EQ(r.count("X-Time-Left"), 1u);
        const int left = std::stoi(r.header("X-Time-Left").value_or("0"));
        EXPECT_LT(left, before);
        before = left - 19;   // the attempt took that, at least
        EXPECT_EQ(r.header("X-Time-Left-Not"), "kept");
    }
    EXPECT_FALSE(page.received()[0].has("Tiercel-Attempt")) << "that is ours to say";
    EXPECT_EQ(page.received()[2].headers("Tiercel-Attempt"), std::vector<std::string>{"3"});
}

TEST(Retry, EndsWithTheDeadlineOfTheRequest)
{
    scenario s;
    s.set("origins.shop.retry.max", "10").set("origins.shop.retry.base", "10ms").set("origins.shop.retry.cap", "10ms");
    s.set("routes.0.deadline", "300ms").set("origins.shop.retry.budget_floor", "1000").set("origins.shop.breaker.failures", "100");
    auto& page = s.origin().page("/a").status(503).body("not now").takes(60ms);
    s.start();
    s.get("/a").expect_status(503).expect_body("not now");
    EXPECT_GE(page.requests(), 2);
    EXPECT_LE(page.requests(), 5) << "as many as fit, of eleven";
}

TEST(Retry, TheErrorOfAWriteIsPassedOnAsItCame)
{
    scenario s;
    s.set("origins.shop.retry.max", "2");
    const std::string content("exactly\0this", 12);
    auto& page = s.origin().page("/cart").status(503).header("X-Mine", "yes").header("Retry-After", "1").body(content);
    s.start();
    s.post("/cart", "content").expect_status(503).expect_body(content).expect_header("X-Mine", "yes").expect_header("Retry-After", "1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Retry, NotForOtherErrorsNorForWrites)
{
    scenario s;
    s.set("origins.shop.retry.max", "2");
    auto& error = s.origin().page("/500").status(500);
    auto& write = s.origin().page("/503").status(503);
    s.start();
    s.get("/500").expect_status(500);
    s.post("/503", "content").expect_status(503);
    s.request("DELETE", "/503").expect_status(503);   // without content, which could not be sent again
    EXPECT_EQ(error.requests(), 1);
    EXPECT_EQ(write.requests(), 2);
}

TEST(Retry, AnOriginThatHangsUpIsTriedAgain)
{
    scenario s;
    s.set("origins.shop.retry.max", "2");
    auto& page = s.origin().page("/a").fault(origin_fault::close_without_answer);
    s.start();
    s.get("/a").expect_problem(502, "origin_reset");
    EXPECT_EQ(page.requests(), 3);
}

TEST(Retry, AWriteOnAConnectionThatClosedMeanwhileIsNotLost)
{
    scenario s;
    s.set("server.threads", "1");
    auto& page = s.origin().page("/a").body("ok");
    s.start();
    s.post("/a", "one").expect_status(200);
    s.origin().drop_connections();
    s.post("/a", "two").expect_status(200);
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[1].body, "two");
}

TEST(Retry, AnotherEndpointIsTried)
{
    scenario s;
    fake_origin second;
    s.set("origins.shop.retry.max", "2");
    s.set("origins.shop.endpoints", "[ '" + s.origin().url() + "', '" + second.url() + "' ]");
    second.page("/a").body("from the second");
    s.origin().page("/a").body("from the first");
    s.start();
    s.origin().go_down();
    for (int i = 0; i < 10; ++i) {
        s.get("/a").expect_status(200).expect_body("from the second");
    }
    second.go_down();
    s.origin().come_back();
    s.advance(10min);
    for (int i = 0; i < 10; ++i) {
        s.get("/a").expect_status(200).expect_body("from the first");
    }
}

TEST(Retry, HasABudget)
{
    scenario s;
    s.set("origins.shop.retry.max", "2").set("origins.shop.retry.budget", "0").set("origins.shop.retry.budget_floor", "0");
    auto& page = s.origin().page("/a").status(503);
    s.start();
    s.get("/a").expect_status(503);
    EXPECT_EQ(page.requests(), 1);
    s.expect_metric(1, "retry_budget_exhausted_total");
}

// ---- answers that are none ----

TEST(OriginAnswer, ThatBreaksTheProtocolIsNotPassedOn)
{
    const std::vector<std::string> wrong = {
        "nonsense\r\n\r\n",
        "HTTP/1.1 200\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    };
    scenario s;
    s.set("origins.shop.breaker.failures", "100").set("origins.shop.breaker.mode", "consecutive");
    s.start();
    int n = 0;
    for (const std::string& bytes : wrong) {
        SCOPED_TRACE(bytes);
        const std::string target = "/" + std::to_string(++n);
        s.origin().page(target).raw(bytes).fault(origin_fault::close_after_answer);
        s.get(target).expect_problem(502, "origin_invalid");
    }
}

TEST(OriginAnswer, HeadThatIsTooLargeIsNotPassedOn)
{
    scenario s;
    s.set("origins.shop.limits.header_bytes", "4KiB").set("origins.shop.limits.header_count", "20");
    s.origin().page("/long").header("X-Long", std::string(5'000, 'x'));
    auto& many = s.origin().page("/many");
    for (int i = 0; i < 30; ++i) {
        many.header("X-" + std::to_string(i), "x");
    }
    s.start();
    s.get("/long").expect_problem(502, "origin_head_too_large");
    s.get("/many").expect_problem(502, "origin_head_too_large");
}

TEST(OriginAnswer, ThatEndsTooEarlyBreaksTheClientsConnection)
{
    scenario s;
    auto& page = s.origin().page("/a").body(std::string(100'000, 'x')).fault(origin_fault::truncate);
    s.start();
    for (const bool chunked : {false, true}) {
        for (const std::string directives : {"max-age=60", "no-store"}) {
            SCOPED_TRACE(directives);
            page.chunked(chunked).cache_control(directives);
            try {
                s.get("/a").expect_problem(502, "origin_truncated");   // if nothing of it was passed on yet
            } catch (const peer_closed&) {
            }
            s.wait_until_quiet();
        }
    }
    EXPECT_EQ(page.requests(), 4);
}

TEST(OriginAnswer, WithoutLengthEndsWithTheConnection)
{
    scenario s;
    auto& page = s.origin().page("/a").raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nuntil the end").fault(origin_fault::close_after_answer);
    s.start();
    s.get("/a").expect_body("until the end");
    s.get("/a").expect_body("until the end").expect_cache("hit; detail=l1").expect_header("Content-Length", "13");
    EXPECT_EQ(page.requests(), 1);
}

TEST(OriginAnswer, BytesBehindItAreNotTheNextAnswer)
{
    scenario s;
    s.set("server.threads", "1");
    s.origin().page("/a").raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    s.origin().page("/b").body("good");
    s.start();
    s.get("/a").expect_body("a");
    s.get("/b").expect_body("good");
}

TEST(OriginAnswer, ThatIsLateIsATimeout)
{
    scenario s;
    s.set("origins.shop.try_timeout", "50ms");
    s.origin().page("/a").fault(origin_fault::hang_before_head);
    s.start();
    const answer late = s.get("/a").expect_problem(504, "origin_timeout");
    EXPECT_EQ(cache_status_of(late).detail, "timeout");
}

TEST(OriginAnswer, WhatIsForOneClientAloneIsRefusedBeforeWhatOthersMayUseToo)
{
    scenario s;
    s.set("origins.shop.limit.max_inflight", "10").set("origins.shop.limit.refill", "5");
    auto& held = s.origin().others().hold();
    s.start();
    std::vector<pending> waiting;
    for (int i = 0; i < 9; ++i) {
        waiting.push_back(s.begin_get("/" + std::to_string(i)));
    }
    ASSERT_TRUE(held.wait_for_requests(9));
    const answer refused = s.post("/cart", "x").expect_problem(503, "origin_busy");
    EXPECT_EQ(cache_status_of(refused).detail, "shed");
    waiting.push_back(s.begin_get("/9"));
    ASSERT_TRUE(held.wait_for_requests(10));
    s.get("/10").expect_problem(503, "origin_busy");
    held.release();
    for (auto& w : waiting) {
        w.get().expect_status(200);
    }
}

// Refreshes that nobody waits for go first, then what is for one client alone, then the rest; and who has a stale copy gets that.
TEST(OriginAnswer, WhenItGetsCrowdedSomeAreRefusedBeforeOthers)
{
    scenario s;
    s.set("origins.shop.limit.max_inflight", "20").set("origins.shop.limit.refill", "20");
    auto& fresh = s.origin().page("/swr").cache_control("max-age=1, stale-while-revalidate=600").body("old");
    auto& kept = s.origin().page("/sie").cache_control("max-age=1, stale-if-error=600").body("old");
    auto& held = s.origin().others().hold();
    s.start();
    s.get("/swr");
    s.get("/sie");
    s.advance(2s);
    std::vector<pending> waiting;
    const auto fill_up_to = [&](int n) {
        while (static_cast<int>(waiting.size()) < n) {
            waiting.push_back(s.begin_get("/" + std::to_string(waiting.size())));
        }
        return held.wait_for_requests(n);
    };
    ASSERT_TRUE(fill_up_to(15));
    s.get("/swr").expect_body("old").expect_cache("hit; detail=swr");
    ASSERT_TRUE(fill_up_to(18));
    s.post("/cart", "x").expect_problem(503, "origin_busy").expect_header("Retry-After", "1");
    ASSERT_TRUE(fill_up_to(20));
    s.get("/one-more").expect_problem(503, "origin_busy").expect_header("Retry-After", "1");
    s.get("/sie").expect_status(200).expect_body("old");
    EXPECT_EQ(fresh.requests(), 1);
    EXPECT_EQ(kept.requests(), 1);
    held.release();
    for (auto& w : waiting) {
        w.get().expect_status(200);
    }
    s.wait_until_quiet();
    s.advance(10s);   // after a refresh that failed there is a pause
    s.get("/swr").expect_body("old").expect_cache("hit; detail=swr");
    EXPECT_TRUE(fresh.wait_for_requests(2)) << "now there is room";
}

TEST(OriginAnswer, TimesMoveAnAdaptiveLimit)
{
    scenario s;
    s.set("origins.shop.limit.adaptive", "true").set("origins.shop.limit.max_inflight", "400").set("routes.0.mode", "pass");
    auto& page = s.origin().others().body("x");
    s.start();
    EXPECT_NE(s.admin("GET", "/v1/origins").body.find(R"("max":100})"), std::string::npos);   // a quarter, to begin with
    for (int i = 1; i <= 2; ++i) {
        page.hold();
        auto waiting = s.begin_gets(60, "/a");
        ASSERT_TRUE(page.wait_for_requests(60 * i));
        page.release();
        for (auto& w : waiting) {
            w.get().expect_status(200);
        }
    }
    // A hundred answers, and most of the limit was used: it has grown by its root, as far as that counts.
    EXPECT_NE(s.admin("GET", "/v1/origins").body.find(R"("max":102})"), std::string::npos);
}

TEST(OriginAnswer, TooManyAtATimeAreRefused)
{
    scenario s;
    s.set("origins.shop.limit.max_inflight", "2").set("origins.shop.limit.refill", "1");
    auto& page = s.origin().page("/held").hold();
    s.origin().page("/other").body("x");
    auto& second = s.origin().page("/held/too").hold();
    s.start();
    auto one = s.begin_get("/held");
    auto two = s.begin_get("/held/too");
    ASSERT_TRUE(page.wait_for_requests(1));
    ASSERT_TRUE(second.wait_for_requests(1));
    s.get("/other").expect_problem(503, "origin_busy").expect_header("Retry-After", "1");
    page.release();
    second.release();
    one.get().expect_status(200);
    two.get().expect_status(200);
    s.get("/other").expect_status(200);
}

}  // namespace
}  // namespace tiercel::test
