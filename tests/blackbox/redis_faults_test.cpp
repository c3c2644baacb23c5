// Redis is a help and not a need. While clients keep asking it is killed, shut down, frozen and started again: no client sees
// an error, memory answers as before, and what has to come from the origin waits for Redis for a moment at most.

#include "blackbox/load.hpp"
#include "blackbox/setting.hpp"
#include "origin/content.hpp"
#include "support/redis_server.hpp"
#include "support/relay.hpp"

#include <gtest/gtest.h>


#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto most_for_redis = 50ms;       // cache.l2.timeout
constexpr std::size_t page_size = 1000;

constexpr std::uint64_t hot_pages = 50;
std::string hot_page(std::uint64_t n) { return "/page/hot" + std::to_string(n % hot_pages) + "?ttl=3600&size=1000"; }

std::string content_of(const std::string& target)
{
    return sample_origin::content(target.substr(0, target.find('?')), page_size);
}

std::vector<std::string> lines_with(const std::string& log, const std::string& text)
{
    std::vector<std::string> out;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        if (line.find(text) != std::string::npos) { out.push_back(line); }
    }
    return out;
}

// Stands between the proxy and Redis, and lets answers wait.
class slow_link {
public:
    explicit slow_link(std::uint16_t to)
        : relay_(to, [this](relay::connection& c, bool from_client, const std::string& bytes) { carry(c, from_client, bytes); })
    {
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(relay_.port()); }
    void delay(std::chrono::milliseconds t) { delay_ = t; }

private:
    void carry(relay::connection& c, bool from_client, const std::string& bytes) const
    {
        if (!from_client) { std::this_thread::sleep_for(delay_.load()); }
        (from_client ? c.server : c.client).send(bytes);
    }

    std::atomic<std::chrono::milliseconds> delay_ = 0ms;
    relay relay_;   // last: its threads use the rest
};

class RedisFaults : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
        start_proxy(redis_->url(), "");
    }

    void start_proxy(const std::string& redis_url, const std::string& l2_options)
    {
        setting s{.origin_url = origin_.url()};
        s.cache = "{l2: {url: \"" + redis_url + "\"" + l2_options + "}}";
        s.log = "{level: info, access: {file: \"off\"}}";
        proxy_.emplace(s.yaml());
        // Another instance with the same Redis: what it has fetched, the first can only know from there.
        other_.emplace(s.yaml());
        ASSERT_TRUE(proxy_->wait_until_well());
    }

    // Begins to ask: for pages that are in memory, and for pages that nobody has.
    void start_load()
    {
        for (std::uint64_t n = 0; n < hot_pages; ++n) { proxy_->get(hot_page(n)); }
        hits_.emplace(load_options{.port = proxy_->port(), .target = hot_page, .clients = 2, .body = content_of});
        const auto new_page = [](std::uint64_t n) { return "/page/new" + std::to_string(n) + "?ttl=3600&size=1000"; };
        // The kernel deals connections out by chance, and a thread that no miss reaches does not notice that Redis is slow.
        misses_.emplace(load_options{.port = proxy_->port(), .target = new_page, .clients = 14, .body = content_of});
    }

    void stop_load()
    {
        hit_records_ = hits_->stop();
        miss_records_ = misses_->stop();
        EXPECT_EQ(problems_of(hit_records_), "");
        EXPECT_EQ(problems_of(miss_records_), "");
        // Redis that comes back empty has forgotten what was invalidated: each page in memory is fetched once more.
        const std::uint64_t once_more = empty_restarts_ * hot_pages;
        EXPECT_GE(count_hits(hit_records_, "l1") + once_more, hit_records_.size()) << "what is in memory comes from there";
    }

    // The control is what the same load got before anything was wrong.
    void expect_unharmed(steady_clock::time_point control, steady_clock::time_point fault, steady_clock::time_point end)
    {
        const records hits_before = between(hit_records_, control, fault);
        records hits = between(hit_records_, fault, end);
        std::erase_if(hits, [](const request_record& r) { return !(r.cache.hit && r.cache.detail == "l1"); });
        EXPECT_LE(quantile(hits, 0.95), 3 * quantile(hits_before, 0.95) + 10ms) << "hits wait for Redis";
        const records before = between(miss_records_, control, fault);
        const records after = between(miss_records_, fault, end);
        EXPECT_GT(after.size(), 50u);
        EXPECT_LE(quantile(after, 0.95), quantile(before, 0.95) + most_for_redis) << "misses wait for Redis";
        EXPECT_LE(quantile(after, 0.5), quantile(before, 0.5) + 15ms) << "each miss waits for Redis";
    }

    bool is_shared_again()
    {
        const std::string target = "/page/shared" + std::to_string(++number_) + "?ttl=3600";
        other_->get(target, {{"Host", "shop"}});
        return cache_status_of(proxy_->get(target, {{"Host", "shop"}})).text() == "hit; detail=l2";
    }
    void expect_shared_again_within(std::chrono::seconds t)
    {
        EXPECT_TRUE(eventually([this] { return is_shared_again(); }, t)) << "Redis is back and not used";
    }

    void expect_ready_as(int status, const std::string& state)
    {
        const auto is_so = [&] {
            const http_response r = proxy_->admin("GET", "/readyz");
            const bool is_away = r.body.find("not reachable") != std::string::npos;   // by any of the threads
            return r.status == status && r.body.find("\"status\":\"" + state + "\"") != std::string::npos && is_away == (state != "ok");
        };
        EXPECT_TRUE(eventually(is_so)) << proxy_->admin("GET", "/readyz").body;
        EXPECT_EQ(proxy_->admin("GET", "/livez").status, 200);
    }

    double timeouts() const { return proxy_->metric("l2_errors_total", {{"op", "get"}, {"reason", "timeout"}}); }

    origin_process origin_{{"--latency", "20ms"}};
    std::unique_ptr<redis_server> redis_;
    std::optional<proxy> proxy_;
    std::optional<proxy> other_;
    std::optional<load> hits_;
    std::optional<load> misses_;
    records hit_records_;
    records miss_records_;
    int number_ = 0;
    std::uint64_t empty_restarts_ = 0;
};

TEST_F(RedisFaults, KilledAndStartedAgainUnderLoad)
{
    const std::size_t told_before = lines_with(proxy_->log(), "redis").size();
    start_load();
    const auto control = steady_clock::now();
    hits_->run_for(1s);
    const auto fault = steady_clock::now();
    redis_->kill();
    expect_ready_as(200, "degraded");
    hits_->run_for(1500ms);
    const auto end = steady_clock::now();
    const std::size_t told = lines_with(proxy_->log(), "redis").size();
    redis_->restart();
    ++empty_restarts_;
    expect_shared_again_within(3s);
    expect_ready_as(200, "ok");
    stop_load();
    expect_unharmed(control, fault, end);
    proxy_->stop();   // so that everything is written
    EXPECT_EQ(told, told_before + 1) << "that it is gone is told once";
    EXPECT_EQ(lines_with(proxy_->log(), "redis").size(), told + 1) << "that it is back is told once:\n" << proxy_->log();
}

TEST_F(RedisFaults, ShutDownAndStartedAgainSeveralTimesUnderLoad)
{
    start_load();
    const auto control = steady_clock::now();
    hits_->run_for(700ms);
    const auto fault = steady_clock::now();
    for (int i = 0; i < 3; ++i) {
        try {
            redis_->command({"SHUTDOWN", "NOSAVE"});
        } catch (const std::runtime_error&) {   // its answer is that it goes
        }
        expect_ready_as(200, "degraded");
        redis_->restart();
        ++empty_restarts_;
        expect_shared_again_within(3s);
        expect_ready_as(200, "ok");
    }
    const auto end = steady_clock::now();
    stop_load();
    expect_unharmed(control, fault, end);
}

TEST_F(RedisFaults, FrozenForFiveSecondsUnderLoad)
{
    start_load();
    const auto control = steady_clock::now();
    hits_->run_for(1s);
    const auto fault = steady_clock::now();
    redis_->freeze();
    hits_->run_for(1s);
    expect_ready_as(200, "degraded");
    EXPECT_TRUE(eventually([this] { return proxy_->metric("l2_state") == 1; })) << "no thread asks it any more";
    const auto breaker_is_open = steady_clock::now();
    const double timeouts_until_then = timeouts();
    hits_->run_for(4s);
    EXPECT_LE(timeouts(), timeouts_until_then) << "requests wait for Redis although its breaker is open";
    const auto end = steady_clock::now();
    redis_->thaw();
    expect_shared_again_within(3s);
    expect_ready_as(200, "ok");
    stop_load();
    EXPECT_GT(timeouts_until_then, 0) << "it was not frozen";
    EXPECT_LE(quantile(between(miss_records_, fault, end), 1), quantile(between(miss_records_, control, fault), 1) + 300ms);
    expect_unharmed(control, breaker_is_open, end);
}

// Late answers are no answers, and after some of them Redis is left alone until it is quick again.
TEST_F(RedisFaults, SlowerThanItsTimeoutUnderLoad)
{
    slow_link link(redis_->port());
    start_proxy(link.url(), "");
    start_load();
    const auto control = steady_clock::now();
    hits_->run_for(300ms);
    const auto fault = steady_clock::now();
    link.delay(200ms);
    expect_ready_as(200, "degraded");
    const auto breaker_is_open = steady_clock::now();
    hits_->run_for(1500ms);
    const auto end = steady_clock::now();
    link.delay(0ms);
    expect_shared_again_within(3s);
    stop_load();
    EXPECT_GT(timeouts(), 0);
    EXPECT_LE(quantile(between(miss_records_, fault, end), 0.95), quantile(between(miss_records_, control, fault), 0.95) + most_for_redis + 10ms);
    expect_unharmed(control, breaker_is_open, end);
}

TEST_F(RedisFaults, AtTheStartLeaveMemoryToServeAlone)
{
    redis_->kill();
    proxy_->restart();
    expect_ready_as(200, "degraded");
    EXPECT_EQ(cache_status_of(proxy_->get(hot_page(1))).text(), "fwd=uri-miss; stored");
    EXPECT_EQ(cache_status_of(proxy_->get(hot_page(1))).text(), "hit; detail=l1");
    redis_->restart();
    expect_ready_as(200, "ok");
    expect_shared_again_within(3s);
}

TEST_F(RedisFaults, MakeAProxyUnreadyThatNeedsRedis)
{
    start_proxy(redis_->url(), ", required: true");
    expect_ready_as(200, "ok");
    redis_->kill();
    expect_ready_as(503, "down");
    EXPECT_EQ(proxy_->get(hot_page(1)).status, 200) << "who asks nevertheless is answered";
    redis_->restart();
    expect_ready_as(200, "ok");
}

// What repeats is not written again and again: at most log.rate lines a second, and what was left out is counted.
TEST(RepeatedLines, AreWrittenSometimesAndCounted)
{
    const origin_process origin({"--latency", "2ms"});
    setting s{.origin_url = origin.url()};
    s.log = "{level: info, rate: 5, slow_origin: 1ms, access: {file: \"off\"}}";
    proxy p(s.yaml());
    constexpr std::size_t requests = 500;
    raw_client c = p.client();
    const auto begin = steady_clock::now();
    for (std::size_t n = 0; n < requests; ++n) { c.get("/n/10/" + std::to_string(n)); }
    const auto took = std::chrono::ceil<std::chrono::seconds>(steady_clock::now() - begin).count();
    const auto counted = static_cast<std::size_t>(p.metric("log_suppressed_total", {{"site", "slow-origin"}}));
    p.stop();
    const std::vector<std::string> lines = lines_with(p.log(), "slow origin");
    EXPECT_LE(lines.size(), static_cast<std::size_t>(5 + 5 * took));
    EXPECT_EQ(lines.size() + counted, requests);
    std::size_t reported = 0;
    constexpr std::string_view report = " suppressed=";
    for (const std::string& line : lines_with(p.log(), std::string(report))) {
        reported += std::stoul(line.substr(line.find(report) + report.size()));
    }
    EXPECT_EQ(reported, counted) << p.log();
}

}  // namespace
}  // namespace tiercel::test
