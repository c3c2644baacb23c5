#include "app/explain.hpp"

#include "config/config_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace tiercel::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto text = "server: { trusted_proxies: [10.0.0.0/8] }\n"
                      "tenancy: { resolvers: [ { kind: header, name: X-Tenant-ID }, { kind: none } ] }\n"
                      "origins: { shop: { endpoints: [http://127.0.0.1:3000] }, api: { endpoints: [http://127.0.0.1:3001] } }\n"
                      "routes:\n"
                      "  - { name: api, origin: api, match: { hosts: [\"*.api.example\"] }, mode: pass }\n"
                      "  - { name: products, origin: shop, match: { path: /products/ }, key: { drop: [utm_*] }, ttl: { default: 30s } }\n";

struct Explain : testing::Test {
    config::loaded what = config::load_text(text, "t.yaml", [](std::string_view) -> std::optional<std::string> { return std::nullopt; });
    std::ostringstream err;

    void SetUp() override { ASSERT_TRUE(what.ok()) << config::to_text(what.problems.at(0)); }
    std::string ask(const question& q, exit_code want = done)
    {
        std::ostringstream out;
        EXPECT_EQ(explain(what, q, {out, err}), want);
        return out.str();
    }
};

TEST_F(Explain, NamesTenantRouteKeyAndWhatWouldBeStored)
{
    const auto told = ask({.method = "GET", .url = "http://Shop.Example:80/products/%61?b=2&utm_x=1&a=1", .fields = {}});
    EXPECT_THAT(told, AllOf(HasSubstr("tenant      default\n"), HasSubstr("route       products (routes[1]), origin shop\n"),
                            HasSubstr("key         default|http|shop.example|/products/a?a=1&b=2\n"),
                            HasSubstr("redis       tcl:{default/"), HasSubstr("lookup      memory, Redis, origin\n"),
                            HasSubstr("says nothing about caching: stored, fresh for 30s\n"),
                            HasSubstr("max-age=60: stored, fresh for 60s\n"), HasSubstr("private: not stored (private)\n"),
                            HasSubstr("Set-Cookie and max-age=60: not stored (set-cookie)\n")));
}

TEST_F(Explain, TheSameRequestGetsTheSameHash)
{
    const question q{.method = "GET", .url = "/products/1", .fields = {"Host: a.example"}};
    EXPECT_EQ(ask(q), ask(q));
    EXPECT_THAT(ask(q), HasSubstr("key         default|http|a.example|/products/1\n"));
}

TEST_F(Explain, BelievesTheSchemeOfATrustedPeerOnlyAsTheServiceDoes)
{
    question q{.method = "GET", .url = "https://h:443/products/1", .fields = {}, .from = "10.1.2.3"};
    EXPECT_THAT(ask(q), HasSubstr("key         default|https|h|/products/1\n"));
    q.from = "192.0.2.1";
    EXPECT_THAT(ask(q), HasSubstr("refused     misdirected: only a peer in server.trusted_proxies may say https"));
    q = {.method = "GET", .url = "http://h/products/1", .fields = {"X-Forwarded-Proto: https"}, .from = "10.1.2.3"};
    EXPECT_THAT(ask(q), HasSubstr("key         default|https|h|/products/1\n"));
    q.from = "192.0.2.1";
    EXPECT_THAT(ask(q), HasSubstr("key         default|http|h|/products/1\n"));
}

TEST_F(Explain, BelievesTheTenantOfATrustedPeerOnly)
{
    question q{.method = "GET", .url = "http://h/products/", .fields = {"X-Tenant-ID: acme"}, .from = "10.1.2.3"};
    EXPECT_THAT(ask(q), AllOf(HasSubstr("10.1.2.3, a trusted proxy"), HasSubstr("tenant      acme\n")));
    q.from = "192.0.2.1";
    EXPECT_THAT(ask(q), AllOf(HasSubstr("192.0.2.1, not a trusted proxy"), HasSubstr("tenant      default\n")));
}

TEST_F(Explain, TellsWhyTheCacheIsLeftOut)
{
    EXPECT_THAT(ask({.method = "GET", .url = "http://x.api.example/", .fields = {}}),
                AllOf(HasSubstr("route       api"), HasSubstr("goes to the origin (pass)"), Not(HasSubstr("fresh for"))));
    EXPECT_THAT(ask({.method = "POST", .url = "http://h/products/1", .fields = {}}), HasSubstr("goes to the origin (method)"));
    EXPECT_THAT(ask({.method = "GET", .url = "http://h/products/1", .fields = {"Authorization: Basic eA=="}}),
                HasSubstr("fetches for itself (request-authorization)"));
}

TEST_F(Explain, TellsWhatBecomesOfAnAnswerNowAndLater)
{
    question q{.method = "GET", .url = "http://h/products/1", .fields = {}};
    q.answer = {"Cache-Control: max-age=60, stale-while-revalidate=30, private=\"x-a\"", "ETag: \"1\"", "Age: 20"};
    EXPECT_THAT(ask(q), AllOf(HasSubstr("answer      200, decided by Cache-Control\n"), HasSubstr("storing     yes, without x-a\n"),
                              HasSubstr("lifetime    60s (explicit), 20s of it spent on arrival\n"), HasSubstr("in 0s       hit (l1)\n"),
                              HasSubstr("in 40s      hit, and fetched anew behind it (swr)\n"),
                              HasSubstr("in 70s      the origin is asked whether it still holds (fwd=stale); stale if no answer comes (sie)\n")));
    q.answer = {"CDN-Cache-Control: no-store", "Cache-Control: max-age=60"};
    EXPECT_THAT(ask(q), AllOf(HasSubstr("decided by CDN-Cache-Control\n"), HasSubstr("storing     no (no-store)")));
    q.answer = {};
    q.status = 404;
    EXPECT_THAT(ask(q), AllOf(HasSubstr("answer      404"), HasSubstr("lifetime    10s (negative)"), HasSubstr("in 0s       hit (negative)\n")));
    q.status = 200;
    EXPECT_THAT(ask(q), AllOf(HasSubstr("lifetime    30s (default)"), HasSubstr("in 30s      fetched anew (fwd=stale); stale if no answer comes (sie)\n")));
    q.answer = {"no colon"};
    EXPECT_THAT(ask(q, bad_usage), HasSubstr("answer      malformed (invalid)\n"));
}

TEST_F(Explain, TellsWhyARequestWouldBeRefused)
{
    struct {
        question q;
        const char* want;
        exit_code code = bad_usage;
    } const cases[] = {
        {{.method = "GET", .url = "http://h/other", .fields = {}}, "no_route", done},
        {{.method = "GET", .url = "http://h/products/../x", .fields = {}}, "bad_target"},
        {{.method = "GET", .url = "http://a@b/products/", .fields = {}}, "bad_host"},
        {{.method = "GET", .url = "/products/", .fields = {"Host: a", "Host: b"}}, "bad_host"},
        {{.method = "CONNECT", .url = "/products/", .fields = {}}, "method_unknown", done},
        {{.method = "GET", .url = "/products/", .fields = {"no colon"}}, "bad_request"},
        {{.method = "GET", .url = "/products/a b", .fields = {}}, "bad_request"},
    };
    for (const auto& c : cases) {
        EXPECT_THAT(ask(c.q, c.code), HasSubstr(std::string("refused     ") + c.want + "\n")) << c.q.url;
        EXPECT_EQ(err.str().empty(), c.code == done) << err.str();
        err.str("");
    }
}

TEST_F(Explain, AQuestionThatIsNoneIsBadUsage)
{
    EXPECT_EQ(ask({.method = "GET", .url = "ftp://h/", .fields = {}}, bad_usage), "");
    EXPECT_EQ(ask({.method = "GET", .url = "h/x", .fields = {}}, bad_usage), "");
    EXPECT_EQ(ask({.method = "GET", .url = "/x", .fields = {"A: b\r\nC: d"}}, bad_usage), "");
    EXPECT_EQ(ask({.method = "GET", .url = "/x", .fields = {}, .from = "somebody"}, bad_usage), "");
    EXPECT_EQ(ask({.method = "GET\n", .url = "/x", .fields = {}}, bad_usage), "");
}

}  // namespace
}  // namespace tiercel::app
