#include "redis/breaker.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;

const breaker::time_point start{1000s};

// Feeds '.' (good) and 'x' (failed), one per `step`; the index of the call that opened it, or -1.
int opened_by(breaker& b, std::string_view calls, std::chrono::milliseconds step)
{
    auto now = start;
    for (std::size_t i = 0; i < calls.size(); ++i, now += step) {
        if (b.on_call(calls[i] == 'x', now)) { return static_cast<int>(i); }
    }
    return -1;
}

TEST(Breaker, OpensAtTwentyCallsOfWhichHalfFailed)
{
    struct row {
        std::string_view calls;
        std::chrono::milliseconds step;
        int expected;
    };
    for (const row& t : {
             row{"xxxxxxxxxxxxxxxxxxx", 1ms, -1},                              // 19 failures are too few to judge by
             row{"xxxxxxxxxxxxxxxxxxxx", 1ms, 19},
             row{"..........xxxxxxxxxx", 1ms, 19},                             // exactly half
             row{"...........xxxxxxxxx", 1ms, -1},
             row{"...........xxxxxxxxxxx", 1ms, 21},
             row{"xxxxxxxxxx..........", 1ms, -1},                             // a success never opens it
             row{"xxxxxxxxxx..........x", 1ms, 20},
             row{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 300ms, -1},       // never twenty within 5 s
             row{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 200ms, 19},       // just twenty
             row{"........................................", 1ms, -1},
         }) {
        breaker b;
        EXPECT_EQ(opened_by(b, t.calls, t.step), t.expected) << t.calls;
        EXPECT_EQ(b.is_open(), t.expected >= 0);
    }
}

TEST(Breaker, ForgetsWhatIsOlderThanTheWindow)
{
    breaker b;
    for (int i = 0; i < 100; ++i) { b.on_call(false, start); }
    for (int i = 0; i < 19; ++i) { EXPECT_FALSE(b.on_call(true, start + 6s)); }
    EXPECT_TRUE(b.on_call(true, start + 6s)) << "a hundred old successes do not count any more";
}

TEST(Breaker, SilenceAfterSteadySuccessOpensItAfterATenthOfTheWindow)
{
    breaker b;
    for (int i = 0; i < 10'000; ++i) { b.on_call(false, start); }
    for (int i = 0; i < 100; ++i) { EXPECT_FALSE(b.on_call(true, start + 499ms)) << "that short it is a hiccup"; }
    EXPECT_FALSE(b.on_call(false, start + 900ms));
    for (int i = 0; i < 18; ++i) { EXPECT_FALSE(b.on_call(true, start + 1s)); }
    EXPECT_FALSE(b.on_call(true, start + 1500ms)) << "nineteen";
    EXPECT_TRUE(b.on_call(true, start + 1500ms));
}

TEST(Breaker, AFailedConnectOpensItAtOnceAndOnce)
{
    breaker b;
    EXPECT_TRUE(b.on_connect_failure());
    EXPECT_TRUE(b.is_open());
    EXPECT_FALSE(b.on_connect_failure());
}

TEST(Breaker, ClosedAgainItBeginsAnew)
{
    breaker b;
    for (int i = 0; i < 20; ++i) { b.on_call(true, start); }
    ASSERT_TRUE(b.is_open());
    EXPECT_FALSE(b.on_call(true, start)) << "open, it opens no more";
    b.close();
    EXPECT_FALSE(b.is_open());
    for (int i = 0; i < 19; ++i) { EXPECT_FALSE(b.on_call(true, start)); }
    EXPECT_TRUE(b.on_call(true, start));
}

}  // namespace
}  // namespace tiercel::redis
