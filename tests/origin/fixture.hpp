#pragma once

// A client on a loop that the test drives itself, and what it told its observer.

#include "origin/client.hpp"
#include "origin/scripted_origin.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <map>
#include <optional>

namespace tiercel::origin {

using namespace std::chrono_literals;

class manual_clock final : public clock {
public:
    instant now() const override { return instant(milliseconds(ms_.load())); }
    wall_time wall() const override { return wall_time(milliseconds(ms_.load())); }
    void advance(milliseconds d) { ms_ += d.count(); }

private:
    std::atomic<std::int64_t> ms_{1'700'000'000'000};
};

class recorder final : public observer {
public:
    void on_attempt(const endpoint&, std::string_view outcome, async::steady::duration) noexcept override
    {
        ++attempts[std::string(outcome)];
    }
    void on_retry(std::string_view reason) noexcept override { ++retries[std::string(reason)]; }
    void on_transition(const endpoint&, const resilience::breaker_transition& t) noexcept override
    {
        transitions.push_back(t.to);
    }
    void on_invalid(const endpoint&, invalid_reason why) noexcept override { ++invalid[std::string(name_of(why))]; }
    void on_tls_failure(const endpoint&, std::string_view why) noexcept override { tls_failures.emplace_back(why); }
    void on_budget_exhausted() noexcept override { ++budget_exhausted; }
    void on_hedge(hedge_result how) noexcept override { ++hedges[std::string(name_of(how))]; }

    using counts = std::map<std::string, int>;
    counts attempts;
    counts retries;
    counts hedges;
    counts invalid;
    std::vector<std::string> tls_failures;
    std::vector<resilience::breaker_state> transitions;
    int budget_exhausted = 0;
};

// What came of one request.
struct fetched {
    error_code error;             // of fetch() or of a read()
    int status = 0;               // 0: no head
    std::string body;             // what was read before the error
    std::string head;             // the fields, one "name: value" per line
    unsigned attempts = 0;
    bool reused = false;
    seconds retry_after{0};
    bool done = false;
};

inline async::task<> fetch_all(client& c, outgoing& rq, fetched& out)
{
    auto got = co_await c.fetch(rq);
    out.attempts = rq.report.attempts;
    out.retry_after = rq.report.retry_after;
    if (!got) {
        out.error = got.error();
        out.done = true;
        co_return;
    }
    exchange& x = **got;
    out.status = x.head().status;
    out.reused = x.was_reused();
    for (const field& f : x.head().fields) {
        out.head.append(f.name).append(": ").append(f.value).append("\n");
    }
    for (;;) {
        const auto run = co_await x.read();
        if (!run) {
            out.error = run.error();
            break;
        }
        if (run->empty()) {
            break;
        }
        out.body.append(*run);
    }
    co_await x.finish();
    got->reset();
    out.done = true;
}

class OriginTest : public ::testing::Test {
protected:
    // Call once, after the options are set.
    void start(const std::vector<std::string>& urls)
    {
        for (const auto& url : urls) {
            options.endpoints.push_back({url, 1});
        }
        ASSERT_EQ(problem(options), "");
        up = std::make_unique<upstream>("test", options, clock, 42);
        ASSERT_FALSE(up->resolve());
        sut = std::make_unique<client>(loop, *up, seen);
    }
    void start(const scripted_origin& o) { start({o.url()}); }

    // Drives the loop; false when it takes too long.
    template <class Predicate>
    bool run_until(Predicate done)
    {
        const auto limit = async::steady::now() + 20s;
        while (!done()) {
            if (async::steady::now() > limit) {
                return false;
            }
            loop.context().restart();
            loop.context().run_one_for(10ms);
        }
        return true;
    }

    void spawn(async::task<> t)
    {
        boost::asio::co_spawn(loop.context(), std::move(t), [](std::exception_ptr e) {
            if (e) {
                std::rethrow_exception(e);
            }
        });
    }

    outgoing request(std::string_view verb = "GET", std::string_view target = "/") const
    {
        outgoing rq;
        rq.verb = method_of(verb);
        rq.verb_text = verb;
        rq.head.append(verb).append(" ").append(target).append(" HTTP/1.1\r\nHost: origin\r\n");
        rq.deadline = async::steady::now() + 30s;
        return rq;
    }

    fetched fetch(outgoing& rq)
    {
        fetched out;
        spawn(fetch_all(*sut, rq, out));
        EXPECT_TRUE(run_until([&] { return out.done; }));
        return out;
    }
    fetched get(std::string_view target = "/")
    {
        outgoing rq = request("GET", target);
        return fetch(rq);
    }
    fetched post(std::string_view content = "content")
    {
        outgoing rq = request("POST");
        rq.content = content;
        rq.head.append("Content-Length: ").append(std::to_string(content.size())).append("\r\n");
        return fetch(rq);
    }

    resilience::breaker_state breaker(std::size_t n = 0) const { return up->endpoints()[n]->breaker().state(); }
    std::uint32_t inflight(std::size_t n = 0) const { return up->endpoints()[n]->limit().inflight(); }
    unsigned open_connections(std::size_t n = 0) const { return up->endpoints()[n]->slots().open(); }

    void TearDown() override
    {
        if (up) {
            for (const auto& e : up->endpoints()) {
                EXPECT_EQ(e->limit().inflight(), 0u) << e->name();
            }
        }
        EXPECT_EQ(loop.gate().inside(), 0u);
        sut.reset();
        if (up) {
            for (const auto& e : up->endpoints()) {
                EXPECT_EQ(e->slots().open(), 0u) << e->name();
            }
        }
    }

    origin_options options = [] {
        origin_options o;
        o.retry.base = 1ms;
        o.retry.cap = 2ms;
        return o;
    }();
    manual_clock clock;
    async::loop loop;
    recorder seen;
    std::unique_ptr<upstream> up;
    std::unique_ptr<client> sut;
};

}  // namespace tiercel::origin
