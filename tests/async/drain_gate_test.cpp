#include "async/drain_gate.hpp"

#include <gtest/gtest.h>

namespace tiercel::async {
namespace {

TEST(DrainGate, ClosingWaitsForTheLastPass)
{
    drain_gate g;
    bool empty = false;
    {
        auto a = g.try_enter();
        auto b = g.try_enter();
        ASSERT_TRUE(a);
        g.close([&] { empty = true; });
        EXPECT_FALSE(g.try_enter());
        EXPECT_FALSE(empty);
        b = drain_gate::pass();
        EXPECT_EQ(g.inside(), 1u);
    }
    EXPECT_TRUE(empty);
}

TEST(DrainGate, ClosingAnEmptyGateReportsAtOnce)
{
    drain_gate g;
    bool empty = false;
    g.close([&] { empty = true; });
    EXPECT_TRUE(empty);
}

TEST(DrainGate, AMovedPassCountsOnce)
{
    drain_gate g;
    auto a = g.try_enter();
    auto b = std::move(a);
    EXPECT_EQ(g.inside(), 1u);
    b = drain_gate::pass();
    EXPECT_EQ(g.inside(), 0u);
}

}  // namespace
}  // namespace tiercel::async
