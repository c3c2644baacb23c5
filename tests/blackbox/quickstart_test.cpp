// The first command of the README as people use it: it shows what to try, what it shows is true, and Ctrl-C leaves nothing.

#include "support/cache_status.hpp"
#include "support/process.hpp"
#include "support/raw_client.hpp"
#include "support/redis_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tiercel::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto patience = 60s;   // it starts three programs, each of which gets some seconds

// Processes of that group, by /proc.
std::vector<std::string> processes_of_group(pid_t group)
{
    std::vector<std::string> out;
    for (const auto& e : fs::directory_iterator("/proc")) {
        std::ifstream in(e.path() / "stat");
        std::string line;
        if (!std::getline(in, line)) { continue; }
        const std::size_t end = line.rfind(')');   // the name may hold anything
        std::istringstream rest(line.substr(end + 1));
        char state = 0;
        pid_t parent = 0;
        pid_t of = 0;
        if (rest >> state >> parent >> of && of == group && state != 'Z') { out.push_back(line.substr(0, end + 1)); }
    }
    return out;
}

class Quickstart : public testing::Test {
protected:
    // With three ports that are free, and a directory of its own for whatever it writes.
    void start(std::vector<std::string> arguments = {}, const std::string& path = "")
    {
        process_options o;
        o.argv = {TIERCEL_SOURCE_DIR "/scripts/quickstart.sh"};
        o.argv.insert(o.argv.end(), arguments.begin(), arguments.end());
        o.environment = {{"TIERCEL_SKIP_PACKAGES", "1"},
                         {"TIERCEL_BUILD", TIERCEL_BINARY_DIR},
                         {"TIERCEL_PORT", std::to_string(port_)},
                         {"TIERCEL_ADMIN_PORT", std::to_string(admin_port_)},
                         {"TIERCEL_ORIGIN_PORT", std::to_string(origin_port_)},
                         {"TMPDIR", files_.path().native()}};
        if (!path.empty()) { o.environment.emplace_back("PATH", path); }
        script_ = process::start(std::move(o));
    }
    void wait_until_ready() { script_->wait_for_line("Ctrl-C ends everything", patience); }

    std::string cache() const
    {
        return cache_status_of(raw_client(port_).get("/page/hello?ttl=600", {{"Host", "shop"}, {"Connection", "close"}})).text();
    }

    // No process, no file, and nobody at the ports.
    void expect_nothing_left()
    {
        EXPECT_TRUE(eventually([this] { return processes_of_group(script_->pid()).empty(); }, 10s))
            << testing::PrintToString(processes_of_group(script_->pid()));
        EXPECT_TRUE(fs::is_empty(files_.path()));
        for (const std::uint16_t port : {port_, admin_port_, origin_port_}) {
            EXPECT_THROW(connect_to("127.0.0.1", port), std::system_error) << port;
        }
    }

    temp_dir files_;
    const std::uint16_t port_ = free_port();
    const std::uint16_t admin_port_ = free_port();
    const std::uint16_t origin_port_ = free_port();
    std::unique_ptr<process> script_;
};

TEST_F(Quickstart, ShowsWhatItPromisesAndLeavesNothingBehindAfterCtrlC)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    start();
    wait_until_ready();
    EXPECT_FALSE(fs::is_empty(files_.path()));
    EXPECT_GE(processes_of_group(script_->pid()).size(), 4u);
    EXPECT_EQ(cache(), "fwd=uri-miss; stored");
    EXPECT_EQ(cache(), "hit; detail=l1");
    ::kill(script_->pid(), SIGUSR1);   // what it says restarts the proxy
    script_->wait_for_line("ready again", patience);
    EXPECT_EQ(cache(), "hit; detail=l2");
    script_->send_signal(SIGINT);      // to all of the group, as a terminal does
    EXPECT_EQ(script_->wait(patience).code, 0) << script_->output();
    expect_nothing_left();
}

TEST_F(Quickstart, LeavesNothingBehindWhenItAloneIsTold)
{
    start();
    wait_until_ready();
    ::kill(script_->pid(), SIGTERM);
    EXPECT_EQ(script_->wait(patience).code, 0) << script_->output();
    expect_nothing_left();
}

TEST_F(Quickstart, LeavesNothingBehindWhenItIsInterruptedEarly)
{
    start();
    EXPECT_TRUE(eventually([this] { return processes_of_group(script_->pid()).size() > 1; }));
    script_->send_signal(SIGINT);
    script_->wait(patience);
    expect_nothing_left();
}

TEST_F(Quickstart, SaysWhenItTakesAnotherPort)
{
    const unique_fd taken = listen_on_loopback(port_);
    start();
    const std::string line = script_->wait_for_line("is taken", patience);
    EXPECT_THAT(line, HasSubstr("port " + std::to_string(port_) + " is taken; using "));
    wait_until_ready();
    const auto chosen = static_cast<std::uint16_t>(std::stoul(line.substr(line.find("using ") + 6)));
    EXPECT_EQ(raw_client(chosen).get("/page/x").status, 200);
    script_->send_signal(SIGINT);
    EXPECT_EQ(script_->wait(patience).code, 0);
}

TEST_F(Quickstart, FailsInWordsWhenAPartEnds)
{
    start();
    wait_until_ready();
    const int found = std::system(("kill $(pgrep -g " + std::to_string(script_->pid()) + " -x tiercel)").c_str());
    ASSERT_EQ(found, 0);
    EXPECT_EQ(script_->wait(patience).code, 1);
    EXPECT_THAT(script_->output(), HasSubstr("the proxy has ended"));
    expect_nothing_left();
}

// All programs of the usual places but one.
TEST_F(Quickstart, RunsOnMemoryAloneWithoutRedisAndSaysSo)
{
    const temp_dir programs;
    for (const char* place : {"/usr/local/bin", "/usr/bin", "/bin"}) {
        if (!fs::exists(place)) { continue; }
        for (const auto& e : fs::directory_iterator(place)) {
            const std::string name = e.path().filename();
            std::error_code exists_already;
            if (!name.starts_with("redis")) { fs::create_symlink(e.path(), programs.path() / name, exists_already); }
        }
    }
    start({}, programs.path().native());
    wait_until_ready();
    EXPECT_THAT(script_->output(), HasSubstr("redis-server is not installed: running with the in-process tier (L1) alone"));
    EXPECT_EQ(cache(), "fwd=uri-miss; stored");
    EXPECT_EQ(cache(), "hit; detail=l1");
    script_->send_signal(SIGINT);
    EXPECT_EQ(script_->wait(patience).code, 0) << script_->output();
    expect_nothing_left();

    start({"--check"}, programs.path().native());
    EXPECT_EQ(script_->wait(patience).code, 0) << script_->output();
    EXPECT_THAT(script_->output(), HasSubstr("check passed"));
    expect_nothing_left();
}

TEST_F(Quickstart, ChecksItselfAndLeavesNothingBehind)
{
    start({"--check"});
    EXPECT_EQ(script_->wait(patience).code, 0) << script_->output();
    EXPECT_THAT(script_->output(), HasSubstr("check passed"));
    expect_nothing_left();
}

TEST_F(Quickstart, DoesNotPassItsCheckWhenItIsInterrupted)
{
    start({"--check"});
    EXPECT_TRUE(eventually([this] { return processes_of_group(script_->pid()).size() > 1; }));
    script_->send_signal(SIGINT);
    EXPECT_NE(script_->wait(patience).code, 0) << script_->output();
    expect_nothing_left();
}

TEST_F(Quickstart, RefusesArgumentsThatItDoesNotKnow)
{
    start({"--fast"});
    EXPECT_EQ(script_->wait(patience).code, 2);
    expect_nothing_left();
    start({"-c", "/no/such/file.yaml"});
    EXPECT_EQ(script_->wait(patience).code, 1);
    EXPECT_THAT(script_->output(), HasSubstr("/no/such/file.yaml"));
    expect_nothing_left();
}

}  // namespace
}  // namespace tiercel::test
