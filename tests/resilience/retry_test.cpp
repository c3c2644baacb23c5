#include "resilience/retry.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <thread>

namespace tiercel::resilience {
namespace {

using namespace std::chrono_literals;
using verdict = retry_verdict;

constexpr instant start{1'700'000'000'000ms};

// ---- names -----------------------------------------------------------------------------------------------------------

TEST(RetryCauses, AreReadAndPrintedByName)
{
    struct text_case {
        const char* text;
        const char* printed;   // null: refused
    };
    const text_case cases[] = {
        {"connect, reset, 502, 503, 504", "connect, reset, 502, 503, 504"},
        {"504,connect", "connect, 504"},
        {"  429 ,\t500 ", "429, 500"},
        {"reset,reset", "reset"},
        {"", ""},
        {"  ", ""},
        {"timeout", nullptr},
        {"501", nullptr},
        {"Connect", nullptr},
        {"connect,", nullptr},
        {",connect", nullptr},
        {"connect reset", nullptr},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        const auto causes = parse_retry_causes(c.text);
        ASSERT_EQ(causes.has_value(), c.printed != nullptr);
        if (causes) {
            EXPECT_EQ(to_text(*causes), c.printed);
            EXPECT_EQ(parse_retry_causes(to_text(*causes)), causes);
        }
    }
    EXPECT_EQ(to_text(retry_options{}.on), "connect, reset, 502, 503, 504");
}

// ---- the decision ----------------------------------------------------------------------------------------------------

failed_attempt get_failed()
{
    failed_attempt a;
    a.method_allowed = true;
    a.remaining = 30s;
    a.status = 503;
    return a;
}

struct decision_case {
    const char* what;
    std::function<void(failed_attempt&)> change;
    verdict expected;
};

TEST(DecideRetry, FollowsTheTable)
{
    const auto error = [](errc e) {
        return [e](failed_attempt& a) { a.error = e; };
    };
    const auto status = [](int s) {
        return [s](failed_attempt& a) { a.status = s; };
    };
    const decision_case cases[] = {
        {"a 503 to a GET", [](auto&) {}, verdict::again},
        {"a 502", status(502), verdict::again},
        {"a 504", status(504), verdict::again},
        {"a 500 is not in the list", status(500), verdict::not_retryable},
        {"a 429 is not in the list", status(429), verdict::not_retryable},
        {"a 501", status(501), verdict::not_retryable},
        {"a 200", status(200), verdict::not_retryable},
        {"connection refused", error(errc::origin_refused), verdict::again},
        {"no address", error(errc::origin_unresolved), verdict::again},
        {"connect timed out", error(errc::origin_connect_timeout), verdict::again},
        {"reset", error(errc::origin_reset), verdict::again},
        {"answer timed out", error(errc::origin_timeout), verdict::not_retryable},
        {"truncated", error(errc::origin_truncated), verdict::not_retryable},
        {"broken protocol", error(errc::origin_invalid), verdict::not_retryable},
        {"the client left", error(errc::client_gone), verdict::not_retryable},
        {"Redis is no origin", error(errc::redis_down), verdict::not_retryable},
        {"an error wins over a status left behind", [](auto& a) { a.error = errc::origin_timeout; a.status = 503; },
         verdict::not_retryable},
        {"POST, sent", [](auto& a) { a.method_allowed = false; }, verdict::method},
        {"POST, reset, sent", [](auto& a) { a.method_allowed = false; a.error = errc::origin_reset; }, verdict::method},
        {"POST, refused: not a byte sent",
         [](auto& a) { a.method_allowed = false; a.sent = false; a.error = errc::origin_refused; }, verdict::again},
        {"POST with a streamed body, refused",
         [](auto& a) { a.method_allowed = a.sent = a.replayable = false; a.error = errc::origin_refused; }, verdict::again},
        {"PUT allowed, body gone", [](auto& a) { a.replayable = false; }, verdict::body},
        {"the client has seen a part", [](auto& a) { a.forwarded = true; a.error = errc::origin_reset; }, verdict::forwarded},
        {"second retry", [](auto& a) { a.retries = 1; }, verdict::again},
        {"no third", [](auto& a) { a.retries = 2; }, verdict::exhausted},
        {"stale will do", [](auto& a) { a.stale_will_do = true; }, verdict::stale},
        {"breaker open", [](auto& a) { a.breaker_open = true; }, verdict::breaker},
        {"no time left", [](auto& a) { a.remaining = 0ms; }, verdict::deadline},
        {"deadline passed", [](auto& a) { a.remaining = -5ms; }, verdict::deadline},
        {"less left than an attempt takes", [](auto& a) { a.remaining = 400ms; a.typical = 400ms; }, verdict::deadline},
        {"enough left", [](auto& a) { a.remaining = 426ms; a.typical = 400ms; }, verdict::again},
        {"Retry-After fits", [](auto& a) { a.retry_after = 20s; }, verdict::again},
        {"Retry-After does not fit", [](auto& a) { a.retry_after = 30s; }, verdict::deadline},
        {"Retry-After beyond all time", [](auto& a) { a.retry_after = milliseconds::max(); }, verdict::deadline},
        {"reused connection reset", [](auto& a) { a.error = errc::origin_reset; a.reused_connection = true; },
         verdict::fresh_connection},
        {"reused connection reset, retries used up",
         [](auto& a) { a.error = errc::origin_reset; a.reused_connection = true; a.retries = 2; }, verdict::fresh_connection},
        {"reused connection reset, stale at hand: still free",
         [](auto& a) { a.error = errc::origin_reset; a.reused_connection = true; a.stale_will_do = true; },
         verdict::fresh_connection},
        {"only once", [](auto& a) { a.error = errc::origin_reset; a.reused_connection = a.fresh_tried = true; },
         verdict::again},
        {"POST on a reused connection, reset",
         [](auto& a) { a.error = errc::origin_reset; a.reused_connection = true; a.method_allowed = false; },
         verdict::method},
        {"a 503 on a reused connection is an answer", [](auto& a) { a.reused_connection = true; }, verdict::again},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        auto attempt = get_failed();
        c.change(attempt);
        const auto plan = decide_retry(attempt, retry_options{}, 0.5);
        EXPECT_EQ(name_of(plan.verdict), name_of(c.expected));
        EXPECT_EQ(plan.go(), c.expected == verdict::again || c.expected == verdict::fresh_connection);
        if (c.expected != verdict::again) {
            EXPECT_EQ(plan.delay, 0ms);
        }
    }
}

TEST(DecideRetry, ObeysTheConfiguredList)
{
    retry_options o;
    o.on = *parse_retry_causes("429, 500");
    auto a = get_failed();
    EXPECT_EQ(decide_retry(a, o, 0).verdict, verdict::not_retryable);
    a.status = 500;
    EXPECT_EQ(decide_retry(a, o, 0).verdict, verdict::again);
    a.error = errc::origin_refused;
    EXPECT_EQ(decide_retry(a, o, 0).verdict, verdict::not_retryable);
    o.max = 0;
    a = get_failed();
    a.status = 429;
    EXPECT_EQ(decide_retry(a, o, 0).verdict, verdict::exhausted);
}

TEST(DecideRetry, WaitsNoShorterThanRetryAfter)
{
    auto a = get_failed();
    a.retry_after = 2s;
    EXPECT_EQ(decide_retry(a, retry_options{}, 0.0).delay, 2'001ms);
    EXPECT_EQ(decide_retry(a, retry_options{}, 0.999).delay, 2'050ms);
}

TEST(RetryDelay, IsUniformBelowADoublingLimit)
{
    struct delay_case {
        unsigned retries;
        milliseconds limit;
    };
    const delay_case cases[] = {{0, 50ms}, {1, 100ms}, {2, 200ms}, {4, 800ms}, {5, 1'000ms}, {6, 1'000ms}, {4'000'000'000, 1'000ms}};
    std::mt19937 random(1);
    std::uniform_real_distribution<double> uniform(0, 1);
    for (const auto& c : cases) {
        SCOPED_TRACE(c.retries);
        EXPECT_EQ(retry_delay(c.retries, retry_options{}, 0.0), 1ms);
        EXPECT_EQ(retry_delay(c.retries, retry_options{}, 0.9999999), c.limit);
        int tenths[10] = {};
        for (int i = 0; i < 10'000; ++i) {
            const auto d = retry_delay(c.retries, retry_options{}, uniform(random));
            ASSERT_GT(d, 0ms);
            ASSERT_LE(d, c.limit);
            ++tenths[(d.count() - 1) * 10 / c.limit.count()];
        }
        for (const int n : tenths) {
            EXPECT_NEAR(n, 1'000, 150);   // no peaks
        }
    }
}

TEST(RetryDelay, IsNeverZero)
{
    retry_options o;
    o.base = o.cap = 0ms;
    EXPECT_EQ(retry_delay(0, o, 0.5), 1ms);
}

TEST(RetryOptions, AllowMethodsByExactName)
{
    const retry_options o;
    EXPECT_TRUE(o.allows("GET"));
    EXPECT_TRUE(o.allows("HEAD"));
    EXPECT_FALSE(o.allows("get"));
    EXPECT_FALSE(o.allows("POST"));
    EXPECT_FALSE(o.allows(""));
}

// ---- the budget ------------------------------------------------------------------------------------------------------

int take_all(retry_budget& b, instant now)
{
    int taken = 0;
    while (b.try_take(now)) {
        ++taken;
    }
    return taken;
}

TEST(RetryBudget, GrantsOneRetryPerFivePrimariesAndTheFloor)
{
    retry_budget b({}, start);
    EXPECT_EQ(take_all(b, start), 10);
    for (int i = 0; i < 100; ++i) {
        b.on_primary(start + 10ms);
    }
    EXPECT_EQ(take_all(b, start + 10ms), 20);
    EXPECT_EQ(take_all(b, start + 999ms), 0);
    EXPECT_EQ(take_all(b, start + 1s), 10);
}

TEST(RetryBudget, KeepsUnderOneFifthPlusTenPerSecondWhenEverythingFails)
{
    retry_budget b({}, start);
    int primaries = 0;
    int retries = 0;
    for (auto t = 0ms; t < 60s; t += 1ms) {   // 1,000 per second, each wants two retries
        b.on_primary(start + t);
        ++primaries;
        retries += b.try_take(start + t);
        retries += b.try_take(start + t);
    }
    EXPECT_LE(retries, primaries / 5 + 10 * 60);
    EXPECT_GE(retries, primaries / 5 + 10 * 59);
}

TEST(RetryBudget, TokensLiveTenSeconds)
{
    retry_options o;
    o.budget_floor = 0;
    struct life_case {
        milliseconds later;
        int left;
    };
    for (const auto& c : {life_case{0ms, 200}, life_case{9'999ms, 200}, life_case{10s, 0}, life_case{11s, 0},
                          life_case{std::chrono::hours(1'000), 0}}) {
        SCOPED_TRACE(c.later.count());
        retry_budget b(o, start);
        for (int i = 0; i < 1'000; ++i) {
            b.on_primary(start);
        }
        EXPECT_EQ(take_all(b, start + c.later), c.left);
    }
}

TEST(RetryBudget, QuietTimeSavesNoMoreThanTenSecondsOfTheFloor)
{
    retry_budget b({}, start);
    EXPECT_EQ(b.available(start + 5s), 60);
    EXPECT_EQ(b.available(start + std::chrono::hours(24)), 100);
    EXPECT_EQ(take_all(b, start + std::chrono::hours(24)), 100);
}

TEST(RetryBudget, SpendsTheOldestTokensFirst)
{
    retry_options o;
    o.budget_floor = 0;
    o.budget = 1;
    retry_budget b(o, start);
    b.on_primary(start);
    b.on_primary(start + 6s);
    EXPECT_TRUE(b.try_take(start + 6s));
    EXPECT_EQ(b.available(start + 15s), 1);   // the younger one is left
    EXPECT_EQ(b.available(start + 16s), 0);
}

TEST(RetryBudget, AClockReadBeforeAnotherThreadsCountsAsNow)
{
    retry_budget b({}, start + 5s);
    EXPECT_EQ(take_all(b, start + 4s), 10);
    b.on_primary(start + 3s);
    EXPECT_EQ(take_all(b, start + 5s), 0);
}

TEST(RetryBudget, NeitherLosesNorInventsTokensUnderManyThreads)
{
    retry_options o;
    o.budget = 0.5;
    o.budget_floor = 0;
    retry_budget b(o, start);
    std::atomic<int> taken{0};
    std::vector<std::thread> callers;
    for (int t = 0; t < 4; ++t) {
        callers.emplace_back([&] {
            for (int i = 0; i < 10'000; ++i) {
                b.on_primary(start + milliseconds{i % 1'000});
                taken += b.try_take(start + milliseconds{i % 1'000});
            }
        });
    }
    for (auto& c : callers) {
        c.join();
    }
    taken += take_all(b, start + 999ms);
    EXPECT_EQ(taken, 20'000);
}

}  // namespace
}  // namespace tiercel::resilience
