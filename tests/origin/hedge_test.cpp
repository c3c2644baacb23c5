// A second endpoint is asked when the first one is slow: whose answer counts, what becomes of the other attempt, and when there
// is no second one.

#include "origin/fixture.hpp"

namespace tiercel::origin {
namespace {

class Hedge : public OriginTest {
protected:
    Hedge()
    {
        options.hedge = {.after = 20ms, .budget = 1};
        options.balance = "round_robin";   // the first request goes to the first endpoint
        options.retry.max = 0;
    }
    // Also of what was called off, and ends by itself.
    void expect_all_ended()
    {
        EXPECT_TRUE(run_until([&] { return loop.gate().inside() == 0; }));
        EXPECT_EQ(inflight(0), 0u);
        EXPECT_EQ(inflight(1), 0u);
    }
};

// Reads requests and never answers; the end of the connection is what it waits for.
scripted_origin::script stalls()
{
    return [](peer& p) {
        p.read_request();
        p.stream.read_to_end(test::after(20s));
    };
}

scripted_origin::script answers_later(std::string bytes, std::chrono::milliseconds later)
{
    return [bytes, later](peer& p) {
        p.read_request();
        p.stream.is_closed_by_peer(test::after(later));
        p.send(bytes);
        p.read_request();
    };
}

TEST_F(Hedge, TheOtherEndpointAnswersForOneThatStalls)
{
    scripted_origin slow(stalls());
    scripted_origin fast(always(answer("fast")));
    start({slow.url(), fast.url()});
    const auto got = get("/a");
    EXPECT_EQ(got.body, "fast");
    EXPECT_EQ(got.attempts, 2u);
    ASSERT_EQ(slow.seen().size(), 1u);
    ASSERT_EQ(fast.seen().size(), 1u);
    EXPECT_FALSE(slow.seen()[0].has("Tiercel-Attempt"));
    EXPECT_EQ(fast.seen()[0].header("Tiercel-Attempt"), "2");
    EXPECT_EQ(seen.hedges, (recorder::counts{{"won", 1}}));
    EXPECT_TRUE(run_until([&] { return slow.ended() == 1; })) << "its connection was closed";
    expect_all_ended();
    EXPECT_EQ(seen.attempts, (recorder::counts{{"2xx", 1}, {"client_gone", 1}}));
    EXPECT_EQ(seen.retries, recorder::counts{});
}

TEST_F(Hedge, BeingCalledOffIsNoFailureButIsRemembered)
{
    options.breaker.failures = 1;
    options.breaker.ratio = 0.0;
    scripted_origin slow(stalls());
    scripted_origin fast(always(answer("fast")));
    start({slow.url(), fast.url()});
    get();
    expect_all_ended();
    EXPECT_EQ(breaker(0), resilience::breaker_state::closed);
    EXPECT_EQ(seen.transitions.size(), 0u);
    EXPECT_GE(up->endpoints()[0]->typical(), 20ms) << "it would have taken longer than that";
    EXPECT_GT(up->endpoints()[0]->cost(async::steady::now()), up->endpoints()[1]->cost(async::steady::now()));
}

TEST_F(Hedge, TheFirstCountsWhenItComesAfterAll)
{
    scripted_origin first(answers_later(answer("first"), 60ms));
    scripted_origin second(stalls());
    start({first.url(), second.url()});
    const auto got = get();
    EXPECT_EQ(got.body, "first");
    EXPECT_EQ(got.attempts, 2u);
    EXPECT_EQ(seen.hedges, (recorder::counts{{"lost", 1}}));
    EXPECT_TRUE(run_until([&] { return second.ended() == 1; }));
    expect_all_ended();
}

TEST_F(Hedge, NothingIsSentTwiceThatIsAnsweredInTime)
{
    options.hedge.after = 5s;
    scripted_origin first(always(answer("first")));
    scripted_origin second(always(answer("second")));
    start({first.url(), second.url()});
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(get().attempts, 1u);
    }
    EXPECT_EQ(seen.hedges, recorder::counts{});
    EXPECT_EQ(first.seen().size() + second.seen().size(), 10u);
}

TEST_F(Hedge, AnAnswerThatHasBegunIsWaitedFor)
{
    scripted_origin first([](peer& p) {
        p.read_request();
        p.send("HTTP/1.1 20");
        p.stream.is_closed_by_peer(test::after(100ms));
        p.send("0 OK\r\nContent-Length: 5\r\n\r\nfirst");
        p.read_request();
    });
    scripted_origin second(always(answer("second")));
    start({first.url(), second.url()});
    EXPECT_EQ(get().body, "first");
    EXPECT_EQ(second.accepted(), 0);
}

// A 103 says that somebody is at work on it.
TEST_F(Hedge, AnInterimAnswerSettlesIt)
{
    scripted_origin first(answers_later(answer("first"), 80ms));
    scripted_origin second([](peer& p) {
        p.read_request();
        p.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        p.stream.is_closed_by_peer(test::after(200ms));
        p.send(answer("second"));
        p.read_request();
    });
    start({first.url(), second.url()});
    struct sink final : interim_sink {
        async::task<> relay(const response_head& head) override
        {
            statuses.push_back(head.status);
            co_return;
        }
        std::vector<int> statuses;
    } interim;
    outgoing rq = request();
    rq.interim = &interim;
    EXPECT_EQ(fetch(rq).body, "second");
    EXPECT_EQ(interim.statuses, std::vector<int>{103});
    expect_all_ended();
}

TEST_F(Hedge, AFailureSettlesNothingWhileTheOtherIsUnderWay)
{
    struct {
        const char* name;
        std::string bytes;
    } const table[] = {{"an error", ""}, {"a status", answer("no", 503)}, {"nonsense", "nonsense\r\n\r\n"}};
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        options.endpoints.clear();
        seen.hedges.clear();
        scripted_origin first(answers_later(answer("late and good"), 150ms));
        scripted_origin second([&row](peer& p) {
            p.read_request();
            if (!row.bytes.empty()) {
                p.send(row.bytes);
                p.read_request();
            }
        });
        start({first.url(), second.url()});
        EXPECT_EQ(get().body, "late and good");
        EXPECT_EQ(seen.hedges, (recorder::counts{{"failed", 1}}));
        expect_all_ended();
        sut.reset();
    }
}

TEST_F(Hedge, WhenBothFailTheAnswerOfOneIsBetterThanNone)
{
    options.try_timeout = 100ms;
    scripted_origin first(stalls());
    scripted_origin second(always(answer("no", 503)));
    start({first.url(), second.url()});
    const auto got = get();
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.body, "no");
    EXPECT_EQ(seen.hedges, (recorder::counts{{"failed", 1}}));
    EXPECT_EQ(seen.attempts, (recorder::counts{{"5xx", 1}, {"origin_timeout", 1}}));
    expect_all_ended();
}

TEST_F(Hedge, OnlyOfWhatIsSafeAndHasNoContentAndIsWaitedFor)
{
    options.hedge.after = 1ms;
    options.try_timeout = 50ms;
    options.breaker.failures = 100;
    options.breaker.mode = resilience::breaker_mode::consecutive;
    scripted_origin one(stalls());
    scripted_origin two(stalls());
    start({one.url(), two.url()});
    outgoing options_request = request("OPTIONS");
    outgoing background = request();
    background.background = true;
    outgoing upgrade = request();
    upgrade.upgrade = "websocket";
    outgoing with_content = request();
    with_content.content = "content";
    with_content.head.append("Content-Length: 7\r\n");
    for (outgoing* rq : {&options_request, &background, &upgrade, &with_content}) {
        EXPECT_EQ(fetch(*rq).attempts, 1u);
    }
    EXPECT_EQ(post().attempts, 1u);
    EXPECT_EQ(seen.hedges, recorder::counts{});
    outgoing head = request("HEAD");
    EXPECT_EQ(fetch(head).attempts, 2u);
}

TEST_F(Hedge, ThereAreAsManyAsTheBudgetsAllow)
{
    options.retry.budget = 0;
    options.retry.budget_floor = 0;
    scripted_origin first(answers_later(answer("first"), 60ms));
    scripted_origin second(always(answer("second")));
    start({first.url(), second.url()});
    EXPECT_EQ(get().body, "first");
    EXPECT_EQ(second.accepted(), 0);
    EXPECT_EQ(seen.hedges, (recorder::counts{{"no_budget", 1}}));
}

TEST_F(Hedge, TheirBudgetIsAShareOfTheRequestsAndOnePerSecond)
{
    options.hedge.budget = 0.5;
    start({"http://127.0.0.1:1", "http://127.0.0.1:2"});
    EXPECT_TRUE(up->try_take_hedge(clock.now())) << "the token of this second";
    EXPECT_FALSE(up->try_take_hedge(clock.now()));
    clock.advance(1s);
    EXPECT_TRUE(up->try_take_hedge(clock.now()));
    EXPECT_FALSE(up->try_take_hedge(clock.now()));
    for (int i = 0; i < 4; ++i) {
        up->on_primary(clock.now());
    }
    EXPECT_TRUE(up->try_take_hedge(clock.now()));
    EXPECT_TRUE(up->try_take_hedge(clock.now()));
    EXPECT_FALSE(up->try_take_hedge(clock.now()));
}

TEST_F(Hedge, NoneGoesToAnEndpointThatIsOpenUnwellOrCrowded)
{
    options.limit.max_inflight = 4;
    options.limit.refill = 0;
    for (const std::string how : {"open", "unwell", "crowded", "well"}) {
        SCOPED_TRACE(how);
        options.endpoints.clear();
        seen.hedges.clear();
        scripted_origin first(answers_later(answer("first"), 80ms));
        scripted_origin second(always(answer("second")));
        start({first.url(), second.url()});
        endpoint& other = *up->endpoints()[1];
        std::vector<resilience::inflight_limit::token> places;
        if (how == "open") {
            other.breaker().force(resilience::breaker_override::open, clock.now());
        } else if (how == "unwell") {
            other.is_healthy(false);
        } else if (how == "crowded") {
            for (int i = 0; i < 3; ++i) {
                places.push_back(other.limit().try_enter(resilience::attempt_class::foreground));
            }
        }
        EXPECT_EQ(get().body, how == "well" ? "second" : "first");
        EXPECT_EQ(seen.hedges, (recorder::counts{{how == "well" ? "won" : "nowhere", 1}}));
        places.clear();
        expect_all_ended();
        sut.reset();
    }
}

TEST_F(Hedge, WithOneEndpointThereIsNone)
{
    scripted_origin only(answers_later(answer("only"), 60ms));
    start(only);
    EXPECT_EQ(get().attempts, 1u);
    EXPECT_EQ(only.seen().size(), 1u);
    EXPECT_EQ(seen.hedges, recorder::counts{});
}

// The breaker wants to know how a probe ends.
TEST_F(Hedge, AProbeRunsAlone)
{
    options.try_timeout = 100ms;
    options.breaker.failures = 1;
    options.breaker.mode = resilience::breaker_mode::consecutive;
    scripted_origin first(stalls());
    scripted_origin second(always(answer("second")));
    start({first.url(), second.url()});
    endpoint& probed = *up->endpoints()[0];
    up->endpoints()[1]->is_healthy(false);   // so that the first one is asked
    probed.is_healthy(true);
    auto permit = probed.breaker().try_acquire(clock.now());
    probed.breaker().on_failure(std::move(permit.pass), clock.now());
    ASSERT_EQ(breaker(0), resilience::breaker_state::open);
    clock.advance(60s);
    EXPECT_EQ(get().error, errc::origin_timeout);
    EXPECT_EQ(breaker(0), resilience::breaker_state::open) << "and not merely called off";
    EXPECT_EQ(seen.hedges, recorder::counts{});
}

TEST_F(Hedge, BothEndWithTheDeadlineAndWithAbort)
{
    scripted_origin first(stalls());
    scripted_origin second(stalls());
    start({first.url(), second.url()});
    outgoing rq = request();
    rq.deadline = async::steady::now() + 100ms;
    EXPECT_EQ(fetch(rq).error, errc::origin_timeout);
    expect_all_ended();

    outgoing again = request();
    fetched out;
    spawn(fetch_all(*sut, again, out));
    ASSERT_TRUE(run_until([&] { return first.seen().size() == 2 && second.seen().size() == 2; }));
    sut->abort();
    ASSERT_TRUE(run_until([&] { return out.done; }));
    EXPECT_EQ(out.error, errc::draining);
    expect_all_ended();
}

// Retries go on after it as usual, without a second hedge.
TEST_F(Hedge, OfAllAttemptsOnlyOneIsHedged)
{
    options.retry.max = 2;
    options.try_timeout = 60ms;
    std::atomic<int> asked = 0;
    const auto bad = [&asked](peer& p) {
        for (;;) {
            p.read_request();
            ++asked;
            p.stream.is_closed_by_peer(test::after(30ms));
            p.send(answer("no", 503));
        }
    };
    scripted_origin first(bad);
    scripted_origin second(bad);
    start({first.url(), second.url()});
    const auto got = get();
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.attempts, 4u) << "two, and two retries";
    EXPECT_EQ(asked, 4);
    EXPECT_EQ(seen.hedges, (recorder::counts{{"failed", 1}}));
    expect_all_ended();
}

}  // namespace
}  // namespace tiercel::origin
