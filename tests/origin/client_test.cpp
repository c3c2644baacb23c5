// Attempts and what is around them: retries, breaker, limits, several endpoints.

#include "origin/fixture.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/un.h>
#include <unistd.h>

namespace tiercel::origin {
namespace {

class Client : public OriginTest {
protected:
    static std::vector<std::string> attempt_fields(const scripted_origin& o)
    {
        std::vector<std::string> out;
        for (const auto& rq : o.seen()) {
            out.push_back(rq.header("Tiercel-Attempt").value_or(""));
        }
        return out;
    }
};

using texts = std::vector<std::string>;

// ---- retries ---------------------------------------------------------------------------------------------------------

TEST_F(Client, GetIsTriedAgainUntilItSucceeds)
{
    scripted_origin origin(in_turn({answer("no", 503), answer("no", 502), answer("yes")}));
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "yes");
    EXPECT_EQ(got.attempts, 3u);
    EXPECT_EQ(attempt_fields(origin), (texts{"", "2", "3"}));
    EXPECT_EQ(seen.retries, (recorder::counts{{"503", 1}, {"502", 1}}));
    EXPECT_EQ(seen.attempts, (recorder::counts{{"2xx", 1}, {"5xx", 2}}));
    EXPECT_EQ(origin.accepted(), 1) << "the refused answers were small and whole, so their connection was good";
}

TEST_F(Client, TheLastAnswerIsHandedOnUnchanged)
{
    scripted_origin origin(in_turn({answer("first", 503), answer("second", 503), answer("third", 503, "X-Mine: yes\r\n")}));
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.body, "third");
    EXPECT_EQ(got.head, "Content-Length: 5\nX-Mine: yes\n");
    EXPECT_EQ(origin.seen().size(), 3u);
}

TEST_F(Client, WhatMayNotBeSentTwiceIsSentOnce)
{
    scripted_origin origin(always(answer("failed", 503)));
    start(origin);
    const auto posted = post();
    EXPECT_EQ(posted.status, 503);
    EXPECT_EQ(posted.body, "failed");
    outgoing with_stale = request();
    with_stale.may_retry = false;
    EXPECT_EQ(fetch(with_stale).status, 503);
    outgoing put = request("PUT");
    EXPECT_EQ(fetch(put).attempts, 1u);
    EXPECT_EQ(origin.seen().size(), 3u);
    EXPECT_EQ(seen.retries, recorder::counts{});
}

TEST_F(Client, ContentGoesOutAgainWithTheRetry)
{
    options.retry.methods.push_back("PUT");
    scripted_origin origin(in_turn({answer("no", 504), answer("yes")}));
    start(origin);
    outgoing put = request("PUT");
    put.content = "content";
    put.head.append("Content-Length: 7\r\n");
    EXPECT_EQ(fetch(put).status, 200);
    ASSERT_EQ(origin.seen().size(), 2u);
    EXPECT_EQ(origin.seen()[0].body, "content");
    EXPECT_EQ(origin.seen()[1].body, "content");
}

TEST_F(Client, OtherErrorsAreNotTriedAgain)
{
    scripted_origin origin(in_turn({answer("no", 500), answer("no", 501), answer("no", 404)}));
    start(origin);
    for (const int status : {500, 501, 404}) {
        const auto got = get();
        EXPECT_EQ(got.status, status);
        EXPECT_EQ(got.attempts, 1u);
    }
}

TEST_F(Client, ResetBeforeTheHeadIsTriedAgain)
{
    scripted_origin origin([](peer& p) {
        p.read_request();
        if (p.number < 2) {
            p.reset();
            return;
        }
        p.send(answer("yes"));
        p.read_request();
    });
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.body, "yes");
    EXPECT_EQ(got.attempts, 3u);
    EXPECT_EQ(seen.retries, (recorder::counts{{"reset", 2}}));
}

TEST_F(Client, RetryAfterBeyondTheDeadlineEndsIt)
{
    scripted_origin origin(always(answer("later", 503, "Retry-After: 60\r\n")));
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.attempts, 1u);
}

TEST_F(Client, TheBudgetEndsRetries)
{
    options.retry.budget = 0;
    options.retry.budget_floor = 1;
    options.breaker.failures = 1000;
    scripted_origin origin(always(answer("failed", 503)));
    start(origin);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(get().status, 503);
    }
    EXPECT_LE(origin.seen().size(), 20u + 10u);
    EXPECT_GE(seen.budget_exhausted, 10);
}

TEST_F(Client, RemainingTimeIsToldInTheDeadlineField)
{
    options.deadline_header = "X-Deadline-Ms";
    scripted_origin origin(in_turn({answer("no", 503), answer("yes")}));
    start(origin);
    EXPECT_EQ(get().status, 200);
    ASSERT_EQ(origin.seen().size(), 2u);
    const int first = std::stoi(origin.seen()[0].header("X-Deadline-Ms").value());
    const int second = std::stoi(origin.seen()[1].header("X-Deadline-Ms").value());
    EXPECT_LE(first, 30'000);
    EXPECT_GT(second, 10'000);
    EXPECT_LE(second, first);
    EXPECT_EQ(origin.seen()[1].count("X-Deadline-Ms"), 1u);
}

// ---- reused connections ----------------------------------------------------------------------------------------------

// The origin takes a request on a kept connection and dies of it: as when it closed just as the request left.
scripted_origin::script dies_on_second_request(bool by_reset)
{
    return [by_reset](peer& p) {
        p.read_request();
        p.send(answer("fine"));
        p.read_request();
        if (by_reset) {
            p.reset();
        }
    };
}

TEST_F(Client, DeadReusedConnectionIsReplacedAtOnce)
{
    for (const bool by_reset : {false, true}) {
        scripted_origin origin(dies_on_second_request(by_reset));
        options.endpoints.clear();
        options.retry.max = 0;             // not one of the retries
        options.breaker.failures = 1;
        options.breaker.mode = resilience::breaker_mode::consecutive;
        seen = recorder{};
        start(origin);
        for (int i = 0; i < 10; ++i) {
            const auto got = get();
            ASSERT_EQ(got.body, "fine");
            ASSERT_EQ(got.attempts, i == 0 ? 1u : 2u);
        }
        EXPECT_EQ(seen.retries, (recorder::counts{{"reused", 9}}));
        EXPECT_EQ(breaker(), resilience::breaker_state::closed);
        sut.reset();
    }
}

TEST_F(Client, DeadReusedConnectionFailsAPostWithoutBlameForTheOrigin)
{
    scripted_origin origin(dies_on_second_request(false));
    options.breaker.failures = 1;
    options.breaker.mode = resilience::breaker_mode::consecutive;
    start(origin);
    EXPECT_EQ(post().body, "fine");
    EXPECT_EQ(post().error, errc::origin_reset);
    EXPECT_EQ(breaker(), resilience::breaker_state::closed);
    EXPECT_EQ(post().body, "fine");
}

TEST_F(Client, FreshConnectionThatDiesIsNoStaleOne)
{
    options.retry.max = 0;
    scripted_origin origin([](peer& p) { p.read_request(); });
    start(origin);
    EXPECT_EQ(get().error, errc::origin_reset);
    EXPECT_EQ(origin.accepted(), 1);
}

TEST_F(Client, AnswerThatBeganIsNeverAskedForAgain)
{
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.send(answer("fine"));
        p.read_request();
        p.send("HTTP/1.1 2");
    });
    options.retry.max = 0;
    start(origin);
    EXPECT_EQ(get().body, "fine");
    EXPECT_EQ(get().error, errc::origin_reset);
    EXPECT_EQ(origin.seen().size(), 2u);
}

TEST_F(Client, OriginThatClosesSilentlyAfterEachAnswerCausesNoErrors)
{
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.send(answer("fine"));
    });
    start(origin);
    for (int i = 0; i < 2'000; ++i) {
        ASSERT_EQ(get().body, "fine") << i;
    }
}

// ---- breaker and limit -----------------------------------------------------------------------------------------------

TEST_F(Client, FiveFailuresOpenTheBreakerAndTheSixthRequestStaysHere)
{
    scripted_origin origin(always(answer("broken", 500)));
    start(origin);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(get().status, 500);
    }
    EXPECT_EQ(seen.transitions, (std::vector{resilience::breaker_state::open}));
    const auto sixth = get();
    EXPECT_EQ(sixth.error, errc::breaker_open);
    EXPECT_GE(sixth.retry_after, 27s);
    EXPECT_LE(sixth.retry_after, 33s);
    EXPECT_EQ(origin.seen().size(), 5u);
}

TEST_F(Client, BreakerClosesAfterGoodProbes)
{
    std::vector<std::string> answers(5, answer("broken", 500));
    answers.push_back(answer("well"));
    scripted_origin origin(in_turn(answers));
    start(origin);
    for (int i = 0; i < 5; ++i) {
        get();
    }
    clock.advance(34s);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(get().status, 200);
    }
    EXPECT_EQ(breaker(), resilience::breaker_state::closed);
    using enum resilience::breaker_state;
    EXPECT_EQ(seen.transitions, (std::vector{open, half_open, closed}));
}

TEST_F(Client, ClientErrorsAndUnknownThingsDoNotCountAsFailures)
{
    options.breaker.failures = 1;
    options.breaker.mode = resilience::breaker_mode::consecutive;
    scripted_origin origin(in_turn({answer("", 404), answer("", 429), answer("", 501), answer("", 505), answer("", 500)}));
    start(origin);
    for (const int status : {404, 429, 501, 505}) {
        EXPECT_EQ(get().status, status);
        EXPECT_EQ(breaker(), resilience::breaker_state::closed) << status;
    }
    EXPECT_EQ(get().status, 500);
    EXPECT_EQ(breaker(), resilience::breaker_state::open);
}

TEST_F(Client, RetriesEndWhenTheBreakerOpens)
{
    options.breaker.failures = 2;
    options.breaker.mode = resilience::breaker_mode::consecutive;
    options.retry.max = 5;
    scripted_origin origin(always(answer("busy", 503)));
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(origin.seen().size(), 2u);
}

// Every kind of failure opens it, one at a time.
TEST_F(Client, FailuresOfEachKindAreTheBreakersBusiness)
{
    struct row {
        scripted_origin::script script;
        errc error;
    };
    const std::vector<row> rows{
        {[](peer& p) { p.read_request(); }, errc::origin_reset},
        {[](peer& p) { p.read_request(); p.read_request(); }, errc::origin_timeout},
        {[](peer& p) { p.read_request(); p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"); }, errc::origin_truncated},
        {[](peer& p) { p.read_request(); p.send("nonsense\r\n\r\n"); }, errc::origin_invalid},
    };
    options.retry.max = 0;
    options.try_timeout = 30ms;
    options.breaker.failures = 1;
    options.breaker.mode = resilience::breaker_mode::consecutive;
    for (const row& r : rows) {
        scripted_origin origin(r.script);
        options.endpoints.clear();
        start(origin);
        EXPECT_EQ(get().error, r.error);
        EXPECT_EQ(breaker(), resilience::breaker_state::open) << name_of(r.error);
        sut.reset();
    }
}

// Fetches, says so, and keeps the exchange until told otherwise.
async::task<> hold(client& c, outgoing& rq, bool& has_head, async::event& let_go)
{
    auto x = co_await c.fetch(rq);
    EXPECT_TRUE(x);
    has_head = true;
    co_await let_go.wait_until(async::steady::now() + 20s);
}

TEST_F(Client, InFlightLimitRefusesWhatIsTooMuch)
{
    options.limit.max_inflight = 2;
    scripted_origin origin([](peer& p) {
        p.read_request();
        if (p.number < 2) {
            p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");   // under way until the proxy leaves
        } else {
            p.send(answer("fine"));
        }
        p.read_request();
    });
    start(origin);
    async::event let_a_go(loop.context(), loop.wheel()), let_b_go(loop.context(), loop.wheel());
    outgoing a = request(), b = request();
    bool has_a = false, has_b = false;
    spawn(hold(*sut, a, has_a, let_a_go));
    spawn(hold(*sut, b, has_b, let_b_go));
    ASSERT_TRUE(run_until([&] { return has_a && has_b; }));
    EXPECT_EQ(inflight(), 2u);
    const auto third = get();
    EXPECT_EQ(third.error, errc::origin_busy);
    EXPECT_EQ(third.retry_after, 1s);
    EXPECT_EQ(origin.seen().size(), 2u);
    let_a_go.set();
    ASSERT_TRUE(run_until([&] { return inflight() == 1; }));
    outgoing fourth = request();
    fourth.deadline = async::steady::now() + 1s;
    EXPECT_EQ(fetch(fourth).status, 200);
    let_b_go.set();
    EXPECT_TRUE(run_until([&] { return inflight() == 0; }));
    EXPECT_EQ(breaker(), resilience::breaker_state::closed);
}

// Deadline, breaker, in-flight limit, pool. Whatever is wrong besides, the first of them has the word.
TEST_F(Client, RefusalsComeInTheOrderOfTheirCost)
{
    options.limit.max_inflight = 1;
    options.pool.max = 1;
    options.pool.queue = 10;
    options.pool.queue_timeout = 60s;
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");   // under way until the proxy leaves
        p.read_request();
    });
    start(origin);
    async::event let_go(loop.context(), loop.wheel());
    outgoing a = request();
    bool has_a = false;
    spawn(hold(*sut, a, has_a, let_go));
    ASSERT_TRUE(run_until([&] { return has_a; }));
    EXPECT_EQ(get().error, errc::origin_busy) << "at once: nobody queues for a connection without a place";
    EXPECT_EQ(seen.attempts, recorder::counts{});
    up->endpoints()[0]->breaker().force(resilience::breaker_override::open, clock.now());
    EXPECT_EQ(get().error, errc::breaker_open);
    outgoing late = request();
    late.deadline = async::steady::now() - 1ms;
    EXPECT_EQ(fetch(late).error, errc::deadline_exceeded);
    let_go.set();
    EXPECT_TRUE(run_until([&] { return inflight() == 0; }));
    EXPECT_EQ(origin.seen().size(), 1u);
}

TEST_F(Client, BackgroundTrafficPausesAfter429)
{
    scripted_origin origin(in_turn({answer("", 429, "Retry-After: 60\r\n"), answer("fine")}));
    start(origin);
    EXPECT_EQ(get().status, 429);
    outgoing refresh = request();
    refresh.background = true;
    EXPECT_EQ(fetch(refresh).error, errc::origin_busy);
    EXPECT_EQ(get().status, 200);
}

// ---- several endpoints -----------------------------------------------------------------------------------------------

TEST_F(Client, RefusedConnectionSendsEvenAPostToTheOtherEndpoint)
{
    scripted_origin origin(always(answer("fine")));
    options.balance = "round_robin";
    start({"http://127.0.0.1:" + std::to_string(test::free_port()), origin.url()});
    const auto got = post();
    EXPECT_EQ(got.body, "fine");
    EXPECT_EQ(got.attempts, 2u);
    EXPECT_EQ(seen.attempts, (recorder::counts{{"2xx", 1}, {"origin_refused", 1}}));
    EXPECT_EQ(seen.retries, (recorder::counts{{"connect", 1}}));
}

TEST_F(Client, RetryGoesToAnotherEndpoint)
{
    scripted_origin bad(always(answer("no", 503)));
    scripted_origin good(always(answer("yes")));
    options.breaker.failures = 1000;
    options.retry.budget = 1;
    start({bad.url(), good.url()});
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(get().body, "yes");
    }
    EXPECT_EQ(good.seen().size(), 20u);
}

TEST_F(Client, OpenBreakerOfOneLeavesTheOthers)
{
    scripted_origin bad(always(answer("no", 500)));
    scripted_origin good(always(answer("yes")));
    options.balance = "round_robin";
    start({bad.url(), good.url()});
    int failed = 0;
    for (int i = 0; i < 40; ++i) {
        failed += get().status == 500 ? 1 : 0;
    }
    EXPECT_EQ(failed, 5);
    EXPECT_EQ(bad.seen().size(), 5u);
    EXPECT_EQ(good.seen().size(), 35u);
}

TEST_F(Client, NothingListens)
{
    start({"http://127.0.0.1:" + std::to_string(test::free_port())});
    const auto got = get();
    EXPECT_EQ(got.error, errc::origin_refused);
    EXPECT_EQ(got.attempts, 3u);
    EXPECT_EQ(seen.attempts, (recorder::counts{{"origin_refused", 3}}));
}

TEST_F(Client, UnixSocketsAreEndpointsToo)
{
    char path[] = "/tmp/tiercel-origin-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    const std::string file = std::string(path) + "/socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, file.data(), file.size());
    test::unique_fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener.get(), 8), 0);
    std::thread server([&] {
        test::byte_stream s(test::unique_fd(::accept(listener.get(), nullptr, nullptr)));
        for (int i = 0; i < 2; ++i) {
            test::read_request(s, test::after(test::default_timeout));
            s.send(answer("by file"));
        }
    });
    start({"unix:" + file});
    EXPECT_EQ(get().body, "by file");
    EXPECT_TRUE(get().reused);
    server.join();
    ::unlink(file.c_str());
    ::rmdir(path);
}

TEST_F(Client, AbortEndsWhatIsUnderWay)
{
    scripted_origin silent([](peer& p) {
        p.read_request();
        p.read_request();
    });
    start(silent);
    outgoing rq = request();
    fetched out;
    spawn(fetch_all(*sut, rq, out));
    ASSERT_TRUE(run_until([&] { return silent.seen().size() == 1; }));
    sut->abort();
    ASSERT_TRUE(run_until([&] { return out.done; }));
    EXPECT_EQ(out.error, errc::draining);
    EXPECT_EQ(get().error, errc::draining);
    EXPECT_EQ(breaker(), resilience::breaker_state::closed);
}

TEST_F(Client, AbortEndsTheWaitBetweenAttempts)
{
    scripted_origin origin(always(answer("later", 503, "Retry-After: 20\r\n")));
    start(origin);
    outgoing rq = request();
    fetched out;
    spawn(fetch_all(*sut, rq, out));
    ASSERT_TRUE(run_until([&] { return seen.retries["503"] == 1; }));
    sut->abort();
    ASSERT_TRUE(run_until([&] { return out.done; }));
    EXPECT_EQ(out.error, errc::draining);
}

}  // namespace
}  // namespace tiercel::origin
