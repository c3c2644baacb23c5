// Events as the world sends them to the real program: a tenant's token speaks for that tenant alone, whatever its events say.

#include "blackbox/process_memory.hpp"
#include "blackbox/setting.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr const char* token_of_one = "a-long-enough-token-of-tenant-one";
constexpr const char* token_of_all = "a-long-enough-token-of-the-system";

class EventFeeds : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
    }
    // Two tenants; tokens for one of them and for the system. `invalidation` is YAML.
    void start(const std::string& invalidation)
    {
        setting s{.origin_url = origin_.url()};
        s.server = "{threads: 1, trusted_proxies: [127.0.0.0/8]}";
        s.cache = "{l2: {url: \"" + redis_->url() + "\", timeout: 5s}}";
        s.route_options = "tags: [\"page-{path.2}\"], entity: {type: \"{path.1}\", id: \"{path.2}\"}";
        s.more = "tenancy: {resolvers: [{kind: header, name: X-Tenant-ID}]}\n"
                 "admin: {tokens: [{token: " + ""s + token_of_one + ", role: tenant, tenant: one}, {token: " + token_of_all + ", role: system}]}\n"
                 "invalidation: " + invalidation + "\n";
        yaml_ = s.yaml();
        proxy_ = std::make_unique<proxy>(yaml_);
        ASSERT_TRUE(eventually([&] { return redis_->command({"HLEN", "tcl:{inv}:nodes"}).integer == 1; })) << proxy_->log();
    }
    http_response send(const std::string& token, const std::string& body, const std::string& type = "application/cloudevents+json",
                       header_list fields = {}) const
    {
        return admin(token, "POST", "/v1/events", body, type, std::move(fields));
    }
    http_response admin(const std::string& token, const std::string& method, const std::string& target, const std::string& body = {},
                        const std::string& type = "application/json", header_list fields = {}) const
    {
        fields.emplace_back("Authorization", "Bearer " + token);
        if (!body.empty()) { fields.emplace_back("Content-Type", type); }
        return raw_client(proxy_->admin_port()).request(method, target, fields, body);
    }
    static std::string event(const std::string& id, const std::string& type, const std::string& data, const std::string& tenant = "one")
    {
        return R"({"specversion":"1.0","source":"/c","id":")" + id + R"(","type":")" + type + R"(","tenantid":")" + tenant + R"(","data":)" + data + "}";
    }
    void fill(const std::string& tenant) const
    {
        ASSERT_TRUE(eventually([&] { return hits(tenant); }));
    }
    bool hits(const std::string& tenant) const
    {
        return proxy_->get("/page/a?ttl=600", {{"X-Tenant-ID", tenant}}).raw_head.find("hit;") != std::string::npos;
    }

    static std::string change(int page, const std::string& round = {})
    {
        return event(round + std::to_string(page), "tiercel.invalidate.v1", R"({"scopes":[{"kind":"tag","name":"page-)" + std::to_string(page) + R"("}]})");
    }
    static std::string changes(int from, int to, const std::string& round = "x")
    {
        std::string batch = "[";
        for (int i = from; i < to; ++i) {
            batch += (i == from ? "" : ",") + change(i, round + "-");
        }
        return batch + "]";
    }
    // Every instance says that it has read that far.
    bool applied_by_all(const std::string& entry)
    {
        const std::uint64_t at = std::stoull(entry);
        const redis_reply rows = redis_->command({"HGETALL", "tcl:{inv}:nodes"});
        bool all = !rows.elements.empty();
        for (std::size_t i = 1; i < rows.elements.size(); i += 2) { all = all && std::stoull(rows.elements.at(i).text) >= at; }
        return all;
    }
    void add(const std::string& e) { redis_->command({"XADD", "feed", "*", "event", e}); }
    // All at once, so that they are read in batches.
    void add_changes(int from, int to)
    {
        std::vector<std::string> words{"EVAL", "for _, e in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'event', e) end", "1", "feed"};
        for (int i = from; i < to; ++i) { words.push_back(change(i)); }
        redis_->command(words);
    }
    static std::int64_t results_of(const proxy& p, const std::string& result)
    {
        const http_response r = raw_client(p.admin_port()).request("GET", "/v1/sources", {{"Authorization", "Bearer "s + token_of_all}});
        const boost::json::object counts = boost::json::parse(r.body).at("sources").at(0).at("results").as_object();
        const boost::json::value* const n = counts.if_contains(result);
        return n != nullptr ? n->to_number<std::int64_t>() : 0;
    }
    std::vector<std::string> unacknowledged()
    {
        std::vector<std::string> ids;
        for (const redis_reply& r : redis_->command({"XPENDING", "feed", "tiercel", "-", "+", "100000"}).elements) { ids.push_back(r.elements.at(0).text); }
        return ids;
    }
    std::vector<std::string> names_of_consumers()
    {
        std::vector<std::string> names;
        for (const redis_reply& c : redis_->command({"XINFO", "CONSUMERS", "feed", "tiercel"}).elements) { names.push_back(c.elements.at(1).text); }
        return names;
    }
    // An event of which the journal alone knows, as nothing can be appended, and one behind it that has ended.
    void start_with_one_in_the_journal(const temp_dir& directory)
    {
        start("{journal: {path: \"" + (directory.path() / "journal").string() + "\"}, sources: [{label: feed, kind: redis_stream, stream: feed}]}");
        ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
        redis_->command({"RENAME", "tcl:{inv}:table", "kept"});
        redis_->command({"SET", "tcl:{inv}:table", "no table"});   // nothing can be appended
        add(change(7));
        ASSERT_TRUE(eventually([&] { return admin(token_of_all, "GET", "/v1/status").body.find(R"("waiting":1)") != std::string::npos; }));
        add(event("x", "nobody.wants.it", "{}"));
        ASSERT_TRUE(eventually([&] { return results_of(*proxy_, "unmatched") == 1 && unacknowledged().size() <= 1; }));
    }
    // Of consumers that are gone, as if that had been a minute ago.
    void age_unacknowledged()
    {
        std::vector<std::string> claim{"XCLAIM", "feed", "tiercel", "gone", "0"};
        const std::vector<std::string> ids = unacknowledged();
        if (ids.empty()) { return; }
        claim.insert(claim.end(), ids.begin(), ids.end());
        claim.insert(claim.end(), {"IDLE", "60000", "JUSTID"});
        redis_->command(claim);
    }
    // Of all that the log says was invalidated: the pages, each once.
    std::set<int> pages_in_log()
    {
        std::set<int> out;
        for (const redis_reply& entry : redis_->command({"XRANGE", "tcl:{inv}:log", "-", "+"}).elements) {
            for (const redis_reply& f : entry.elements.at(1).elements) {
                if (const std::size_t at = f.text.find("tag:page-"); at != std::string::npos) { out.insert(std::stoi(f.text.substr(at + 9))); }
            }
        }
        return out;
    }

    origin_process origin_;
    std::unique_ptr<redis_server> redis_;
    std::string yaml_;
    std::unique_ptr<proxy> proxy_;
};

constexpr const char* rules = R"([ { on: page.changed, tenant: "{data.tenantId}", invalidate: [ { tag: "page-{data.page}" } ] },
                                   { on: tenant.closed, invalidate: [ { tenant: "{data.closed}" } ] },
                                   { on: world.ended, invalidate: [ { all: "yes" } ] } ])";

// Each of these, sent with the token of "one", would reach "two" if only its own word were taken.
const std::pair<const char*, std::string> reaching[] = {
    {"everything, by our own type", R"(tiercel.invalidate.v1|{"scopes":[{"kind":"all"}]})"},
    {"a scope with another tenant", R"(tiercel.invalidate.v1|{"scopes":[{"kind":"tag","name":"page-a","tenant":"two"}]})"},
    {"another tenant by name", R"(tiercel.invalidate.v1|{"scopes":[{"kind":"tenant","name":"two"}]})"},
    {"a rule that takes the tenant from the data", R"(page.changed|{"tenantId":"two","page":"a"})"},
    {"a rule that names a tenant", R"(tenant.closed|{"closed":"two"})"},
    {"a rule that means everything", R"(world.ended|{})"},
};

TEST_F(EventFeeds, ATenantsTokenReachesNoOtherTenantWhateverTheEventSays)
{
    start("{sources: [{label: hook, kind: webhook, scope: all}], rules: "s + rules + "}");
    fill("two");
    int id = 0;
    for (const auto& [name, text] : reaching) {
        SCOPED_TRACE(name);
        const std::size_t bar = text.find('|');
        const std::string e = event(std::to_string(++id), text.substr(0, bar), text.substr(bar + 1));
        EXPECT_EQ(send(token_of_one, e).status, 403);
        EXPECT_EQ(send(token_of_one, "[" + e + "]", "application/cloudevents-batch+json").status, 403);
        EXPECT_TRUE(hits("two"));
        fill("two");
    }
    EXPECT_EQ(redis_->command({"XLEN", "tcl:dlq"}).integer, 0) << "what is refused leaves nothing to be replayed by others";
}

TEST_F(EventFeeds, ATenantsTokenReachesNoOtherTenantWithoutASourceEither)
{
    start("{rules: "s + rules + "}");
    fill("two");
    EXPECT_EQ(send(token_of_one, event("1", "tiercel.invalidate.v1", R"({"scopes":[{"kind":"all"}]})")).status, 403);
    EXPECT_TRUE(hits("two"));
}

TEST_F(EventFeeds, TheLogSaysWhichSourceADeadLetterCameFromAndWhy)
{
    const std::string label = "a-label-longer-than-a-small-string";
    start("{sources: [{label: " + label + ", kind: webhook}], max_retries: 0,\n"
          "               rules: [{on: changed, invalidate: [{tag: \"{data.nothing}\"}]}]}");
    send(token_of_all, event("1", "changed", "{}"));
    const std::string line = "an event went to the dead letters source=" + label + " reason=\"rule changed: the event has no data.nothing\"";
    EXPECT_TRUE(eventually([&] { return proxy_->log().find(line) != std::string::npos; })) << proxy_->log();
}

TEST_F(EventFeeds, ATenantsTokenInvalidatesWhatIsItsOwn)
{
    start("{sources: [{label: hook, kind: webhook, scope: all}], rules: "s + rules + "}");
    int id = 0;
    for (const char* const text : {R"(tiercel.invalidate.v1|{"scopes":[{"kind":"tag","name":"page-a"}]})", R"(page.changed|{"tenantId":"one","page":"a"})",
                                   R"(tenant.closed|{"closed":"one"})"}) {
        SCOPED_TRACE(text);
        const std::string what = text;
        fill("one");
        fill("two");
        const std::string e = event(std::to_string(++id), what.substr(0, what.find('|')), what.substr(what.find('|') + 1));
        EXPECT_EQ(send(token_of_one, e).body, R"({"results":{"applied":1}})");
        EXPECT_FALSE(hits("one"));
        EXPECT_TRUE(hits("two"));
    }
}

TEST_F(EventFeeds, ATenantsTokenNamesNoOtherTenantToTheApiEither)
{
    start("{}");
    fill("one");
    fill("two");
    EXPECT_EQ(admin(token_of_one, "POST", "/v1/invalidations", R"({"scopes":[{"kind":"tenant","name":"two"}]})").status, 403);
    EXPECT_TRUE(hits("one")) << "refused, and not taken for something else";
    EXPECT_TRUE(hits("two"));
    EXPECT_EQ(admin(token_of_one, "POST", "/v1/invalidations", R"({"scopes":[{"kind":"tenant","name":"one"}]})").status, 202);
    EXPECT_FALSE(hits("one"));
}

TEST_F(EventFeeds, ATenantCannotMakeTheEventsOfOthersLookLikeRepetitions)
{
    start("{sources: [{label: hook, kind: webhook, scope: all}], rules: "s + rules + "}");
    fill("two");
    EXPECT_EQ(send(token_of_one, event("next", "tiercel.invalidate.v1", R"({"scopes":[{"kind":"tag","name":"page-a"}]})")).status, 202);
    const http_response r = send(token_of_all, event("next", "tiercel.invalidate.v1", R"({"scopes":[{"kind":"tag","name":"page-a"}]})", "two"));
    EXPECT_EQ(r.body, R"({"results":{"applied":1}})");
    EXPECT_FALSE(hits("two"));
}

TEST_F(EventFeeds, ARuleForATenantIsAboutTheOneItNames)
{
    start("{sources: [{label: hook, kind: webhook, scope: all}], rules: "s + rules + "}");
    fill("one");
    fill("two");
    EXPECT_EQ(send(token_of_all, event("1", "tenant.closed", R"({"closed":"two"})")).status, 202);
    EXPECT_TRUE(hits("one"));
    EXPECT_FALSE(hits("two"));
}

// ---- at least once ---------------------------------------------------------------------------------------------------------

constexpr const char* feed = "{sources: [{label: feed, kind: redis_stream, stream: feed}]}";

TEST_F(EventFeeds, AConsumerThatIsKilledAgainAndAgainSkipsNothing)
{
    start(feed);
    constexpr int all = 6000;
    constexpr int rounds = 12;
    for (int round = 1; round <= rounds; ++round) {
        ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
        const std::size_t before = pages_in_log().size();
        add_changes(all * (round - 1) / rounds, all * round / rounds);
        ASSERT_TRUE(eventually([&] { return pages_in_log().size() > before; })) << "it works again";
        proxy_->kill();
        age_unacknowledged();
        proxy_->start();
    }
    EXPECT_TRUE(eventually([&] { return pages_in_log().size() == all && unacknowledged().empty(); }))
        << pages_in_log().size() << " of " << all << " took effect, unacknowledged: " << unacknowledged().size();
    EXPECT_EQ(redis_->command({"XLEN", "tcl:dlq"}).integer, 0);
}

TEST_F(EventFeeds, WhatOnlyThisProcessKnowsOfIsNotAcknowledged)
{
    start(feed);
    ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
    redis_->command({"RENAME", "tcl:{inv}:table", "kept"});
    redis_->command({"SET", "tcl:{inv}:table", "no table"});   // nothing can be appended
    add(change(7));
    ASSERT_TRUE(eventually([&] { return admin(token_of_all, "GET", "/v1/invalidations").body.find(R"("state":"pending")") != std::string::npos; }));
    // The second is read after the first was dealt with, and acknowledgements go before the next read.
    add(change(8));
    ASSERT_TRUE(eventually([&] { return admin(token_of_all, "GET", "/v1/invalidations").body.find("page-8") != std::string::npos; }));
    proxy_->kill();
    EXPECT_EQ(unacknowledged().size(), 2u);
    redis_->command({"RENAME", "kept", "tcl:{inv}:table"});
    age_unacknowledged();
    proxy_->start();
    EXPECT_TRUE(eventually([&] { return pages_in_log() == std::set<int>{7, 8} && unacknowledged().empty(); }));
}

// Its effect outlives this process, but others would count it as known.
TEST_F(EventFeeds, WhatLiesInAJournalHereIsNotAcknowledgedUntilTheLogHasIt)
{
    const temp_dir directory;
    ASSERT_NO_FATAL_FAILURE(start_with_one_in_the_journal(directory));
    EXPECT_EQ(unacknowledged().size(), 1u) << "what ended after it is acknowledged";
    redis_->command({"RENAME", "kept", "tcl:{inv}:table"});
    EXPECT_TRUE(eventually([&] { return unacknowledged().empty(); }, 20s)) << "and before another would take it over";
    EXPECT_EQ(pages_in_log(), std::set<int>{7});
    EXPECT_EQ(results_of(*proxy_, "applied"), 1);
}

TEST_F(EventFeeds, WhatAKilledInstanceHadInItsJournalIsSentByTheNextAndAcknowledgedOnce)
{
    const temp_dir directory;
    ASSERT_NO_FATAL_FAILURE(start_with_one_in_the_journal(directory));
    proxy_->kill();
    EXPECT_EQ(unacknowledged().size(), 1u);
    redis_->command({"RENAME", "kept", "tcl:{inv}:table"});
    age_unacknowledged();
    proxy_->start();
    EXPECT_TRUE(eventually([&] { return unacknowledged().empty(); }));
    EXPECT_EQ(pages_in_log(), std::set<int>{7});
    EXPECT_EQ(results_of(*proxy_, "duplicate") + results_of(*proxy_, "applied"), 1);
}

// With the times as they are: 30 s of silence.
TEST_F(EventFeeds, AnOrderlyStopSendsWhatWaitsForOthersOfItsKindAndAcknowledgesIt)
{
    start("{coalesce: 10s, sources: [{label: feed, kind: redis_stream, stream: feed}]}");
    ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
    const auto appended = [&] { return redis_->command({"XLEN", "tcl:{inv}:log"}).integer; };
    const std::int64_t before = appended();
    for (int i = 0; i < 5; ++i) { add(event(std::to_string(i), "tiercel.invalidate.v1", R"({"scopes":[{"kind":"tag","name":"page-a"}]})")); }
    add(event("another", "tiercel.invalidate.v1", R"({"scopes":[{"kind":"tag","name":"page-b"}]})"));
    ASSERT_TRUE(eventually([&] { return results_of(*proxy_, "applied") == 2 && unacknowledged().size() == 4; }));
    EXPECT_EQ(appended() - before, 2);
    EXPECT_TRUE(proxy_->stop().ok());
    EXPECT_EQ(appended() - before, 3);
    EXPECT_TRUE(unacknowledged().empty()) << "so nobody waits for an instance that is gone";
}

TEST_F(EventFeeds, AnOrderlyStopDoesNotWaitForARedisThatStandsStill)
{
    start("{coalesce: 10s, sources: [{label: feed, kind: redis_stream, stream: feed}]}");
    ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
    for (int i = 0; i < 5; ++i) { add(event(std::to_string(i), "tiercel.invalidate.v1", R"({"scopes":[{"kind":"tag","name":"page-a"}]})")); }
    std::vector<std::string> waiting;   // all but the first
    for (const redis_reply& r : redis_->command({"XRANGE", "feed", "-", "+"}).elements) { waiting.push_back(r.elements.at(0).text); }
    waiting.erase(waiting.begin());
    ASSERT_TRUE(eventually([&] { return unacknowledged() == waiting; }));
    redis_->freeze();
    EXPECT_TRUE(proxy_->stop(10s).ok());
    redis_->thaw();
    EXPECT_EQ(unacknowledged(), waiting) << "they come again";
}

TEST_F(EventFeeds, WhatADeadConsumerHasLeftIsDoneByTheNextAndItsNameIsForgotten)
{
    start(feed);
    ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
    redis_->command({"RENAME", "tcl:{inv}:table", "kept"});
    redis_->command({"SET", "tcl:{inv}:table", "no table"});   // nothing can be appended
    add(change(7));
    ASSERT_TRUE(eventually([&] { return unacknowledged().size() == 1; }));
    const std::string dead = names_of_consumers().at(0);
    proxy_->kill();
    redis_->command({"RENAME", "kept", "tcl:{inv}:table"});
    proxy_->start();
    EXPECT_TRUE(eventually([&] { return names_of_consumers().size() == 2; })) << "the dead one has something left to be done";
    EXPECT_TRUE(eventually([&] { return pages_in_log() == std::set<int>{7} && unacknowledged().empty() && names_of_consumers().size() == 1; }, 75s));
    EXPECT_NE(names_of_consumers(), std::vector<std::string>{dead});
}

// ---- more than may be under way ----------------------------------------------------------------------------------------------

constexpr const char* webhook_with_few = "{sources: [{label: hook, kind: webhook}], max_pending: 10";

TEST_F(EventFeeds, BeyondMaxPendingOutdateTheirTenantAndNobodyElse)
{
    start(webhook_with_few + "}"s);
    fill("one");
    fill("two");
    const std::int64_t before = redis_->command({"XLEN", "tcl:{inv}:log"}).integer;
    const http_response r = send(token_of_all, changes(1000, 3000), "application/cloudevents-batch+json");
    EXPECT_EQ(r.status, 202) << r.body;
    const boost::json::object results = boost::json::parse(r.body).at("results").as_object();
    ASSERT_TRUE(results.contains("surplus")) << r.body;
    const std::int64_t applied = results.contains("applied") ? results.at("applied").as_int64() : 0;
    EXPECT_EQ(applied + results.at("surplus").as_int64(), 2000) << r.body;
    const std::int64_t orders = redis_->command({"XLEN", "tcl:{inv}:log"}).integer - before - applied;
    EXPECT_GE(orders, 1);
    EXPECT_LE(orders, results.at("surplus").as_int64() / 2) << "one at a time";
    EXPECT_FALSE(hits("one")) << "it was none of the pages that the events name, but it is of their tenant";
    EXPECT_TRUE(hits("two"));
}

TEST_F(EventFeeds, BeyondMaxPendingAreRefusedWhereThatIsAskedFor)
{
    start(webhook_with_few + ", overload: reject}"s);
    fill("one");
    const http_response r = send(token_of_all, changes(1000, 3000), "application/cloudevents-batch+json");
    EXPECT_EQ(r.status, 429) << r.body;
    EXPECT_TRUE(r.has("Retry-After"));
    EXPECT_TRUE(hits("one"));
}

// Nothing gets into the log meanwhile: what does not fit is remembered by its tenant, here and for the others.
TEST_F(EventFeeds, AFloodWhileRedisStandsStillCostsNoMemoryAndLeavesNothingOld)
{
    start("{sources: [{label: hook, kind: webhook}], max_pending: 100}");
    proxy second(yaml_);
    const header_list one = {{"X-Tenant-ID", "one"}};
    const auto hit = [&](const proxy& p, int page) {
        return p.get("/page/" + std::to_string(page) + "?ttl=600", one).raw_head.find("hit;") != std::string::npos;
    };
    constexpr int pages = 300;
    for (const proxy* p : {proxy_.get(), &second}) {
        for (int i = 0; i < pages; ++i) { ASSERT_TRUE(eventually([&] { return hit(*p, i); })); }
    }
    const std::uint64_t memory = memory_of(proxy_->process().pid()).resident;
    redis_->freeze();
    std::int64_t answered = 0;
    for (int round = 0; round < 20; ++round) {
        const http_response r = send(token_of_all, changes(0, 1000, std::to_string(round)), "application/cloudevents-batch+json");
        ASSERT_EQ(r.status, 202) << r.body;
        const boost::json::object results = boost::json::parse(r.body).at("results").as_object();
        for (const auto& [name, n] : results) { answered += n.as_int64(); }
    }
    EXPECT_EQ(answered, 20'000);
    for (int i = 0; i < pages; ++i) { EXPECT_FALSE(hit(*proxy_, i)) << "page " << i << " where the events came"; }
    EXPECT_LT(memory_of(proxy_->process().pid()).resident, memory + 64 * 1024 * 1024);
    redis_->thaw();
    ASSERT_TRUE(eventually([&] { return redis_->command({"XREVRANGE", "tcl:{inv}:log", "+", "-", "COUNT", "1"}).elements.size() == 1 &&
                                        admin(token_of_all, "GET", "/v1/invalidations?n=10000").body.find("\"pending\"") == std::string::npos; }));
    const std::string told = redis_->command({"XREVRANGE", "tcl:{inv}:log", "+", "-", "COUNT", "1"}).elements.at(0).elements.at(0).text;
    ASSERT_TRUE(eventually([&] { return applied_by_all(told); }));
    for (int i = 0; i < pages; ++i) { EXPECT_FALSE(hit(second, i)) << "page " << i << " on the other instance"; }
}

// ---- the origin tells of what was written through the proxy ------------------------------------------------------------------

// The instances share one consumer group: whichever reads the event, the write may have come to the other one.
TEST_F(EventFeeds, OfAWriteThroughOneInstanceMeanNothingNewToWhicheverInstanceReadsThem)
{
    start("{sources: [{label: feed, kind: redis_stream, stream: feed}], loopback_ttl: 60s, "
          "rules: [{on: page.updated, invalidate: [{entity: \"page/{data.page}\"}]}]}");
    proxy second(yaml_);
    proxy* const both[] = {proxy_.get(), &second};
    ASSERT_TRUE(eventually([&] { return names_of_consumers().size() == 2; }));
    const header_list one = {{"X-Tenant-ID", "one"}};
    const auto hit = [&](const proxy& p, const std::string& page) { return p.get(page + "?ttl=600", one).raw_head.find("hit;") != std::string::npos; };
    const auto results = [&](const std::string& result) { return results_of(*both[0], result) + results_of(*both[1], result); };
    constexpr int pages = 20;
    for (int i = 0; i < pages; ++i) {
        const std::string page = "/page/" + std::to_string(i);
        for (const proxy* p : both) { ASSERT_TRUE(eventually([&] { return hit(*p, page); })); }
        EXPECT_EQ(both[i % 2]->request("PUT", page + "?ttl=600", one, "new").status, 200);
        ASSERT_TRUE(eventually([&] { return !hit(*both[(i + 1) % 2], page); }));
        for (const proxy* p : both) { ASSERT_TRUE(eventually([&] { return hit(*p, page); })); }
    }
    // Of the writes, and as many of something else: each write explains one event.
    for (int i = 0; i < 2 * pages; ++i) {
        std::string e = event("e" + std::to_string(i), "page.updated", R"({"page":)" + std::to_string(i % pages) + "}");
        e.insert(1, R"("time":"2000-01-01T00:00:00Z",)");
        add(e);
        ASSERT_TRUE(eventually([&] { return results("noop") + results("applied") == i + 1; }));
        EXPECT_EQ(results("noop"), std::min(i + 1, pages));
        EXPECT_EQ(hit(*both[0], "/page/" + std::to_string(i % pages)), i < pages);
    }
    for (const proxy* p : both) { EXPECT_GT(results_of(*p, "noop") + results_of(*p, "applied"), 0) << "each has read some"; }
}

TEST_F(EventFeeds, DeadLettersAreNamedByTheirIdsAndByNewOnesAfterAReplayInVain)
{
    start("{sources: [{label: feed, kind: redis_stream, stream: feed, scope: all}]}");
    for (const char* const bad : {"nonsense", "-", "5", "5-x", "5-1-1"}) {
        EXPECT_EQ(admin(token_of_all, "POST", "/v1/dead-letters/"s + bad + "/replay", "{}").status, 400) << bad;
        const http_response dropped = admin(token_of_all, "DELETE", "/v1/dead-letters/"s + bad);
        EXPECT_EQ(dropped.status, 400) << bad;
        EXPECT_NE(dropped.body.find("no id of a dead letter"), std::string::npos) << dropped.body;
    }
    EXPECT_EQ(admin(token_of_all, "DELETE", "/v1/dead-letters/5-1").status, 404);
    ASSERT_TRUE(eventually([&] { return redis_->command({"EXISTS", "feed"}).integer == 1; }));
    add("no event");
    ASSERT_TRUE(eventually([&] { return redis_->command({"XLEN", "tcl:dlq"}).integer == 1; }));
    const auto id = [&] { return redis_->command({"XRANGE", "tcl:dlq", "-", "+"}).elements.at(0).elements.at(0).text; };
    const std::string before = id();
    const http_response again = admin(token_of_all, "POST", "/v1/dead-letters/" + before + "/replay", "{}");
    EXPECT_EQ(again.status, 409);
    ASSERT_TRUE(eventually([&] { return redis_->command({"XLEN", "tcl:dlq"}).integer == 1 && id() != before; }));
    EXPECT_NE(again.body.find("it is the dead letter " + id() + " now"), std::string::npos) << again.body;
}

TEST_F(EventFeeds, AStreamWithNothingNewIsInContactAllTheSame)
{
    start("{sources: [{label: feed, kind: redis_stream, stream: feed, scope: all}]}");
    const auto contact = [&] {
        const auto source = boost::json::parse(admin(token_of_all, "GET", "/v1/sources").body).at("sources").at(0).as_object();
        const boost::json::value* const at = source.if_contains("last_contact");
        return at != nullptr ? std::string(at->as_string()) : std::string();
    };
    ASSERT_TRUE(eventually([&] { return !contact().empty(); }));
    const std::string first = contact();
    EXPECT_TRUE(eventually([&] { return contact() > first; }));
    const std::string second = contact();
    EXPECT_TRUE(eventually([&] { return contact() > second; }));
}

}  // namespace
}  // namespace tiercel::test
