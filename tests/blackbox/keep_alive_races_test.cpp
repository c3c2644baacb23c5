// An origin that ends idle connections whenever it likes, often in the very moment in which the proxy uses one again.

#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <atomic>
#include <climits>
#include <cstdlib>
#include <list>
#include <mutex>
#include <random>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

// Answers each request with its target, then waits a random moment for the next one, and closes.
class impatient_origin {
public:
    enum class closes { now_and_then, after_each_answer };   // the latter: every other time when the next request is on its way

    explicit impatient_origin(closes when = closes::now_and_then) : when_(when) {}
    ~impatient_origin()
    {
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        {
            const std::lock_guard lock(mutex_);
            for (auto& c : connections_) { c.stream.interrupt(); }
        }
        for (auto& c : connections_) { c.thread.join(); }
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_of(listener_)); }
    int closed_by_us() const { return closed_; }

private:
    struct connection {
        byte_stream stream;
        int fd = -1;
        std::thread thread;
        bool done = false;   // guarded by mutex_
    };

    void accept_loop()
    {
        for (unsigned number = 1;; ++number) {
            unique_fd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) { return; }
            reap();
            connection& c = connections_.emplace_back();
            c.fd = fd.get();
            c.stream = byte_stream(std::move(fd));
            c.thread = std::thread([this, &c, number] { serve(c, number); });
        }
    }

    void serve(connection& c, unsigned number)
    {
        std::minstd_rand random(number);
        try {
            for (;;) {
                const http_request r = read_request(c.stream, after(60s));
                c.stream.send("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: " + std::to_string(r.target.size()) + "\r\n\r\n" +
                              r.target);
                if (when_ == closes::after_each_answer) {
                    if (number % 2 == 0) { wait_readable(c.fd, after(60s)); }
                    ++closed_;
                    break;
                }
                if (!wait_readable(c.fd, std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 4'000))) {
                    ++closed_;
                    break;   // whether or not something is on its way
                }
                if (random() % 8 == 0) { break; }   // it is: the race that is lost, made to happen often enough
            }
        } catch (const std::exception&) {
            // The proxy has ended it.
        }
        const std::lock_guard lock(mutex_);
        c.stream.close();
        c.done = true;
    }

    // Each is a thread, and a long run has many.
    void reap()
    {
        const std::lock_guard lock(mutex_);
        connections_.remove_if([](connection& c) {
            if (c.done) { c.thread.join(); }   // its last act was to say so
            return c.done;
        });
    }

    const closes when_;
    unique_fd listener_ = listen_on_loopback();
    std::atomic<int> closed_ = 0;
    std::mutex mutex_;   // closing and interrupting
    std::list<connection> connections_;
    std::thread acceptor_{[this] { accept_loop(); }};
};

// So many requests in a few seconds; TIERCEL_KEEP_ALIVE_RACES sets for how many seconds there shall be 500 per second instead.
struct race_plan {
    std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
    int each = 500;
    std::chrono::microseconds longest_pause{4'000};
};

constexpr int clients = 6;

race_plan plan()
{
    const char* const seconds = std::getenv("TIERCEL_KEEP_ALIVE_RACES");
    if (seconds == nullptr) { return {}; }
    return {after(std::chrono::seconds(std::stoi(seconds))), INT_MAX, std::chrono::microseconds(2 * clients * 1'000'000 / 500)};
}

TEST(KeepAliveRaces, ReachNoClientAndMixUpNoAnswers)
{
    impatient_origin origin;
    setting s{.origin_url = origin.url()};
    s.origin_options = "retry: {max: 0}";   // the one free replay must do
    const proxy p(s.yaml());
    std::atomic<int> good = 0;
    std::atomic<int> bad = 0;
    const race_plan races = plan();
    std::vector<std::thread> threads;
    for (int t = 0; t < clients; ++t) {
        threads.emplace_back([&, t] {
            std::minstd_rand random(static_cast<unsigned>(t) + 1);
            raw_client c = p.client();
            for (int i = 0; i < races.each && std::chrono::steady_clock::now() < races.until; ++i) {
                const std::string target = "/" + std::to_string(t) + "/" + std::to_string(i);
                const auto r = c.get(target);
                ++(r.status == 200 && r.body == target ? good : bad);
                std::this_thread::sleep_for(races.longest_pause * (random() % 1'000) / 1'000);   // so that connections are idle for a while
            }
        });
    }
    for (auto& t : threads) { t.join(); }
    EXPECT_EQ(bad, 0);
    EXPECT_GE(good, clients * 500);
    RecordProperty("answers", good);
    RecordProperty("replays", static_cast<int>(p.metric("retries_total", {{"reason", "reused"}})));
    EXPECT_GT(origin.closed_by_us(), 100);
    // There have been races, and none of them was counted against the origin.
    EXPECT_GT(p.metric("retries_total", {{"reason", "reused"}}), 20);
    EXPECT_EQ(p.metric("breaker_transitions_total"), 0);
}

// A GET that a kept connection has swallowed is sent again on a new one, and that is no retry.
TEST(KeepAliveRaces, OfAnOriginThatClosesAfterEachOfTenThousandAnswersWithoutSayingSoEndNoGetInAnError)
{
    constexpr int askers = 4;
    constexpr int each = 2'500;
    impatient_origin origin(impatient_origin::closes::after_each_answer);
    setting s{.origin_url = origin.url()};
    s.origin_options = "retry: {max: 0, budget: 0, budget_floor: 0}";   // the replay is none of these
    const proxy p(s.yaml());
    std::atomic<int> bad = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < askers; ++t) {
        threads.emplace_back([&, t] {
            raw_client c = p.client();
            for (int i = 0; i < each; ++i) {
                const std::string target = "/" + std::to_string(t) + "/" + std::to_string(i);
                const auto r = c.get(target);
                bad += r.status == 200 && r.body == target ? 0 : 1;
            }
        });
    }
    for (auto& t : threads) { t.join(); }
    EXPECT_EQ(bad, 0);
    EXPECT_GT(origin.closed_by_us(), askers * each - 100);   // all but those that nobody has used again
    EXPECT_GT(p.metric("retries_total", {{"reason", "reused"}}), 1'000);
    EXPECT_EQ(p.metric("breaker_transitions_total"), 0);
    EXPECT_EQ(p.metric("retry_budget_exhausted_total"), 0);
}

}  // namespace
}  // namespace tiercel::test
