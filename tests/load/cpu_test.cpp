#include "load/cost.hpp"
#include "load/cpu.hpp"
#include "load/limit_server.hpp"

#include "support/process.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <numeric>

using namespace std::chrono_literals;
using namespace tiercel;
using namespace tiercel::load;

namespace {

std::unique_ptr<test::process> shell(std::string script)
{
    test::process_options o;
    o.argv = {"sh", "-c", std::move(script)};
    return test::process::start(std::move(o));
}

}  // namespace

TEST(Cpu, CountsAProcessWithAllThatItStarted)
{
    // The shell only waits; what it started spins in user mode.
    const auto p = shell("(i=0; while [ $i -lt 2000000000 ]; do i=$((i+1)); done) & wait");
    ASSERT_TRUE(test::eventually([&] { return process_tree(p->pid()).size() == 2; }));
    const auto tree = process_tree(p->pid());
    EXPECT_TRUE(test::eventually([&] { return cpu_time(tree) >= 100ms; }));
    EXPECT_LE(cpu_time({p->pid()}), 50ms) << "the shell alone";
    EXPECT_GT(user_time(tree), 0ms);
    EXPECT_LE(user_time(tree), cpu_time(tree) + 20ms);
}

TEST(Cpu, CountsNothingForProcessesThatAreGone)
{
    const auto p = shell("exit 0");
    const pid_t pid = p->pid();
    p->wait();
    EXPECT_LE(cpu_time({pid}), 100ms);
    EXPECT_EQ(user_time({999'999'999}), 0ms);
    EXPECT_EQ(cpu_time({999'999'999}), 0ms);
}

TEST(Cpu, TellsTheTimesOfThreads)
{
    const auto own = thread_times(::getpid());
    ASSERT_FALSE(own.empty());
    EXPECT_GT(std::accumulate(own.begin(), own.end(), nanoseconds{0}), 0ns);
}

TEST(Cpu, StaysOnOneProcessorOnlyForAWhile)
{
    const auto before = usable_cpus();
    {
        const stay_here here(before.back());
        EXPECT_EQ(usable_cpus(), std::vector<int>{before.back()});
    }
    EXPECT_EQ(usable_cpus(), before);
    const stay_here nowhere(-1);
    EXPECT_EQ(usable_cpus(), before);
}
