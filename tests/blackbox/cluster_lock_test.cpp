// Three instances with one Redis in front of one origin: a key that nobody has is fetched once, whatever happens to the one
// that fetches, to Redis, or to the messages between them.

#include "blackbox/setting.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Requests that are all on their way before the first of them can be answered.
class wave {
public:
    void ask(const proxy& p, const std::string& target, int n)
    {
        for (int i = 0; i < n; ++i) {
            clients_.push_back(p.client());
            clients_.back().set_timeout(60s);
            clients_.back().connect();
        }
        began_ = steady_clock::now();
        for (auto c = std::prev(clients_.end(), n); c != clients_.end(); ++c) {
            c->send("GET " + target + " HTTP/1.1\r\nHost: shop\r\n\r\n");
        }
    }
    // Reads the answers; the time from the last ask() to the last of them. They all come at about the same time.
    milliseconds finish()
    {
        for (raw_client& c : clients_) { answers_.push_back(c.read_response()); }
        return duration_cast<milliseconds>(steady_clock::now() - began_);
    }
    const std::vector<http_response>& answers() const { return answers_; }
    void expect_all(int status, const std::string& body) const
    {
        for (const http_response& r : answers_) {
            EXPECT_EQ(r.status, status) << r.raw_head;
            EXPECT_EQ(r.body, body) << r.raw_head;
        }
    }

private:
    std::list<raw_client> clients_;
    steady_clock::time_point began_{};
    std::vector<http_response> answers_;
};

class ClusterLock : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
    }

    void start(const std::string& lock_options, int instances = 3)
    {
        setting s{.origin_url = origin_.url()};
        s.cache = "{l2: {url: \"" + redis_->url() + "\", timeout: 500ms}}";
        s.route_options = "stampede: {max_wait: 60s, lock: {" + lock_options + "}}, deadline: 60s";
        s.origin_options = "limit: {max_inflight: 1000}, pool: {max: 1000}, try_timeout: 60s";
        for (int i = 0; i < instances; ++i) {
            nodes_.push_back(std::make_unique<proxy>(s.yaml()));
            ASSERT_TRUE(nodes_.back()->wait_until_well());
        }
        ASSERT_TRUE(eventually([&] { return listeners() == instances; }));
    }
    std::int64_t listeners() { return redis_->command({"PUBSUB", "NUMSUB", "tcl:wake"}).elements.at(1).integer; }
    proxy& node(std::size_t i) { return *nodes_.at(i); }
    double locks(std::size_t i, const std::string& result) { return node(i).metric("lock_total", {{"result", result}}); }
    void wait_until_waiting(std::size_t i, double n = 1)
    {
        ASSERT_TRUE(eventually([&] { return locks(i, "busy") >= n; })) << node(i).metrics();
    }
    void wait_until_asked(const std::string& path, std::uint64_t n = 1)
    {
        ASSERT_TRUE(eventually([&] { return origin_.requests(path) >= n; }));
    }

    origin_process origin_;
    std::unique_ptr<redis_server> redis_;
    std::vector<std::unique_ptr<proxy>> nodes_;
};

std::string page(const std::string& name, milliseconds delay)
{
    return "/page/" + name + "?ttl=600&body=good&delay=" + std::to_string(delay.count()) + "ms";
}

TEST_F(ClusterLock, ManyRequestsToThreeInstancesCauseOneFetchAndNobodyWaitsForLonger)
{
    start("");
    // The control: as many requests, one instance, a page of its own.
    wave control;
    control.ask(node(0), page("control", 500ms), 300);
    const milliseconds alone = control.finish();
    control.expect_all(200, "good");
    ASSERT_EQ(origin_.requests("/page/control"), 1u);

    wave all;
    for (std::size_t i = 0; i < 3; ++i) { all.ask(node(i), page("cold", 500ms), 100); }
    const milliseconds together = all.finish();
    all.expect_all(200, "good");
    EXPECT_EQ(origin_.requests("/page/cold"), 1u);
    EXPECT_LE(together, alone + 100ms);
    EXPECT_EQ(locks(0, "busy") + locks(1, "busy") + locks(2, "busy"), 2);
    EXPECT_TRUE(redis_->keys("tcl:*:l").empty());
}

TEST_F(ClusterLock, AFetchMayTakeLongerThanItsLease)
{
    start("lease: 400ms");
    wave all;
    for (std::size_t i = 0; i < 3; ++i) { all.ask(node(i), page("slow", 1600ms), 20); }
    const milliseconds took = all.finish();
    all.expect_all(200, "good");
    EXPECT_EQ(origin_.requests("/page/slow"), 1u);
    EXPECT_GE(took, 1500ms);
}

TEST_F(ClusterLock, WhenTheHolderIsKilledTheNextOneFetchesAfterALease)
{
    constexpr auto lease = 800ms;
    start("lease: 800ms");
    wave lost;
    lost.ask(node(0), page("orphan", 1500ms), 20);
    wait_until_asked("/page/orphan");
    wave living;
    living.ask(node(1), page("orphan", 1500ms), 50);
    living.ask(node(2), page("orphan", 1500ms), 50);
    wait_until_waiting(1);
    wait_until_waiting(2);
    node(0).kill();
    const auto killed = steady_clock::now();
    wait_until_asked("/page/orphan", 2);
    const auto until_asked = steady_clock::now() - killed;
    EXPECT_LE(until_asked, lease + 200ms);
    living.finish();
    living.expect_all(200, "good");
    EXPECT_EQ(origin_.requests("/page/orphan"), 2u) << "and one of them only";
    EXPECT_EQ(locks(1, "taken_over") + locks(2, "taken_over"), 1);
}

TEST_F(ClusterLock, AnAnswerThatMayNotBeSharedReleasesEverybodyAtOnce)
{
    start("");
    origin_.control("latency=500ms");
    wave alone;
    alone.ask(node(0), "/n/100/control", 150);
    const milliseconds control = alone.finish();

    wave all;
    for (std::size_t i = 0; i < 3; ++i) { all.ask(node(i), "/n/100/private", 50); }
    const milliseconds first = all.finish();
    EXPECT_EQ(origin_.requests("/n/100/private"), 150u);
    EXPECT_LE(first, control + 200ms) << "twice the origin's time, as with one instance";
    EXPECT_LE(first, 1500ms);

    wave again;
    for (std::size_t i = 0; i < 3; ++i) { again.ask(node(i), "/n/100/private", 50); }
    const milliseconds second = again.finish();
    EXPECT_LE(second, first - 200ms) << "who knows that does not wait";
    for (const http_response& r : again.answers()) { EXPECT_EQ(cache_status_of(r).text(), "fwd=uri-miss; detail=mark"); }
}

TEST_F(ClusterLock, RedisKilledDuringTheWaitLeavesEachInstanceToItself)
{
    start("");
    wave all;
    all.ask(node(0), page("alone", 1s), 20);
    wait_until_asked("/page/alone");
    all.ask(node(1), page("alone", 1s), 20);
    all.ask(node(2), page("alone", 1s), 20);
    wait_until_waiting(1);
    wait_until_waiting(2);
    redis_->kill();
    const milliseconds took = all.finish();
    all.expect_all(200, "good");
    EXPECT_EQ(origin_.requests("/page/alone"), 3u);
    EXPECT_LE(took, 2500ms);
}

// How much later than the one that fetches the others are answered, at most, for several keys at once.
milliseconds most_added(proxy& holder, proxy& other, const std::string& name, const std::function<void()>& before_the_end)
{
    constexpr int keys = 8;
    std::list<raw_client> first;
    std::list<raw_client> second;
    for (int i = 0; i < keys; ++i) {
        const std::string head = "GET " + page(name + std::to_string(i), 1s) + " HTTP/1.1\r\nHost: shop\r\n\r\n";
        first.push_back(holder.client());
        first.back().connect();
        first.back().send(head);
        second.push_back(other.client());
        second.back().connect();
    }
    const double waiting = other.metric("lock_total", {{"result", "busy"}}) + keys;
    EXPECT_TRUE(eventually([&] { return holder.metric("lock_total", {{"result", "acquired"}}) >= keys; }));
    int i = 0;
    for (raw_client& c : second) { c.send("GET " + page(name + std::to_string(i++), 1s) + " HTTP/1.1\r\nHost: shop\r\n\r\n"); }
    EXPECT_TRUE(eventually([&] { return other.metric("lock_total", {{"result", "busy"}}) >= waiting; }));
    before_the_end();
    for (raw_client& c : first) { EXPECT_EQ(c.read_response().status, 200); }
    const auto filled = steady_clock::now();
    for (raw_client& c : second) { EXPECT_EQ(c.read_response().body, "good"); }
    return duration_cast<milliseconds>(steady_clock::now() - filled);
}

TEST_F(ClusterLock, WithoutWakeUpsNobodyIsLostNorWaitsForLong)
{
    start("", 2);
    const milliseconds with = most_added(node(0), node(1), "heard", [] {});
    EXPECT_LE(with, 100ms);
    const milliseconds without = most_added(node(0), node(1), "unheard", [&] {
        redis_->command({"ACL", "SETUSER", "default", "resetchannels"});   // nobody may publish, and nobody hears
        EXPECT_TRUE(eventually([&] { return listeners() == 0; }));
    });
    EXPECT_LE(without, 400ms + 100ms);
    EXPECT_GT(without, with) << "the messages made no difference";
    for (int i = 0; i < 8; ++i) { EXPECT_EQ(origin_.requests("/page/unheard" + std::to_string(i)), 1u); }
    EXPECT_TRUE(eventually([&] { return node(1).log().find("wake-ups heard=false") != std::string::npos; }));

    redis_->command({"ACL", "SETUSER", "default", "allchannels"});
    EXPECT_TRUE(eventually([&] { return listeners() == 2; })) << "it is tried again";
}

}  // namespace
}  // namespace tiercel::test
