// What operators may do to what is stored: POST /v1/invalidations, the method PURGE, the audit.

#include "l2_fixture.hpp"

#include <boost/json.hpp>

namespace tiercel::test {
namespace {

namespace json = boost::json;

answer invalidate(const scenario& s, const std::string& scope, const std::string& mode = "hard", const std::string& query = "")
{
    return s.admin("POST", "/v1/invalidations" + query, R"({"mode":")" + mode + R"(","scopes":[)" + scope + "]}");
}

std::string field(const answer& a, std::string_view name)
{
    const json::value v = json::parse(a.body).as_object().at(name);
    return v.is_string() ? std::string(v.as_string()) : json::serialize(v);
}

struct purge_case {
    std::string scope;
    std::vector<std::string> gone;
};

class Purge : public testing::TestWithParam<purge_case> {};

// Everything that is stored: what the scope names misses, all else still hits.
TEST_P(Purge, RemovesExactlyWhatItNames)
{
    scenario s;
    s.set("routes", R"([ { name: project, match: { path: "/projects/" }, origin: shop, entity: { type: project, id: "{path.2}" }, tags: [ "p-{path.2}" ] },
                         { name: all, match: { path: / }, origin: shop } ])");
    const std::vector<std::string> paths{"/a", "/b", "/b?x=1", "/shop/one", "/shop/deep/two", "/shopping", "/projects/7", "/projects/8", "/projects/"};
    for (const std::string& p : paths) { s.origin().page(p).cache_control("max-age=600").body(p); }
    s.origin().page("/a").header("Surrogate-Key", "red green");
    s.origin().page("/shop/one").header("Cache-Tag", "red, blue");
    s.start();
    for (const std::string& p : paths) { s.get(p).expect_body(p); }
    for (const std::string& p : paths) { s.get(p).expect_cache("hit; detail=l1"); }
    invalidate(s, GetParam().scope).expect_status(202);
    for (const std::string& p : paths) {
        const bool is_gone = std::find(GetParam().gone.begin(), GetParam().gone.end(), p) != GetParam().gone.end() || GetParam().gone.empty();
        s.get(p).expect_cache(is_gone ? "fwd=uri-miss; stored" : "hit; detail=l1");
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Purge, testing::Values(
    purge_case{R"({"kind":"url","url":"http://shop.test/b"})", {"/b"}},
    purge_case{R"({"kind":"url","url":"https://SHOP.test/b?x=1"})", {"/b?x=1"}},
    purge_case{R"({"kind":"prefix","name":"shop.test/shop/"})", {"/shop/one", "/shop/deep/two"}},
    purge_case{R"({"kind":"prefix","name":"shop.test/shop/deep/x"})", {"/shop/deep/two"}},
    purge_case{R"({"kind":"tag","name":"red"})", {"/a", "/shop/one"}},
    purge_case{R"({"kind":"tag","names":["blue","p-8"]})", {"/shop/one", "/projects/8"}},
    purge_case{R"({"kind":"entity","name":"project/7"})", {"/projects/7"}},
    purge_case{R"({"kind":"entity_list","type":"project"})", {"/projects/"}},
    purge_case{R"({"kind":"tag","name":"none"})", {"none"}},
    purge_case{R"({"kind":"host","name":"other.test"})", {"none"}},
    purge_case{R"({"kind":"tenant","name":"other"})", {"none"}},
    purge_case{R"({"kind":"host","name":"shop.test"})", {}},
    purge_case{R"({"kind":"tenant"})", {}},
    purge_case{R"({"kind":"all"})", {}}));

TEST(Operators, ASoftPurgeLetsTheOldAnswerServeWhileOneFetchRuns)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=600, stale-while-revalidate=30").header("Surrogate-Key", "red").body("v1");
    s.start();
    s.get("/a").expect_body("v1");
    page.body("v2");
    invalidate(s, R"({"kind":"tag","name":"red"})", "soft").expect_status(202);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Operators, ASoftPurgeWithoutAWindowIsAFetchButAFailingOriginIsStoodInFor)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=600, stale-if-error=600").body("v1");
    s.start();
    s.get("/a").expect_body("v1");
    invalidate(s, R"({"kind":"url","url":"http://shop.test/a"})", "soft").expect_status(202);
    page.status(500);
    s.get("/a").expect_status(200).expect_body("v1");
    page.status(200).body("v2");
    s.advance(40s);
    s.get("/a").expect_body("v2");
}

TEST(Operators, WhatMakesNoSenseIsRefusedWithTheReason)
{
    scenario s;
    s.start();
    for (const std::string scope : {R"({"kind":"pattern","name":"*"})", R"({"kind":"url","url":"/a"})", R"({"kind":"tag"})", R"({"name":"x"})",
                                    R"({"kind":"entity","name":"project"})", R"({"kind":"prefix","name":"shop.test/*/x"})", R"("all")",
                                    R"({"kind":"tag","names":["x"],"url":"http://a/b"})", R"({"kind":"tag","nmae":"x"})",
                                    R"({"kind":"tag","name":7})", R"({"kind":"tag","names":"x"})", R"({"kind":"tag","name":"x","tag":"y"})"}) {
        invalidate(s, scope).expect_status(400);
    }
    s.admin("POST", "/v1/invalidations", "{}").expect_status(400);
    s.admin("POST", "/v1/invalidations", "[").expect_status(400);
    for (const std::string member : {R"("tenant":["beta"])", R"("tenant":7)", R"("tenent":"beta")", R"("mode":1)"}) {
        s.admin("POST", "/v1/invalidations", R"({"scopes":[{"kind":"tag","name":"x"}],)" + member + "}").expect_status(400);
    }
    invalidate(s, R"({"kind":"all"})", "gentle").expect_status(400);
    invalidate(s, R"({"kind":"all"})", "hard", "?wait=applied&timeout=2d").expect_status(400);
}

TEST(Operators, TheAuditTellsWhatWasDoneAndByWhom)
{
    scenario s;
    s.start();
    const answer done = invalidate(s, R"({"kind":"tag","name":"red"})", "soft");
    const std::string id = field(done, "id");
    const answer one = s.admin("GET", "/v1/invalidations/" + id);
    one.expect_status(200);
    EXPECT_EQ(field(one, "actor"), "local");
    EXPECT_EQ(field(one, "action"), "api");
    EXPECT_EQ(field(one, "scopes"), R"(["tag:red"])");
    EXPECT_EQ(field(one, "state"), "applied");
    const answer all = s.admin("GET", "/v1/invalidations");
    EXPECT_NE(all.body.find(id), std::string::npos);
    s.admin("GET", "/v1/invalidations/nothing").expect_status(404);
}

TEST(Operators, PurgeByMethodIsForThoseWhoMay)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=600, stale-while-revalidate=60").body("v1");
    s.start();
    s.get("/a");
    page.body("v2");
    const answer done = s.request("PURGE", "/a", {{"Tiercel-Purge", "soft"}});
    done.expect_status(200);
    EXPECT_TRUE(done.raw_head.starts_with("HTTP/1.1 200 OK\r\n")) << done.raw_head;
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    page.body("v3");
    s.request("PURGE", "/a", {{"Tiercel-Purge", "sofft"}}).expect_problem(400, "bad_request");
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
    s.request("PURGE", "/a").expect_status(200);
    s.get("/a").expect_body("v3").expect_cache("fwd=uri-miss; stored");
    EXPECT_EQ(s.admin("GET", "/v1/invalidations").body.find("PURGE"), std::string::npos);
    EXPECT_NE(s.admin("GET", "/v1/invalidations").body.find(R"("action":"purge")"), std::string::npos);
}

TEST(Operators, PurgeByMethodIsRefusedToOthersAndReachesNoOrigin)
{
    scenario s;
    s.set("server.purge.allow", "[ 192.0.2.0/24 ]");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    s.start();
    s.get("/a");
    s.request("PURGE", "/a").expect_problem(403, "forbidden");
    s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

// The usual place of a proxy in front is the same machine, from which PURGE is allowed unless said otherwise.
TEST(Operators, PurgeThroughAProxyIsForItsClientToBeAllowed)
{
    scenario s;
    s.configure("{ server: { trusted_proxies: [ 127.0.0.0/8, 10.0.0.0/8 ], purge: { allow: [ 127.0.0.1/32, 192.0.2.0/24 ] } } }");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    s.start();
    s.get("/a");
    const std::vector<header_list> refused = {
        {{"X-Forwarded-For", "203.0.113.9"}},
        {{"X-Forwarded-For", "192.0.2.1, 203.0.113.9"}},                        // who begins the list can claim anything
        {{"X-Forwarded-For", "127.0.0.1,203.0.113.9, 10.1.1.1"}},
        {{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "203.0.113.9"}},
        {{"X-Forwarded-For", "10.1.1.1"}},                                      // trusted, and yet not allowed
        {{"X-Forwarded-For", "unknown"}},
        {{"X-Forwarded-For", "192.0.2.1:80"}},
        {{"X-Forwarded-For", ""}},
        {{"X-Forwarded-For", "192.0.2.1,"}},
        {{"Forwarded", "for=192.0.2.1"}},                                       // is not read
        {{"Via", "1.1 front"}},                                                 // a proxy, and nobody tells for whom
    };
    for (const header_list& fields : refused) {
        SCOPED_TRACE(testing::PrintToString(fields));
        s.request("PURGE", "/a", fields).expect_problem(403, "forbidden");
        s.get("/a").expect_cache("hit; detail=l1");
    }
    for (const header_list& fields : std::vector<header_list>{{},
                                                              {{"X-Forwarded-For", "192.0.2.1"}},
                                                              {{"X-Forwarded-For", "203.0.113.9, 192.0.2.1, 10.1.1.1"}},
                                                              {{"X-Forwarded-For", "127.0.0.1"}, {"Via", "1.1 front"}}}) {
        SCOPED_TRACE(testing::PrintToString(fields));
        s.request("PURGE", "/a", fields).expect_status(200);
        s.get("/a").expect_cache("fwd=uri-miss; stored");
    }
    EXPECT_EQ(page.requests(), 5);
    EXPECT_NE(s.admin("GET", "/v1/invalidations").body.find(R"("actor":"192.0.2.1")"), std::string::npos) << "the audit names the client";
}

TEST(Operators, PurgeThroughAProxyThatNobodyTrustsIsRefused)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=600").body("v1");
    s.start();
    s.get("/a");
    for (const header_list& fields : std::vector<header_list>{{{"X-Forwarded-For", "127.0.0.1"}}, {{"Via", "1.1 front"}}, {{"Forwarded", "for=127.0.0.1"}}}) {
        s.request("PURGE", "/a", fields).expect_problem(403, "forbidden");
    }
    s.get("/a").expect_cache("hit; detail=l1");
    s.request("PURGE", "/a").expect_status(200);
}

class OperatorsOfMany : public l2_fixture {};

TEST_F(OperatorsOfMany, WaitAppliedAnswersWhenEveryInstanceHasIt)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").header("Surrogate-Key", "red").body("v1");
    start();
    const auto second = another();
    const auto third = another();
    for (const scenario* one : {&s, second.get(), third.get()}) { one->get("/a").expect_body("v1"); }
    ASSERT_TRUE(eventually([&] { return redis->command({"HLEN", "tcl:{inv}:nodes"}).integer == 3; })) << "each has made itself known";
    for (int i = 2; i < 12; ++i) {
        const std::string version = "v" + std::to_string(i);
        page.body(version);
        const answer done = invalidate(i % 2 == 0 ? s : *second, R"({"kind":"tag","name":"red"})", "hard", "?wait=applied&timeout=10s");
        done.expect_status(200);
        EXPECT_EQ(json::parse(done.body).at("nodes").as_array().size(), 3u);
        for (const scenario* one : {&s, second.get(), third.get()}) { one->get("/a").expect_body(version); }
    }
    EXPECT_NE(third->admin("GET", "/v1/invalidations").body.find("tag:red"), std::string::npos) << "every instance knows of it";
}

TEST_F(OperatorsOfMany, WithoutRedisItIsPendingAndNeverCalledDone)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    const auto other = another();
    s.get("/a");
    other->get("/a");
    redis->freeze();
    page.body("v2");
    const answer done = invalidate(s, R"({"kind":"url","url":"http://shop.test/a"})", "hard", "?wait=applied&timeout=1s");
    done.expect_status(202);
    EXPECT_EQ(field(done, "state"), "pending");
    s.get("/a").expect_body("v2");
    redis->thaw();
    EXPECT_TRUE(eventually([&] { return other->get("/a").body == "v2"; }));
    EXPECT_TRUE(eventually([&] { return field(s.admin("GET", "/v1/invalidations/" + field(done, "id")), "state") == "applied"; }));
}

}  // namespace
}  // namespace tiercel::test
