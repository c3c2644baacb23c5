#include "resilience/inflight_limit.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tiercel::resilience {
namespace {

using token = inflight_limit::token;
constexpr auto background = attempt_class::background;
constexpr auto foreground = attempt_class::foreground;

std::vector<token> enter(inflight_limit& limit, attempt_class c, int tries)
{
    std::vector<token> held;
    for (int i = 0; i < tries; ++i) {
        if (auto t = limit.try_enter(c)) {
            held.push_back(std::move(t));
        }
    }
    return held;
}

struct limit_case {
    const char* what;
    inflight_options options;
    int background_tries;
    int foreground_tries;
    std::size_t background_in;
    std::size_t foreground_in;
};

TEST(InflightLimit, GivesBackgroundItsShareAndForegroundTheRest)
{
    const limit_case cases[] = {
        {"defaults", {}, 300, 300, 64, 192},
        {"foreground alone may use all of it", {}, 0, 300, 0, 256},
        {"no background at all", {10, false, 0}, 5, 20, 0, 10},
        {"a quarter is left to those who wait", {10, false, 50}, 100, 100, 8, 2},
        {"one place", {1, false, 1}, 1, 1, 1, 0},
        {"no limit", {0, false, 2}, 5, 1'000, 2, 1'000},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        inflight_limit limit(c.options);
        {
            const auto b = enter(limit, background, c.background_tries);
            const auto f = enter(limit, foreground, c.foreground_tries);
            EXPECT_EQ(b.size(), c.background_in);
            EXPECT_EQ(f.size(), c.foreground_in);
            EXPECT_EQ(limit.inflight(), b.size() + f.size());
            EXPECT_EQ(limit.background(), b.size());
        }
        EXPECT_EQ(limit.inflight(), 0u);
        EXPECT_EQ(limit.background(), 0u);
    }
}

TEST(InflightLimit, ARefusedBackgroundAttemptLeavesItsShareUntouched)
{
    inflight_limit limit({4, false, 2});
    auto f = enter(limit, foreground, 4);
    EXPECT_FALSE(limit.try_enter(background));
    EXPECT_EQ(limit.background(), 0u);
    f.clear();
    EXPECT_EQ(enter(limit, background, 4).size(), 2u);
}

TEST(InflightLimit, TheLessImportantGoFirst)
{
    inflight_limit limit({20, false, 20});
    auto held = enter(limit, foreground, 15);
    EXPECT_FALSE(limit.try_enter(background));
    EXPECT_TRUE(limit.try_enter(attempt_class::alone));
    const auto three = enter(limit, foreground, 3);   // 18
    EXPECT_FALSE(limit.try_enter(attempt_class::alone));
    EXPECT_EQ(enter(limit, foreground, 10).size(), 2u);
}

TEST(InflightLimit, MovesWhileAttemptsAreUnderWay)
{
    inflight_limit limit({10, false, 5});
    auto held = enter(limit, foreground, 10);
    limit.max(4);
    EXPECT_FALSE(limit.try_enter(foreground));
    held.resize(3);
    EXPECT_TRUE(limit.try_enter(foreground));
    limit.max(100);
    EXPECT_EQ(enter(limit, foreground, 200).size(), 97u);
}

TEST(InflightLimit, AMovedTokenCountsOnce)
{
    inflight_limit limit({2, false, 2});
    auto a = limit.try_enter(background);
    auto b = std::move(a);
    EXPECT_FALSE(a);   // NOLINT: a moved-from token is empty by contract
    EXPECT_EQ(limit.inflight(), 1u);
    auto c = limit.try_enter(foreground);
    c = std::move(b);
    EXPECT_EQ(limit.inflight(), 1u);
    EXPECT_EQ(limit.background(), 1u);
    c = token();
    EXPECT_EQ(limit.inflight(), 0u);
    EXPECT_EQ(limit.background(), 0u);
}

TEST(InflightLimit, IsNeverExceededAndNeverLeaksUnderManyThreads)
{
    inflight_limit limit({8, false, 3});
    std::atomic<std::uint32_t> inside{0};
    std::atomic<std::uint32_t> highest{0};
    std::vector<std::thread> callers;
    for (unsigned t = 0; t < 4; ++t) {
        callers.emplace_back([&, t] {
            for (int i = 0; i < 5'000; ++i) {
                std::vector<token> held;
                for (int k = 0; k < 5; ++k) {
                    if (auto got = limit.try_enter(t % 2 == 0 ? background : foreground)) {
                        const auto n = ++inside;
                        for (auto h = highest.load(); h < n && !highest.compare_exchange_weak(h, n);) {
                        }
                        held.push_back(std::move(got));
                    }
                }
                inside -= static_cast<std::uint32_t>(held.size());
            }
        });
    }
    for (auto& c : callers) {
        c.join();
    }
    EXPECT_LE(highest, 8u);
    EXPECT_GT(highest, 0u);
    EXPECT_EQ(limit.inflight(), 0u);
    EXPECT_EQ(limit.background(), 0u);
}

}  // namespace
}  // namespace tiercel::resilience
