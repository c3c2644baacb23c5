// More events than can be carried out one by one (invalidation.max_pending): what the webhook and channels do with the surplus.

#include "blackbox/channel_witnesses.hpp"
#include "blackbox/process_memory.hpp"
#include "blackbox/setting.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr const char* token_of_one = "a-long-enough-token-of-tenant-one";
constexpr const char* token_of_all = "a-long-enough-token-of-the-system";
constexpr const char* batch = "application/cloudevents-batch+json";

std::int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

class EventOverload : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
    }
    void start(const std::string& invalidation)
    {
        setting s{.origin_url = origin_.url()};
        s.server = "{threads: 1, trusted_proxies: [127.0.0.0/8]}";
        s.cache = "{l2: {url: \"" + redis_->url() + "\"}}";
        s.route_options = "tags: [\"page-{path.2}\"], stale: {while_revalidate: 0s, if_error: 0s}";
        s.more = "tenancy: {resolvers: [{kind: header, name: X-Tenant-ID}]}\n"
                 "admin: {tokens: [{token: " + ""s + token_of_one + ", role: tenant, tenant: one}, {token: " + token_of_all + ", role: system}]}\n"
                 "invalidation: " + invalidation + "\n";
        proxy_ = std::make_unique<proxy>(s.yaml());
        ASSERT_TRUE(eventually([&] { return redis_->command({"HLEN", "tcl:{inv}:nodes"}).integer == 1; })) << proxy_->log();
    }
    http_response send(const std::string& body, const char* token = token_of_all, const char* type = batch) const
    {
        return raw_client(proxy_->admin_port()).request("POST", "/v1/events", {{"Authorization", "Bearer "s + token}, {"Content-Type", type}}, body);
    }
    std::string audit() const
    {
        return raw_client(proxy_->admin_port()).request("GET", "/v1/invalidations?n=1000", {{"Authorization", "Bearer "s + token_of_all}}).body;
    }
    static std::string event(int id, const std::string& page, const std::string& tenant, const std::string& more = {})
    {
        return R"({"specversion":"1.0","source":"/c","type":"tiercel.invalidate.v1","id":")" + std::to_string(id) + R"(","tenantid":")" + tenant +
               R"(","data":{)" + more + R"("scopes":[{"kind":"tag","name":"page-)" + page + R"("}]}})";
    }
    // Of `n` pages, nearly all of which nobody has.
    static std::string changes(int from, int n, const std::string& tenant)
    {
        std::string out = "[";
        for (int i = from; i < from + n; ++i) { out += (i == from ? "" : ",") + event(i, std::to_string(i), tenant); }
        return out + "]";
    }
    // When the origin made what the tenant is given: of steady_clock.
    std::int64_t made(const std::string& tenant, const std::string& page) const
    {
        return std::stoll(proxy_->get("/page/" + page + "?ttl=600&clock=1", {{"X-Tenant-ID", tenant}}).body);
    }
    bool hits(const std::string& tenant, const std::string& page) const
    {
        return proxy_->get("/page/" + page + "?ttl=600&clock=1", {{"X-Tenant-ID", tenant}}).raw_head.find("hit;") != std::string::npos;
    }
    void fill(const std::string& tenant, const std::string& page) const
    {
        ASSERT_TRUE(eventually([&] { return hits(tenant, page); }));
    }
    double metric_of(const char* name, const std::map<std::string, std::string>& labels) const
    {
        const std::string text = raw_client(proxy_->admin_port()).request("GET", "/metrics", {{"Authorization", "Bearer "s + token_of_all}}).body;
        return sum_metric(text, name, labels);
    }
    double events(const char* result) const { return metric_of("tiercel_events_total", {{"result", result}}); }

    origin_process origin_;
    std::unique_ptr<redis_server> redis_;
    std::unique_ptr<proxy> proxy_;
};

// 50,000 at once, while Redis stands still.
TEST_F(EventOverload, CostsTenantsTheirFreshAnswersAndNoMemoryWhileRedisStandsStill)
{
    constexpr int all = 50'000;
    constexpr int senders = 4;
    constexpr int per_batch = 500;
    start("{max_pending: 200, sources: [{label: hook, kind: webhook}]}");
    for (const char* page : {"7", "777", "49999"}) { fill("one", page); }
    fill("two", "7");
    const std::uint64_t before = memory_of(proxy_->process().pid()).resident;
    redis_->freeze();
    std::atomic<int> taken{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < senders; ++t) {
        threads.emplace_back([&, t] {
            for (int from = t * (all / senders); from < (t + 1) * (all / senders); from += per_batch) {
                if (send(changes(from, per_batch, "one")).status == 202) { taken += per_batch; }
            }
        });
    }
    for (std::thread& t : threads) { t.join(); }
    const std::int64_t sent = now();
    EXPECT_EQ(taken, all);
    for (const char* page : {"7", "777", "49999"}) { EXPECT_GT(made("one", page), sent) << page << " is as it was before its event"; }
    EXPECT_TRUE(hits("two", "7")) << "nobody has spoken of it";
    EXPECT_LT(memory_of(proxy_->process().pid()).peak, before + (48ull << 20));
    redis_->thaw();
    EXPECT_TRUE(eventually([&] { return events("applied") + events("surplus") == all; }));
    EXPECT_GT(events("surplus"), all / 2);
    EXPECT_EQ(events("failed"), 0) << "whatever cannot be kept one by one is kept for the tenant";
    EXPECT_NE(audit().find(R"("reason":"surplus: )"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return audit().find(R"("state":"pending")") == std::string::npos; }));
    EXPECT_TRUE(eventually([&] { return hits("one", "7") && hits("two", "7"); })) << "it is over";
}

// Redis has just begun to stand still: no append has been given up yet, and max_pending is ten times what the journal holds.
TEST_F(EventOverload, IsNoMoreThanTheJournalHoldsBeforeAnythingIsKeptThere)
{
    constexpr int all = 20'000;
    start("{sources: [{label: hook, kind: webhook}]}");
    fill("one", "7");
    redis_->freeze();
    std::vector<std::future<http_response>> sent;
    const auto begin_to_send = [&](int from, int n) {
        sent.push_back(std::async(std::launch::async, [this, from, n] { return send(changes(from, n, "one")); }));
    };
    begin_to_send(all, 1);
    EXPECT_TRUE(eventually([&] { return metric_of("tiercel_invalidation_lag_seconds", {}) > 0.3; })) << "nothing is heard of Redis";
    for (int from = 0; from < all; from += 4'000) { begin_to_send(from, 4'000); }   // no body may be larger
    for (auto& s : sent) { EXPECT_EQ(s.get().status, 202); }
    EXPECT_FALSE(hits("one", "7"));
    EXPECT_GT(events("surplus"), all / 2);
    redis_->thaw();
    EXPECT_TRUE(eventually([&] { return events("applied") + events("surplus") == all + 1; }));
    EXPECT_EQ(events("failed"), 0);
    EXPECT_EQ(events("dead"), 0);
}

TEST_F(EventOverload, IsToldToWhoeverSendsTooMuch)
{
    start("{max_pending: 10, sources: [{label: hook, kind: webhook}]}");
    const http_response r = send(changes(0, 100, "one"));
    EXPECT_EQ(r.status, 202);
    EXPECT_EQ(r.body, R"({"results":{"applied":10,"surplus":90}})");
    EXPECT_EQ(events("surplus"), 90);
}

TEST_F(EventOverload, IsRefusedAsAWholeIfThatIsWanted)
{
    start("{max_pending: 10, overload: reject, sources: [{label: hook, kind: webhook}]}");
    fill("one", "7");
    redis_->freeze();
    std::thread first([&] { EXPECT_EQ(send(changes(1000, 8, "one")).status, 202); });   // waits for Redis
    ASSERT_TRUE(eventually([&] {
        return raw_client(proxy_->admin_port()).request("GET", "/v1/sources", {{"Authorization", "Bearer "s + token_of_all}}).body.find(R"("pending":8)") !=
               std::string::npos;
    }));
    const http_response r = send(changes(5, 3, "one"));
    EXPECT_EQ(r.status, 429);
    EXPECT_EQ(r.header("Retry-After"), "1");
    EXPECT_TRUE(hits("one", "7")) << "nothing of it was taken";
    first.join();
    redis_->thaw();
    EXPECT_TRUE(eventually([&] { return send(changes(5, 3, "one")).status == 202; }));
    EXPECT_TRUE(eventually([&] { return !hits("one", "7") || events("applied") >= 11; }));
    EXPECT_EQ(events("surplus"), 0);
}

TEST_F(EventOverload, MakesNothingSoftThatIsToBeGone)
{
    start("{max_pending: 1, sources: [{label: hook, kind: webhook}]}");
    const std::string page = "/page/7?cc=max-age=600,stale-while-revalidate=600&clock=1";
    const auto serves = [&] { return proxy_->get(page, {{"X-Tenant-ID", "one"}}); };
    ASSERT_TRUE(eventually([&] { return serves().raw_head.find("hit;") != std::string::npos; }));
    const std::int64_t sent = now();
    EXPECT_EQ(send("[" + event(1, "1", "one") + "," + event(2, "7", "one", R"("mode":"hard",)") + "]").body, R"({"results":{"applied":1,"surplus":1}})");
    EXPECT_GT(std::stoll(serves().body), sent) << "not even stale";
}

TEST_F(EventOverload, OfATenantsTokenConcernsThatTenantAlone)
{
    start("{max_pending: 1, sources: [{label: hook, kind: webhook, scope: all}]}");
    fill("one", "7");
    fill("two", "7");
    EXPECT_EQ(send(changes(0, 50, "one"), token_of_one).body, R"({"results":{"applied":1,"surplus":49}})");
    EXPECT_TRUE(hits("two", "7"));
    EXPECT_FALSE(hits("one", "7"));
    EXPECT_EQ(send("[" + event(100, "7", "one") + "," + event(101, "7", "two") + "]", token_of_one).status, 403);
    EXPECT_TRUE(hits("two", "7"));
}

TEST_F(EventOverload, OfMoreTenantsThanCanBeWaitedForIsRefused)
{
    start("{max_pending: 1, sources: [{label: hook, kind: webhook}]}");
    std::string many = "[";
    for (int i = 0; i < 1002; ++i) { many += (i == 0 ? "" : ",") + event(i, "1", "t" + std::to_string(i)); }
    const http_response r = send(many + "]");
    EXPECT_EQ(r.status, 429);
    EXPECT_EQ(r.header("Retry-After"), "1");
    EXPECT_EQ(events("applied"), 0) << "nothing of it was taken";
    EXPECT_EQ(send(changes(5000, 1, "one")).body, R"({"results":{"applied":1}})") << "nor was a place";
}

TEST_F(EventOverload, OfAStreamWaitsThereAndNothingOfItFails)
{
    constexpr int all = 20'000;
    start("{sources: [{label: feed, kind: redis_stream, stream: feed}]}");
    ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
    fill("one", "19999");
    proxy_->process().send_signal(SIGSTOP);   // finds them all at once
    for (int from = 0; from < all; from += 1000) {
        std::vector<std::string> words{"EVAL", "for _, e in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'event', e) end", "1", "feed"};
        for (int i = from; i < from + 1000; ++i) { words.push_back(event(i, std::to_string(i), "one")); }
        redis_->command(words);
    }
    const std::int64_t sent = now();
    proxy_->process().send_signal(SIGCONT);
    ASSERT_TRUE(eventually([&] { return events("applied") >= all; }, 60s));
    EXPECT_EQ(events("failed"), 0);
    EXPECT_EQ(events("dead"), 0);
    EXPECT_GT(made("one", "19999"), sent);
    EXPECT_TRUE(eventually([&] { return redis_->command({"XPENDING", "feed", "tiercel"}).elements.at(0).integer == 0; }));
}

TEST_F(EventOverload, OfAChannelInvalidatesTheTenantsThatItIsAbout)
{
    start("{max_pending: 5, sources: [{label: news, kind: redis_pubsub, channel: news}]}");
    ASSERT_TRUE(eventually([&] { return redis_->command({"PUBSUB", "NUMSUB", "news"}).elements.at(1).integer == 1; }));
    fill("one", "299");
    fill("two", "299");
    std::vector<std::string> words{"EVAL", "for _, e in ipairs(ARGV) do redis.call('PUBLISH', 'news', e) end", "0"};
    for (int i = 0; i < 300; ++i) { words.push_back(event(i, std::to_string(i), "one")); }
    redis_->command(words);
    const std::int64_t sent = now();
    EXPECT_TRUE(eventually([&] { return events("applied") + events("surplus") == 300; }));
    EXPECT_GT(events("surplus"), 0);
    EXPECT_TRUE(eventually([&] { return made("one", "299") > sent; }));
    EXPECT_TRUE(hits("two", "299"));
}

TEST_F(EventOverload, OfAChannelWithMoreTenantsThanCanBeWaitedForInvalidatesEverything)
{
    start("{max_pending: 1, sources: [{label: news, kind: redis_pubsub, channel: news}]}");
    ASSERT_TRUE(eventually([&] { return redis_->command({"PUBSUB", "NUMSUB", "news"}).elements.at(1).integer == 1; }));
    fill("unnamed", "7");
    std::vector<std::string> words{"EVAL", "for _, e in ipairs(ARGV) do redis.call('PUBLISH', 'news', e) end", "0"};
    for (int i = 0; i < 3000; ++i) { words.push_back(event(i, "1", "t" + std::to_string(i))); }
    redis_->command(words);
    const std::int64_t sent = now();
    EXPECT_TRUE(eventually([&] { return events("applied") + events("surplus") == 3000; }));
    EXPECT_TRUE(eventually([&] { return made("unnamed", "7") > sent; })) << "what 3,000 tenants would have lost nobody has counted";
}

// Nothing can be appended, and as much waits for that as is kept, so that everything else is surplus and refused.
TEST_F(EventOverload, OfAChannelIsNotKnownUntilItIsCarriedOut)
{
    start("{sources: [{label: news, kind: redis_pubsub, channel: news}]}");
    ASSERT_TRUE(eventually([&] { return all_is_known(*redis_, "news", 1); }));
    const header_list system{{"Authorization", "Bearer "s + token_of_all}, {"Content-Type", "application/json"}};
    const auto lag = [&] {
        const std::string all = raw_client(proxy_->admin_port()).request("GET", "/v1/sources", system).body;
        return boost::json::parse(all).at("sources").at(0).at("lag_seconds").to_number<double>();
    };
    redis_->command({"RENAME", "tcl:{inv}:table", "kept"});
    redis_->command({"SET", "tcl:{inv}:table", "no table"});
    raw_client admin(proxy_->admin_port());
    for (int i = 0; i < 10'001; ++i) {
        admin.request("POST", "/v1/invalidations", system, R"({"tenant":"one","scopes":[{"kind":"tag","name":"t)" + std::to_string(i) + R"("}]})");
    }
    EXPECT_TRUE(eventually([&] { return lag() == 0; }));
    redis_->command({"PUBLISH", "news", event(2, "2", "one")});
    EXPECT_TRUE(eventually([&] { return lag() > 1; })) << audit().substr(0, 1000);
    EXPECT_EQ(events("surplus"), 1);
    redis_->command({"RENAME", "kept", "tcl:{inv}:table"});
    EXPECT_TRUE(eventually([&] { return lag() == 0; }));
}

}  // namespace
}  // namespace tiercel::test
