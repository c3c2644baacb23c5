// Requests whose content is streamed, and everything that can end them early.

#include "origin/fixture.hpp"

namespace tiercel::origin {
namespace {

// Yields what it is given, then the end, an error, or nothing until it is stopped.
class test_source final : public body_source {
public:
    enum class ending { end, failure, silence };

    test_source(async::loop& l, std::vector<std::string> runs, ending e) : runs_(std::move(runs)), ending_(e), wake_(l.context(), l.wheel()) {}

    async::task<result<std::string_view>> next() override
    {
        EXPECT_FALSE(stopped);
        if (repeat || asked < runs_.size()) {
            const std::string& run = runs_[asked++ % runs_.size()];
            given += run.size();
            co_return std::string_view(run);
        }
        ++asked;
        if (ending_ == ending::end) {
            co_return std::string_view();
        }
        if (ending_ == ending::failure) {
            co_return errc::client_gone;
        }
        co_await wake_.wait_until(async::steady::now() + 20s);
        EXPECT_TRUE(stopped) << "woken by stop(), not by patience";
        ended = true;
        co_return errc::client_gone;
    }
    void stop() override
    {
        EXPECT_FALSE(stopped);
        stopped = true;
        wake_.set();
    }

    bool repeat = false;
    bool stopped = false;
    bool ended = false;
    std::size_t asked = 0;
    std::size_t given = 0;

private:
    std::vector<std::string> runs_;
    ending ending_;
    async::event wake_;
};

using ending = test_source::ending;

class Upload : public OriginTest {
protected:
    outgoing upload(test_source& s, std::optional<std::size_t> length = {}) const
    {
        outgoing rq = request("POST");
        rq.body = &s;
        rq.chunked_body = !length;
        if (length) {
            rq.head.append("Content-Length: ").append(std::to_string(*length)).append("\r\n");
        } else {
            rq.head.append("Transfer-Encoding: chunked\r\n");
        }
        return rq;
    }
};

TEST_F(Upload, RunsArriveAsOneContent)
{
    scripted_origin origin(always(answer("thanks")));
    start(origin);
    test_source chunked(loop, {"hello", " ", "world"}, ending::end);
    outgoing a = upload(chunked);
    EXPECT_EQ(fetch(a).body, "thanks");
    test_source counted(loop, {"hello", " ", "world"}, ending::end);
    outgoing b = upload(counted, 11);
    const auto second = fetch(b);
    EXPECT_EQ(second.body, "thanks");
    EXPECT_TRUE(second.reused);
    ASSERT_EQ(origin.seen().size(), 2u);
    EXPECT_EQ(origin.seen()[0].body, "hello world");
    EXPECT_EQ(origin.seen()[0].header("Transfer-Encoding"), "chunked");
    EXPECT_EQ(origin.seen()[1].body, "hello world");
    EXPECT_FALSE(chunked.stopped);
}

TEST_F(Upload, LargeContentStreamsInBothForms)
{
    scripted_origin origin([](peer& p) {
        for (;;) {
            const auto rq = p.read_request();
            p.send(answer(std::to_string(rq.body.size())));
        }
    });
    start(origin);
    const std::string run(100'000, 'x');
    test_source streamed(loop, std::vector<std::string>(80, run), ending::end);
    outgoing a = upload(streamed);
    EXPECT_EQ(fetch(a).body, "8000000");
    const std::string whole(8'000'000, 'y');   // more than the socket takes at once
    const auto got = post(whole);
    EXPECT_EQ(got.body, "8000000");
    EXPECT_TRUE(got.reused);
    EXPECT_EQ(sut->idle_connections(), 1u);
}

TEST_F(Upload, OriginThatDoesNotReadStopsTheSource)
{
    options.try_timeout = 100ms;
    std::atomic<bool> over = false;
    scripted_origin deaf([&](peer& p) {
        p.read_head();
        over.wait(false);
    });
    start(deaf);
    const std::string run(100'000, 'x');
    test_source endless(loop, {run}, ending::end);
    endless.repeat = true;
    outgoing rq = upload(endless);
    const auto got = fetch(rq);
    EXPECT_EQ(got.error, errc::origin_timeout);
    EXPECT_LT(endless.given, 64'000'000u) << "no more than the socket buffers take";
    over = true;
    over.notify_all();
}

TEST_F(Upload, EarlyRefusalIsDeliveredAndEndsTheUpload)
{
    for (const auto e : {ending::silence, ending::end}) {   // with a source that has nothing now, and one that never ends
        scripted_origin origin([](peer& p) {
            p.read_head();
            p.send(answer("too large", 413));
            p.stream.read_to_end();
        });
        options.endpoints.clear();
        start(origin);
        const std::string run(10'000, 'x');
        test_source source(loop, {run}, e);
        source.repeat = e == ending::end;
        outgoing rq = upload(source);
        const auto got = fetch(rq);
        EXPECT_FALSE(got.error);
        EXPECT_EQ(got.status, 413);
        EXPECT_EQ(got.body, "too large");
        EXPECT_EQ(source.stopped, e == ending::silence);
        EXPECT_EQ(source.ended, e == ending::silence) << "joined before the exchange went";
        EXPECT_EQ(sut->idle_connections(), 0u);
        EXPECT_EQ(open_connections(), 0u);
        EXPECT_EQ(breaker(), resilience::breaker_state::closed);
        sut.reset();
    }
}

// Waits for a sign before its last run.
class waiting_source final : public body_source {
public:
    waiting_source(async::loop& l, result<std::string_view> last) : loop(l), sign(l.context(), l.wheel()), last_(last) {}
    async::task<result<std::string_view>> next() override
    {
        if (++asked == 1) {
            co_return std::string_view("first");
        }
        if (asked == 3) {
            co_return std::string_view();
        }
        co_await sign.wait_until(async::steady::now() + 20s);
        co_return last_;
    }
    void stop() override
    {
        stopped = true;
        sign.set();
    }

    async::loop& loop;
    async::event sign;
    int asked = 0;
    bool stopped = false;

private:
    result<std::string_view> last_;
};

// Reads the head and one run, then gives the sign and reads the rest.
async::task<> talk(client& c, outgoing& rq, waiting_source& s, fetched& out)
{
    auto x = co_await c.fetch(rq);
    EXPECT_TRUE(x);
    EXPECT_TRUE((*x)->is_uploading());
    out.status = (*x)->head().status;
    auto run = co_await (*x)->read();
    out.body = run.value();
    s.sign.set();
    for (;;) {
        run = co_await (*x)->read();
        if (!run) {
            out.error = run.error();
            break;
        }
        if (run->empty()) {
            break;
        }
        out.body += *run;
    }
    EXPECT_FALSE((*x)->is_uploading());
    x->reset();
    out.done = true;
}

scripted_origin::script answers_while_it_reads()
{
    return [](peer& p) {
        auto rq = p.read_head();
        p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhead\r\n");
        test::read_request_body(p.stream, rq, test::after(test::default_timeout));
        p.send("5\r\n-tail\r\n0\r\n\r\n");
        p.read_request();
    };
}

TEST_F(Upload, ServiceMayAnswerWhileItReads)
{
    scripted_origin origin(answers_while_it_reads());
    start(origin);
    waiting_source source(loop, std::string_view("last"));
    outgoing rq = request("POST");
    rq.head.append("Transfer-Encoding: chunked\r\n");
    rq.body = &source;
    rq.chunked_body = true;
    fetched out;
    spawn(talk(*sut, rq, source, out));
    ASSERT_TRUE(run_until([&] { return out.done; }));
    EXPECT_EQ(out.body, "head-tail");
    EXPECT_FALSE(out.error);
    EXPECT_FALSE(source.stopped);
    EXPECT_EQ(sut->idle_connections(), 0u) << "it answered before the request was through";
}

// The answer ends with the connection. A reset in the middle of it is met by the upload, as nobody reads at that moment; who reads
// later must not take what is left for a clean end.
async::task<> read_after_upload(client& c, outgoing& rq, waiting_source& s, scripted_origin& origin, fetched& out)
{
    auto x = co_await c.fetch(rq);
    EXPECT_TRUE(x);
    out.status = (*x)->head().status;
    async::event later(s.loop.context(), s.loop.wheel());
    while (origin.ended() == 0) {
        co_await later.wait_until(async::steady::now() + 1ms);
    }
    s.sign.set();
    while ((*x)->is_uploading() && s.asked < 3) {
        co_await later.wait_until(async::steady::now() + 1ms);
    }
    for (;;) {
        const auto run = co_await (*x)->read();
        if (!run) {
            out.error = run.error();
            break;
        }
        if (run->empty()) {
            break;
        }
        out.body += *run;
    }
    co_await (*x)->finish();
    x->reset();
    out.done = true;
}

TEST_F(Upload, AResetThatTheUploadMeetsIsNoCleanEndOfTheAnswer)
{
    for (const bool clean : {true, false}) {
        SCOPED_TRACE(clean);
        options.endpoints.clear();
        scripted_origin origin([clean](peer& p) {
            p.read_head();
            p.send("HTTP/1.1 200 OK\r\n\r\nhalf");
            if (clean) {
                p.stream.read_exactly(10);   // "5\r\nfirst\r\n": what is unread would turn the end into a reset
                p.stream.shutdown_send();
            } else {
                p.reset();
            }
        });
        start(origin);
        waiting_source source(loop, std::string_view("last"));
        outgoing rq = request("POST");
        rq.head.append("Transfer-Encoding: chunked\r\n");
        rq.body = &source;
        rq.chunked_body = true;
        fetched out;
        spawn(read_after_upload(*sut, rq, source, origin, out));
        ASSERT_TRUE(run_until([&] { return out.done; }));
        EXPECT_EQ(out.status, 200);
        EXPECT_EQ(out.error, clean ? error_code() : make_error_code(errc::origin_truncated));
        EXPECT_EQ(out.body, "half");
        EXPECT_EQ(seen.invalid["truncated"], clean ? 0 : 1);
        sut.reset();
    }
}

TEST_F(Upload, ClientThatLeavesBreaksTheRequestOff)
{
    std::atomic<int> ended = 0;
    std::string received;
    scripted_origin origin([&](peer& p) {
        p.read_head();
        received = p.stream.read_to_end();
        ++ended;
    });
    start(origin);
    test_source source(loop, {"hello"}, ending::failure);
    outgoing rq = upload(source);
    const auto got = fetch(rq);
    EXPECT_EQ(got.error, errc::client_gone);
    EXPECT_EQ(got.status, 0);
    ASSERT_TRUE(run_until([&] { return ended == 1; }));
    EXPECT_EQ(received, "5\r\nhello\r\n") << "no last chunk";
    EXPECT_EQ(seen.attempts, (recorder::counts{{"client_gone", 1}}));
    EXPECT_EQ(seen.retries, recorder::counts{});
    EXPECT_EQ(breaker(), resilience::breaker_state::closed);
}

TEST_F(Upload, ClientThatLeavesDuringTheAnswerBreaksThatOffToo)
{
    scripted_origin origin(answers_while_it_reads());
    start(origin);
    waiting_source source(loop, errc::body_timeout);
    outgoing rq = request("POST");
    rq.head.append("Transfer-Encoding: chunked\r\n");
    rq.body = &source;
    rq.chunked_body = true;
    fetched out;
    spawn(talk(*sut, rq, source, out));
    ASSERT_TRUE(run_until([&] { return out.done; }));
    EXPECT_EQ(out.error, errc::body_timeout);
    EXPECT_EQ(out.body, "head");
    EXPECT_TRUE(run_until([&] { return origin.ended() == 1; }));
}

TEST_F(Upload, ClientThatLeavesHasHadItsAnswerIfAllOfThatHadCome)
{
    scripted_origin origin([](peer& p) {
        p.read_head();
        p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhead\r\n5\r\n-tail\r\n0\r\n\r\n");
        p.stream.read_to_end();
    });
    start(origin);
    waiting_source source(loop, errc::body_timeout);
    outgoing rq = request("POST");
    rq.head.append("Transfer-Encoding: chunked\r\n");
    rq.body = &source;
    rq.chunked_body = true;
    fetched out;
    const auto talk_slowly = [](async::loop& l, client& c, outgoing& r, waiting_source& from, fetched& got) -> async::task<> {
        auto x = co_await c.fetch(r);
        EXPECT_TRUE(x);
        auto run = co_await (*x)->read();
        got.body = run.value();
        from.sign.set();   // the content of the request breaks off, and all of the answer is here
        async::event never(l.context(), l.wheel());
        while ((*x)->is_uploading()) {
            co_await never.wait_until(async::steady::now() + 1ms);
        }
        run = co_await (*x)->read();
        EXPECT_TRUE(run);
        got.body += run ? *run : std::string_view();
        run = co_await (*x)->read();
        EXPECT_TRUE(run && run->empty());
        x->reset();
        got.done = true;
    };
    spawn(talk_slowly(loop, *sut, rq, source, out));
    ASSERT_TRUE(run_until([&] { return out.done; }));
    EXPECT_EQ(out.body, "head-tail");
}

TEST_F(Upload, FinishEndsAnUploadThatNobodyNeeds)
{
    scripted_origin origin([](peer& p) {
        p.read_head();
        p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhead\r\n");
        p.stream.read_to_end();
    });
    start(origin);
    test_source source(loop, {}, ending::silence);
    outgoing rq = upload(source);
    bool done = false;
    const auto leave = [](client& c, outgoing& r, bool& end) -> async::task<> {
        auto x = co_await c.fetch(r);
        EXPECT_TRUE(x);
        co_await (*x)->finish();
        EXPECT_FALSE((*x)->is_uploading());
        x->reset();
        end = true;
    };
    spawn(leave(*sut, rq, done));
    ASSERT_TRUE(run_until([&] { return done && origin.ended() == 1; }));
    EXPECT_TRUE(source.ended);
}

TEST_F(Upload, SlowClientIsNotTheOriginsFault)
{
    options.try_timeout = 20ms;
    scripted_origin origin(always(answer("thanks")));
    start(origin);

    class slow_source final : public body_source {
    public:
        explicit slow_source(async::loop& l) : wait(l.context(), l.wheel()) {}
        async::task<result<std::string_view>> next() override
        {
            co_await wait.wait_until(async::steady::now() + 100ms);
            co_return ++asked < 3 ? std::string_view("part") : std::string_view();
        }
        void stop() override { wait.set(); }
        int asked = 0;
        async::event wait;
    };
    slow_source source(loop);
    outgoing rq = request("POST");
    rq.head.append("Content-Length: 8\r\n");
    rq.body = &source;
    EXPECT_EQ(fetch(rq).body, "thanks");
}

TEST_F(Upload, WhatTheSourceGaveCannotBeSentAgain)
{
    options.retry.methods.push_back("POST");
    scripted_origin origin(always(answer("no", 503)));
    start(origin);
    test_source source(loop, {"hello"}, ending::end);
    outgoing rq = upload(source);
    const auto got = fetch(rq);
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.attempts, 1u);
}

TEST_F(Upload, UntouchedSourceMayGoToAnotherEndpoint)
{
    scripted_origin origin(always(answer("thanks")));
    options.balance = "round_robin";
    start({"http://127.0.0.1:" + std::to_string(test::free_port()), origin.url()});
    test_source source(loop, {"hello"}, ending::end);
    outgoing rq = upload(source);
    const auto got = fetch(rq);
    EXPECT_EQ(got.body, "thanks");
    EXPECT_EQ(got.attempts, 2u);
    EXPECT_EQ(origin.seen().at(0).body, "hello");
}

TEST_F(Upload, OriginThatDiesDuringTheUploadIsAReset)
{
    scripted_origin origin([](peer& p) {
        p.read_head();
        p.reset();
    });
    start(origin);
    const std::string run(100'000, 'x');
    test_source endless(loop, {run}, ending::end);
    endless.repeat = true;
    outgoing rq = upload(endless);
    const auto got = fetch(rq);
    EXPECT_EQ(got.error, errc::origin_reset);
    EXPECT_EQ(got.attempts, 1u);
}

TEST_F(Upload, AbortEndsUploadsToo)
{
    scripted_origin origin([](peer& p) {
        p.read_head();
        p.stream.read_to_end();
    });
    start(origin);
    test_source source(loop, {"hello"}, ending::silence);
    outgoing rq = upload(source);
    fetched out;
    spawn(fetch_all(*sut, rq, out));
    ASSERT_TRUE(run_until([&] { return source.asked == 2; }));
    sut->abort();
    ASSERT_TRUE(run_until([&] { return out.done; }));
    EXPECT_EQ(out.error, errc::draining);
    EXPECT_TRUE(source.ended);
}

}  // namespace
}  // namespace tiercel::origin
