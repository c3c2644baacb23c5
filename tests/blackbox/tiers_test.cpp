// Memory, Redis, both or neither: what clients get is the same, only who answers differs.

#include "blackbox/setting.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <sstream>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

struct mode {
    const char* name;
    bool memory;
    bool redis;
};

constexpr mode modes[] = {{"memory and Redis", true, true}, {"memory alone", true, false}, {"Redis alone", false, true}, {"neither", false, false}};

class Tiers : public testing::TestWithParam<mode> {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
        setting s{.origin_url = origin_.url()};
        const std::string l1 = GetParam().memory ? "l1: {max_bytes: 16MiB}" : "l1: {max_bytes: 0}";
        const std::string l2 = GetParam().redis ? "l2: {url: \"" + redis_->url() + "\", timeout: 1s}" : "l2: {kind: none}";
        s.cache = "{" + l1 + ", " + l2 + "}";
        proxy_ = std::make_unique<proxy>(s.yaml());
        ASSERT_TRUE(proxy_->wait_until_well());
    }

    bool has_tier() const { return GetParam().memory || GetParam().redis; }
    // From where the second request for something is answered, and from where after a restart.
    std::string again() const { return GetParam().memory ? "hit; detail=l1" : GetParam().redis ? "hit; detail=l2" : first(); }
    std::string after_restart() const { return GetParam().redis ? "hit; detail=l2" : first(); }
    static std::string first() { return "fwd=uri-miss; stored"; }

    void expect(const std::string& target, const std::string& body, const std::string& cache, const header_list& fields = {})
    {
        header_list all = fields;
        all.emplace_back("Host", "shop");
        const http_response r = proxy_->get(target, all);
        EXPECT_EQ(r.body, body) << target;
        if (has_tier()) {
            EXPECT_EQ(cache_status_of(r).text(), cache) << target;
        } else {
            EXPECT_FALSE(cache_status_of(r).hit) << target;
        }
    }
    void restart()
    {
        proxy_->restart();
        ASSERT_TRUE(proxy_->wait_until_well());
    }
    // Bytes of all values in Redis.
    std::int64_t bytes_in_redis()
    {
        std::int64_t sum = 0;
        for (const std::string& name : redis_->keys("*:e")) { sum += redis_->command({"STRLEN", name}).integer; }
        return sum;
    }
    // Writes to Redis are not awaited by the answer.
    void wait_for_redis(const std::function<bool()>& state)
    {
        if (GetParam().redis) { EXPECT_TRUE(eventually(state)); }
    }

    origin_process origin_;
    std::unique_ptr<redis_server> redis_;
    std::unique_ptr<proxy> proxy_;
};

TEST_P(Tiers, GiveTheSameAnswersFromWhereTheyAre)
{
    const std::string page = "/page/a?ttl=600&body=plain";
    const std::string varied = "/page/v?ttl=600&vary=X-A&body=varied";
    expect(page, "plain", first());
    expect(varied, "varied", first(), {{"X-A", "1"}});
    expect("/page/none?cc=no-store&body=never", "never", "fwd=uri-miss; detail=no-store");
    wait_for_redis([this] { return redis_->keys("*:e").size() == 3; });   // the page, the variant, and what tells that it is one
    const std::int64_t all_bytes = bytes_in_redis();
    expect(page, "plain", again());
    expect(varied, "varied", again(), {{"X-A", "1"}});
    restart();
    expect(page, "plain", after_restart());
    expect(varied, "varied", after_restart(), {{"X-A", "1"}});
    expect(page, "plain", GetParam().memory ? "hit; detail=l1" : after_restart());
    EXPECT_EQ(origin_.requests("/page/a"), !has_tier() ? 4u : GetParam().redis ? 1u : 2u);

    // A write invalidates, in memory and in Redis.
    EXPECT_EQ(proxy_->request("POST", page, {{"Host", "shop"}}, "x").status, 200);
    wait_for_redis([&] { return bytes_in_redis() < all_bytes - 20; });
    expect(page, "plain", first());
    wait_for_redis([&] { return bytes_in_redis() > all_bytes - 20; });
    restart();
    expect(page, "plain", after_restart());
}

INSTANTIATE_TEST_SUITE_P(Modes, Tiers, testing::ValuesIn(modes), [](const auto& one) {
    std::string name = one.param.name;
    std::erase(name, ' ');
    return name;
});

// Least recently used goes first; what memory no longer has, Redis has.
TEST(MemoryInFrontOfRedis, KeepsWhatIsUsed)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    const origin_process origin;
    redis_server redis;
    setting s{.origin_url = origin.url()};
    s.server = "{threads: 1}";
    s.cache = "{l1: {max_bytes: 1MiB}, l2: {url: \"" + redis.url() + "\", timeout: 1s}}";
    proxy p(s.yaml());
    ASSERT_TRUE(p.wait_until_well());
    raw_client c = p.client();
    const auto cache_of = [&](int n) {
        return cache_status_of(c.get("/page/" + std::to_string(n) + "?ttl=3600&size=10000", {{"Host", "shop"}})).text();
    };
    const auto fill_until_something_is_evicted = [&](int from) {
        const double before = p.metric("l1_evictions_total", {{"reason", "capacity"}});
        int n = from;
        while (p.metric("l1_evictions_total", {{"reason", "capacity"}}) == before) { EXPECT_EQ(cache_of(n++), "fwd=uri-miss; stored"); }
        return n;
    };
    int n = fill_until_something_is_evicted(0);      // that was 0
    EXPECT_TRUE(eventually([&] { return static_cast<int>(redis.keys("*:e").size()) == n; }));
    EXPECT_EQ(cache_of(1), "hit; detail=l1");        // the oldest of those that are left, but not any more
    n = fill_until_something_is_evicted(n);
    EXPECT_EQ(cache_of(1), "hit; detail=l1");
    EXPECT_EQ(cache_of(2), "hit; detail=l2");
    EXPECT_EQ(p.metric("requests_total", {{"outcome", "hit_l1"}}), 2);
    EXPECT_EQ(p.metric("requests_total", {{"outcome", "hit_l2"}}), 1);
    EXPECT_EQ(origin.requests(), static_cast<std::uint64_t>(n));
}

// ---- rights in Redis -----------------------------------------------------------------------------------------------------

// The lines of docs/configuration.md that give a user of Redis its rights, as words.
std::vector<std::vector<std::string>> documented_rights()
{
    std::istringstream in(read_file(TIERCEL_SOURCE_DIR "/docs/configuration.md"));
    std::vector<std::vector<std::string>> all;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::vector<std::string> command(std::istream_iterator<std::string>(words), {});
        if (command.size() > 3 && command[0] == "ACL" && command[1] == "SETUSER") { all.push_back(std::move(command)); }
    }
    return all;
}

void expect_in_time(const char* what, const std::function<bool()>& done) { EXPECT_TRUE(eventually(done)) << what; }

TEST(RightsInRedis, AsDocumentedAreEnoughForEverything)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    redis_server redis;
    const auto rights = documented_rights();
    ASSERT_EQ(rights.size(), 2u);
    for (const auto& command : rights) { ASSERT_EQ(redis.command(command).text, "OK"); }
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    s.cache = "{l2: {url: \"" + redis.url() + "\", user: tiercel, password: PASSWORD, timeout: 5s}}";
    s.route_options = "tags: [\"page-{path.2}\"]";
    s.more = "invalidation:\n"
             "  max_retries: 0\n"
             "  sources:\n"
             "    - {label: catalog, kind: redis_stream, stream: catalog.events, scope: all}\n"
             "    - {label: news, kind: redis_pubsub, channel: news, scope: all}\n"
             "    - {label: hook, kind: webhook, scope: all}\n";
    proxy first(s.yaml());
    ASSERT_TRUE(first.wait_until_well()) << first.admin("GET", "/readyz").body;
    {
        proxy second(s.yaml());
        ASSERT_TRUE(second.wait_until_well());
        const auto is_hit = [](const proxy& p, const std::string& name) {
            return cache_status_of(p.get("/page/" + name + "?ttl=600", {{"Host", "h"}})).hit;
        };
        is_hit(first, "a");
        expect_in_time("the other instance finds it", [&] { return is_hit(second, "a"); });
        const auto purge_of = [](const char* id, const char* name) {
            return std::string(R"({"specversion":"1.0","source":"/s","id":")") + id +
                   R"(","type":"tiercel.invalidate.v1","data":{"mode":"hard","scopes":[{"kind":"tag","name":"page-)" + name + R"("}]}})";
        };
        is_hit(first, "stream");
        is_hit(first, "channel");
        redis.command({"XADD", "catalog.events", "*", "event", purge_of("1", "stream")});
        expect_in_time("an event of a stream", [&] {
            const std::map<std::string, std::string> catalog{{"source", "catalog"}};
            return first.metric("events_total", catalog) + second.metric("events_total", catalog) == 1;
        });
        expect_in_time("an event of a channel", [&] {
            redis.command({"PUBLISH", "news", purge_of("2", "channel")});
            return first.metric("events_total", {{"source", "news"}}) > 0;
        });
        EXPECT_EQ(first.admin("POST", "/v1/invalidations?wait=applied&timeout=10s", R"({"scopes":[{"kind":"tag","name":"page-a"}]})").status, 200);
        EXPECT_EQ(first.request("PURGE", "/page/a").status, 200);
        redis.command({"XADD", "catalog.events", "*", "event", "no event"});
        std::string id;   // of the newest dead letter
        const auto finds_letter = [&] {
            const std::string letters = first.admin("GET", "/v1/dead-letters").body;
            const std::string mark = R"("id":")";
            const std::size_t at = letters.find(mark);
            id = at == letters.npos ? std::string() : letters.substr(at + mark.size(), letters.find('"', at + mark.size()) - at - mark.size());
            return !id.empty();
        };
        expect_in_time("a dead letter", finds_letter);
        EXPECT_EQ(first.admin("POST", "/v1/dead-letters/" + id + "/replay", "{}").status, 409) << "it is still no event";
        expect_in_time("it is a dead letter again", finds_letter);
        EXPECT_EQ(first.admin("DELETE", "/v1/dead-letters/" + id).status, 200);
        EXPECT_TRUE(second.stop().ok());
    }
    EXPECT_TRUE(first.stop().ok());
    const redis_reply refused = redis.command({"ACL", "LOG"});
    for (const redis_reply& entry : refused.elements) {
        std::string what;
        for (const redis_reply& part : entry.elements) { what += part.text + " "; }
        ADD_FAILURE() << "refused: " << what;
    }
}

}  // namespace
}  // namespace tiercel::test
