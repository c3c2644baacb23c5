// Clients that read slowly, write slowly or do nothing cost a bounded buffer each, and pace nobody but themselves.

#include "blackbox/load.hpp"
#include "blackbox/process_memory.hpp"
#include "blackbox/setting.hpp"
#include "origin/content.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <list>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::uint64_t KiB = 1 << 10;
constexpr std::uint64_t MiB = 1 << 20;

std::string hot_page(std::uint64_t n) { return "/page/hot" + std::to_string(n % 50) + "?ttl=3600&size=1000"; }

std::string content_of(const std::string& target) { return sample_origin::content(target.substr(0, target.find('?')), 1000); }

// The tests hold thousands of connections at both ends.
void allow_many_descriptors()
{
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ASSERT_GT(limit.rlim_cur, 3000u) << "too few descriptors for this test";
}

// Normal clients beside slow ones: what they get with and without them.
class SlowClients : public testing::Test {
protected:
    void start(const std::string& server = "{threads: 2}", const std::string& cache = "{l1: {max_bytes: 64MiB}, l2: {kind: none}}")
    {
        allow_many_descriptors();
        setting s{.origin_url = origin_.url()};
        s.server = server;
        s.cache = cache;
        s.route_options = "deadline: 5m";
        proxy_.emplace(s.yaml());
        for (std::uint64_t n = 0; n < 50; ++n) { proxy_->get(hot_page(n)); }
        normal_.emplace(load_options{.port = proxy_->port(), .target = hot_page, .body = content_of});
        control_ = steady_clock::now();
        normal_->run(500);
        slow_ = steady_clock::now();
        memory_before_ = memory().resident;
    }

    // What normal clients got since start() against what they got before, with nobody else there.
    void expect_normal_clients_unharmed()
    {
        normal_->run(500);
        const auto end = steady_clock::now();
        const records all = normal_->stop();
        EXPECT_EQ(problems_of(all), "");
        const records before = between(all, control_, slow_);
        const records with = between(all, slow_, end);
        EXPECT_LE(quantile(with, 0.9), 3 * quantile(before, 0.9) + 10ms);
        EXPECT_LE(quantile(with, 0.99), 3 * quantile(before, 0.99) + 100ms);
    }

    process_memory memory() { return memory_of(proxy_->process().pid()); }
    void expect_grown_by_at_most(std::uint64_t bytes)
    {
        const std::uint64_t now = memory().resident;
        std::printf("    grown by %lld KiB\n", (static_cast<long long>(now) - static_cast<long long>(memory_before_)) / 1024);
        EXPECT_LE(now, memory_before_ + bytes) << (now - memory_before_) / KiB << " KiB more";
    }

    // Asks for each target and takes only the head of the answer.
    std::list<byte_stream> begin_to_read(const std::vector<std::string>& targets)
    {
        std::list<byte_stream> readers;
        for (const std::string& t : targets) {
            byte_stream& one = readers.emplace_back(connect_to("127.0.0.1", proxy_->port()));
            one.send("GET " + t + " HTTP/1.1\r\nHost: shop\r\n\r\n");
            EXPECT_TRUE(one.read_until("\r\n\r\n", 1 << 14).starts_with("HTTP/1.1 200"));
        }
        return readers;
    }

    void expect_the_rest(std::list<byte_stream>& readers, const std::vector<std::string>& targets, std::size_t size)
    {
        auto reader = readers.begin();
        for (const std::string& t : targets) {
            EXPECT_TRUE((reader++)->read_exactly(size) == sample_origin::content(t, size)) << t;
        }
    }

    origin_process origin_;
    std::optional<proxy> proxy_;
    std::optional<load> normal_;
    steady_clock::time_point control_;
    steady_clock::time_point slow_;
    std::uint64_t memory_before_ = 0;
};

std::vector<std::string> targets_like(const std::string& begin, int count)
{
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) { out.push_back(begin + std::to_string(i)); }
    return out;
}

constexpr int readers = 60;
constexpr std::size_t big = 8 * MiB;

TEST_F(SlowClients, ReadersOfBigPassedAnswersCostABufferEach)
{
    start();
    const auto targets = targets_like("/n/" + std::to_string(big) + "/", readers);
    auto slow = begin_to_read(targets);
    normal_->run(300);
    expect_grown_by_at_most(readers * 192 * KiB);
    expect_normal_clients_unharmed();
    expect_the_rest(slow, targets, big);
}

TEST_F(SlowClients, ReadersOfOneBigStoredAnswerShareIt)
{
    start();
    const std::string target = "/b/" + std::to_string(big) + "/one";
    proxy_->get(target, {{"Host", "shop"}});
    memory_before_ = memory().resident;
    const std::vector<std::string> targets(readers, target);
    auto slow = begin_to_read(targets);
    normal_->run(300);
    expect_grown_by_at_most(readers * 64 * KiB);
    expect_normal_clients_unharmed();
    expect_the_rest(slow, targets, big);
}

// Too much at once to be kept: it is passed on at the readers' pace, beside a budget for what is being stored.
TEST_F(SlowClients, ReadersOfManyBigAnswersThatAreBeingStoredHaveABudget)
{
    start();
    const auto targets = targets_like("/b/" + std::to_string(big) + "/", readers);
    auto slow = begin_to_read(targets);
    normal_->run(300);
    expect_grown_by_at_most(64 * MiB * 115 / 100 + readers * (1 * MiB + 192 * KiB));
    expect_normal_clients_unharmed();
    expect_the_rest(slow, targets, big);
}

// What they read was pushed out of the store meanwhile.
TEST_F(SlowClients, ReadersOfEvictedAnswersCountAgainstTheLimit)
{
    start();
    std::list<byte_stream> slow;
    std::vector<std::string> targets;
    for (const std::string& t : targets_like("/b/" + std::to_string(big) + "/", readers)) {
        proxy_->get(t, {{"Host", "shop"}});
        for (byte_stream& one : begin_to_read({t})) { slow.push_back(std::move(one)); }
        targets.push_back(t);
    }
    expect_grown_by_at_most(64 * MiB * 115 / 100 + readers * 192 * KiB);
    expect_normal_clients_unharmed();
    expect_the_rest(slow, targets, big);
}

TEST_F(SlowClients, IdleConnectionsCostLittle)
{
    start();
    constexpr unsigned count = 2000;
    std::list<byte_stream> idle;
    for (unsigned i = 0; i < count; ++i) {
        byte_stream& one = idle.emplace_back(connect_to("127.0.0.1", proxy_->port()));
        if (i % 2 == 0) {   // half of them have asked for something before
            one.send("GET " + hot_page(i) + " HTTP/1.1\r\nHost: shop\r\n\r\n");
            one.read_until("\r\n\r\n", 1 << 14);
        }
    }
    expect_grown_by_at_most(count * 12 * KiB);
    expect_normal_clients_unharmed();
}

TEST_F(SlowClients, WritersOfHeadsAreRefusedInTimeAndHoldUpNobody)
{
    start("{threads: 2, timeouts: {header: 1500ms}}");
    constexpr unsigned count = 500;
    std::list<byte_stream> slow;
    for (unsigned i = 0; i < count; ++i) {
        slow.emplace_back(connect_to("127.0.0.1", proxy_->port())).send("GET /page/x HTTP/1.1\r\nHost: shop\r\n");
    }
    // A line now and then does not help them.
    for (int i = 0; i < 10; ++i) {
        for (byte_stream& s : slow) { s.try_send("X-More: and more\r\n"); }
        normal_->run(50);
    }
    expect_grown_by_at_most(count * 32 * KiB);
    for (byte_stream& s : slow) { EXPECT_EQ(read_response(s, false, after(default_timeout)).status, 408); }
    expect_normal_clients_unharmed();
}

TEST_F(SlowClients, WritersOfContentHoldUpNobody)
{
    start();
    constexpr unsigned count = 60;
    std::list<byte_stream> slow;
    const std::string half(100 * KiB, 'x');
    for (unsigned i = 0; i < count; ++i) {
        byte_stream& one = slow.emplace_back(connect_to("127.0.0.1", proxy_->port()));
        one.send("POST /page/up HTTP/1.1\r\nHost: shop\r\nContent-Length: " + std::to_string(2 * half.size()) + "\r\n\r\n" + half);
    }
    normal_->run(300);
    expect_grown_by_at_most(count * 192 * KiB);
    expect_normal_clients_unharmed();
    for (byte_stream& s : slow) {
        s.send(half);
        EXPECT_EQ(read_response(s, false, after(default_timeout)).body.size(), 2 * half.size());
    }
}

// ---- more connections than allowed ---------------------------------------------------------------------------------------

TEST_F(SlowClients, BeyondTheLimitOfConnectionsAreRefusedAtOnceAndTheOthersGoOn)
{
    constexpr unsigned limit = 300;
    start("{threads: 2, limits: {connections: " + std::to_string(limit) + "}}");
    std::list<byte_stream> held;
    for (unsigned i = 0; i < limit - 4; ++i) { held.emplace_back(connect_to("127.0.0.1", proxy_->port())); }
    ASSERT_TRUE(eventually([&] { return proxy_->metric("connections") == limit; }));
    // Twice as many again, and again and again.
    std::atomic<bool> stopping = false;
    std::atomic<unsigned> refused = 0;
    std::atomic<unsigned> unanswered = 0;
    std::vector<std::thread> flood;
    for (int t = 0; t < 2; ++t) {
        flood.emplace_back([&] {
            while (!stopping) {
                try {
                    byte_stream one(connect_to("127.0.0.1", proxy_->port()));
                    refused += read_response(one, false, after(5s)).status == 503 ? 1 : 0;
                } catch (const std::exception&) {
                    ++unanswered;
                }
            }
        });
    }
    for (int i = 0; i < 10; ++i) {
        const auto asked = steady_clock::now();
        EXPECT_EQ(proxy_->admin("GET", "/livez").status, 200);
        EXPECT_LE(steady_clock::now() - asked, 1s);
        normal_->run(100);
    }
    stopping = true;
    for (std::thread& f : flood) { f.join(); }
    EXPECT_GT(refused, limit);
    EXPECT_EQ(unanswered, 0u);
    EXPECT_GE(proxy_->metric("rejected_total", {{"reason", "too_many_connections"}}), refused);
    expect_grown_by_at_most(limit * 12 * KiB + 4 * MiB);
    const records all = normal_->stop();
    EXPECT_EQ(problems_of(all), "");
    const records before = between(all, control_, slow_);
    EXPECT_LE(quantile(between(all, slow_, steady_clock::now()), 0.9), 3 * quantile(before, 0.9) + 20ms);
}

}  // namespace
}  // namespace tiercel::test
