#pragma once

// The whole server in this program, between an origin that does as told and clients that forgive nothing, with a clock that
// stands still until the test moves it.
//
//     scenario s;
//     auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
//     s.start();
//     s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
//     s.advance(30s);
//     s.get("/a").expect_cache("hit; detail=l1").expect_header("Age", "30");
//     EXPECT_EQ(page.requests(), 1);
//
// What moves by the manual clock: freshness, ages, breakers, marks, the origin's Date. What is of the machine: timeouts of
// connections, deadlines, and the clock of Redis.

#include "support/cache_status.hpp"
#include "support/fake_origin.hpp"
#include "support/http_message.hpp"
#include "support/process.hpp"
#include "support/raw_client.hpp"

#include <tiercel/clock.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::app {
class process;
}

namespace tiercel::test {

using namespace std::chrono_literals;

// Thread: any.
class manual_clock final : public clock {
public:
    manual_clock();
    instant now() const override { return instant(milliseconds(now_.load() + run())); }
    wall_time wall() const override { return wall_time(milliseconds(now_.load() + run())); }
    void advance(milliseconds by) { now_ += by.count(); }
    // From here on it goes by itself. For what compares times of several instances by the clock of Redis, which never stands still.
    void let_run() { ticks_since_ = std::chrono::steady_clock::now(); }

private:
    std::int64_t run() const
    {
        return ticks_since_ ? std::chrono::floor<milliseconds>(std::chrono::steady_clock::now() - *ticks_since_).count() : 0;
    }

    std::atomic<std::int64_t> now_;
    std::optional<std::chrono::steady_clock::time_point> ticks_since_;   // set before anything runs
};

using location = std::source_location;

// What a client got, with expectations that chain and report the line of the test.
struct answer : http_response {
    explicit answer(http_response r) : http_response(std::move(r)) {}

    const answer& expect_status(int code, location at = location::current()) const;
    const answer& expect_body(std::string_view content, location at = location::current()) const;
    // Cache-Status, read strictly, as cache_status::text() puts it: "hit; detail=l1", "fwd=uri-miss; stored".
    const answer& expect_cache(std::string_view text, location at = location::current()) const;
    // That many seconds, or one less: what the fetch really took is part of the age.
    const answer& expect_ttl(std::int64_t seconds, location at = location::current()) const;
    const answer& expect_header(std::string_view name, std::string_view value, location at = location::current()) const;
    const answer& expect_no_header(std::string_view name, location at = location::current()) const;
    // A problem document of our own with that status and type "urn:tiercel:problem:NAME".
    const answer& expect_problem(int code, std::string_view name, location at = location::current()) const;
};

// An answer on its way. Destroying it waits for it.
class pending {
public:
    explicit pending(std::future<http_response> f) : future_(std::move(f)) {}
    answer get() { return answer(future_.get()); }   // throws what the client threw
    bool is_ready() const { return future_.wait_for(0s) == std::future_status::ready; }

private:
    std::future<http_response> future_;
};

using label_map = std::map<std::string, std::string>;

class scenario {
public:
    // Two workers, no L2, no retries, one origin "shop" and one route "all" to it; breakers as by default.
    scenario();
    ~scenario();
    scenario(const scenario&) = delete;
    scenario& operator=(const scenario&) = delete;

    // ---- before start() ----
    // One key, by its place: "routes.0.stale.if_error", "origins.shop.retry.max"; the value is YAML.
    scenario& set(std::string_view key, std::string_view value);
    // Several, as YAML that is merged in: maps grow, everything else is replaced.
    scenario& configure(std::string_view yaml);

    fake_origin& origin() noexcept { return origin_; }

    void start();
    // As it would start with.
    std::string configuration() const;
    // Drains and starts anew with the same configuration; nothing but Redis remembers. The port may change.
    void restart();

    // ---- requests, each on a connection of its own, for host "shop.test" ----
    answer get(std::string_view target, const header_list& fields = {}) const { return request("GET", target, fields); }
    answer head(std::string_view target, const header_list& fields = {}) const { return request("HEAD", target, fields); }
    answer post(std::string_view target, std::string_view body, const header_list& fields = {}) const
    {
        return request("POST", target, fields, body);
    }
    answer request(std::string_view method, std::string_view target, const header_list& fields = {},
                   std::string_view body = {}) const;
    // In a thread of its own, so that the test can go on while it waits.
    pending begin_get(std::string target, header_list fields = {}) const;
    std::vector<pending> begin_gets(int n, const std::string& target) const;
    raw_client client() const { return raw_client(port_); }
    answer admin(std::string_view method, std::string_view target, std::string_view json = {}) const;

    // ---- time and what it did ----
    void advance(milliseconds by) { clock_.advance(by); }
    void let_time_run() { clock_.let_run(); }   // before start()
    wall_time wall() const { return clock_.wall(); }
    // As an origin writes it: now by the clock of the test, or so long ago.
    std::string date(seconds ago = 0s) const;
    // Forgets what is of no use any more, as the server does once in a real second.
    void expire() const;

    // Sum over the series of tiercel_NAME with these labels.
    double metric(std::string_view name, const label_map& with = {}) const;
    // The same, waited for: what is counted after an answer was sent may be counted a moment after it arrived.
    // A counter only grows: too much is too much.
    void expect_metric(double value, std::string_view name, const label_map& with = {}, location at = location::current()) const;
    // A gauge goes up and down.
    void expect_gauge(double value, std::string_view name, const label_map& with = {}, location at = location::current()) const;
    // Until so many wait for somebody else's fetch, since the start.
    void wait_for_waiters(int n, location at = location::current()) const;
    // Until no fetch is under way; then everything that is going to be stored is stored. False: one still is.
    bool is_quiet_soon() const;
    void wait_until_quiet(location at = location::current()) const;

    // Shutdown in a thread of its own; the result says whether everything ended by itself.
    std::future<bool> begin_drain() const;
    std::uint16_t port() const noexcept { return port_; }

private:
    struct setup;                        // configuration as YAML, and as loaded
    manual_clock clock_;
    fake_origin origin_;
    std::unique_ptr<setup> setup_;
    std::unique_ptr<app::process> process_;
    std::uint16_t port_ = 0;
};

// An origin that the test itself plays, byte by byte:
//     manual_origin o;
//     s.set("origins.shop.endpoints", "[ '" + o.url() + "' ]").start();
//     auto waiting = s.begin_get("/a");
//     auto link = o.accept();
//     o.read(link);
//     link.send("HTTP/1.1 200 OK\r\n");
class manual_origin {
public:
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_of(listener_)); }
    byte_stream accept();                       // the next connection
    http_request read(byte_stream& link) const { return read_request(link, after(default_timeout)); }

private:
    unique_fd listener_ = listen_on_loopback();
};

// Reads from the client until what came ends with `end`. Throws peer_closed when the connection ends before.
std::string read_through(raw_client& c, std::string_view end);

// Bytes for origin_page::raw() or a manual_origin: status line, these fields, Content-Length, content.
std::string plain_answer(const header_list& fields, std::string_view body, int status = 200);

}  // namespace tiercel::test
