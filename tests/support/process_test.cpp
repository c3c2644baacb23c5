#include "support/process.hpp"

#include <gmock/gmock.h>

#include <signal.h>

#include <charconv>
#include <system_error>

using namespace tiercel::test;
using testing::HasSubstr;

namespace {

process_options shell(std::string script)
{
    process_options o;
    o.argv = {"sh", "-c", std::move(script)};
    return o;
}

bool exists(pid_t pid)
{
    return ::kill(pid, 0) == 0;
}

}  // namespace

TEST(Process, TellsExitCodeAndOutputOfAProgram)
{
    const auto p = process::start(shell("echo out; echo err >&2; exit 7"));
    EXPECT_EQ(p->wait(), (exit_status{.code = 7, .signal = 0}));
    EXPECT_EQ(p->output(), "out\nerr\n");
}

TEST(Process, TellsTheSignalThatEndedAProgram)
{
    const auto p = process::start(shell("kill -9 $$"));
    EXPECT_EQ(p->wait(), (exit_status{.code = -1, .signal = SIGKILL}));
}

TEST(Process, PassesEnvironmentAndWorkingDirectory)
{
    const temp_dir dir;
    process_options o = shell("echo $TIERCEL_TEST_VALUE; pwd; echo ${HOME:+home}");
    o.environment = {{"TIERCEL_TEST_VALUE", "a b"}};
    o.working_directory = dir.path();
    const auto p = process::start(std::move(o));
    p->wait();
    EXPECT_THAT(p->output(), testing::StartsWith("a b\n" + dir.path().native() + "\n"));
}

TEST(Process, ThrowsWhenTheProgramDoesNotExist)
{
    process_options o;
    o.argv = {"/does/not/exist"};
    EXPECT_THROW(process::start(o), std::system_error);
    o.argv = {"no-such-program-anywhere"};
    EXPECT_THROW(process::start(o), std::system_error);
}

TEST(Process, FindsALineOfARunningProgram)
{
    const auto p = process::start(shell("printf 'starting\\nlistening 127.0.0.1:77\\n'; exec sleep 100"));
    EXPECT_EQ(p->wait_for_line("listening "), "listening 127.0.0.1:77");
    EXPECT_TRUE(p->is_running());
}

TEST(Process, ReportsWhatWasSaidWhenTheLineNeverComes)
{
    const auto ended = process::start(shell("echo sorry"));
    try {
        ended->wait_for_line("listening");
        FAIL();
    } catch (const peer_closed& e) {
        EXPECT_THAT(e.what(), HasSubstr("sorry"));
    }
    const auto silent = process::start(shell("exec sleep 100"));
    EXPECT_THROW(silent->wait_for_line("listening", std::chrono::milliseconds(50)), timed_out);
}

TEST(Process, StopsAndContinues)
{
    const auto p = process::start(shell("trap 'echo got; exit 0' USR1; echo ready; while :; do sleep 0.01; done"));
    p->wait_for_line("ready");
    p->send_signal(SIGSTOP);
    p->send_signal(SIGUSR1);
    EXPECT_THROW(p->wait_for_line("got", std::chrono::milliseconds(60)), timed_out);
    p->send_signal(SIGCONT);
    p->wait_for_line("got");
    EXPECT_TRUE(p->wait().ok());
}

TEST(Process, TerminateGivesTheExitStatus)
{
    const auto p = process::start(shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done"));
    p->wait_for_line("ready");
    EXPECT_EQ(p->terminate().code, 3);
}

TEST(Process, TerminateKillsWhoDoesNotListen)
{
    const auto p = process::start(shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"));
    p->wait_for_line("ready");
    EXPECT_THROW(p->terminate(std::chrono::milliseconds(50)), timed_out);
    EXPECT_FALSE(p->is_running());
}

TEST(Process, LeavesNoChildAndNoGrandchildBehind)
{
    pid_t grandchild = 0;
    {
        const auto p = process::start(shell("sleep 100 & echo grandchild $!; wait"));
        const std::string line = p->wait_for_line("grandchild ");
        std::from_chars(line.data() + 11, line.data() + line.size(), grandchild);
        ASSERT_TRUE(exists(grandchild));
    }
    // Whoever adopted it may take a moment to collect it.
    EXPECT_TRUE(eventually([&] {
        if (!exists(grandchild)) { return true; }
        const std::string state = read_file("/proc/" + std::to_string(grandchild) + "/stat");
        return state.find(") Z ") != std::string::npos;
    }));
}

TEST(FreePort, GivesPortsThatCanBeBoundAndDiffer)
{
    const std::uint16_t a = free_port();
    const std::uint16_t b = free_port();
    EXPECT_NE(a, b);
    const unique_fd listener = listen_on_loopback(a);
    EXPECT_EQ(port_of(listener), a);
    EXPECT_THROW(listen_on_loopback(a), std::system_error);
}

TEST(TempDir, IsGoneWithTheObject)
{
    std::filesystem::path path;
    {
        const temp_dir dir;
        path = dir.path();
        EXPECT_EQ(read_file(dir.write("a/b.txt", "x")), "x");
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}
