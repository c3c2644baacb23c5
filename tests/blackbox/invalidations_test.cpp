// Three real processes with one Redis: what is invalidated through one is never served by the others afterwards, whatever stands still.

#include "blackbox/setting.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

class Invalidations : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
        setting s{.origin_url = origin_.url()};
        s.cache = "{l2: {url: \"" + redis_->url() + "\", timeout: 500ms}}";
        s.route_options = "tags: [\"page-{path.2}\"]";
        for (int i = 0; i < 3; ++i) {
            nodes_.push_back(std::make_unique<proxy>(s.yaml()));
            ASSERT_TRUE(nodes_.back()->wait_until_well());
        }
    }
    proxy& node(std::size_t i) { return *nodes_.at(i); }
    static bool hits(const proxy& p, const std::string& target) { return p.get(target).raw_head.find("hit;") != std::string::npos; }
    std::string admin(std::size_t i) { return "http://127.0.0.1:" + std::to_string(node(i).admin_port()); }

    origin_process origin_;
    std::unique_ptr<redis_server> redis_;
    std::vector<std::unique_ptr<proxy>> nodes_;
};

TEST_F(Invalidations, APurgeByTheCommandLineIsKnownToAllBeforeItSaysSo)
{
    for (int round = 0; round < 20; ++round) {
        for (auto& n : nodes_) {
            n->get("/page/a?ttl=600");
            ASSERT_TRUE(eventually([&] { return hits(*n, "/page/a?ttl=600"); }));
        }
        const command_result done = run_tiercel({"purge", "tag:page-a", "--hard", "--wait", "--timeout", "10s", "--admin", admin(round % 3)});
        ASSERT_TRUE(done.status.ok()) << done.output;
        const std::uint64_t before = origin_.requests("/page/a");
        node((round + 1) % 3).get("/page/a?ttl=600");
        EXPECT_GT(origin_.requests("/page/a"), before) << "round " << round << ": the other one had it still";
    }
}

TEST_F(Invalidations, AProcessThatStoodStillServesNothingThatWasPurgedMeanwhileAndKeepsTheRest)
{
    constexpr int pages = 200;
    const auto target = [](int i) { return "/page/" + std::to_string(i) + "?ttl=3600"; };
    for (int i = 0; i < pages; ++i) { node(2).get(target(i)); }
    for (int i = 0; i < pages; ++i) { ASSERT_TRUE(hits(node(2), target(i))); }
    node(2).process().send_signal(SIGSTOP);
    const auto stopped = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(run_tiercel({"purge", "tag:page-" + std::to_string(i), "--hard", "--admin", admin(0)}).status.ok());
    }
    redis_->command({"XTRIM", "tcl:{inv}:log", "MAXLEN", "3"});   // it cannot just read on
    ASSERT_TRUE(eventually([&] { return std::chrono::steady_clock::now() - stopped > 6s; }));
    node(2).process().send_signal(SIGCONT);
    for (int i = 0; i < 20; ++i) { EXPECT_FALSE(node(2).get(target(i)).raw_head.find("hit; detail=l1") != std::string::npos) << i; }
    ASSERT_TRUE(node(2).wait_until_well());
    int kept = 0;
    for (int i = 20; i < pages; ++i) { kept += hits(node(2), target(i)) ? 1 : 0; }
    EXPECT_GE(kept, (pages - 20) * 9 / 10);
}

TEST_F(Invalidations, RedisKilledAndRestartedLosesNoPurgeThatWasAccepted)
{
    for (auto& n : nodes_) { n->get("/page/a?ttl=600"); }
    redis_->kill();
    const command_result pending = run_tiercel({"purge", "tag:page-a", "--hard", "--admin", admin(0)});
    ASSERT_TRUE(pending.status.ok()) << pending.output;
    EXPECT_NE(pending.output.find("pending"), std::string::npos) << pending.output;
    redis_->restart();
    for (auto& n : nodes_) { ASSERT_TRUE(n->wait_until_well()); }
    EXPECT_TRUE(eventually([&] { return node(0).admin("GET", "/v1/invalidations").body.find(R"("state":"pending")") == std::string::npos; }));
    const std::uint64_t before = origin_.requests("/page/a");
    node(1).get("/page/a?ttl=600");
    EXPECT_GT(origin_.requests("/page/a"), before);
}

}  // namespace
}  // namespace tiercel::test
