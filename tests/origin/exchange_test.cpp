// One request and its answer: framing, broken answers, what becomes of the connection.

#include "origin/fixture.hpp"

namespace tiercel::origin {
namespace {

class Exchange : public OriginTest {};

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_F(Exchange, ManyRequestsUseOneConnection)
{
    scripted_origin origin(always(answer("hello")));
    start(origin);
    for (int i = 0; i < 100; ++i) {
        const auto got = get("/" + std::to_string(i));
        ASSERT_EQ(got.status, 200);
        ASSERT_EQ(got.body, "hello");
        ASSERT_EQ(got.reused, i > 0);
    }
    EXPECT_EQ(origin.accepted(), 1);
    EXPECT_EQ(origin.seen().size(), 100u);
    EXPECT_EQ(origin.seen()[7].target, "/7");
    EXPECT_EQ(seen.attempts, (recorder::counts{{"2xx", 100}}));
}

TEST_F(Exchange, AnswersAreReadByTheirFraming)
{
    struct row {
        std::string_view verb, bytes, body;
        bool keeps;
    };
    const std::string large(300'000, 'x');
    const std::string large_bytes = answer(large);
    const std::vector<row> rows{
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
        {"GET", large_bytes, large, true},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\nT: 1\r\n\r\n", "hello world", true},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", false},
        {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
        {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
        {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "", true},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", true},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", true},
        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", true},
        {"GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", true},
        {"GET", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok", true},
    };
    std::vector<std::string> answers;
    for (const auto& r : rows) {
        answers.emplace_back(r.bytes);
    }
    scripted_origin origin(in_turn(std::move(answers)));
    start(origin);
    for (const auto& r : rows) {
        outgoing rq = request(r.verb);
        const auto got = fetch(rq);
        EXPECT_FALSE(got.error) << r.bytes.substr(0, 200);
        EXPECT_EQ(got.body, r.body) << r.bytes.substr(0, 200);
        EXPECT_EQ(sut->idle_connections(), r.keeps ? 1u : 0u) << r.bytes.substr(0, 200);
    }
    EXPECT_EQ(seen.invalid, recorder::counts{});
}

// However the bytes are cut, the answer is the same.
TEST_F(Exchange, AnswersComeTogetherFromSingleBytes)
{
    const std::string bytes = "HTTP/1.1 103 Early\r\n\r\n" + chunked_head + "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n";
    scripted_origin origin([&](peer& p) {
        for (;;) {
            p.read_request();
            for (const char c : bytes) {
                p.send({&c, 1});
            }
        }
    });
    start(origin);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(get().body, "hello!");
    }
    EXPECT_EQ(origin.accepted(), 1);
}

TEST_F(Exchange, ContentUpToTheCloseEndsWithIt)
{
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.send("HTTP/1.1 200 OK\r\n\r\nall of it");
    });
    start(origin);
    const auto got = get();
    EXPECT_FALSE(got.error);
    EXPECT_EQ(got.body, "all of it");
    EXPECT_EQ(sut->idle_connections(), 0u);
}

// A broken connection at every step of an answer, by FIN and by RST: never a clean end, but where FIN is one.
TEST_F(Exchange, ConnectionLostAtEachStep)
{
    struct script {
        std::string_view name;
        std::vector<std::string> steps;   // sent one after the other, each after the proxy has taken the one before
        bool fin_ends;
    };
    const std::vector<script> scripts{
        {"length", {"HTTP/1.1 200 OK\r\nConte", "nt-Length: 10\r\n\r\n", "01234", "5678"}, false},
        {"chunked", {"HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked\r\n\r\n", "5\r\nhel", "lo\r\n", "0\r\n", "X: y\r\n"}, false},
        {"until close", {"HTTP/1.1 200 OK\r\n", "X: y\r\n\r\n", "some", "thing"}, true},
    };
    struct plan {
        const script* what;
        std::size_t steps;
        bool reset;
    };
    std::vector<plan> plans;
    for (const auto& s : scripts) {
        for (std::size_t n = 0; n <= s.steps.size(); ++n) {
            plans.push_back({&s, n, false});
            plans.push_back({&s, n, true});
        }
    }
    std::atomic<std::size_t> next{0};
    scripted_origin origin([&](peer& p) {
        const plan& now = plans[next++];
        p.read_request();
        for (std::size_t i = 0; i < now.steps; ++i) {
            p.send(now.what->steps[i]);
        }
        if (now.reset) {
            p.reset();
        }
    });
    options.retry.max = 0;
    options.breaker.failures = 1000;
    start(origin);
    for (const plan& p : plans) {
        const auto got = get();
        const bool has_head = p.steps >= 2;
        const std::string where = std::string(p.what->name) + " step " + std::to_string(p.steps) + (p.reset ? " RST" : " FIN");
        if (p.reset && has_head && got.status == 0) {
            EXPECT_EQ(got.error, errc::origin_reset) << where << ": a reset may overtake the head";
        } else if (!has_head) {
            EXPECT_EQ(got.error, errc::origin_reset) << where;
            EXPECT_EQ(got.status, 0) << where;
        } else if (p.what->fin_ends && !p.reset) {
            EXPECT_FALSE(got.error) << where;
        } else {
            EXPECT_EQ(got.status, 200) << where;
            EXPECT_EQ(got.error, errc::origin_truncated) << where;
        }
        EXPECT_EQ(sut->idle_connections(), 0u) << where;
        EXPECT_EQ(open_connections(), 0u) << where;
    }
    EXPECT_EQ(seen.attempts["2xx"], 3);
    EXPECT_EQ(seen.invalid["truncated"], seen.attempts["origin_truncated"]);
    EXPECT_GE(seen.attempts["origin_truncated"], 8) << "all those ended by FIN at least";
}

TEST_F(Exchange, AnAnswerThatBreaksTheProtocolIsNamedAndCountsAsFailure)
{
    struct row {
        std::string_view bytes, reason;
        errc error = errc::origin_invalid;
        bool after_head = false;
    };
    const std::string huge = "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n";
    std::string many = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 201; ++i) {
        many += "X: y\r\n";
    }
    many += "\r\n";
    std::string interims;
    for (int i = 0; i < 17; ++i) {
        interims += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    const std::vector<row> rows{
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "length"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!", "length"},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "length"},
        {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", "length"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", "length"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "length"},
        {"<html>no head at all</html>", "head"},
        {"HTTP/2 200 OK\r\n\r\n", "head"},
        {"HTTP/1.1 2x0 OK\r\n\r\n", "head"},
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "head"},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "head"},
        {"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "head"},
        {{"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", 27}, "head"},
        {huge, "head_too_large", errc::origin_head_too_large},
        {many, "head_too_large", errc::origin_head_too_large},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "upgrade"},
        {interims, "interim"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "chunk", errc::origin_invalid, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "chunk", errc::origin_invalid, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX", "chunk", errc::origin_invalid, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", "chunk", errc::origin_invalid, true},
    };
    std::vector<std::string> answers;
    for (const auto& r : rows) {
        answers.emplace_back(r.bytes);
    }
    scripted_origin origin(in_turn(answers));
    options.breaker.failures = 1;
    options.breaker.mode = resilience::breaker_mode::consecutive;
    start(origin);
    for (const auto& r : rows) {
        seen.invalid.clear();
        const auto got = get();
        const auto shown = r.bytes.substr(0, 80);
        EXPECT_EQ(got.error, r.error) << shown;
        EXPECT_EQ(got.status != 0, r.after_head) << shown;
        EXPECT_EQ(got.attempts, 1u) << shown;
        EXPECT_EQ(seen.invalid, (recorder::counts{{std::string(r.reason), 1}})) << shown;
        EXPECT_EQ(sut->idle_connections(), 0u) << shown;
        EXPECT_EQ(breaker(), resilience::breaker_state::open) << shown;
        up->endpoints()[0]->breaker().force(resilience::breaker_override::closed, clock.now());
        up->endpoints()[0]->breaker().force(resilience::breaker_override::automatic, clock.now());
    }
}

TEST_F(Exchange, SurplusBytesNeverAnswerTheNextRequest)
{
    // The answer to nobody is what a poisoned connection would give to the next request.
    const std::string poison = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned";
    const std::vector<std::string> dirty{
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789" + poison,
        chunked_head + "a\r\n0123456789\r\n0\r\n\r\n" + poison,
        "HTTP/1.1 204 No Content\r\n\r\n" + poison,
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n" + poison,
    };
    for (const auto& bytes : dirty) {
        scripted_origin origin([&](peer& p) {
            for (;;) {
                const auto rq = p.read_request();
                p.send(rq.target == "/dirty" ? bytes : answer("clean"));
            }
        });
        options.endpoints.clear();
        start(origin);
        seen.invalid.clear();
        const auto first = get("/dirty");
        EXPECT_FALSE(first.error);
        EXPECT_TRUE(first.body == "0123456789" || first.body.empty());
        EXPECT_EQ(get("/clean").body, "clean");
        EXPECT_EQ(origin.accepted(), 2);
        EXPECT_EQ(seen.invalid["surplus"], 1);
        sut.reset();
    }
}

TEST_F(Exchange, BytesThatComeWhileIdleDropTheConnection)
{
    std::atomic<bool> idle = false;
    std::atomic<bool> sent = false;
    scripted_origin origin([&](peer& p) {
        p.read_request();
        p.send(answer("one"));
        if (p.number == 0) {
            idle.wait(false);
            p.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned");
            sent = true;
        }
        p.read_request();
    });
    start(origin);
    EXPECT_EQ(get().body, "one");
    EXPECT_EQ(sut->idle_connections(), 1u);
    idle = true;
    idle.notify_all();
    EXPECT_TRUE(run_until([&] { return sent.load(); }));
    const auto second = get();
    EXPECT_EQ(second.body, "one");
    EXPECT_FALSE(second.reused);
    EXPECT_EQ(second.attempts, 1u) << "found before it was used";
}

TEST_F(Exchange, ConnectionClosedWhileIdleCostsNoPost)
{
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.send(answer("fine"));
    });
    start(origin);
    for (int i = 1; i <= 5; ++i) {
        const auto got = post();
        EXPECT_EQ(got.body, "fine");
        EXPECT_EQ(got.attempts, 1u);
        ASSERT_TRUE(run_until([&] { return origin.ended() == i; }));
    }
}

// Among others, a request is put off to the end of the turn: what comes on its connection until then is no answer to it.
class ExchangeInCompany : public Exchange {
protected:
    void start_with_company(const scripted_origin& o)
    {
        start(o);
        spawn(fetch_all(*sut, held_, other_));
        ASSERT_TRUE(run_until([&] { return o.seen().size() == 1; }));
    }
    // For the origin. The company gets no answer.
    static std::string read_target(peer& p)
    {
        std::string target = p.read_request().target;
        if (target == "/held") {
            p.read_request();
        }
        return target;
    }
    void leave_company()
    {
        sut->abort();
        EXPECT_TRUE(run_until([&] { return other_.done; }));
    }
    // A turn of the loop ends.
    void rest()
    {
        bool over = false;
        spawn(wait_for_turn(over));
        EXPECT_TRUE(run_until([&] { return over; }));
    }
    // One connection, which has served and rested, so that it is left to the loop to say whether something has come on it.
    void test_rested_connection(std::string_view comes_while_idle)
    {
        std::atomic<bool> idle = false;
        std::atomic<bool> sent = false;
        scripted_origin origin([&](peer& p) {
            for (;;) {
                const std::string target = read_target(p);
                p.send(answer("fine"));
                if (target == "/last") {
                    idle.wait(false);
                    p.send(comes_while_idle);
                    sent = true;
                    if (comes_while_idle.empty()) {
                        return;
                    }
                }
            }
        });
        start_with_company(origin);
        EXPECT_EQ(get("/first").body, "fine");
        EXPECT_TRUE(get("/second").reused);
        rest();
        rest();
        EXPECT_TRUE(get("/last").reused);
        idle = true;
        idle.notify_all();
        EXPECT_TRUE(run_until([&] { return comes_while_idle.empty() ? origin.ended() == 1 : sent.load(); }));
        rest();
        rest();
        const auto next = get("/next");
        EXPECT_EQ(next.body, "fine");
        EXPECT_FALSE(next.reused);
        EXPECT_EQ(next.attempts, 1u) << "found before it was used";
        EXPECT_EQ(origin.accepted(), 3);
        EXPECT_TRUE(seen.retries.empty());
        leave_company();
    }

    // A connection that ends together with its second answer, so that the end is no news to the loop.
    void test_end_with_answer(bool by_reset)
    {
        std::atomic<bool> may_end = false;
        std::atomic<bool> over = false;
        scripted_origin origin([&](peer& p) {
            for (;;) {
                const std::string target = read_target(p);
                if (target == "/last") {
                    may_end.wait(false);
                }
                p.send(answer("fine"));
                if (target == "/last") {
                    by_reset ? p.reset() : p.stream.shutdown_send();
                    over = true;
                    over.notify_all();
                    p.stream.read_to_end();   // which nobody answers
                    return;
                }
            }
        });
        options.try_timeout = 2s;
        start_with_company(origin);
        EXPECT_EQ(get("/first").body, "fine");
        outgoing rq = request("GET", "/last");
        fetched last;
        spawn(fetch_all(*sut, rq, last));
        ASSERT_TRUE(run_until([&] { return origin.seen().size() == 3; }));
        may_end = true;
        may_end.notify_all();
        over.wait(false);   // without a turn of the loop
        ASSERT_TRUE(run_until([&] { return last.done; }));
        EXPECT_EQ(last.body, "fine");
        EXPECT_TRUE(last.reused);
        rest();
        rest();
        const auto next = get("/next");
        EXPECT_EQ(next.body, "fine");
        EXPECT_FALSE(next.reused);
        EXPECT_EQ(seen.retries, (recorder::counts{{"reused", 1}}));
        EXPECT_EQ(breaker(), resilience::breaker_state::closed);
        leave_company();
    }

private:
    async::task<> wait_for_turn(bool& over)
    {
        co_await loop.turn_end().reached();
        over = true;
    }

    outgoing held_ = request("GET", "/held");
    fetched other_;
};

TEST_F(ExchangeInCompany, BytesThatComeWhileIdleDropTheConnection)
{
    std::atomic<bool> idle = false;
    std::atomic<bool> sent = false;
    scripted_origin origin([&](peer& p) {
        const std::string target = read_target(p);
        p.send(answer("one"));
        if (target == "/first") {
            idle.wait(false);
            p.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned");
            sent = true;
        }
        p.read_request();
    });
    start_with_company(origin);
    EXPECT_EQ(get("/first").body, "one");
    idle = true;
    idle.notify_all();
    EXPECT_TRUE(run_until([&] { return sent.load(); }));
    const auto second = get("/second");
    EXPECT_EQ(second.body, "one");
    EXPECT_FALSE(second.reused);
    EXPECT_EQ(second.attempts, 1u) << "found before it was used";
    EXPECT_TRUE(seen.retries.empty());
    leave_company();
}

TEST_F(ExchangeInCompany, ConnectionClosedWhileIdleCostsNoPost)
{
    scripted_origin origin([](peer& p) {
        read_target(p);
        p.send(answer("fine"));
    });
    start_with_company(origin);
    for (int i = 1; i <= 5; ++i) {
        const auto got = post();
        EXPECT_EQ(got.body, "fine");
        EXPECT_EQ(got.attempts, 1u);
        ASSERT_TRUE(run_until([&] { return origin.ended() == i; }));
    }
    EXPECT_TRUE(seen.retries.empty());
    leave_company();
}

TEST_F(ExchangeInCompany, BytesThatComeOnARestedConnectionDropIt)
{
    test_rested_connection("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned");
}

TEST_F(ExchangeInCompany, EndOfARestedConnectionDropsIt)
{
    test_rested_connection("");
}

// An end that comes together with the answer is no news to the loop.
TEST_F(ExchangeInCompany, OriginThatEndsEachConnectionUnannouncedCostsNoReplay)
{
    scripted_origin origin([](peer& p) {
        read_target(p);
        p.send(answer("fine"));
    });
    start_with_company(origin);
    for (int i = 1; i <= 50; ++i) {
        EXPECT_EQ(get().body, "fine");
        ASSERT_TRUE(run_until([&] { return origin.ended() == i; }));
        rest();
        rest();
    }
    EXPECT_TRUE(seen.retries.empty());
    leave_company();
}

// When it comes with a later answer, the request that meets it is sent again. The origin may go on reading.
TEST_F(ExchangeInCompany, EndThatTheLoopWasNotToldOfCostsAMoment)
{
    test_end_with_answer(false);
}

TEST_F(ExchangeInCompany, ResetThatTheLoopWasNotToldOfCostsAMoment)
{
    test_end_with_answer(true);
}

// A POST cannot be sent again: what the loop has not been told yet is looked for.
TEST_F(ExchangeInCompany, EndThatTheLoopDoesNotKnowYetCostsNoPost)
{
    std::atomic<bool> over = false;
    scripted_origin origin([&](peer& p) {
        for (;;) {
            const std::string target = read_target(p);
            p.send(answer("fine"));
            if (target == "/last") {
                over.wait(false);
                return;
            }
        }
    });
    start_with_company(origin);
    EXPECT_EQ(get("/first").body, "fine");
    EXPECT_TRUE(get("/last").reused);
    rest();
    rest();
    loop.context().restart();
    loop.context().poll();
    outgoing rq = request("POST");
    fetched got;
    spawn(fetch_all(*sut, rq, got));
    loop.context().run_one();   // up to its wait for the end of the turn
    EXPECT_EQ(inflight(), 2u);
    over = true;
    over.notify_all();
    const auto limit = async::steady::now() + 20s;
    while (origin.ended() == 0 && async::steady::now() < limit) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(run_until([&] { return got.done; }));
    EXPECT_EQ(got.body, "fine");
    EXPECT_FALSE(got.reused);
    EXPECT_EQ(got.attempts, 1u);
    EXPECT_TRUE(seen.retries.empty());
    leave_company();
}

TEST_F(ExchangeInCompany, ConnectionIsUsedAgain)
{
    scripted_origin origin([](peer& p) {
        for (;;) {
            read_target(p);
            p.send(answer("fine"));
        }
    });
    start_with_company(origin);
    EXPECT_FALSE(get().reused);
    EXPECT_TRUE(get().reused);
    EXPECT_TRUE(post().reused);
    EXPECT_EQ(origin.accepted(), 2);
    leave_company();
}

TEST_F(Exchange, HeadFieldsAndFactsAreThere)
{
    scripted_origin origin(always(answer("hello", 404, "X-One: 1\r\nX-Two:  2 \r\n")));
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.status, 404);
    EXPECT_EQ(got.head, "Content-Length: 5\nX-One: 1\nX-Two: 2\n");
}

TEST_F(Exchange, SmallAnswerIsThereWithItsHead)
{
    scripted_origin origin(always(answer("hello")));
    start(origin);
    outgoing rq = request();
    bool done = false;
    const auto look = [](client& c, outgoing& r, bool& end) -> async::task<> {
        const auto before = async::steady::now();
        auto x = co_await c.fetch(r);
        EXPECT_TRUE(x);
        const auto run = (*x)->try_read();
        EXPECT_TRUE(run && *run);
        EXPECT_EQ(**run, "hello");
        EXPECT_TRUE((*x)->is_complete());
        EXPECT_TRUE((*x)->try_read().value().value().empty());
        EXPECT_EQ((*x)->head().status, 200) << "the head stays while the exchange lives";
        EXPECT_EQ((*x)->attempts(), 1u);
        EXPECT_GE((*x)->requested_at(), before);
        EXPECT_GE((*x)->answered_at(), (*x)->requested_at());
        EXPECT_EQ((*x)->where().number(), 0u);
        end = true;
    };
    spawn(look(*sut, rq, done));
    EXPECT_TRUE(run_until([&] { return done; }));
}

TEST_F(Exchange, DestroyedHalfReadClosesTheConnection)
{
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
        p.read_request();
    });
    start(origin);
    outgoing rq = request();
    bool done = false;
    const auto leave = [](client& c, outgoing& r, bool& end) -> async::task<> {
        auto x = co_await c.fetch(r);
        EXPECT_TRUE(x);
        x->reset();
        end = true;
    };
    spawn(leave(*sut, rq, done));
    EXPECT_TRUE(run_until([&] { return done && origin.ended() == 1; }));
    EXPECT_EQ(sut->idle_connections(), 0u);
    EXPECT_EQ(breaker(), resilience::breaker_state::closed);
}

TEST_F(Exchange, SilenceBeforeTheHeadTimesOut)
{
    options.try_timeout = 30ms;
    options.retry.max = 0;
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.read_request();
    });
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.error, errc::origin_timeout);
    EXPECT_EQ(seen.attempts["origin_timeout"], 1);
    EXPECT_TRUE(run_until([&] { return origin.ended() == 1; })) << "the connection is closed";
}

TEST_F(Exchange, AGapInTheContentTimesOut)
{
    options.try_timeout = 30ms;
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
        p.read_request();
    });
    start(origin);
    const auto got = get();
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "01234");
    EXPECT_EQ(got.error, errc::origin_timeout);
}

TEST_F(Exchange, TheRequestsDeadlineEndsTheWait)
{
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.read_request();
    });
    start(origin);
    outgoing rq = request();
    rq.deadline = async::steady::now() + 30ms;
    EXPECT_EQ(fetch(rq).error, errc::origin_timeout);
    outgoing late = request();
    late.deadline = async::steady::now();
    EXPECT_EQ(fetch(late).error, errc::deadline_exceeded);
    EXPECT_EQ(origin.accepted(), 1);
}

class kept_interims final : public interim_sink {
public:
    async::task<> relay(const response_head& head) override
    {
        statuses.push_back(head.status);
        fields.emplace_back(head.fields.empty() ? "" : head.fields[0].value);
        co_return;
    }
    std::vector<int> statuses;
    std::vector<std::string> fields;
};

TEST_F(Exchange, InterimAnswersGoToTheSink)
{
    scripted_origin origin(always("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer("x")));
    start(origin);
    outgoing rq = request();
    kept_interims sink;
    rq.interim = &sink;
    EXPECT_EQ(fetch(rq).body, "x");
    EXPECT_EQ(sink.statuses, (std::vector<int>{100, 103}));
    EXPECT_EQ(sink.fields[1], "</a>");
}

}  // namespace
}  // namespace tiercel::origin
