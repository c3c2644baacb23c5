#include "resilience/circuit_breaker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace tiercel::resilience {
namespace {

using namespace std::chrono_literals;
using permit = circuit_breaker::permit;
using state = breaker_state;
using reason = breaker_reason;

constexpr instant start{1'700'000'000'000ms};

// A breaker, a clock, and a log of what it said.
struct endpoint {
    explicit endpoint(breaker_options o = {}, std::uint64_t seed = 1) : breaker(o, seed) {}

    permit ask()
    {
        auto answer = breaker.try_acquire(now);
        note(answer.moved);
        return std::move(answer.pass);
    }
    void succeed(permit p, milliseconds took = 10ms) { note(breaker.on_success(std::move(p), now, took)); }
    void fail(permit p, milliseconds took = 10ms) { note(breaker.on_failure(std::move(p), now, took)); }
    // One call from start to end; false when it was refused.
    bool call(bool ok, milliseconds took = 10ms)
    {
        auto p = ask();
        if (!p) {
            return false;
        }
        ok ? succeed(std::move(p), took) : fail(std::move(p), took);
        return true;
    }
    void open_it()
    {
        while (breaker.state() == state::closed) {
            call(false);
        }
    }
    void wait_until_due() { now += breaker.remaining_open(now); }
    void note(const std::optional<breaker_transition>& t)
    {
        if (t) {
            moves.push_back(*t);
        }
    }
    std::size_t openings() const
    {
        return static_cast<std::size_t>(
            std::count_if(moves.begin(), moves.end(), [](const auto& m) { return m.to == state::open; }));
    }

    circuit_breaker breaker;
    instant now = start;
    std::vector<breaker_transition> moves;
};

breaker_options consecutive()
{
    breaker_options o;
    o.mode = breaker_mode::consecutive;
    return o;
}

// ---- when it opens ---------------------------------------------------------------------------------------------------

// 'x' a failure, '.' a success, 's' a slow success, 'X' a slow failure; the breaker must open with the last one or never.
struct opening_case {
    const char* what;
    breaker_mode mode;
    std::string calls;
    bool opens;
    reason why = reason::failures;
};

std::string times(unsigned n, const std::string& s)
{
    std::string all;
    for (unsigned i = 0; i < n; ++i) {
        all += s;
    }
    return all;
}

TEST(CircuitBreaker, OpensExactlyWhenItsModeSaysSo)
{
    const auto hybrid = breaker_mode::hybrid;
    const auto plain = breaker_mode::consecutive;
    const opening_case cases[] = {
        {"fresh endpoint, fifth failure", hybrid, "xxxxx", true},
        {"fresh endpoint, fifth failure, plain rule", plain, "xxxxx", true},
        {"four are not enough", hybrid, "xxxx", false},
        {"a success ends the run", hybrid, "xxxx.xxxx", false},
        {"a success ends the run, plain rule", plain, "xxxx.xxxx.xxxx", false},
        {"five successes before: still the fifth failure", hybrid, ".....xxxxx", true},
        {"six successes before: one failure more", hybrid, "......xxxxx", false},
        {"six successes before, sixth failure", hybrid, "......xxxxxx", true},
        {"plain rule looks at no ratio", plain, times(90, ".") + "xxxxx", true},
        {"only the last hundred count", hybrid, times(500, ".") + times(50, "x"), true},
        {"49 of the last hundred", hybrid, times(500, ".") + times(49, "x"), false},
        {"half fail, but never five in a row", hybrid, times(200, "xxxx.") , false},
        {"twenty slow ones", hybrid, times(20, "s"), true, reason::slow},
        {"nineteen slow ones", hybrid, times(19, "s"), false},
        {"16 of 20 slow", hybrid, "...." + times(16, "s"), true, reason::slow},
        {"15 of 20 slow", hybrid, "....." + times(15, "s"), false},
        {"slow failures are slow too", hybrid, times(16, "s") + "X.XX", true, reason::slow},
        {"slowness is nothing to the plain rule", plain, times(100, "s"), false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        breaker_options o;
        o.mode = c.mode;
        endpoint e(o);
        for (std::size_t i = 0; i < c.calls.size(); ++i) {
            const char call = c.calls[i];
            const bool slow = call == 's' || call == 'X';
            e.now += 1ms;
            ASSERT_TRUE(e.call(call == '.' || call == 's', slow ? 5'001ms : 5'000ms)) << "refused at call " << i;
        }
        EXPECT_EQ(e.breaker.state(), c.opens ? state::open : state::closed);
        if (c.opens) {
            ASSERT_EQ(e.moves.size(), 1u);
            EXPECT_EQ(e.moves[0].from, state::closed);
            EXPECT_EQ(e.moves[0].reason, c.why);
        }
    }
}

TEST(CircuitBreaker, ForgetsWhatIsOlderThanTheWindow)
{
    endpoint e;
    for (int i = 0; i < 50; ++i) {
        e.call(true);
    }
    e.now += 10'001ms;
    for (int i = 0; i < 5; ++i) {
        e.call(false);
    }
    EXPECT_EQ(e.breaker.state(), state::open);
    ASSERT_EQ(e.moves.size(), 1u);
    EXPECT_EQ(e.moves[0].window_calls, 5u);
    EXPECT_EQ(e.moves[0].window_failures, 5u);
    EXPECT_EQ(e.moves[0].run, 5u);
}

TEST(CircuitBreaker, StillCountsWhatIsJustInsideTheWindow)
{
    endpoint e;
    for (int i = 0; i < 50; ++i) {
        e.call(true);
    }
    e.now += 10s;
    for (int i = 0; i < 5; ++i) {
        e.call(false);
    }
    EXPECT_EQ(e.breaker.state(), state::closed);
}

TEST(CircuitBreaker, AbandonedCallsCountNothing)
{
    endpoint e;
    for (int round = 0; round < 100; ++round) {
        const auto dropped = e.ask();
    }
    for (int i = 0; i < 4; ++i) {
        e.call(false);
        const auto dropped = e.ask();
    }
    EXPECT_EQ(e.breaker.state(), state::closed);
    e.call(false);
    EXPECT_EQ(e.breaker.state(), state::open);
}

// ---- simulated origins -----------------------------------------------------------------------------------------------

TEST(CircuitBreaker, NeverOpensAtOneErrorInFive)
{
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
        std::mt19937_64 random(seed);
        std::bernoulli_distribution fails(0.2);
        endpoint e;
        for (int ms = 0; ms < 5 * 60 * 1000; ++ms) {   // 1,000 calls per second for five minutes
            e.now += 1ms;
            ASSERT_TRUE(e.call(!fails(random)));
        }
        EXPECT_EQ(e.openings(), 0u) << "seed " << seed;
    }
}

TEST(CircuitBreaker, ThePlainRuleDoesOpenAtOneErrorInFive)   // the control of the test above
{
    std::mt19937_64 random(1);
    std::bernoulli_distribution fails(0.2);
    endpoint e(consecutive());
    for (int ms = 0; ms < 5 * 60 * 1000; ++ms) {
        e.now += 1ms;
        e.call(!fails(random));
    }
    EXPECT_GT(e.openings(), 3u);
}

TEST(CircuitBreaker, ADeadOriginIsLeftAloneAfterOneOpening)
{
    struct rate_case {
        milliseconds gap;
        milliseconds at_most;   // from death to opening
    };
    for (const auto& c : {rate_case{2ms, 110ms}, rate_case{20ms, 1'100ms}, rate_case{200ms, 5'200ms}}) {
        endpoint e;
        for (auto t = 0ms; t < 20s; t += c.gap) {
            e.now += c.gap;
            ASSERT_TRUE(e.call(true));
        }
        const auto died = e.now;
        while (e.openings() == 0) {
            e.now += c.gap;
            e.call(false);
        }
        EXPECT_LE(e.now - died, c.at_most);

        // Three minutes dead: contacts in any 30 s, and each half-open failing leads to a longer pause.
        std::vector<instant> contacts;
        for (const auto until = e.now + 180s; e.now < until; e.now += c.gap) {
            std::vector<permit> at_once;
            for (int i = 0; i < 10; ++i) {
                if (auto p = e.ask()) {
                    contacts.push_back(e.now);
                    at_once.push_back(std::move(p));
                }
            }
            for (auto& p : at_once) {
                e.fail(std::move(p));
            }
        }
        EXPECT_GE(contacts.size(), 3u);
        for (std::size_t i = 3; i < contacts.size(); ++i) {
            EXPECT_GE(contacts[i] - contacts[i - 3], 27s);
        }
        for (const auto& m : e.moves) {
            EXPECT_NE(m.to, state::closed);
        }
    }
}

// ---- epochs ----------------------------------------------------------------------------------------------------------

TEST(CircuitBreaker, CallsFromBeforeTheOpeningChangeNothingHoweverLateTheyFail)
{
    endpoint e;
    std::vector<permit> early;
    for (int i = 0; i < 30; ++i) {
        early.push_back(e.ask());
    }
    const auto fail_ten = [&] {
        for (int i = 0; i < 10; ++i) {
            e.fail(std::move(early.back()), 20s);
            early.pop_back();
        }
    };
    e.open_it();
    const auto due = e.breaker.remaining_open(e.now);
    fail_ten();   // while open
    EXPECT_EQ(e.breaker.remaining_open(e.now), due);

    e.wait_until_due();
    auto probe = e.ask();
    fail_ten();   // while half-open
    EXPECT_EQ(e.breaker.state(), state::half_open);

    e.succeed(std::move(probe));
    e.call(true);
    e.call(true);
    ASSERT_EQ(e.breaker.state(), state::closed);
    fail_ten();   // while closed again
    EXPECT_EQ(e.breaker.state(), state::closed);
    EXPECT_EQ(e.openings(), 1u);
}

TEST(CircuitBreaker, SuccessesFromBeforeTheOpeningDoNotCloseIt)
{
    endpoint e;
    std::vector<permit> early;
    for (int i = 0; i < 10; ++i) {
        early.push_back(e.ask());
    }
    e.open_it();
    e.wait_until_due();
    const auto probe = e.ask();
    for (auto& p : early) {
        e.succeed(std::move(p));
    }
    EXPECT_EQ(e.breaker.state(), state::half_open);
}

// ---- open time -------------------------------------------------------------------------------------------------------

TEST(CircuitBreaker, RefusesForThirtySecondsMoreOrLess)
{
    milliseconds shortest = milliseconds::max();
    milliseconds longest{0};
    for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
        endpoint e({}, seed);
        e.open_it();
        const auto pause = e.breaker.remaining_open(e.now);
        ASSERT_EQ(pause, e.moves.back().open_for);
        ASSERT_GE(pause, 27s);
        ASSERT_LE(pause, 33s);
        shortest = std::min(shortest, pause);
        longest = std::max(longest, pause);
        e.now += pause - 1ms;
        ASSERT_FALSE(e.ask());
        ASSERT_EQ(e.breaker.remaining_open(e.now), 1ms);
        e.now += 1ms;
        ASSERT_TRUE(e.ask());
        ASSERT_EQ(e.moves.back().reason, reason::elapsed);
        ASSERT_EQ(e.breaker.remaining_open(e.now), 0ms);
    }
    EXPECT_LT(shortest, 28s);
    EXPECT_GT(longest, 32s);
}

TEST(CircuitBreaker, EachFailedHalfOpenDoublesThePauseUpToTheMaximum)
{
    endpoint e;
    e.open_it();
    for (const auto expected : {30s, 60s, 120s, 240s, 300s, 300s}) {
        const auto pause = e.moves.back().open_for;
        EXPECT_GE(pause, expected * 9 / 10);
        EXPECT_LE(pause, expected * 11 / 10);
        e.wait_until_due();
        e.call(false);
        EXPECT_EQ(e.moves.back().reason, reason::probe_failed);
    }
}

TEST(CircuitBreaker, ThePauseIsShortAgainOnlyAfterFiveMinutesClosed)
{
    struct calm_case {
        milliseconds closed_for;
        milliseconds expected;
    };
    for (const auto& c : {calm_case{299s, 60s}, calm_case{300s, 30s}}) {
        endpoint e;
        e.open_it();
        e.wait_until_due();
        e.call(false);   // 60 s now
        e.wait_until_due();
        for (int i = 0; i < 3; ++i) {
            e.call(true);
        }
        ASSERT_EQ(e.breaker.state(), state::closed);
        e.now += c.closed_for;
        e.open_it();
        EXPECT_GE(e.moves.back().open_for, c.expected * 9 / 10);
        EXPECT_LE(e.moves.back().open_for, c.expected * 11 / 10);
    }
}

// ---- half-open -------------------------------------------------------------------------------------------------------

TEST(CircuitBreaker, AHundredParallelCallsGetThreeProbes)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    std::vector<permit> let_through;
    for (int i = 0; i < 100; ++i) {
        if (auto p = e.ask()) {
            EXPECT_TRUE(p.is_probe());
            let_through.push_back(std::move(p));
        }
    }
    EXPECT_EQ(let_through.size(), 3u);
}

TEST(CircuitBreaker, ThreeSuccessesCloseItAndItStartsAfresh)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    EXPECT_TRUE(e.call(true));
    EXPECT_TRUE(e.call(true));
    EXPECT_EQ(e.breaker.state(), state::half_open);
    EXPECT_TRUE(e.call(true));
    EXPECT_EQ(e.breaker.state(), state::closed);
    EXPECT_EQ(e.moves.back().reason, reason::recovered);
    for (int i = 0; i < 4; ++i) {
        e.call(false);
    }
    EXPECT_EQ(e.breaker.state(), state::closed);
}

TEST(CircuitBreaker, SlowCallsFromBeforeTheOpeningAreForgotten)
{
    breaker_options o;
    o.open = 1s;   // so short that they would still be in the window
    endpoint e(o);
    while (e.openings() == 0) {
        e.call(true, 6s);
    }
    e.wait_until_due();
    for (int i = 0; i < 3; ++i) {
        e.call(true);
    }
    ASSERT_EQ(e.breaker.state(), state::closed);
    for (int i = 0; i < 19; ++i) {
        e.call(true, 6s);
    }
    EXPECT_EQ(e.openings(), 1u);
    e.call(true, 6s);
    EXPECT_EQ(e.openings(), 2u);
}

TEST(CircuitBreaker, SuccessesOfAFailedHalfOpenDoNotCountInTheNext)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    e.call(true);
    e.call(true);
    e.call(false);
    e.wait_until_due();
    e.call(true);
    e.call(true);
    EXPECT_EQ(e.breaker.state(), state::half_open);
    e.call(true);
    EXPECT_EQ(e.breaker.state(), state::closed);
}

TEST(CircuitBreaker, OneFailedProbeOpensItAtOnceAndTheOthersNoLongerCount)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    auto a = e.ask();
    auto b = e.ask();
    auto c = e.ask();
    e.succeed(std::move(a));
    e.succeed(std::move(b));
    auto d = e.ask();
    e.fail(std::move(c));
    EXPECT_EQ(e.breaker.state(), state::open);
    e.succeed(std::move(d));
    EXPECT_EQ(e.breaker.state(), state::open);
    EXPECT_EQ(e.openings(), 2u);
}

TEST(CircuitBreaker, AnAbandonedProbeGivesItsSlotBackAndCountsNothing)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    auto a = e.ask();
    auto b = e.ask();
    auto c = e.ask();
    ASSERT_FALSE(e.ask());
    b.abandon();
    auto d = e.ask();
    EXPECT_TRUE(d);
    EXPECT_FALSE(e.ask());
    {
        const auto gone = std::move(c);
    }
    EXPECT_TRUE(e.ask());   // and dropped at once
    EXPECT_TRUE(e.ask());
    EXPECT_EQ(e.breaker.state(), state::half_open);
}

TEST(CircuitBreaker, AProbeOfAnEarlierHalfOpenCannotFreeASlotOfThisOne)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    auto old = e.ask();
    e.fail(e.ask());
    e.wait_until_due();
    std::vector<permit> probes;
    for (int i = 0; i < 3; ++i) {
        probes.push_back(e.ask());
        ASSERT_TRUE(probes.back());
    }
    old.abandon();
    EXPECT_FALSE(e.ask());
}

TEST(CircuitBreaker, AProbeThatNeverReportsFailsAtItsDeadline)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    auto silent = e.ask();
    e.now += 29'999ms;
    EXPECT_TRUE(e.ask());   // another slot, given back at once
    e.now += 1ms;
    EXPECT_FALSE(e.ask());
    EXPECT_EQ(e.breaker.state(), state::open);
    EXPECT_EQ(e.moves.back().reason, reason::probe_lost);
    e.succeed(std::move(silent));   // too late to matter
    EXPECT_EQ(e.breaker.state(), state::open);
}

// ---- by hand ---------------------------------------------------------------------------------------------------------

TEST(CircuitBreaker, ForcedOpenStaysOpenUntilReleased)
{
    endpoint e;
    e.note(e.breaker.force(breaker_override::open, e.now));
    EXPECT_EQ(e.moves.back().reason, reason::forced);
    e.now += std::chrono::hours(24 * 365);
    EXPECT_FALSE(e.ask());
    EXPECT_EQ(e.breaker.remaining_open(e.now), 30s);
    e.note(e.breaker.force(breaker_override::automatic, e.now));
    EXPECT_TRUE(e.ask());
    EXPECT_EQ(e.breaker.state(), state::closed);
    e.open_it();
    EXPECT_EQ(e.openings(), 2u);
}

TEST(CircuitBreaker, ForcedClosedIgnoresFailuresUntilReleased)
{
    endpoint e;
    e.open_it();
    e.note(e.breaker.force(breaker_override::closed, e.now));
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(e.call(false));
    }
    EXPECT_FALSE(e.breaker.force(breaker_override::automatic, e.now));   // closed before and after: no move
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(e.call(false));
    }
    EXPECT_EQ(e.breaker.state(), state::closed);
    e.call(false);
    EXPECT_EQ(e.breaker.state(), state::open);
}

TEST(CircuitBreaker, AutomaticWithoutAnOverrideChangesNothing)
{
    endpoint e;
    e.open_it();
    EXPECT_FALSE(e.breaker.force(breaker_override::automatic, e.now));
    EXPECT_EQ(e.breaker.state(), state::open);
}

TEST(CircuitBreaker, MovingAPermitOverAnotherReturnsTheOther)
{
    endpoint e;
    e.open_it();
    e.wait_until_due();
    auto a = e.ask();
    auto b = e.ask();
    auto c = e.ask();
    a = std::move(b);
    EXPECT_TRUE(a);
    auto d = e.ask();
    EXPECT_TRUE(d);
    EXPECT_FALSE(e.ask());
}

// ---- threads ---------------------------------------------------------------------------------------------------------

TEST(CircuitBreaker, ParallelCallersGetThreeProbesAndOneOfThemSeesTheMove)
{
    for (int round = 0; round < 50; ++round) {
        endpoint e({}, static_cast<std::uint64_t>(round));
        e.open_it();
        e.wait_until_due();
        std::atomic<bool> go{false};
        std::atomic<int> probes{0};
        std::atomic<int> moves{0};
        std::atomic<int> asked{0};
        std::vector<std::thread> callers;
        for (int t = 0; t < 4; ++t) {
            callers.emplace_back([&] {
                go.wait(false);
                std::vector<permit> held;
                for (int i = 0; i < 25; ++i) {
                    auto answer = e.breaker.try_acquire(e.now);
                    moves += answer.moved.has_value();
                    probes += static_cast<bool>(answer);
                    held.push_back(std::move(answer.pass));
                }
                ++asked;
                while (asked < 4) {   // nobody gives a slot back before all have asked
                    std::this_thread::yield();
                }
            });
        }
        go = true;
        go.notify_all();
        for (auto& c : callers) {
            c.join();
        }
        ASSERT_EQ(probes, 3);
        ASSERT_EQ(moves, 1);
    }
}

TEST(CircuitBreaker, KeepsItsPromisesUnderManyThreads)
{
    breaker_options o;
    o.open = 5ms;
    o.max_open = 20ms;
    o.probe_timeout = 10ms;
    circuit_breaker breaker(o, 7);
    std::atomic<std::int64_t> clock_ms{1'000'000};
    std::atomic<int> opened{0};
    std::atomic<int> half_opened{0};
    std::atomic<int> closed{0};
    const auto note = [&](const std::optional<breaker_transition>& t) {
        if (t) {
            (t->to == state::open ? opened : t->to == state::half_open ? half_opened : closed)++;
        }
    };
    std::vector<std::thread> callers;
    for (unsigned t = 0; t < 4; ++t) {
        callers.emplace_back([&, t] {
            std::mt19937 random(t);
            for (int i = 0; i < 20'000; ++i) {
                const instant now{milliseconds{clock_ms.fetch_add(i % 8 == 0)}};
                auto answer = breaker.try_acquire(now);
                note(answer.moved);
                if (!answer) {
                    continue;
                }
                const bool bad_times = (now.time_since_epoch() / 1s) % 2 == 0;
                switch (random() % 8) {
                    case 0: break;   // abandoned
                    default:
                        if (bad_times && random() % 8 != 0) {
                            note(breaker.on_failure(std::move(answer.pass), now));
                        } else {
                            note(breaker.on_success(std::move(answer.pass), now, 1ms));
                        }
                }
            }
        });
    }
    for (auto& c : callers) {
        c.join();
    }
    // Every move was reported once, so the counts tell a walk through the diagram that ends in the current state.
    const int now_open = breaker.state() == state::open;
    const int now_half = breaker.state() == state::half_open;
    EXPECT_GT(opened, 0);
    EXPECT_GT(closed, 0);
    EXPECT_EQ(opened - half_opened, now_open);
    EXPECT_GE(half_opened, closed + now_half);
}

}  // namespace
}  // namespace tiercel::resilience
