// An instance that cannot follow the log of invalidations any more, while Redis answers on other connections: it looks there. Real
// processes, real time. The rules in full are in the scenarios, where the clock is the test's.

#include "blackbox/setting.hpp"
#include "support/feed_link.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

// About 6 s are due. Who does not look learns nothing at all while the feed is cut, however long that is.
constexpr std::chrono::seconds without_looks{25};

class Blind : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
    }

    std::unique_ptr<proxy> start(const std::string& redis_url, const std::string& l1_options = "")
    {
        setting s{.origin_url = origin_.url()};
        s.cache = "{l1: {" + l1_options + "}, l2: {url: \"" + redis_url + "\", timeout: 500ms}}";
        s.route_options = "tags: [\"page-{path.2}\"]";
        auto p = std::make_unique<proxy>(s.yaml());
        EXPECT_TRUE(p->wait_until_well());
        return p;
    }
    static std::string cached(const proxy& p, const std::string& target) { return cache_status_of(p.get(target)).text(); }
    static bool hits(const proxy& p, const std::string& target) { return cached(p, target).starts_with("hit"); }
    static void purge(const proxy& p, const std::string& tag)
    {
        const command_result done =
            run_tiercel({"purge", "tag:" + tag, "--hard", "--admin", "http://127.0.0.1:" + std::to_string(p.admin_port())});
        ASSERT_TRUE(done.status.ok()) << done.output;
    }
    static bool is_told(const proxy& p, const std::string& what)
    {
        const http_response r = p.admin("GET", "/readyz");
        return r.status == 200 && r.body.find("degraded") != std::string::npos && r.body.find(what) != std::string::npos;
    }

    origin_process origin_;
    std::unique_ptr<redis_server> redis_;
};

TEST_F(Blind, APurgeElsewhereHoldsSecondsLaterAlthoughItsFeedIsCutAndTheRestIsStillAnsweredFromTheStore)
{
    feed_link link(redis_->port());
    const auto sees = start(redis_->url());
    const auto blind = start(link.url());
    const std::string at_once = "/page/a?ttl=3600";
    const std::string later = "/page/b?ttl=3600";
    const std::string kept = "/page/c?ttl=3600";
    for (const std::string& target : {at_once, later, kept}) {
        sees->get(target);
        ASSERT_TRUE(eventually([&] { return cached(*blind, target) == "hit; detail=l1"; }));
    }
    const std::uint64_t before = origin_.requests("/page/c");
    link.cut();
    purge(*sees, "page-a");
    EXPECT_TRUE(eventually([&] { return !hits(*blind, at_once); }, without_looks)) << "from when the instance knows that it is blind";
    EXPECT_TRUE(eventually([&] { return is_told(*blind, "blind"); }));

    ASSERT_TRUE(hits(*blind, later));
    purge(*sees, "page-b");
    EXPECT_TRUE(eventually([&] { return !hits(*blind, later); }, without_looks));

    EXPECT_TRUE(hits(*blind, kept));
    EXPECT_TRUE(hits(*blind, at_once)) << "what was fetched after the purge is good";
    EXPECT_EQ(origin_.requests("/page/c"), before);
    link.mend();
    EXPECT_TRUE(blind->wait_until_well());
    EXPECT_TRUE(eventually([&] { return cached(*blind, kept) == "hit; detail=l1"; }));
}

}  // namespace
}  // namespace tiercel::test
