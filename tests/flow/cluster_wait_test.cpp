#include "flow/cluster_wait.hpp"

#include <gtest/gtest.h>

namespace tiercel::flow {
namespace {

using namespace std::chrono_literals;

std::vector<milliseconds> pauses(milliseconds first, milliseconds remaining, double r, int n = 6)
{
    poll_schedule s(first);
    std::vector<milliseconds> out;
    for (int i = 0; i < n; ++i) { out.push_back(s.next(remaining, r)); }
    return out;
}

TEST(PollSchedule, DoublesUpToTheLongestPauseGiveOrTakeAFifth)
{
    using all = std::vector<milliseconds>;
    EXPECT_EQ(pauses(50ms, 10s, 0.5), (all{50ms, 100ms, 200ms, 400ms, 400ms, 400ms}));
    EXPECT_EQ(pauses(50ms, 10s, 0.0), (all{40ms, 80ms, 160ms, 320ms, 320ms, 320ms}));
    EXPECT_EQ(pauses(50ms, 10s, 0.999), (all{59ms, 119ms, 239ms, 400ms, 400ms, 400ms})) << "never beyond the longest";
    EXPECT_EQ(pauses(300ms, 10s, 0.5, 3), (all{300ms, 400ms, 400ms}));
}

TEST(PollSchedule, NeverWaitsBeyondTheEndOfTheLock)
{
    using all = std::vector<milliseconds>;
    EXPECT_EQ(pauses(50ms, 120ms, 0.5, 4), (all{50ms, 100ms, 120ms, 120ms}));
    EXPECT_EQ(pauses(50ms, 0ms, 0.5, 2), (all{0ms, 0ms}));
}

}  // namespace
}  // namespace tiercel::flow
