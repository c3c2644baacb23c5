#include "resilience/gradient.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tiercel::resilience {
namespace {

using namespace std::chrono_literals;

// An endpoint that works on `capacity` requests at a time, each for 10 ms; the others queue. As many as the limit allows, and no
// more than `wanted`, are always under way.
class endpoint_model {
public:
    explicit endpoint_model(gradient& g) : gradient_(g) {}

    void serve(int requests, unsigned capacity, unsigned wanted)
    {
        for (int i = 0; i < requests; ++i) {
            const unsigned inflight = std::min(gradient_.limit(), wanted);
            const auto took = 10'000us * std::max(inflight, capacity) / capacity;
            now_ += took / inflight;
            gradient_.add(took, inflight, now_);
        }
    }

private:
    gradient& gradient_;
    gradient::time_point now_{};
};

TEST(Gradient, FindsAboutWhatAnEndpointCanTake)
{
    for (const unsigned capacity : {20u, 50u, 200u}) {
        gradient g(64, {8, 1'024});
        endpoint_model m(g);
        m.serve(100, capacity, 4);        // quiet at first: it learns how long a request takes
        m.serve(5'000, capacity, 1'000);
        EXPECT_GE(g.limit(), capacity * 8 / 10) << capacity;
        EXPECT_LE(g.limit(), capacity * 25 / 10) << capacity;
    }
}

TEST(Gradient, ShrinksWhenAnEndpointGetsSlowAndGrowsAgainWhenItIsWell)
{
    gradient g(64, {8, 1'024});
    endpoint_model m(g);
    m.serve(100, 100, 4);
    m.serve(5'000, 100, 1'000);
    const unsigned before = g.limit();
    m.serve(1'500, 5, 1'000);             // a twentieth of its capacity
    EXPECT_LT(g.limit(), before / 2);
    m.serve(5'000, 100, 1'000);
    EXPECT_GE(g.limit(), 80u);
}

TEST(Gradient, WhatIsNotUsedDoesNotGrow)
{
    gradient g(64, {8, 1'024});
    endpoint_model m(g);
    m.serve(10'000, 100, 20);
    EXPECT_EQ(g.limit(), 64u);
    m.serve(10'000, 1'000, 40);
    EXPECT_GT(g.limit(), 64u);
}

TEST(Gradient, StaysWithinItsBounds)
{
    gradient g(64, {8, 100});
    endpoint_model m(g);
    m.serve(20'000, 10'000, 10'000);
    EXPECT_EQ(g.limit(), 100u);
    for (int i = 0; i < 100; ++i) {
        m.serve(100, 10'000, 1);          // usual times are good ...
    }
    gradient low(64, {8, 100});
    gradient::time_point now{};
    for (int i = 0; i < 20'000; ++i) {    // ... and then worse and worse
        low.add(std::chrono::microseconds(1'000 + 100LL * i), 100, now += 1ms);
    }
    EXPECT_EQ(low.limit(), 8u);
    EXPECT_EQ(gradient(2, {8, 100}).limit(), 8u);
}

TEST(Gradient, SlowPagesAmongQuickOnesAreNoQueue)
{
    gradient g(64, {8, 1'024});
    gradient::time_point now{};
    for (int i = 0; i < 10'000; ++i) {
        g.add(i % 3 == 0 ? 5ms : 500ms, g.limit(), now += 1ms);
    }
    EXPECT_GT(g.limit(), 64u);
}

}  // namespace
}  // namespace tiercel::resilience
