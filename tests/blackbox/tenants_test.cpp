// Who a request belongs to is decided once, strictly, and what is keyed is what the origin gets. No answer crosses over.

#include "blackbox/setting.hpp"
#include "support/fake_origin.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* by_header = "tenancy: {resolvers: [{kind: header, name: X-Tenant-ID}]}\n";

setting trusting(const std::string& origin_url, const std::string& tenancy = by_header)
{
    setting s{.origin_url = origin_url};
    s.server = "{threads: 2, trusted_proxies: [127.0.0.0/8]}";
    s.more = tenancy;
    return s;
}

header_list as(const std::string& tenant) { return {{"Host", "shop"}, {"X-Tenant-ID", tenant}}; }

std::string tenant_of(const http_request& r) { return r.header("X-Tenant-ID").value_or("nobody"); }

// "HTTP/1.1 200", fields, and the tenant's name as content.
std::string own_answer(const http_request& r, const std::string& fields)
{
    const std::string body = "for " + tenant_of(r);
    return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// ---- finding the tenant ----------------------------------------------------------------------------------------------------

TEST(Tenants, WhatIsKeyedIsWhatTheOriginGets)
{
    const origin_process origin;
    const proxy p(trusting(origin.url()).yaml());
    const struct {
        const char* name;
        const char* fields;
    } table[] = {
        {"23 plain", "X-Tenant-ID: red\r\n"},
        {"23 name in another case", "x-tenant-id: red\r\n"},
        {"23 blanks around it", "X-Tenant-ID: \t red \t\r\n"},
        {"23 with a twin", "X_Tenant_ID: blue\r\nX-Tenant-ID: red\r\n"},
        {"23 with twins of all kinds", "X-Tenant-ID: red\r\nX-Tenant_ID: blue\r\nX.Tenant.ID: blue\r\nx_tenant-id: blue\r\n"},
        {"12 named by Connection", "Connection: X-Tenant-ID\r\nX-Tenant-ID: red\r\n"},
        {"12 named by Connection, in another case", "Connection: close, x-TENANT-id\r\nX-Tenant-ID: red\r\n"},
    };
    int number = 0;
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        const std::string target = "/page/t" + std::to_string(++number) + "?ttl=60";
        origin.forget();
        raw_client c = p.client();
        c.send("GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + row.fields + "\r\n");
        EXPECT_EQ(c.read_response().status, 200);
        const auto heads = origin.request_heads();
        ASSERT_EQ(heads.size(), 1u);
        EXPECT_THAT(heads[0], HasSubstr("\r\nX-Tenant-ID: red\r\n"));
        EXPECT_THAT(heads[0], Not(testing::ContainsRegex("[Xx][-_.][Tt]enant[-_.][Ii][Dd]: *blue")));
        EXPECT_EQ(heads[0].find("X-Tenant-ID"), heads[0].rfind("X-Tenant-ID")) << heads[0];
        EXPECT_TRUE(cache_status_of(p.get(target, as("red"))).hit) << "it is red's";
        EXPECT_FALSE(cache_status_of(p.get(target, as("blue"))).hit) << "and only red's";
    }
}

TEST(Tenants, TheOriginCanGetItInAnotherField)
{
    const origin_process origin;
    const proxy p(trusting(origin.url(), "tenancy: {resolvers: [{kind: header, name: X-Customer}], forward_header: X-Shop}\n").yaml());
    const std::string seen = p.get("/echo", {{"X-Customer", "red"}, {"X-Shop", "blue"}, {"x_shop", "blue"}, {"X_Customer", "blue"}}).body;
    EXPECT_THAT(seen, HasSubstr("\r\nX-Shop: red\r\n"));
    EXPECT_THAT(seen, Not(HasSubstr("blue"))) << "23 copies are removed, with their twins";
    EXPECT_THAT(seen, Not(HasSubstr("Customer"))) << "23 forwarded once";
}

TEST(Tenants, NoneIs401AndNothingElseIsATenant)
{
    const origin_process origin;
    const proxy p(trusting(origin.url()).yaml());
    const struct {
        const char* name;
        const char* request;
    } table[] = {
        {"22 no field", "GET /page/x HTTP/1.1\r\nHost: shop\r\n\r\n"},
        {"23 in a twin", "GET /page/x HTTP/1.1\r\nHost: shop\r\nX_Tenant_ID: red\r\n\r\n"},
        {"23 in the query", "GET /page/x?X-Tenant-ID=red HTTP/1.1\r\nHost: shop\r\n\r\n"},
        {"23 in a cookie", "GET /page/x HTTP/1.1\r\nHost: shop\r\nCookie: X-Tenant-ID=red\r\n\r\n"},
        {"23 in a trailer", "POST /page/x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\nTrailer: X-Tenant-ID\r\n\r\n"
                            "0\r\nX-Tenant-ID: red\r\n\r\n"},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        raw_client c = p.client();
        c.send(row.request);
        const http_response r = c.read_response();
        EXPECT_EQ(r.status, 401);
        expect_problem(r);
    }
    EXPECT_EQ(origin.requests(), 0u);
}

TEST(Tenants, OnMissingBypassPassesOnAndNeverStores)
{
    const origin_process origin;
    const proxy p(trusting(origin.url(), "tenancy: {resolvers: [{kind: header, name: X-Tenant-ID}], on_missing: bypass}\n").yaml());
    for (int i = 1; i <= 3; ++i) {
        const http_response r = p.get("/page/anon?ttl=60&serial=1");
        EXPECT_EQ(r.body, std::to_string(i)) << "22 bypass";
        EXPECT_FALSE(cache_status_of(r).hit);
        EXPECT_FALSE(cache_status_of(r).stored);
    }
    for (const std::string& head : origin.request_heads()) { EXPECT_THAT(head, Not(HasSubstr("X-Tenant-ID"))); }
    EXPECT_EQ(p.get("/page/anon?ttl=60&serial=1", as("red")).body, "4") << "22 what was passed on is in nobody's cache";
    EXPECT_EQ(p.get("/page/anon?ttl=60&serial=1").body, "5") << "22 and nobody's cache answers it";
}

TEST(Tenants, AFieldFromAnUntrustedPeerIsNobodysWord)
{
    const origin_process origin;
    setting s = trusting(origin.url());
    s.server = "{threads: 2, trusted_proxies: [192.0.2.0/24]}";
    {
        const proxy p(s.yaml());
        EXPECT_EQ(p.get("/page/x", as("red")).status, 401);
    }
    s.more = "tenancy: {resolvers: [{kind: header, name: X-Tenant-ID}, {kind: none}]}\n";
    const proxy p(s.yaml());
    EXPECT_EQ(p.get("/page/x?ttl=60&serial=1", as("red")).body, "1");
    EXPECT_EQ(p.get("/page/x?ttl=60&serial=1", as("blue")).body, "1") << "both are the same";
    for (const std::string& head : origin.request_heads()) { EXPECT_THAT(head, Not(HasSubstr("red"))); }
}

TEST(Tenants, HostsAndPathsAreAsStrict)
{
    const origin_process origin;
    const proxy p(trusting(origin.url(), "tenancy: {resolvers: [{kind: host, pattern: \"{tenant}.shop.example\"},"
                                         " {kind: path, pattern: \"/page/{tenant}/\"}]}\n").yaml());
    const struct {
        const char* name;
        const char* host;
        const char* target;
        int status;
        const char* tenant;
    } table[] = {
        {"22 host", "red.shop.example", "/echo", 200, "red"},
        {"22 host in another case", "RED.shop.example:80", "/echo", 200, "red"},
        {"22 two labels", "a.red.shop.example", "/echo", 401, ""},
        {"22 no label", ".shop.example", "/echo", 400, ""},
        {"22 no label at all", "shop.example", "/echo", 401, ""},
        {"22 longer name", "red.shop.example.evil", "/echo", 401, ""},
        {"22 glob", "*.shop.example", "/echo", 400, ""},
        {"22 path", "shop", "/page/red/x", 200, "red"},
        {"22 escaped letters", "shop", "/page/%72ed/x", 200, "red"},
        {"22 escaped slash", "shop", "/page/re%2fd/x", 400, ""},
        {"22 empty segment", "shop", "/page//x", 400, ""},
        {"22 glob in the path", "shop", "/page/*/x", 400, ""},
        {"22 host before path", "red.shop.example", "/page/blue/x", 200, "red"},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        origin.forget();
        const http_response r = p.get(row.target, {{"Host", row.host}, {"X-Tenant-ID", "blue"}});
        EXPECT_EQ(r.status, row.status);
        const auto heads = origin.request_heads();
        ASSERT_EQ(heads.size(), row.status == 200 ? 1u : 0u);
        if (row.status == 200) {
            EXPECT_THAT(heads[0], HasSubstr("\r\nX-Tenant-ID: "s + row.tenant + "\r\n"));
            EXPECT_THAT(heads[0], Not(HasSubstr("X-Tenant-ID: blue")));
        }
    }
}

// ---- keeping them apart ------------------------------------------------------------------------------------------------------

TEST(Tenants, NothingThatIsStoredCrossesOver)
{
    fake_origin origin;
    const proxy p(trusting(origin.url()).yaml());
    origin.page("/plain").answer([](const http_request& r) { return own_answer(r, "Cache-Control: max-age=60\r\n"); });
    origin.page("/varies").answer([](const http_request& r) { return own_answer(r, "Cache-Control: max-age=60\r\nVary: X-A\r\n"); });
    origin.page("/public").answer([](const http_request& r) { return own_answer(r, "Cache-Control: public, s-maxage=60\r\n"); });
    const char* tenants[] = {"red", "blue", "Red", "red.", "red-", "re", "redd", "0", "default2"};
    for (const std::string target : {"/plain", "/varies", "/public"}) {
        for (const bool first : {true, false}) {
            for (const std::string tenant : tenants) {
                SCOPED_TRACE("24 " + target + " of " + tenant);
                const http_response r = p.get(target, as(tenant));
                EXPECT_EQ(r.body, "for " + tenant);
                EXPECT_EQ(cache_status_of(r).hit, !first);
            }
        }
    }
}

TEST(Tenants, NegativeAnswersAndFailuresAreEachOnesOwn)
{
    fake_origin origin;
    setting s = trusting(origin.url());
    s.origin_options = "retry: {max: 0}";
    s.route_options = "ttl: {negative: 60s}, stampede: {error_memo: 60s}";
    const proxy p(s.yaml());
    for (const std::string status : {"404 Gone", "410 Gone", "500 Oops", "503 Busy"}) {
        const std::string target = "/" + status.substr(0, 3);
        SCOPED_TRACE("24 " + status);
        origin.page(target).answer([status](const http_request& r) {
            return tenant_of(r) == "red" ? "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n"
                                         : own_answer(r, "Cache-Control: max-age=60\r\n");
        });
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(std::to_string(p.get(target, as("red")).status), status.substr(0, 3));
            EXPECT_EQ(p.get(target, as("blue")).body, "for blue");
        }
    }
}

TEST(Tenants, EachHasItsOwnFlight)
{
    fake_origin origin;
    const proxy p(trusting(origin.url()).yaml());
    origin_page& page = origin.page("/flight");
    page.answer([](const http_request& r) { return own_answer(r, "Cache-Control: max-age=60\r\n"); }).hold();

    std::vector<std::future<http_response>> answers;
    const std::string tenants[] = {"red", "blue", "green", "red", "blue", "green"};
    for (const std::string& tenant : tenants) {
        answers.push_back(std::async(std::launch::async, [&p, tenant] { return p.get("/flight", as(tenant)); }));
    }
    EXPECT_TRUE(page.wait_for_requests(3));
    page.release();
    for (std::size_t i = 0; i < answers.size(); ++i) { EXPECT_EQ(answers[i].get().body, "for " + tenants[i]) << "24 coalescing"; }
    EXPECT_EQ(page.requests(), 3) << "24 one flight for each";
}

// Same tag, same URL: what the origin confirms for one says nothing about another's.
TEST(Tenants, AValidationUpdatesOneTenantAlone)
{
    fake_origin origin;
    const proxy p(trusting(origin.url()).yaml());
    origin_page& page = origin.page("/valid");
    page.answer([](const http_request& r) {
        if (r.header("If-None-Match")) {
            return "HTTP/1.1 304 Not Modified\r\nETag: \"same\"\r\nCache-Control: no-cache\r\nX-From: " + tenant_of(r) + "\r\n\r\n";
        }
        return own_answer(r, "Cache-Control: no-cache\r\nETag: \"same\"\r\nX-From: first\r\n");
    });
    for (const std::string tenant : {"red", "blue"}) { EXPECT_EQ(p.get("/valid", as(tenant)).header("X-From"), "first"); }
    for (int i = 0; i < 2; ++i) {
        for (const std::string tenant : {"red", "blue"}) {
            const http_response r = p.get("/valid", as(tenant));
            EXPECT_EQ(r.body, "for " + tenant) << "24 after a 304";
            EXPECT_EQ(r.header("X-From"), tenant) << "24 fields of a 304";
        }
    }
    // A client's own condition is answered for its own tenant only.
    header_list condition = as("green");
    condition.emplace_back("If-None-Match", "\"same\"");
    p.get("/valid", condition);
    EXPECT_EQ(p.get("/valid", as("green")).body, "for green") << "24 304 on a miss";
}

TEST(Tenants, AWriteDropsTheEntryOfItsOwnTenant)
{
    fake_origin origin;
    const proxy p(trusting(origin.url()).yaml());
    origin.page("/write").answer([](const http_request& r) { return own_answer(r, "Cache-Control: max-age=60\r\n"); });
    for (const std::string tenant : {"red", "blue"}) { p.get("/write", as(tenant)); }
    EXPECT_EQ(p.request("POST", "/write", as("red"), "x").status, 200);
    EXPECT_FALSE(cache_status_of(p.get("/write", as("red"))).hit) << "21";
    EXPECT_TRUE(cache_status_of(p.get("/write", as("blue"))).hit) << "24";
}

}  // namespace
}  // namespace tiercel::test
