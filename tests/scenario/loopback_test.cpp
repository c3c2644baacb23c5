// Events by which the origin tells of what was written through the proxy (invalidation.loopback_ttl).

#include "l2_fixture.hpp"

namespace tiercel::test {
namespace {

class Loopback : public l2_fixture {
protected:
    void SetUp() override
    {
        l2_fixture::SetUp();
        if (IsSkipped()) { return; }
        configure(s);
    }
    static void configure(scenario& one)
    {
        one.configure(R"({ invalidation: { sources: [ { label: hook, kind: webhook, scope: all } ], loopback_ttl: 10s,
                                           rules: [ { on: project.updated, invalidate: [ { entity: "project/{data.id}" }, { entity_list: project } ] },
                                                    { on: page.updated, invalidate: [ { url: "{data.url}" } ] },
                                                    { on: project.moved, invalidate: [ { entity: "project/{data.id}" }, { tag: moved } ] } ] } })");
        one.set("routes", R"([ { name: project, match: { path: "/projects/" }, origin: shop, entity: { type: project, id: "{path.2}" } },
                               { name: all, match: { path: / }, origin: shop } ])");
    }
    void begin()
    {
        for (const std::string p : {"/projects/7", "/projects/", "/page"}) {
            s.origin().page(p).answer([](const http_request& r) {
                return plain_answer(r.method == "GET" ? header_list{{"Cache-Control", "max-age=600"}} : header_list{}, "it");
            });
        }
        start();
        fill(s);
    }
    static void fill(const scenario& one)
    {
        for (const std::string p : {"/projects/7", "/projects/", "/page"}) { ASSERT_TRUE(eventually([&] { return hits(one, p); })) << p; }
    }
    static bool hits(const scenario& one, const std::string& path) { return one.get(path).raw_head.find("hit;") != std::string::npos; }
    bool hits(const std::string& path) const { return hits(s, path); }

    // Now, by the clock of Redis, as an origin writes it.
    std::string now()
    {
        const redis_reply t = redis->command({"TIME"});
        const std::time_t whole = std::stoll(t.elements.at(0).text);
        std::tm parts{};
        ::gmtime_r(&whole, &parts);
        char text[40];
        const std::size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        const std::string micros = t.elements.at(1).text;
        return std::string(text, n) + "." + std::string(6 - micros.size(), '0') + micros + "Z";
    }
    static std::string event(const std::string& id, const std::string& time, const std::string& type = "project.updated", const std::string& data = R"({"id":7})")
    {
        const std::string at = time.empty() ? "" : R"("time":")" + time + "\",";
        return R"({"specversion":"1.0","source":"/shop",)" + at + R"("id":")" + id + R"(","type":")" + type + R"(","data":)" + data + "}";
    }
    static std::string result(const scenario& one, const std::string& e) { return one.admin("POST", "/v1/events", e).body; }
    std::string result(const std::string& e) const { return result(s, e); }

    static constexpr const char* noop = R"({"results":{"noop":1}})";
    static constexpr const char* applied = R"({"results":{"applied":1}})";
};

TEST_F(Loopback, AWriteInvalidatesTheEntityOfItsRouteAndItsLists)
{
    begin();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_FALSE(hits("/projects/"));
    EXPECT_TRUE(hits("/page"));
    fill(s);
    s.post("/projects/", "new").expect_status(200);
    EXPECT_FALSE(hits("/projects/"));
    EXPECT_TRUE(hits("/projects/7")) << "another one was made";
}

TEST_F(Loopback, TheEventOfAWriteIsANoopOnceAndWhatWasFetchedSinceStays)
{
    begin();
    const std::string written = now();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    fill(s);
    s.advance(2s);
    EXPECT_EQ(result(event("1", written)), noop);
    EXPECT_TRUE(hits("/projects/7"));
    EXPECT_TRUE(hits("/projects/"));
    EXPECT_EQ(s.metric("events_total", {{"source", "hook"}, {"result", "noop"}}), 1);
    EXPECT_EQ(result(event("1", written)), noop) << "the same event come again";
    EXPECT_TRUE(hits("/projects/7"));
    EXPECT_EQ(result(event("2", written)), applied) << "a second event tells of something else";
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_FALSE(hits("/projects/"));
}

TEST_F(Loopback, AnEventThatIsLaterThanTheWriteIsCarriedOut)
{
    begin();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    fill(s);
    EXPECT_EQ(result(event("1", now())), applied) << "what was fetched since does not know of it";
    EXPECT_FALSE(hits("/projects/7"));
}

TEST_F(Loopback, AnEventWithoutATimeIsCarriedOut)
{
    begin();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    fill(s);
    EXPECT_EQ(result(event("1", "")), applied);
    EXPECT_FALSE(hits("/projects/7"));
}

TEST_F(Loopback, AnEventThatNamesMoreThanWasWrittenIsCarriedOut)
{
    begin();
    const std::string written = now();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    fill(s);
    EXPECT_EQ(result(event("1", written, "project.moved")), applied);
    EXPECT_FALSE(hits("/projects/7"));
    EXPECT_EQ(result(event("2", written, "project.updated", R"({"id":8})")), applied) << "of another entity";
}

TEST_F(Loopback, AnEventAfterTheTimeIsCarriedOut)
{
    begin();
    const std::string written = now();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    fill(s);
    s.advance(11s);
    EXPECT_EQ(result(event("1", written)), applied);
    EXPECT_FALSE(hits("/projects/7"));
}

TEST_F(Loopback, APurgeIsNoWrite)
{
    begin();
    const std::string before = now();
    s.admin("POST", "/v1/invalidations", R"({"mode":"hard","scopes":[{"kind":"entity","name":"project/7"},{"kind":"entity_list","name":"project"}]})").expect_status(202);
    fill(s);
    EXPECT_EQ(result(event("1", before)), applied);
}

TEST_F(Loopback, TheWritersCopyStaysWhenTheEventNamesTheUrlWhichHoldsForBothSchemes)
{
    begin();
    const std::string written = now();
    s.request("PUT", "/page", {}, "new").expect_status(200);
    fill(s);
    const std::string data = R"({"url":"http://shop.test/page"})";
    EXPECT_EQ(result(event("1", written, "page.updated", data)), applied) << "by https it was not written";
    EXPECT_TRUE(hits("/page"));
    EXPECT_EQ(result(event("2", written, "page.updated", data)), applied);
    EXPECT_FALSE(hits("/page"));
}

TEST_F(Loopback, IsOffUnlessAskedFor)
{
    s.set("invalidation.loopback_ttl", "0s");
    begin();
    const std::string written = now();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    fill(s);
    EXPECT_EQ(result(event("1", written)), applied);
    EXPECT_FALSE(hits("/projects/7"));
}

TEST_F(Loopback, TheEventMayComeToAnotherInstanceAndTheSecondToTheFirst)
{
    begin();
    const auto other = another(configure);
    fill(*other);
    const std::string written = now();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    ASSERT_TRUE(eventually([&] { return other->admin("GET", "/v1/invalidations").body.find("project/7") != std::string::npos; }));
    fill(s);
    fill(*other);
    EXPECT_EQ(result(*other, event("1", written)), noop);
    EXPECT_TRUE(hits("/projects/7"));
    EXPECT_TRUE(hits(*other, "/projects/7"));
    EXPECT_EQ(result(event("2", written)), applied) << "the write was explained there";
    EXPECT_FALSE(hits("/projects/7"));
    fill(s);
    EXPECT_EQ(result(event("1", written)), noop) << "the same event come again, here";
    EXPECT_TRUE(hits("/projects/7"));
}

TEST_F(Loopback, WhatCannotBeAgreedOnIsCarriedOut)
{
    begin();
    const std::string written = now();
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    fill(s);
    const std::string log_entry = redis->command({"XREVRANGE", "tcl:{inv}:log", "+", "-", "COUNT", "1"}).elements.at(0).elements.at(0).text;
    redis->command({"LPUSH", "tcl:{inv}:w:" + log_entry.substr(0, log_entry.find('-')), "no text"});   // nobody can be given it
    EXPECT_EQ(result(event("1", written)), applied);
    EXPECT_FALSE(hits("/projects/7"));
}

// Without Redis nobody else writes.
TEST(LoopbackAlone, TheEventOfAWriteIsANoopOnce)
{
    scenario s;
    s.configure(R"({ invalidation: { sources: [ { label: hook, kind: webhook, scope: all } ], loopback_ttl: 10s,
                                     rules: [ { on: project.updated, invalidate: [ { entity: "project/7" } ] } ] } })");
    s.set("routes", R"([ { name: project, match: { path: "/projects/" }, origin: shop, entity: { type: project, id: "{path.2}" } } ])");
    s.origin().page("/projects/7").answer([](const http_request& r) {
        return plain_answer(r.method == "GET" ? header_list{{"Cache-Control", "max-age=600"}} : header_list{}, "it");
    });
    s.start();
    s.get("/projects/7");
    s.request("PUT", "/projects/7", {}, "new").expect_status(200);
    s.get("/projects/7");
    const auto tell = [&](int id, const std::string& time) {
        return s.admin("POST", "/v1/events", R"({"specversion":"1.0","source":"/s","id":")" + std::to_string(id) + R"(","type":"project.updated","time":")" + time + "\"}").body;
    };
    EXPECT_EQ(tell(1, "2000-01-01T00:00:00Z"), R"({"results":{"noop":1}})");
    s.get("/projects/7").expect_cache("hit; detail=l1");
    EXPECT_EQ(tell(2, "2000-01-01T00:00:00Z"), R"({"results":{"applied":1}})");
    s.get("/projects/7").expect_cache("fwd=stale; stored");
}

}  // namespace
}  // namespace tiercel::test
