// Events from outside: a stream, a channel, a webhook; what they invalidate by rules; and what becomes of those that fail.

#include "l2_fixture.hpp"
#include "support/relay.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>

namespace tiercel::test {
namespace {

class Events : public l2_fixture {
protected:
    void SetUp() override
    {
        l2_fixture::SetUp();
        if (IsSkipped()) { return; }
        s.configure(R"({ invalidation: { sources: [ { label: catalog, kind: redis_stream, stream: catalog.events, scope: all },
                                                    { label: news, kind: redis_pubsub, channel: news, scope: all },
                                                    { label: hook, kind: webhook, scope: all } ],
                                         rules: [ { on: project.updated, invalidate: [ { entity: "project/{data.projectId}" }, { entity_list: project } ],
                                                    ignore_fields: [ seen_at ] },
                                                  { on: "project.*", version: "2", mode: hard, invalidate: [ { tag: "p-{data.projectId}" } ] } ] } })");
        s.set("routes", R"([ { name: project, match: { path: "/projects/" }, origin: shop, entity: { type: project, id: "{path.2}" }, tags: [ "p-{path.2}" ] },
                             { name: all, match: { path: / }, origin: shop } ])");
        for (const std::string p : {"/projects/7", "/projects/8", "/projects/"}) { s.origin().page(p).cache_control("max-age=600").body("v1"); }
    }
    void begin()
    {
        start();
        ASSERT_TRUE(eventually([&] { return redis->command({"XINFO", "GROUPS", "catalog.events"}).elements.size() == 1; }));
        ASSERT_TRUE(eventually([&] { return tells_of_news("works"); }));   // what is fetched before may be out of date
        fill();
    }
    bool tells_of_news(const char* what) const { return tells_of_news(what, s); }
    static bool tells_of_news(const char* what, const scenario& one)
    {
        return boost::json::parse(one.admin("GET", "/v1/sources").body).at("sources").at(1).at(what).as_bool();
    }
    void fill()
    {
        for (const std::string p : {"/projects/7", "/projects/8", "/projects/"}) { s.get(p).expect_body("v1"); }
        for (const std::string p : {"/projects/7", "/projects/8", "/projects/"}) { s.get(p).expect_cache("hit; detail=l1"); }
    }
    void fill_anew()
    {
        for (const std::string p : {"/projects/7", "/projects/8", "/projects/"}) { ASSERT_TRUE(eventually([&] { return hits(p); })); }
    }
    static std::string event(int id, const std::string& type, const std::string& data)
    {
        return R"({"specversion":"1.0","source":"/catalog","id":")" + std::to_string(id) + R"(","type":")" + type + R"(","data":)" + data + "}";
    }
    void add(const std::string& text) { redis->command({"XADD", "catalog.events", "*", "event", text}); }
    double events(const std::string& source, const std::string& result) const
    {
        return s.metric("events_total", {{"source", source}, {"result", result}});
    }
    bool soon(const std::string& source, const std::string& result, double n = 1) const
    {
        return eventually([&] { return events(source, result) >= n; });
    }
    bool hits(const std::string& path) const { return s.get(path).raw_head.find("hit;") != std::string::npos; }
    std::int64_t unacknowledged() { return redis->command({"XPENDING", "catalog.events", "tiercel"}).elements.at(0).integer; }
};

TEST_F(Events, OfAStreamInvalidateByRuleWhatTheyNameAndNothingElse)
{
    begin();
    add(event(1, "project.updated", R"({"projectId":7})"));
    ASSERT_TRUE(soon("catalog", "applied"));
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_FALSE(hits("/projects/")) << "the list";
    EXPECT_TRUE(hits("/projects/8"));
    EXPECT_TRUE(eventually([&] { return unacknowledged() == 0; }));
}

TEST_F(Events, OfOurOwnTypeNeedNoRule)
{
    begin();
    add(event(1, "tiercel.invalidate.v1", R"({"mode":"hard","scopes":[{"kind":"tag","name":"p-8"}]})"));
    ASSERT_TRUE(soon("catalog", "applied"));
    EXPECT_FALSE(hits("/projects/8"));
    EXPECT_TRUE(hits("/projects/7"));
}

TEST_F(Events, ThatComeAgainHaveNoEffectAndOfNoInterestAreCounted)
{
    begin();
    add(event(1, "project.updated", R"({"projectId":7})"));
    ASSERT_TRUE(soon("catalog", "applied"));
    fill_anew();
    for (int i = 0; i < 20; ++i) { add(event(1, "project.updated", R"({"projectId":7})")); }
    ASSERT_TRUE(soon("catalog", "duplicate", 20));
    add(event(2, "user.created", "{}"));
    ASSERT_TRUE(soon("catalog", "unmatched"));
    add(event(3, "project.updated", R"({"projectId":7,"changedFields":["seen_at"]})"));
    ASSERT_TRUE(soon("catalog", "noop"));
    EXPECT_TRUE(hits("/projects/7"));
}

// What a channel has said nobody keeps.
TEST_F(Events, OfAChannelAreCountedWhenThereAreTooMany)
{
    s.set("invalidation.max_pending", "1").set("invalidation.overload", "reject");
    begin();
    std::string script = "for i = 1, 50 do redis.call('PUBLISH', 'news', '{\"specversion\":\"1.0\",\"source\":\"/c\",\"id\":\"' .. i .. "
                         "'\",\"type\":\"project.updated\",\"data\":{\"projectId\":7}}') end";
    redis->command({"EVAL", script, "0"});
    EXPECT_TRUE(eventually([&] { return events("news", "applied") + events("news", "dropped") == 50; }));
    EXPECT_GE(events("news", "applied"), 1);
    EXPECT_GE(events("news", "dropped"), 1);
    const std::string sources = s.admin("GET", "/v1/sources").body;
    EXPECT_NE(sources.find("\"dropped\""), std::string::npos) << sources;
}

TEST_F(Events, OfAChannelOutdateAllThatTheyMayReachWhenThereAreTooMany)
{
    s.set("invalidation.max_pending", "1");
    begin();
    const std::string text = R"({"specversion":"1.0","source":"/c","id":"' .. i .. '","type":"project.updated","data":{"projectId":' .. i .. '}})";
    redis->command({"EVAL", "for i = 100, 199 do redis.call('PUBLISH', 'news', '" + text + "') end", "0"});
    ASSERT_TRUE(eventually([&] { return events("news", "applied") + events("news", "surplus") == 100; }));
    EXPECT_GE(events("news", "surplus"), 1);
    EXPECT_EQ(events("news", "dropped"), 0);
    EXPECT_TRUE(eventually([&] { return s.admin("GET", "/v1/invalidations").body.find("surplus: ") != std::string::npos; }));
    s.get("/projects/7").expect_cache("fwd=stale; stored");   // they named no tenant
}

TEST_F(Events, OfNoInterestOutdateNothingHoweverManyThereAre)
{
    s.set("invalidation.max_pending", "1");
    begin();
    const std::string text = R"({"specversion":"1.0","source":"/c","id":"' .. i .. '","type":"user.created","data":{}})";
    redis->command({"EVAL", "for i = 100, 199 do redis.call('PUBLISH', 'news', '" + text + "') end", "0"});
    ASSERT_TRUE(soon("news", "unmatched", 100));
    EXPECT_TRUE(hits("/projects/7"));
}

TEST_F(Events, WithTwoRulesAreCarriedOutByBoth)
{
    begin();
    add(R"({"specversion":"1.0","source":"/c","id":"x","type":"project.updated","version":"2","data":{"projectId":8}})");
    ASSERT_TRUE(soon("catalog", "applied"));
    EXPECT_FALSE(hits("/projects/8"));
    EXPECT_FALSE(hits("/projects/"));
    EXPECT_TRUE(hits("/projects/7"));
}

TEST_F(Events, OfAChannelAndAWebhookDoTheSame)
{
    begin();
    redis->command({"PUBLISH", "news", event(1, "project.updated", R"({"projectId":7})")});
    ASSERT_TRUE(soon("news", "applied"));
    EXPECT_FALSE(hits("/projects/7"));
    const answer taken = s.admin("POST", "/v1/events", event(2, "project.updated", R"({"projectId":8})"));
    taken.expect_status(202);
    EXPECT_EQ(events("hook", "applied"), 1);
    EXPECT_FALSE(hits("/projects/8"));
    s.admin("POST", "/v1/events", R"({"specversion":"2.0","id":"1","source":"s","type":"t"})").expect_status(400);
}

TEST_F(Events, ThatCannotWorkGoToTheDeadLettersAtOnceAndHoldNobodyUp)
{
    begin();
    add("no event at all");
    add(event(1, "tiercel.invalidate.v1", R"({"scopes":[{"kind":"planet","name":"x"}]})"));
    add(event(2, "tiercel.invalidate.v9", R"({"scopes":[]})"));
    add(event(3, "project.updated", R"({"projectId":7})"));
    ASSERT_TRUE(soon("catalog", "dead", 3));
    ASSERT_TRUE(soon("catalog", "applied"));
    EXPECT_EQ(events("catalog", "failed"), 0);
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_TRUE(eventually([&] { return unacknowledged() == 0; }));
    EXPECT_TRUE(eventually([&] { return s.metric("dead_letters") == 3; }));
    const std::string all = s.admin("GET", "/v1/dead-letters").body;
    EXPECT_NE(all.find("planet"), std::string::npos);
    EXPECT_NE(all.find(R"("reason":"version")"), std::string::npos);
    EXPECT_NE(all.find(R"("attempts":"1")"), std::string::npos);
}

TEST_F(Events, ThatFailAreTriedFourTimesThenLieWithTheDeadLettersAndCanBeReplayed)
{
    s.set("invalidation.rules.0.invalidate", R"([ { entity: "project/{data.id}" } ])");
    begin();
    add(event(1, "project.updated", R"({"projectId":7})"));
    add(event(2, "project.updated", R"({"id":8})"));
    ASSERT_TRUE(soon("catalog", "applied")) << "not held up";
    ASSERT_TRUE(soon("catalog", "dead"));
    EXPECT_EQ(events("catalog", "failed"), 3) << "and the fourth was the last";
    const boost::json::value letters = boost::json::parse(s.admin("GET", "/v1/dead-letters").body);
    const boost::json::object letter = letters.at("dead_letters").as_array().at(0).as_object();
    EXPECT_EQ(letter.at("attempts"), "4");
    for (const char* name : {"error", "failedAt", "node", "reason", "event", "source"}) { EXPECT_TRUE(letter.contains(name)) << name; }
    s.set("invalidation.rules.0.invalidate", R"([ { entity: "project/{data.projectId}" } ])");
    restart();
    fill_anew();
    const std::string id(letter.at("id").as_string());
    s.admin("POST", "/v1/dead-letters/" + id + "/replay", "{}").expect_status(200);
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_TRUE(eventually([&] { return s.metric("dead_letters") == 0; }));
    s.admin("DELETE", "/v1/dead-letters/" + id).expect_status(404);
}

TEST_F(Events, AreReplayedByTheRulesAsTheyAreThenWhateverWasAppliedBefore)
{
    s.set("invalidation.rules.0.invalidate", R"([ { entity: "project/{data.id}" } ])");
    begin();
    add(R"({"specversion":"1.0","source":"/c","id":"x","type":"project.updated","version":"2","data":{"projectId":8}})");
    ASSERT_TRUE(soon("catalog", "dead"));
    EXPECT_FALSE(hits("/projects/8")) << "the second rule had its effect all the same";
    const boost::json::value letters = boost::json::parse(s.admin("GET", "/v1/dead-letters").body);
    const std::string id(letters.at("dead_letters").as_array().at(0).at("id").as_string());
    s.set("invalidation.rules", R"([ { on: project.updated, invalidate: [ { entity_list: project } ] },
                                     { on: project.updated, invalidate: [ { entity: "project/7" } ] } ])");
    restart();
    fill_anew();
    s.admin("POST", "/v1/dead-letters/" + id + "/replay", "{}").expect_status(200);
    EXPECT_FALSE(hits("/projects/")) << "in the place of the one that failed";
    EXPECT_FALSE(hits("/projects/7")) << "in the place of the one that was applied";
}

TEST_F(Events, WithListsInvalidateAllThatTheyNameHoweverMany)
{
    s.set("invalidation.rules.0.invalidate", R"([ { entity: "project/{data.items.id}" } ])");
    begin();
    std::string items;
    for (int i = 1000; i < 2000; ++i) { items += R"({"id":)" + std::to_string(i) + "},"; }
    add(event(1, "project.updated", R"({"items":[{"id":7},)" + items + R"({"id":8}]})"));
    ASSERT_TRUE(soon("catalog", "applied"));
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_FALSE(hits("/projects/8")) << "more than one append holds";
    EXPECT_TRUE(hits("/projects/"));
    add(event(2, "project.updated", R"({"items":[]})"));
    ASSERT_TRUE(soon("catalog", "noop"));
}

TEST_F(Events, ThatAnotherConsumerHasLeftUndoneOrRedisHeldBackTakeEffect)
{
    begin();
    redis->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    for (int i = 0; i < 200; ++i) { add(event(100 + i, "project.updated", R"({"projectId":)" + std::to_string(i) + "}")); }
    ASSERT_TRUE(eventually([&] { return events("catalog", "applied") + events("catalog", "duplicate") >= 200; }));
    EXPECT_TRUE(eventually([&] { return unacknowledged() == 0; }));
    EXPECT_FALSE(hits("/projects/7"));
}

// ---- how far behind a source is

class EventLag : public Events {
protected:
    void SetUp() override
    {
        Events::SetUp();
        if (IsSkipped()) { return; }
        s.set("routes", R"([ { name: strict, match: { path: /strict/ }, origin: shop, lag_budget: 1s },
                             { name: project, match: { path: "/projects/" }, origin: shop, entity: { type: project, id: "{path.2}" } } ])");
        s.origin().page("/strict/a").cache_control("max-age=600").body("v1");
    }
    bool is_ready(const std::string& dependency, const std::string& state) const
    {
        const std::string body = s.admin("GET", "/readyz").body;
        const std::size_t at = body.find("\"" + dependency + "\"");
        return at != std::string::npos && body.substr(at, 60).find("\"" + state + "\"") != std::string::npos;
    }
    // Whoever asks there waits for all that listen, as long as this does.
    byte_stream begin_silence()
    {
        const std::string channel = redis->command({"PUBSUB", "CHANNELS", "tcl:heard:news:*"}).elements.at(0).text;
        byte_stream silent(connect_to("127.0.0.1", redis->port()));
        silent.send("SUBSCRIBE " + channel + "\r\n");
        silent.read_until(":1\r\n", 1'000);
        return silent;
    }
    double lag(const std::string& source) const { return s.metric("invalidation_lag_seconds", {{"source", source}}); }
    double lag_shown(std::size_t source) const
    {
        const boost::json::value v = boost::json::parse(s.admin("GET", "/v1/sources").body);
        return v.at("sources").at(source).at("lag_seconds").to_number<double>();
    }
    // From memory or Redis, and so old.
    bool serves_of_age(const std::string& path, int least) const
    {
        const answer r = s.get(path);
        return r.raw_head.find("hit;") != std::string::npos && std::stoi(r.header("Age").value_or("0")) >= least;
    }
};

// With a budget of one second, in real time, since Redis compares.
TEST_F(EventLag, OfAFeedThatCannotBeReadIsThatOfStrictRoutesUntilItIsReadAgain)
{
    s.let_time_run();
    begin();
    ASSERT_TRUE(eventually([&] { return serves_of_age("/strict/a", 2); }));
    redis->command({"ACL", "SETUSER", "default", "-xreadgroup"});
    ASSERT_TRUE(eventually([&] { return is_ready("events catalog", "degraded") && lag("catalog") >= 2; }));
    EXPECT_GE(lag_shown(0), 2);
    EXPECT_TRUE(eventually([&] { return lag("news") < 2 && is_ready("events news", "ok"); }));
    s.get("/strict/a").expect_cache("fwd=stale; stored; detail=lag");
    EXPECT_TRUE(serves_of_age("/projects/7", 2));
    ASSERT_TRUE(eventually([&] { return s.get("/strict/a").raw_head.find("detail=lag") != std::string::npos; })) << "on and on";
    redis->command({"ACL", "SETUSER", "default", "+xreadgroup"});
    EXPECT_TRUE(eventually([&] { return is_ready("events catalog", "ok"); }));
    EXPECT_TRUE(eventually([&] { return serves_of_age("/strict/a", 3); }));
    EXPECT_TRUE(eventually([&] { return lag("catalog") == 0; }));
}

TEST_F(EventLag, IsThatOfNothingKnownUntilAStreamAndAChannelWereHeardForTheFirstTime)
{
    redis->command({"ACL", "SETUSER", "default", "-xreadgroup", "-subscribe"});
    start();
    const std::string unknown = R"(","state":"degraded","reason":"nothing is known of its events yet)";
    const auto is_unknown = [&](const std::string& source) { return s.admin("GET", "/readyz").body.find("events " + source + unknown) != std::string::npos; };
    EXPECT_TRUE(is_unknown("catalog") && is_unknown("news") && !is_unknown("hook")) << s.admin("GET", "/readyz").body;
    const auto says_why = [&] { return s.admin("GET", "/readyz").body.find("nothing is known of its events yet; not read: NOPERM") != std::string::npos; };
    EXPECT_TRUE(eventually(says_why)) << s.admin("GET", "/readyz").body;
    s.advance(5s);
    EXPECT_NEAR(lag("catalog"), 5, 1) << "since the start";
    EXPECT_NEAR(lag("news"), 5, 1);
    redis->command({"ACL", "SETUSER", "default", "+xreadgroup", "+subscribe"});
    for (const char* source : {"catalog", "news"}) {
        EXPECT_TRUE(eventually([&] { return is_ready(std::string("events ") + source, "ok") && lag(source) == 0; })) << s.admin("GET", "/readyz").body;
    }
}

// Between Redis and the server stands who holds back the subscription: for long enough, and sometimes for longer than a server waits for it,
// which makes a gap of it. Then it is tried again.
TEST_F(Events, OfAChannelThatMayHaveMissedWhatWasFetchedBeforeItWasHeardFirstExpireThatWithoutAGap)
{
    std::atomic<bool> is_held = true;
    relay link(redis->port(), [&](relay::connection& c, bool from_client, const std::string& bytes) {
        if (from_client && bytes.find("SUBSCRIBE\r\n$4\r\nnews\r\n") != std::string::npos) { is_held.wait(true); }
        (from_client ? c.server : c.client).send(bytes);
    });
    s.set("cache.l2.url", "redis://127.0.0.1:" + std::to_string(link.port()));
    bool is_gap = true;
    for (int i = 0; i < 20 && is_gap; ++i) {
        redis->command({"FLUSHALL"});
        is_held = true;
        scenario one;
        one.configure(s.configuration());
        one.start();
        const auto hits = [&] { return one.get("/projects/7").raw_head.find("hit;") != std::string::npos; };
        EXPECT_TRUE(eventually([&] { return redis_is("ok", one) && hits(); }));
        is_held = false;
        is_held.notify_all();
        ASSERT_TRUE(eventually([&] { return tells_of_news("known", one); }));
        is_gap = one.metric("event_gaps_total", {{"source", "news"}}) != 0;
        if (is_gap) { continue; }
        EXPECT_FALSE(hits());
        EXPECT_NE(one.admin("GET", "/v1/invalidations").body.find("it was fetched before the channel was heard"), std::string::npos);
        EXPECT_TRUE(eventually(hits));
    }
    EXPECT_FALSE(is_gap);
}

// What a link has last brought is what came before it answered last, not before it was tried last.
TEST_F(EventLag, OfAChannelThatWasLostIsFromWhenItLastAnsweredUntilItIsSureAgain)
{
    begin();
    const byte_stream silent = begin_silence();
    ASSERT_TRUE(eventually([&] { return lag("news") == 0 && is_ready("events news", "ok"); }));
    const auto gaps = [&] { return s.metric("event_gaps_total", {{"source", "news"}}); };
    redis->command({"ACL", "SETUSER", "default", "-ping"});
    s.advance(10s);
    ASSERT_TRUE(eventually([&] { return !tells_of_news("works") && gaps() == 0; }));
    redis->command({"ACL", "SETUSER", "default", "+ping"});
    EXPECT_TRUE(eventually([&] {
        if (lag("news") >= 10) { return false; }
        EXPECT_EQ(gaps(), 1) << "not before everything has expired";
        return true;
    }));
}

// Somebody has heard the question whether everything was heard so far, and does not answer.
TEST_F(EventLag, IsThatOfNothingKnownUntilAChannelIsSureOfWhatWasSaidBefore)
{
    begin();
    const byte_stream silent = begin_silence();
    ASSERT_TRUE(eventually([&] { return lag("news") == 0 && is_ready("events news", "ok"); }));
    s.restart();
    const auto is_told = [&](const std::string& what) { return s.admin("GET", "/readyz").body.find(R"("events news",)" + what) != std::string::npos; };
    const std::string unknown = R"("state":"degraded","reason":"nothing is known of its events yet"})";
    int looks = 0;
    EXPECT_TRUE(eventually([&] {
        if (is_told(unknown)) { return false; }
        EXPECT_TRUE(is_told(R"("state":"ok")")) << s.admin("GET", "/readyz").body;
        EXPECT_EQ(s.metric("event_gaps_total", {{"source", "news"}}), 1) << "not before everything has expired";
        return ++looks == 3;
    }));
}

TEST_F(EventLag, CountsWhatAnotherInstanceHasReadAndNotCarriedOut)
{
    begin();
    const std::string text = event(1, "project.updated", R"({"projectId":7})");
    redis->command({"EVAL",
                    "redis.call('XADD', KEYS[1], '*', 'event', ARGV[1]) "
                    "redis.call('XREADGROUP', 'GROUP', 'tiercel', 'another', 'STREAMS', KEYS[1], '>')",
                    "1", "catalog.events", text});
    EXPECT_TRUE(eventually([&] { return lag("catalog") > 1; }));
    const std::string id = redis->command({"XREVRANGE", "catalog.events", "+", "-", "COUNT", "1"}).elements.at(0).elements.at(0).text;
    redis->command({"XACK", "catalog.events", "tiercel", id});
    EXPECT_TRUE(eventually([&] { return lag("catalog") == 0; }));
}

TEST_F(EventLag, IsNotReadFromIdsThatAreNoTimes)
{
    begin();
    redis->command({"XADD", "catalog.events", "1-1", "event", event(1, "project.updated", R"({"projectId":7})")});
    ASSERT_TRUE(soon("catalog", "applied"));
    EXPECT_TRUE(eventually([&] { return lag("catalog") == 0; })) << "its age is not known";
    for (const std::string id : {"1-2", "1700000000000000-1", "9223372036854775807-1", "18446744073709551615-1"}) {
        redis->command({"EVAL",
                        "redis.call('XADD', KEYS[1], ARGV[2], 'event', ARGV[1]) "
                        "redis.call('XREADGROUP', 'GROUP', 'tiercel', 'another', 'STREAMS', KEYS[1], '>')",
                        "1", "catalog.events", event(2, "project.updated", R"({"projectId":7})"), id});
        s.advance(3s);
        EXPECT_TRUE(eventually([&] { return lag("catalog") > 1 && lag_shown(0) > 1; })) << id << " is not carried out";
        EXPECT_LT(lag("catalog"), 60) << id;
        EXPECT_LT(lag_shown(0), 60) << id;
        redis->command({"XACK", "catalog.events", "tiercel", id});
        EXPECT_TRUE(eventually([&] { return lag("catalog") == 0; })) << id;
    }
}

// In real time, as the channel is asked.
TEST_F(EventLag, CountsWhatAChannelHasSaidAndIsNotCarriedOut)
{
    s.let_time_run();
    s.set("invalidation.coalesce", "10s");
    begin();
    redis->command({"PUBLISH", "news", event(1, "project.updated", R"({"projectId":7})")});
    ASSERT_TRUE(soon("news", "applied"));
    redis->command({"PUBLISH", "news", event(2, "project.updated", R"({"projectId":7})")});   // waits for others of its kind
    EXPECT_TRUE(eventually([&] { return lag("news") > 1.2; }));
    EXPECT_EQ(events("news", "applied"), 1);
}

TEST_F(EventLag, OfAWebhookIsTheAgeOfItsLastEvents)
{
    begin();
    s.admin("POST", "/v1/events", R"({"specversion":"1.0","source":"/c","id":"1","type":"project.updated","time":"2020-01-01T00:00:00Z","data":{"projectId":7}})");
    EXPECT_GT(lag("hook"), 1e6);
    s.advance(11s);
    EXPECT_EQ(lag("hook"), 0) << "nothing is known of it any more";
}

// ---- of equal effect

class EventsOfEqualEffect : public Events {
protected:
    void SetUp() override
    {
        Events::SetUp();
        if (IsSkipped()) { return; }
        s.set("invalidation.coalesce", "1s");   // all that a test adds comes within it, however slow the machine
    }
    // All at once.
    void add_changes(int from, int n, const std::string& project = "7")
    {
        const std::string text = R"({"specversion":"1.0","source":"/catalog","id":"e' .. i .. '","type":"project.updated","data":{"projectId":)" + project + "}}";
        const std::string script = "for i = ARGV[1], ARGV[1] + ARGV[2] - 1 do redis.call('XADD', KEYS[1], '*', 'event', '" + text + "') end";
        redis->command({"EVAL", script, "1", "catalog.events", std::to_string(from), std::to_string(n)});
    }
    // But for the gap of the channel at a restart.
    std::int64_t appended()
    {
        const auto all = redis->command({"XRANGE", "tcl:{inv}:log", "-", "+"}).elements;
        return std::count_if(all.begin(), all.end(), [](const redis_reply& entry) {
            const auto& fields = entry.elements.at(1).elements;
            return std::none_of(fields.begin(), fields.end(), [](const redis_reply& f) { return f.text.find("gap: ") != std::string::npos; });
        });
    }
};

TEST_F(EventsOfEqualEffect, TakeTwoAppendsHoweverManyThereAre)
{
    begin();
    const std::int64_t before = appended();
    add_changes(0, 1000);
    ASSERT_TRUE(soon("catalog", "coalesced", 998));
    EXPECT_EQ(events("catalog", "applied"), 2);
    EXPECT_EQ(appended() - before, 2);
    EXPECT_TRUE(eventually([&] { return unacknowledged() == 0; }));
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_TRUE(hits("/projects/8"));
    const std::string audit = s.admin("GET", "/v1/invalidations").body;
    EXPECT_NE(audit.find("\"coalesced\":998"), std::string::npos) << audit;
}

TEST_F(EventsOfEqualEffect, OfOthersDoNotWait)
{
    begin();
    add_changes(0, 10, "7");
    add_changes(10, 1, "8");
    ASSERT_TRUE(soon("catalog", "applied", 2));
    EXPECT_FALSE(hits("/projects/8"));
    EXPECT_EQ(events("catalog", "coalesced"), 0) << "their time is not over yet";
    ASSERT_TRUE(soon("catalog", "coalesced", 8));
    EXPECT_EQ(events("catalog", "applied"), 3);
}

// What is to be gone is more than what is to be validated.
TEST_F(EventsOfEqualEffect, AreNotThoseThatDifferInTheirModeAlone)
{
    begin();
    const auto about = [](const std::string& id, const std::string& mode) {
        return event(std::stoi(id), "tiercel.invalidate.v1", R"({"mode":")" + mode + R"(","scopes":[{"kind":"tag","name":"p-8"}]})");
    };
    redis->command({"EVAL", "for _, e in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'event', e) end", "1", "catalog.events", about("1", "soft"),
                    about("2", "soft"), about("3", "hard")});
    ASSERT_TRUE(eventually([&] { return events("catalog", "applied") + events("catalog", "coalesced") == 3; }));
    EXPECT_EQ(events("catalog", "applied"), 3);
}

// It may tell of a change that came after what was fetched for the first.
TEST_F(EventsOfEqualEffect, NeverJoinAnAppendThatWasSentBeforeThem)
{
    begin();
    add_changes(0, 1);
    ASSERT_TRUE(soon("catalog", "applied"));
    s.origin().page("/projects/7").body("v2");
    ASSERT_TRUE(eventually([&] { return hits("/projects/7"); }));
    s.origin().page("/projects/7").body("v3");
    add_changes(1, 1);
    EXPECT_TRUE(eventually([&] { return s.get("/projects/7").body == "v3"; }));
    EXPECT_TRUE(soon("catalog", "applied", 2));
}

TEST_F(EventsOfEqualEffect, AreAcknowledgedWhenTheOneThatStandsForThemIsLogged)
{
    s.set("invalidation.coalesce", "10s");
    begin();
    const std::int64_t before = appended();
    add_changes(0, 5);
    ASSERT_TRUE(soon("catalog", "applied"));
    add_changes(5, 1, "8");
    ASSERT_TRUE(soon("catalog", "applied", 2)) << "read after them, and acknowledgements go before the next read";
    EXPECT_TRUE(eventually([&] { return unacknowledged() == 4; }));
    EXPECT_EQ(appended() - before, 2);
    restart();   // sends what waits
    EXPECT_EQ(appended() - before, 3);
    EXPECT_EQ(unacknowledged(), 0) << "and whoever comes later need not wait for it";
}

TEST_F(EventsOfEqualEffect, ThatComeAgainAreKnownByTheirOwnNames)
{
    begin();
    add_changes(0, 50);
    ASSERT_TRUE(soon("catalog", "coalesced", 48));
    fill_anew();
    const std::int64_t before = appended();
    add_changes(0, 50);
    ASSERT_TRUE(soon("catalog", "duplicate", 50));
    EXPECT_EQ(appended(), before);
    EXPECT_TRUE(hits("/projects/7"));
}

}  // namespace
}  // namespace tiercel::test
