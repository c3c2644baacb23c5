#include "admin/api.hpp"

#include "admin/fake_source.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>

namespace tiercel::admin {
namespace {

std::string text(boost::beast::string_view v) { return std::string(v.data(), v.size()); }

request make_request(http::verb method, std::string_view target, std::string_view token = {})
{
    request rq(method, boost::beast::string_view(target.data(), target.size()), 11);
    rq.set(http::field::host, "127.0.0.1:9080");
    if (!token.empty()) {
        rq.set(http::field::authorization, "Bearer " + std::string(token));
    }
    return rq;
}

struct Api : testing::Test {
    fake_source source;
    admin_options open;
    admin_options guarded{.listen = "0.0.0.0:9080",
                          .tokens = {{.token = "reader", .role = role::read, .tenant = {}},
                                     {.token = "tenant", .role = role::tenant, .tenant = "acme"},
                                     {.token = "system", .role = role::system, .tenant = {}}}};

    http::status ask(const admin_options& o, http::verb m, std::string_view target, std::string_view token = {})
    {
        return answer(make_request(m, target, token), o, source).result();
    }
};

// As it is called: with a name in its path, and a body where one is due.
request well_formed(const call& c, std::string_view token = {})
{
    std::string path(c.path);
    if (const auto at = path.find("{name}"); at != path.npos) {
        path.replace(at, 6, "shop");
    }
    request rq = make_request(c.method, path, token);
    if (c.needs == access::act || c.needs == access::order || c.needs == access::event) {
        rq.set(http::field::content_type, "application/json");
        rq.body() = R"({"state":"open"})";
    }
    return rq;
}

TEST_F(Api, EveryCallKeepsToItsRoleAndMethodAndNeverMayBeStored)
{
    for (const auto& c : calls()) {
        const bool free = c.needs == access::anyone;
        const bool changes = c.needs == access::act || c.needs == access::order || c.needs == access::event;
        const bool is_for_tenants = c.needs == access::own || c.needs == access::order || c.needs == access::event;
        struct {
            std::string_view token;
            http::status want;
        } const cases[] = {
            {"", free ? http::status::ok : http::status::unauthorized},
            {"wrong", free ? http::status::ok : http::status::unauthorized},
            {"tenant", free || is_for_tenants ? http::status::ok : http::status::forbidden},
            {"reader", changes ? http::status::forbidden : http::status::ok},
            {"system", http::status::ok},
        };
        for (const auto& k : cases) {
            const auto rs = answer(well_formed(c, k.token), guarded, source);
            EXPECT_EQ(rs.result(), k.want) << c.path << " with " << k.token;
            EXPECT_EQ(text(rs[http::field::cache_control]), "no-store") << c.path;
        }
        request rq = well_formed(c);
        EXPECT_EQ(answer(rq, open, source).result(), http::status::ok) << c.path;
        const bool reads = std::any_of(calls().begin(), calls().end(), [&](const call& o) { return o.path == c.path && o.method == http::verb::get; });
        rq.method(http::verb::head);
        EXPECT_EQ(answer(rq, open, source).result(), reads ? http::status::ok : http::status::method_not_allowed) << c.path;
        rq.method(http::verb::put);
        const auto refused = answer(rq, open, source);
        EXPECT_EQ(refused.result(), http::status::method_not_allowed) << c.path;
        EXPECT_FALSE(text(refused[http::field::allow]).empty()) << c.path;
    }
}

// The rights of a token reach whoever carries the call out, and its secret does not.
TEST_F(Api, WhoAsksIsToldWithTheOperation)
{
    request rq = make_request(http::verb::post, "/v1/invalidations?wait=applied", "tenant");
    rq.set(http::field::content_type, "application/json");
    rq.body() = "{}";
    EXPECT_EQ(answer(rq, guarded, source).result(), http::status::ok);
    ASSERT_EQ(source.operations.size(), 1u);
    const operation& o = source.operations[0];
    EXPECT_EQ(o.what, operation_kind::invalidate);
    EXPECT_EQ(o.who.role, role::tenant);
    EXPECT_EQ(o.who.tenant, "acme");
    EXPECT_EQ(o.who.name, "token 2");
    EXPECT_EQ(o.query, "wait=applied");
    for (const auto& [name, value] : o.fields) { EXPECT_NE(name, "authorization"); }
    rq.erase(http::field::content_type);
    EXPECT_EQ(answer(rq, open, source).result(), http::status::unsupported_media_type) << "a page of another site can send that";
}

TEST_F(Api, BreakersAreHeldAsTheBodySays)
{
    const auto hold = [&](std::string_view path, std::string body) {
        request rq = make_request(http::verb::post, path, "system");
        rq.set(http::field::content_type, "application/json; charset=utf-8");
        rq.body() = std::move(body);
        return answer(rq, guarded, source).result();
    };
    EXPECT_EQ(hold("/v1/origins/shop/breaker", R"({"state":"open"})"), http::status::ok);
    EXPECT_EQ(hold("/v1/origins/shop/breaker", R"({"state":"closed","endpoint":"http://b"})"), http::status::ok);
    EXPECT_EQ(hold("/v1/origins/shop/breaker", R"({"state":"auto"})"), http::status::ok);
    EXPECT_EQ(source.held, (std::vector<fake_source::order>{{"shop", "", breaker_hold::open},
                                                            {"shop", "http://b", breaker_hold::closed},
                                                            {"shop", "", breaker_hold::automatic}}));
    EXPECT_EQ(hold("/v1/origins/nobody/breaker", R"({"state":"open"})"), http::status::not_found);
    for (const char* body : {"", "open", "[]", "{}", R"({"state":"half_open"})", R"({"state":1})"}) {
        EXPECT_EQ(hold("/v1/origins/shop/breaker", body), http::status::bad_request) << body;
    }
    for (const char* path : {"/v1/origins//breaker", "/v1/origins/a/b/breaker", "/v1/origins/breaker"}) {
        EXPECT_EQ(hold(path, R"({"state":"open"})"), http::status::not_found) << path;
    }
    EXPECT_EQ(source.held.size(), 4u);
}

// A page of another site can make a browser post a form or a text to a loopback address, but no JSON.
TEST_F(Api, WhatAWebPageCouldSendChangesNothing)
{
    request rq = make_request(http::verb::post, "/v1/origins/shop/breaker");
    rq.body() = R"({"state":"open"})";
    for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "text/plain; a=application/json"}) {
        rq.set(http::field::content_type, type);
        EXPECT_EQ(answer(rq, open, source).result(), http::status::unsupported_media_type) << type;
    }
    EXPECT_TRUE(source.held.empty());
}

TEST_F(Api, ReadinessIsTheWorstOfTheDependenciesAndOnlyDownMeans503)
{
    struct {
        health state;
        const char* word;
        http::status want;
    } const cases[] = {
        {health::ok, "ok", http::status::ok},
        {health::degraded, "degraded", http::status::ok},
        {health::down, "down", http::status::service_unavailable},
    };
    for (const auto& c : cases) {
        source.needs = {{.name = "listener", .state = health::ok, .reason = {}},
                        {.name = "redis", .state = c.state, .reason = c.state == health::ok ? "" : "connect \"refused\""},
                        {.name = "origin", .state = health::ok, .reason = {}}};
        const auto rs = answer(make_request(http::verb::get, "/readyz"), guarded, source);
        EXPECT_EQ(rs.result(), c.want);
        const auto document = boost::json::parse(rs.body()).as_object();
        EXPECT_EQ(document.at("status").as_string(), c.word);
        const auto& redis = document.at("dependencies").as_array().at(1).as_object();
        EXPECT_EQ(redis.at("state").as_string(), c.word);
        EXPECT_EQ(redis.contains("reason"), c.state != health::ok);
        EXPECT_EQ(ask(guarded, http::verb::get, "/livez"), http::status::ok);
    }
}

TEST_F(Api, ErrorsAreProblemDocuments)
{
    struct {
        response rs;
        unsigned status;
    } const cases[] = {
        {answer(make_request(http::verb::get, "/nowhere"), open, source), 404},
        {answer(make_request(http::verb::get, "/livez/"), open, source), 404},
        {answer(make_request(http::verb::post, "/metrics"), open, source), 405},
        {answer(make_request(http::verb::get, "/metrics"), guarded, source), 401},
        {answer(make_request(http::verb::get, "/metrics", "tenant"), guarded, source), 403},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(c.rs.result_int(), c.status);
        EXPECT_EQ(text(c.rs[http::field::content_type]), "application/problem+json");
        const auto document = boost::json::parse(c.rs.body()).as_object();
        EXPECT_EQ(document.at("status").to_number<unsigned>(), c.status);
        EXPECT_FALSE(document.at("title").as_string().empty());
        EXPECT_FALSE(document.at("detail").as_string().empty());
        EXPECT_EQ(c.rs.count(http::field::www_authenticate), c.status == 401 ? 1u : 0u);
    }
}

TEST_F(Api, ReadsTheBearerTokenStrictly)
{
    struct {
        const char* credentials;
        bool good;
    } const cases[] = {
        {"Bearer reader", true}, {"bearer reader", true}, {"BEARER  reader", true},
        {"Bearer", false},       {"Bearer ", false},      {"reader", false},        {"Basic reader", false},
        {"Bearer reade", false}, {"Bearer readers", false}, {"Bearer readerreader", false}, {"Bearer Reader", false},
    };
    for (const auto& c : cases) {
        auto rq = make_request(http::verb::get, "/metrics");
        rq.set(http::field::authorization, c.credentials);
        EXPECT_EQ(answer(rq, guarded, source).result() == http::status::ok, c.good) << c.credentials;
    }
}

TEST_F(Api, AnEmptyConfiguredTokenOpensNothing)
{
    const std::vector<token_options> tokens{{.token = "", .role = role::system, .tenant = {}}};
    EXPECT_FALSE(role_of("", tokens));
    EXPECT_FALSE(role_of("x", tokens));
}

TEST_F(Api, QueryDoesNotChangeTheCall)
{
    EXPECT_EQ(ask(open, http::verb::get, "/metrics?x=/livez"), http::status::ok);
    EXPECT_EQ(ask(guarded, http::verb::get, "/v1/config?/livez"), http::status::unauthorized);
}

TEST_F(Api, WithoutTokensAForeignHostNameIsRefused)
{
    struct {
        const char* host;
        http::status want;
    } const cases[] = {
        {"127.0.0.1:9080", http::status::ok}, {"localhost", http::status::ok}, {"LocalHost:1", http::status::ok},
        {"[::1]:9080", http::status::ok},     {"", http::status::ok},
        {"evil.example", http::status::forbidden}, {"evil.example:9080", http::status::forbidden},
        {"[evil", http::status::forbidden},
    };
    for (const auto& c : cases) {
        auto rq = make_request(http::verb::get, "/v1/config");
        rq.set(http::field::host, c.host);
        EXPECT_EQ(answer(rq, open, source).result(), c.want) << c.host;
        rq.set(http::field::authorization, "Bearer reader");
        EXPECT_EQ(answer(rq, guarded, source).result(), http::status::ok) << c.host;
    }
}

}  // namespace
}  // namespace tiercel::admin
