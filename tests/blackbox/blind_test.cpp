// An instance that cannot follow the log of invalidations any more: as long as Redis answers on other connections it looks there, and
// else it does as it is told. Real processes, real faults.

#include "blackbox/setting.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <atomic>
#include <list>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// Stands between an instance and Redis. After cut() the connections on which the log is read and written stay open and carry nothing
// any more; those for data go on.
class feed_link {
public:
    explicit feed_link(std::uint16_t to) : to_(to), acceptor_([this] { accept_loop(); }) {}
    ~feed_link()
    {
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        for (auto& p : pipes_) {
            p.near.interrupt();
            p.far.interrupt();
        }
        for (auto& p : pipes_) {
            p.there.join();
            p.back.join();
        }
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_of(listener_)); }
    void cut() { is_cut_ = true; }
    void mend() { is_cut_ = false; }

private:
    struct pipe {
        byte_stream near;
        byte_stream far;
        std::atomic<bool> is_of_log = false;
        std::thread there;
        std::thread back;
    };

    void accept_loop()
    {
        for (;;) {
            unique_fd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) { return; }
            pipe& p = pipes_.emplace_back();
            p.near = byte_stream(std::move(fd));
            p.far = byte_stream(connect_to("127.0.0.1", to_));
            p.there = std::thread([this, &p] { carry(p, p.near, p.far); });
            p.back = std::thread([this, &p] { carry(p, p.far, p.near); });
        }
    }

    void carry(pipe& p, byte_stream& from, byte_stream& to)
    {
        std::string beginning;
        try {
            for (std::string bytes; !(bytes = from.read_some(after(120s))).empty();) {
                if (beginning.size() < 1'000) {
                    beginning += bytes;
                    if (beginning.find("tiercel-log") != std::string::npos) { p.is_of_log = true; }   // CLIENT SETNAME
                }
                if (!is_cut_ || !p.is_of_log) { to.send(bytes); }
            }
        } catch (const std::exception&) {   // one side is gone, so the other goes too
        }
        to.interrupt();
    }

    std::uint16_t to_;
    unique_fd listener_ = listen_on_loopback();
    std::atomic<bool> is_cut_ = false;
    std::list<pipe> pipes_;                 // of acceptor_, until it has ended
    std::thread acceptor_;
};

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

TEST_F(Blind, APurgeElsewhereHoldsWithinSixSecondsAlthoughItsFeedIsCutAndTheRestIsStillAnsweredFromTheStore)
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
    auto purged = steady_clock::now();
    purge(*sees, "page-a");
    EXPECT_TRUE(eventually([&] { return !hits(*blind, at_once); }));
    EXPECT_LE(steady_clock::now() - purged, 6s) << "it holds from the moment on in which the instance knows that it is blind";
    EXPECT_TRUE(eventually([&] { return is_told(*blind, "blind"); }));

    ASSERT_TRUE(hits(*blind, later));
    purged = steady_clock::now();
    purge(*sees, "page-b");
    EXPECT_TRUE(eventually([&] { return !hits(*blind, later); }));
    EXPECT_LE(steady_clock::now() - purged, 6s);

    EXPECT_TRUE(hits(*blind, kept));
    EXPECT_TRUE(hits(*blind, at_once)) << "what was fetched after the purge is good";
    EXPECT_EQ(origin_.requests("/page/c"), before);
    link.mend();
    EXPECT_TRUE(blind->wait_until_well());
    EXPECT_TRUE(eventually([&] { return cached(*blind, kept) == "hit; detail=l1"; }));
}

TEST_F(Blind, WithoutRedisMemoryServesOnAndAfterTheGraceEachDoesAsItIsTold)
{
    const auto revalidates = start(redis_->url(), "blind_grace: 7s, when_blind: revalidate");
    const auto serves = start(redis_->url(), "blind_grace: 7s, when_blind: serve");
    const auto bypasses = start(redis_->url(), "blind_grace: 7s, when_blind: bypass");
    const std::string target = "/page/a?ttl=3600";
    const auto requests = [&] { return origin_.requests("/page/a"); };
    for (const proxy* p : {revalidates.get(), serves.get(), bypasses.get()}) {
        p->get(target);
        ASSERT_TRUE(eventually([&] { return cached(*p, target) == "hit; detail=l1"; }));
    }
    const std::uint64_t before = requests();
    redis_->kill();
    const auto killed = steady_clock::now();
    while (steady_clock::now() - killed < 6s) {
        for (const proxy* p : {revalidates.get(), serves.get(), bypasses.get()}) { ASSERT_TRUE(hits(*p, target)) << "within the grace"; }
    }
    EXPECT_EQ(requests(), before);
    EXPECT_TRUE(is_told(*serves, "not reachable"));

    EXPECT_TRUE(eventually([&] { return cached(*serves, target) == "hit; detail=blind"; }));
    EXPECT_EQ(requests(), before) << "served, and nobody is asked";
    EXPECT_TRUE(eventually([&] { return cached(*revalidates, target) == "hit; detail=blind"; }));
    EXPECT_TRUE(eventually([&] { return requests() == before + 1; })) << "validated in the background";
    EXPECT_TRUE(eventually([&] { return cached(*revalidates, target) == "hit; detail=l1"; })) << "and good for another while";
    EXPECT_TRUE(eventually([&] { return cached(*bypasses, target) == "fwd=bypass; detail=blind"; }));
    const std::uint64_t passed = requests();
    EXPECT_EQ(cached(*bypasses, target), "fwd=bypass; detail=blind");
    EXPECT_EQ(requests(), passed + 1);

    redis_->restart();
    for (const proxy* p : {revalidates.get(), serves.get(), bypasses.get()}) {
        EXPECT_TRUE(eventually([&] { return cached(*p, target) == "hit; detail=l1"; }));
    }
}

}  // namespace
}  // namespace tiercel::test
