#include "async/loop.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tiercel::async {
namespace {

using namespace std::chrono_literals;

struct probe {
    explicit probe(loop& l) : at(l.wheel(), [](void* p) { static_cast<probe*>(p)->fire(); }, this) {}
    void fire()
    {
        fired = steady::now();
        ++times;
        if (then) {
            then();
        }
    }
    deadline at;
    steady::time_point fired{};
    int times = 0;
    std::function<void()> then;
};

TEST(TimerWheel, FiresNotEarlyAndOnce)
{
    loop l;
    probe p(l);
    const auto due = steady::now() + 35ms;
    p.at.expires_at(due);
    l.context().run();
    EXPECT_EQ(p.times, 1);
    EXPECT_GE(p.fired, due);
    EXPECT_FALSE(p.at.armed());
}

TEST(TimerWheel, MovedLaterFiresAtTheLaterTime)
{
    loop l;
    probe p(l);
    p.at.expires_after(10ms);
    const auto due = steady::now() + 60ms;
    p.at.expires_at(due);
    l.context().run();
    EXPECT_EQ(p.times, 1);
    EXPECT_GE(p.fired, due);
}

TEST(TimerWheel, MovedEarlierFiresAtTheEarlierTime)
{
    loop l;
    probe p(l);
    p.at.expires_after(1h);
    p.at.expires_after(20ms);
    l.context().run();
    EXPECT_EQ(p.times, 1);
}

TEST(TimerWheel, DisarmedNeverFiresAndTheLoopRunsOutOfWork)
{
    loop l;
    probe p(l);
    p.at.expires_after(10ms);
    p.at.disarm();
    probe q(l);
    q.at.expires_after(30ms);
    l.context().run();
    EXPECT_EQ(p.times, 0);
    EXPECT_EQ(q.times, 1);
}

TEST(TimerWheel, AHandlerMayDisarmAndDestroyOthersOfItsSlot)
{
    loop l;
    auto a = std::make_unique<probe>(l);
    auto b = std::make_unique<probe>(l);
    auto c = std::make_unique<probe>(l);
    const auto due = steady::now() + 20ms;
    a->at.expires_at(due);
    b->at.expires_at(due);
    c->at.expires_at(due);
    int fired = 0;
    const auto only_me = [&](std::unique_ptr<probe>& x, std::unique_ptr<probe>& y) {
        ++fired;
        x.reset();
        y.reset();
    };
    a->then = [&] { only_me(b, c); };
    b->then = [&] { only_me(a, c); };
    c->then = [&] { only_me(a, b); };
    l.context().run();
    EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, AHandlerMayRearmItself)
{
    loop l;
    probe p(l);
    p.then = [&] {
        if (p.times < 3) {
            p.at.expires_after(10ms);
        }
    };
    p.at.expires_after(10ms);
    l.context().run();
    EXPECT_EQ(p.times, 3);
}

TEST(TimerWheel, SurvivesAStallLongerThanItsHorizon)
{
    loop l;
    std::vector<std::unique_ptr<probe>> many;
    for (int i = 0; i < 200; ++i) {
        many.push_back(std::make_unique<probe>(l));
        many.back()->at.expires_after(std::chrono::milliseconds(1 + i));
    }
    // The loop does not run while time passes: every deadline is overdue when it does.
    const auto until = steady::now() + 250ms;
    while (steady::now() < until) {
    }
    l.context().run();
    for (const auto& p : many) {
        EXPECT_EQ(p->times, 1);
    }
}

TEST(TimerWheel, BeyondTheHorizonADeadlineIsHungAgain)
{
    loop l;
    probe far(l);
    far.at.expires_after(11h);
    probe near(l);
    near.at.expires_after(20ms);
    near.then = [&] { far.at.disarm(); };
    l.context().run();
    EXPECT_EQ(far.times, 0);
    EXPECT_EQ(near.times, 1);
}

}  // namespace
}  // namespace tiercel::async
