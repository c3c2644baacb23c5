// The breaker as it comes, without a word about it in the configuration.

#include "scenario.hpp"

#include <algorithm>

namespace tiercel::test {
namespace {

class DefaultBreaker : public ::testing::Test {
protected:
    DefaultBreaker()
    {
        s.set("routes.0.stampede.error_memo", "0s");
        s.set("routes.0.mode", "pass");   // each request is one attempt
        s.origin().page("/ok").body("fine");
        s.origin().page("/bad").status(500).body("broken");
    }
    void open(int others = 0)
    {
        for (int i = 0; i < 5; ++i) {
            s.get("/bad").expect_status(500).expect_body("broken");
        }
        s.get("/bad").expect_problem(503, "breaker_open");
        ASSERT_EQ(s.origin().requests() - others, 5);
    }
    // How many got that status. All of them have to be answered.
    static int count(std::vector<pending>& waiting, int status)
    {
        return static_cast<int>(std::count_if(waiting.begin(), waiting.end(), [status](pending& p) { return p.get().status == status; }));
    }

    scenario s;
};

TEST_F(DefaultBreaker, AfterHalfAMinuteThreeOfAHundredReachTheOriginAndTheirSuccessClosesIt)
{
    auto& page = s.origin().page("/held").body("well again").hold();
    s.start();
    open();
    const int told = std::stoi(s.get("/ok").header("Retry-After").value_or("0"));
    EXPECT_GE(told, 27);
    EXPECT_LE(told, 33);
    s.advance(26s);
    s.get("/ok").expect_problem(503, "breaker_open");   // 30 s, a tenth less at the least

    s.advance(8s);
    auto waiting = s.begin_gets(100, "/held");
    ASSERT_TRUE(page.wait_for_requests(3));
    ASSERT_TRUE(eventually([&] { return std::count_if(waiting.begin(), waiting.end(), [](auto& p) { return p.is_ready(); }) == 97; }));
    EXPECT_EQ(page.requests(), 3);
    page.release();
    int answered = 0;
    int refused = 0;
    for (auto& p : waiting) {
        const int status = p.get().status;
        answered += status == 200;
        refused += status == 503;
    }
    EXPECT_EQ(answered, 3);
    EXPECT_EQ(refused, 97);
    s.expect_gauge(0, "breaker_state");
    s.get("/ok").expect_status(200);
    s.expect_metric(1, "breaker_transitions_total", {{"to", "open"}});
    s.expect_metric(1, "breaker_transitions_total", {{"to", "half_open"}});
    s.expect_metric(1, "breaker_transitions_total", {{"to", "closed"}});
}

TEST_F(DefaultBreaker, AFailedProbeMakesThePauseLongerEachTime)
{
    s.start();
    open();
    for (const std::chrono::milliseconds pause : {30s, 60s, 120s, 240s, 300s, 300s}) {   // each ± 10 %
        SCOPED_TRACE(pause.count());
        const int before = s.origin().requests();
        s.advance(pause * 89 / 100);
        s.get("/bad").expect_problem(503, "breaker_open");
        EXPECT_EQ(s.origin().requests(), before);
        s.advance(pause * 22 / 100);
        s.get("/bad").expect_status(500);   // the probe
        s.get("/bad").expect_problem(503, "breaker_open");
        EXPECT_EQ(s.origin().requests(), before + 1);
    }
}

TEST_F(DefaultBreaker, TenSlowRequestsFromBeforeItOpenedChangeNothing)
{
    auto& slow = s.origin().page("/slow").status(500).body("late").hold();
    s.start();
    auto old = s.begin_gets(10, "/slow");
    ASSERT_TRUE(slow.wait_for_requests(10));
    open(10);
    s.advance(34s);
    s.get("/ok").expect_status(200);       // the first probe is well
    slow.release();
    EXPECT_EQ(count(old, 500), 10);        // and these are of another time
    s.get("/ok").expect_status(200);
    s.get("/ok").expect_status(200);
    s.expect_gauge(0, "breaker_state");
    s.get("/ok").expect_status(200);
    s.expect_metric(1, "breaker_transitions_total", {{"to", "open"}});
}

TEST_F(DefaultBreaker, OpensWhenFourOfFiveAnswersAreSlowAndNotBefore)
{
    s.set("origins.shop.breaker.slow_call", "25ms");   // instead of five seconds
    s.origin().page("/slow").body("late").takes(50ms);
    s.start();
    for (int round = 0; round < 8; ++round) {           // three of four
        auto waiting = s.begin_gets(3, "/slow");
        EXPECT_EQ(count(waiting, 200), 3);
        s.get("/ok").expect_status(200);
    }
    s.expect_metric(0, "breaker_transitions_total");
    auto waiting = s.begin_gets(8, "/slow");            // 32 of 40
    EXPECT_EQ(count(waiting, 200), 8);
    s.expect_metric(1, "breaker_transitions_total", {{"to", "open"}});
    s.get("/ok").expect_problem(503, "breaker_open");
}

TEST_F(DefaultBreaker, ClientsThatLeaveAndWhatTheyDidWrongAreNobodysFailure)
{
    s.origin().page("/missing").status(404);
    s.origin().page("/not-implemented").status(501);
    s.start();
    for (int i = 0; i < 10; ++i) {   // each kind in a row: whatever else comes ends the run
        auto c = s.client();
        c.send("POST /ok HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\nsome");
        ASSERT_TRUE(eventually([&] { return s.metric("origin_inflight") == 1; }));
        c.close();
        ASSERT_TRUE(eventually([&] { return s.metric("origin_inflight") == 0; }));
    }
    s.expect_metric(0, "breaker_transitions_total");
    for (int i = 0; i < 10; ++i) {
        s.get("/missing").expect_status(404);
    }
    for (int i = 0; i < 10; ++i) {
        s.get("/not-implemented").expect_status(501);
    }
    s.get("/ok").expect_status(200);
    s.expect_metric(0, "breaker_transitions_total");
}

TEST_F(DefaultBreaker, AnOperatorHoldsItOpenOrClosed)
{
    s.start();
    const std::string call = "/v1/origins/shop/breaker";
    s.admin("POST", call, R"({"state":"open"})").expect_status(200);
    s.get("/ok").expect_problem(503, "breaker_open");
    s.expect_gauge(1, "breaker_state");
    EXPECT_NE(s.admin("GET", "/v1/origins").body.find(R"("breaker":{"state":"open","held":"open")"), std::string::npos);
    s.advance(10min);
    s.get("/ok").expect_problem(503, "breaker_open");
    EXPECT_EQ(s.origin().requests(), 0);

    s.admin("POST", call, R"({"state":"closed"})").expect_status(200);
    for (int i = 0; i < 20; ++i) {
        s.get("/bad").expect_status(500);
    }

    s.admin("POST", call, R"({"state":"auto"})").expect_status(200);
    for (int i = 0; i < 5; ++i) {
        s.get("/bad").expect_status(500);
    }
    s.get("/bad").expect_problem(503, "breaker_open");
    s.admin("POST", "/v1/origins/other/breaker", R"({"state":"open"})").expect_status(404);
}

}  // namespace
}  // namespace tiercel::test
