#include "scenario.hpp"

#include <map>
#include <set>

namespace tiercel::test {
namespace {

// An origin that answers any of the targets with what it was asked for.
void echo_target(scenario& s, const std::vector<std::string>& targets)
{
    for (const std::string& t : targets) {
        s.origin().page(t).cache_control("max-age=60").body("at " + t);
    }
}

TEST(Key, TargetsThatMeanTheSameShareOneAnswer)
{
    const std::vector<std::vector<std::string>> same = {
        {"/a/b", "/%61/b", "/a/%62"},
        {"/%E2%82%AC", "/%e2%82%ac"},
        {"/~user", "/%7Euser"},
        {"/a%2Fb", "/a%2fb"},
    };
    for (const auto& group : same) {
        scenario s;
        echo_target(s, {group.front()});
        s.start();
        s.get(group.front()).expect_body("at " + group.front()).expect_cache("fwd=uri-miss; stored");
        for (const std::string& t : group) {
            SCOPED_TRACE(t);
            s.get(t).expect_body("at " + group.front()).expect_cache("hit; detail=l1");
        }
        EXPECT_EQ(s.origin().requests(), 1);
    }
}

TEST(Key, TargetsThatDifferDoNot)
{
    const std::vector<std::string> targets = {"/a", "/A", "/a/", "/a%2Fb", "/a/b", "/a?", "/a?x", "/a?x=", "/a?x=1", "/a?x=2", "/a?X=1"};
    scenario s;
    echo_target(s, targets);
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        for (const std::string& t : targets) {
            SCOPED_TRACE(t);
            s.get(t).expect_body("at " + t).expect_cache(cache);
        }
    }
}

TEST(Key, HostsDoNotShareAndTheirSpellingDoesNotMatter)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a", {{"Host", "one.test"}}).expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"Host", "two.test"}}).expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"Host", "one.test:8080"}}).expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"Host", "ONE.test"}}).expect_cache("hit; detail=l1");
    s.get("/a", {{"Host", "one.test:80"}}).expect_cache("hit; detail=l1");
    s.get("http://one.test/a", {{"Host", "elsewhere.test"}}).expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 3);
}

TEST(Key, TheQueryIsSortedForKeyAndOrigin)
{
    scenario s;
    echo_target(s, {"/a?a=1&b=2&b=1&c"});
    s.start();
    s.get("/a?c&b=2&a=1&b=1").expect_status(200).expect_cache("fwd=uri-miss; stored");
    s.get("/a?a=1&b=2&b=1&c").expect_cache("hit; detail=l1");
    s.get("/a?b=1&b=2&a=1&c").expect_status(404);   // the order of equal names may matter
}

TEST(Key, TheQueryMayStayAsItIs)
{
    scenario s;
    s.set("routes.0.key.query", "as_is");
    echo_target(s, {"/a?a=1&b=2", "/a?b=2&a=1"});
    s.start();
    s.get("/a?a=1&b=2").expect_body("at /a?a=1&b=2");
    s.get("/a?b=2&a=1").expect_body("at /a?b=2&a=1").expect_cache("fwd=uri-miss; stored");
}

TEST(Key, TheQueryMayBeIgnored)
{
    scenario s;
    s.set("routes.0.key.query", "none");
    echo_target(s, {"/a"});
    s.start();
    s.get("/a?x=1").expect_body("at /a").expect_cache("fwd=uri-miss; stored");
    s.get("/a?x=2").expect_body("at /a").expect_cache("hit; detail=l1");
    s.get("/a").expect_body("at /a").expect_cache("hit; detail=l1");
}

TEST(Key, ParametersMayBeDropped)
{
    scenario s;
    s.set("routes.0.key.drop", "[ 'utm_*', gclid ]");
    echo_target(s, {"/a?id=1", "/a"});
    s.start();
    s.get("/a?utm_source=x&id=1&gclid=y").expect_body("at /a?id=1").expect_cache("fwd=uri-miss; stored");
    s.get("/a?id=1&utm_campaign=z").expect_body("at /a?id=1").expect_cache("hit; detail=l1");
    s.get("/a?utm_source=x").expect_body("at /a");
    s.get("/a?gclid=1").expect_body("at /a").expect_cache("hit; detail=l1");
}

TEST(Key, OnlySomeParametersMayBeAllowed)
{
    scenario s;
    s.set("routes.0.key.allow", "[ id ]");
    echo_target(s, {"/a?id=1"});
    s.start();
    s.get("/a?x=1&id=1").expect_body("at /a?id=1").expect_cache("fwd=uri-miss; stored");
    s.get("/a?id=1&y=2").expect_body("at /a?id=1").expect_cache("hit; detail=l1");
}

TEST(Key, FieldsAndCookiesMayBePartOfIt)
{
    scenario s;
    s.set("routes.0.key.headers", "[ X-Device ]").set("routes.0.key.cookies", "[ currency ]");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    const std::vector<header_list> different = {
        {}, {{"X-Device", "phone"}}, {{"X-Device", "desk"}}, {{"Cookie", "currency=EUR"}},
        {{"Cookie", "currency=USD"}, {"X-Device", "phone"}},
    };
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        for (const auto& fields : different) {
            s.get("/a", fields).expect_cache(cache);
        }
    }
    s.get("/a", {{"Cookie", "a=b; currency=EUR; c=d"}}).expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 5);
}

// Otherwise anybody could claim to have come by https, and put what the origin says to http where those by https find it.
TEST(Key, AFieldOfItIsTakenAsTheOriginGetsIt)
{
    scenario s;
    s.set("routes.0.key", "{ headers: [X-Forwarded-Proto] }");
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}}, "by " + r.header("X-Forwarded-Proto").value_or("nothing"));
    });
    s.start();
    s.get("/a", {{"X-Forwarded-Proto", "https"}}).expect_body("by http").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_body("by http").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Key, WhatATrustedProxySaysOfTheSchemeMayBePartOfIt)
{
    scenario s;
    s.set("server.trusted_proxies", "[ 127.0.0.0/8 ]");
    s.set("routes.0.key", "{ headers: [X-Forwarded-Proto] }");
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}}, "by " + r.header("X-Forwarded-Proto").value_or("nothing"));
    });
    s.start();
    s.get("/a", {{"X-Forwarded-Proto", "https"}}).expect_body("by https").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Forwarded-Proto", "http"}}).expect_body("by http").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Forwarded-Proto", "https"}}).expect_body("by https").expect_cache("hit; detail=l1");
    s.get("/a").expect_body("by http").expect_cache("hit; detail=l1");
}

// One client says first, in its own way, what the origin reads as another language; then others ask in the usual way.
TEST(Key, NoSpellingOfACookieReachesTheAnswerOfAnother)
{
    const std::vector<header_list> spellings = {
        {{"Cookie", "lang = evil"}}, {{"Cookie", "lang\t=evil"}}, {{"Cookie", "lang= evil"}}, {{"Cookie", "lang=\"evil\""}},
        {{"Cookie", "lang=en; lang=evil"}}, {{"Cookie", "lang=evil; lang=en"}}, {{"Cookie", "LANG=evil"}}, {{"Cookie", "x=1, lang=evil"}},
        {{"Cookie", "x=\"; lang=en; lang=evil; y=\""}}, {{"Cookie", "lang=en"}, {"Cookie", "lang=evil"}},
        {{"Cookie", "x=\"; lang=en; y=\""}}, {{"Cookie", "x={\"a\":1}; lang=en"}}, {{"Cookie", "a b; lang=en"}}, {{"Cookie", "$Version=1; lang=en"}}};
    for (const header_list& spelling : spellings) {
        SCOPED_TRACE(spelling.back().second);
        scenario s;
        s.set("routes.0.key.cookies", "[ lang ]");
        auto& page = s.origin().page("/a");
        page.answer([](const http_request& r) {
            return plain_answer({{"Cache-Control", "max-age=60"}}, "for " + r.header("Cookie").value_or("none"));
        });
        s.start();
        const std::string first = s.get("/a", spelling).expect_cache("fwd=uri-miss; stored").body;
        s.get("/a", spelling).expect_body(first).expect_cache("hit; detail=l1");
        s.get("/a").expect_body("for none").expect_cache("fwd=uri-miss; stored");
        for (const std::string usual : {"lang=en", "lang=evil"}) {
            s.get("/a", {{"Cookie", usual}}).expect_body("for " + usual).expect_cache("fwd=uri-miss; stored");
            s.get("/a", {{"Cookie", "a=b; " + usual}}).expect_body("for " + usual).expect_cache("hit; detail=l1");
        }
    }
}

TEST(Key, EqualCookieNamesCountWithAllTheirValues)
{
    scenario s;
    s.set("routes.0.key.cookies", "[ lang ]");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        for (const std::string cookies : {"lang=a", "lang=a; x=1; lang=b", "lang=b; lang=a"}) {
            s.get("/a", {{"Cookie", cookies}}).expect_cache(cache);
        }
    }
    s.get("/a", {{"Cookie", "y=2; lang=a; lang=b"}}).expect_cache("hit; detail=l1");   // others do not count
    s.get("/a", {{"Cookie", "y={\"a\": 1}"}}).expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"Cookie", "other {} words"}}).expect_cache("hit; detail=l1");           // nobody finds one there
    EXPECT_EQ(page.requests(), 4);
}

TEST(Key, AFieldOfTheRouteIsKeyedAsTheOriginGetsIt)
{
    const std::vector<header_list> different = {
        {{"X-Device", "a,b"}}, {{"X-Device", "a, b"}}, {{"X-Device", "a"}, {"X-Device", "b"}}, {{"X-Device", "b"}, {"X-Device", "a"}},
        {{"X-Device", "A,b"}}};
    scenario s;
    s.set("routes.0.key.headers", "[ X-Device, X-Tenant-ID ]");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        for (const auto& fields : different) {
            s.get("/a", fields).expect_cache(cache);
        }
    }
    // What does not reach the origin splits nothing.
    s.get("/a", {{"X-Device", "a,b"}, {"X-Tenant-ID", "x"}})
        .expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 5);
}

TEST(Key, AFieldThatTheProxyWritesIsKeyedAsItIsWritten)
{
    scenario s;
    s.set("server.trusted_proxies", "[ 127.0.0.1 ]").set("routes.0.key.headers", "[ X-Forwarded-For ]");
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}}, r.header("X-Forwarded-For").value_or("none"));
    });
    s.start();
    s.get("/a", {{"X-Forwarded-For", "192.0.2.1"}}).expect_body("192.0.2.1, 127.0.0.1").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Forwarded-For", "192.0.2.2"}}).expect_body("192.0.2.2, 127.0.0.1").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Forwarded-For", "192.0.2.1"}}).expect_body("192.0.2.1, 127.0.0.1").expect_cache("hit; detail=l1");
}

TEST(Key, EveryQueryReachesTheOriginAsItIsKeyed)
{
    scenario s;
    s.set("routes.0.key.drop", "[ 'utm_*' ]");
    s.origin().others().answer([](const http_request& r) { return plain_answer({{"Cache-Control", "max-age=60"}}, r.target); });
    s.start();
    const std::vector<std::string> targets = {"/a?a=1", "/a?a=2", "/a?a=1&a=2", "/a?a=2&a=1", "/a?%61=1", "/a?a", "/a?a=", "/a?a=1;a=2",
        "/a?a=1;b=2", "/a?b=2;a=1", "/a?a=1&b=2", "/a?b=2&a=1", "/a?a%3D1", "/a?a=1%262", "/a?a+b", "/a?a%20b", "/a?utm_x=1;a=2", "/a?&", "/a?",
        "/a", "/a?A=1", "/a?a[]=1", "/a?a%5B%5D=1", "/a?utm%5fx=1", "/a?a=1&utm_x", "/a?a=1&&b", "/a?=1"};
    std::map<std::string, std::string> first;   // what was answered for each
    for (const std::string& t : targets) {
        first[t] = s.get(t).expect_status(200).body;
    }
    for (const std::string& t : targets) {
        s.get(t).expect_body(first[t]).expect_cache("hit; detail=l1");
    }
    std::set<std::string> seen;
    for (const auto& [t, body] : first) {
        seen.insert(body);
    }
    EXPECT_EQ(s.origin().requests(), static_cast<int>(seen.size()));   // one entry for each target that the origin saw
}

// ---- the scheme ----

// Sends http to https, as sites do, and says what it has seen.
class Schemes : public testing::Test {
protected:
    void start()
    {
        s.set("server.trusted_proxies", "[ 127.0.0.1 ]");
        s.origin().page("/a").answer([](const http_request& r) {
            const std::string scheme = r.header("X-Forwarded-Proto").value_or("none");
            if (r.method != "GET") { return plain_answer({{"Location", scheme + "://shop.test/b"}}, "written"); }
            return scheme == "https" ? plain_answer({{"Cache-Control", "max-age=60"}}, "page for " + r.header("Host").value_or(""))
                                     : plain_answer({{"Cache-Control", "max-age=60"}, {"Location", "https://shop.test/a"}}, "", 301);
        });
        s.origin().page("/b").cache_control("max-age=60").body("b");
        s.start();
    }
    header_list by(const std::string& scheme) const { return {{"X-Forwarded-Proto", scheme}}; }

    scenario s;
};

TEST_F(Schemes, ARedirectToHttpsIsNotForThoseWhoCameByHttps)
{
    start();
    s.get("/a").expect_status(301).expect_cache("fwd=uri-miss; stored");
    s.get("/a", by("https")).expect_status(200).expect_body("page for shop.test").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_status(301).expect_cache("hit; detail=l1");
    for (const std::string same : {"HTTPS", "http, https", "http,https"}) {
        s.get("/a", by(same)).expect_body("page for shop.test").expect_cache("hit; detail=l1");
    }
    for (const std::string plain : {"http", "https, http", "wss", "", "https,", "on"}) {
        SCOPED_TRACE(plain);
        s.get("/a", by(plain)).expect_status(301).expect_cache("hit; detail=l1");
    }
    s.get("/a", {{"X-Forwarded-Proto", "http"}, {"X-Forwarded-Proto", "https"}}).expect_cache("hit; detail=l1").expect_status(200);
    EXPECT_EQ(s.origin().requests(), 2);
}

TEST_F(Schemes, NobodyElseMaySayWhatTheSchemeIs)
{
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();   // trusts nobody
    s.get("/a", by("https")).expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(s.origin().received()[0].header("X-Forwarded-Proto"), "http");
    s.get("https://shop.test/a").expect_problem(421, "misdirected");   // RFC 9110 §7.4
    s.get("HTTPS://shop.test:443/a", by("https")).expect_problem(421, "misdirected");
    s.get("http://shop.test/a", by("https")).expect_cache("hit; detail=l1");
}

TEST_F(Schemes, AnAbsoluteTargetOfATrustedProxyNamesItToo)
{
    start();
    s.get("https://shop.test/a").expect_body("page for shop.test").expect_cache("fwd=uri-miss; stored");
    s.get("https://shop.test:443/a", {{"Host", "other.test"}}).expect_cache("hit; detail=l1").expect_status(200);
    s.get("/a", by("https")).expect_cache("hit; detail=l1").expect_status(200);
    s.get("http://shop.test/a", by("https")).expect_cache("hit; detail=l1").expect_status(200);
    s.get("http://shop.test/a").expect_status(301);
    s.get("https://shop.test/a", by("http")).expect_status(301).expect_cache("hit; detail=l1");
}

TEST_F(Schemes, TheDefaultPortIsThatOfTheScheme)
{
    start();
    s.get("/a", {{"X-Forwarded-Proto", "https"}, {"Host", "shop.test:443"}}).expect_body("page for shop.test");
    s.get("/a", by("https")).expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Forwarded-Proto", "https"}, {"Host", "shop.test:80"}}).expect_body("page for shop.test:80");
    s.get("/a", {{"X-Forwarded-Proto", "http"}, {"Host", "shop.test:443"}}).expect_status(301).expect_cache("fwd=uri-miss; stored");
}

TEST_F(Schemes, AWriteInvalidatesWhatItsOwnSchemeHas)
{
    start();
    for (const std::string scheme : {"http", "https"}) {
        s.get("/a", by(scheme));
        s.get("/b", by(scheme));
    }
    s.request("POST", "/a", by("https"), "new");   // its Location is /b by https
    s.get("/a", by("https")).expect_cache("fwd=uri-miss; stored");
    s.get("/b", by("https")).expect_cache("fwd=uri-miss; stored");
    s.get("/a", by("http")).expect_cache("hit; detail=l1");
    s.get("/b", by("http")).expect_cache("hit; detail=l1");
}

TEST_F(Schemes, APurgeMeansTheResourceByEither)
{
    s.set("server.purge.allow", "[ 127.0.0.1 ]");
    start();
    for (const auto& purge : {header_list{}, by("https"), by("http")}) {
        s.get("/b", by("http"));
        s.get("/b", by("https"));
        s.request("PURGE", "/b", purge).expect_status(200);
        s.get("/b", by("http")).expect_cache("fwd=uri-miss; stored");
        s.get("/b", by("https")).expect_cache("fwd=uri-miss; stored");
    }
    for (const std::string url : {"https://shop.test/b", "http://shop.test/b"}) {
        EXPECT_EQ(s.admin("POST", "/v1/invalidations", R"({"mode":"hard","scopes":[{"kind":"url","url":")" + url + "\"}]}").status, 202);
        s.get("/b", by("http")).expect_cache("fwd=uri-miss; stored");
        s.get("/b", by("https")).expect_cache("fwd=uri-miss; stored");
    }
}

TEST(Key, AContentLengthOfZeroIsNoContent)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a", {{"Content-Length", "0"}}).expect_body("v1").expect_cache("fwd=uri-miss; stored");
    EXPECT_FALSE(page.received()[0].has("Content-Length"));
    s.get("/a", {{"Content-Length", "0"}}).expect_cache("hit; detail=l1");
    s.get("/a").expect_cache("hit; detail=l1");
    s.head("/a", {{"Content-Length", "0"}}).expect_cache("hit; detail=l1");
    s.post("/a", "", {{"Content-Length", "0"}}).expect_status(200);
    EXPECT_EQ(page.received()[1].header("Content-Length"), "0") << "to other methods it says something";
    s.request("GET", "/a", {}, "x").expect_cache("fwd=bypass; detail=request-body");
}

TEST(Key, WhatHasNoCanonicalFormIsRefused)
{
    scenario s;
    s.start();
    for (const std::string target : {"/../a", "/a/../b", "/a/%2e%2e/b", "/a/./b", "/%zz", "/a%0", "/%00", "a", "/a#b"}) {
        SCOPED_TRACE(target);
        const std::string got = s.client().exchange("GET " + target + " HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
        EXPECT_TRUE(got.starts_with("HTTP/1.1 400")) << got;
    }
    EXPECT_EQ(s.origin().requests(), 0);
}

// ---- routes ----

TEST(Route, TheFirstThatMatchesDecides)
{
    scenario s;
    s.set("routes.1", "{ name: rest, match: { path: / }, origin: shop }");
    s.set("routes.0", "{ name: images, match: { path: /img/ }, origin: shop, ttl: { default: 60s } }");
    s.origin().page("/img/a").body("v1");
    s.origin().page("/page").body("v1");
    s.start();
    s.get("/img/a").expect_cache("fwd=uri-miss; stored");
    s.get("/page").expect_cache("fwd=uri-miss; detail=no-lifetime");
    s.expect_metric(1, "requests_total", {{"route", "images"}});
    s.expect_metric(1, "requests_total", {{"route", "rest"}});
}

// Most origins merge slashes; others decode "%2F", or cut off ";…". Whatever they do, the rules of the wrong route are not used.
TEST(Route, NoSpellingOfAPathGetsPastTheRulesForIt)
{
    scenario s;
    s.set("routes.1", "{ name: static, match: { path: /static/ }, origin: shop, ttl: { default: 60s } }");
    s.set("routes.2", "{ name: rest, match: { path: / }, origin: shop, ttl: { default: 60s } }");
    s.set("routes.0", "{ name: admin, match: { path: /admin/ }, origin: shop, mode: pass }");
    s.origin().others().answer([](const http_request& r) { return plain_answer({}, r.target); });
    s.start();
    for (const std::string target : {"//admin/x", "///admin", "/%61dmin/x", "/admin%2Fx", "/admin%2fx", "/%2Fadmin/x", "/admin%5cx",
                                     "/admin;a=b/x", "/;a/admin", "//static%2fx/", "/static;/x", "//static/x"}) {
        SCOPED_TRACE(target);
        s.get(target).expect_status(200).expect_cache("fwd=bypass; detail=pass");
        s.get(target).expect_cache("fwd=bypass; detail=pass");
    }
    s.expect_metric(18, "requests_total", {{"route", "admin"}});
    s.expect_metric(6, "requests_total", {{"route", "static"}});
    for (const std::string target : {"/..;/admin/x", "/x/..%2fadmin/x", "/x%2f..%2fadmin", "/x/%2e%2e/admin", "/%2e%2e%5cadmin"}) {
        SCOPED_TRACE(target);
        EXPECT_TRUE(s.client().exchange("GET " + target + " HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 400"));
    }
    // Where all readings take one route, nothing changes.
    for (const std::string target : {"//blog/x", "/blog%2Fx", "/static/a//b", "/blog;a", "/a%20b"}) {
        SCOPED_TRACE(target);
        s.get(target).expect_body(target).expect_cache("fwd=uri-miss; stored");
        s.get(target).expect_body(target).expect_cache("hit; detail=l1");
    }
}

TEST(Route, NoneIsNotFound)
{
    scenario s;
    s.set("routes.0.match.path", "/shop/");
    s.start();
    s.get("/other").expect_problem(404, "no_route");
    s.get("/shopping").expect_problem(404, "no_route");
    EXPECT_EQ(s.origin().requests(), 0);
}

TEST(Route, MayDependOnHostAndMethod)
{
    scenario s;
    fake_origin second;
    s.set("origins.other.endpoints", "[ '" + second.url() + "' ]");
    s.set("routes.0", "{ name: writes, match: { hosts: [ shop.test ], methods: [ POST ], path: / }, origin: other }");
    s.set("routes.1", "{ name: blog, match: { hosts: [ '*.blog.test' ], path: / }, origin: other }");
    s.set("routes.2", "{ name: all, match: { hosts: [ shop.test ], path: / }, origin: shop }");
    s.origin().page("/a").body("shop");
    second.page("/a").body("other");
    s.start();
    s.get("/a").expect_body("shop");
    s.post("/a", "x").expect_body("other");
    s.get("/a", {{"Host", "me.blog.test"}}).expect_body("other");
    s.get("/a", {{"Host", "blog.test"}}).expect_problem(404, "no_route");
    s.get("http://unknown.test/a").expect_problem(421, "misdirected");
}

}  // namespace
}  // namespace tiercel::test
