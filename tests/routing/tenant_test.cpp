#include "routing/tenant.hpp"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tiercel::routing {
namespace {

using namespace std::string_literals;

// No way to a tenant but through a resolver.
static_assert(!std::is_default_constructible_v<tenant_id>);
static_assert(!std::is_constructible_v<tenant_id, std::string_view>);
static_assert(!std::is_constructible_v<tenant_id, const char*>);
static_assert(!std::is_default_constructible_v<resolved_tenant>);

resolver_options none() { return {}; }
resolver_options by_header(std::string name = "X-Tenant-ID") { return {resolver_kind::header, std::move(name), ""}; }
resolver_options by_host(std::string pattern) { return {resolver_kind::host, "", std::move(pattern)}; }
resolver_options by_path(std::string pattern) { return {resolver_kind::path, "", std::move(pattern)}; }

tenancy_options with(std::vector<resolver_options> resolvers)
{
    tenancy_options o;
    o.resolvers = std::move(resolvers);
    return o;
}

using fields = std::vector<std::pair<std::string, std::string>>;
enum class peer { trusted, stranger };

struct request {
    fields headers;
    std::string host = "shop.example";
    std::string path = "/";
    peer from = peer::trusted;
};

result<resolved_tenant> ask(const tenancy& t, const request& rq)
{
    std::vector<field> list;
    for (const auto& [name, value] : rq.headers) {
        list.push_back({name, value, header::other});
    }
    request_head head;
    head.fields = list;
    return t.resolve(head, rq.host, rq.path, rq.from == peer::trusted);
}

// "tenant", "(bypass)" or the name of the error.
std::string answer(const tenancy& t, const request& rq)
{
    const auto r = ask(t, rq);
    if (!r) {
        return "error: " + std::string(name_of(errc_of(r.error())));
    }
    return r->is_bypass() ? "(bypass)" : std::string(r->who().view());
}

const std::string missing = "error: tenant_missing";
const std::string bad = "error: bad_tenant";

// ---- which resolver answers ------------------------------------------------------------------------------------------

TEST(Tenancy, WithoutResolversConfiguredEverythingIsTheDefaultTenants)
{
    const tenancy t(tenancy_options{});
    EXPECT_EQ(answer(t, {}), "default");
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", "acme"}}, "acme.shop.example", "/t/acme/"}), "default");
}

TEST(Tenancy, AHeaderIsBelievedFromTrustedPeersOnly)
{
    const tenancy t(with({by_header()}));
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", "acme"}}}), "acme");
    EXPECT_EQ(answer(t, {{{"x-tenant-id", "acme"}}}), "acme");
    EXPECT_EQ(answer(t, {{{"Accept", "*/*"}, {"X-TENANT-ID", "acme"}, {"X-Tenant-IDs", "b"}}}), "acme");
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", "acme"}}, "h", "/", peer::stranger}), missing);
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", ""}}, "h", "/", peer::stranger}), missing);   // nor is nonsense from them an error
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", "a"}, {"X-Tenant-ID", "b"}}, "h", "/", peer::stranger}), missing);
    EXPECT_EQ(answer(t, {}), missing);
}

TEST(Tenancy, ASpoofedHeaderDoesNotOvertakeTheVerifiedTenant)
{
    const tenancy t(with({by_header(), by_host("{tenant}.shop.example")}));
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", "victim"}}, "acme.shop.example", "/", peer::stranger}), "acme");
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", "proxied"}}, "acme.shop.example", "/", peer::trusted}), "proxied");
}

TEST(Tenancy, TwinsOfTheHeaderNameNobody)
{
    const tenancy t(with({by_header()}));
    EXPECT_EQ(answer(t, {{{"X_Tenant_ID", "evil"}}}), missing);
    EXPECT_EQ(answer(t, {{{"X_Tenant_ID", "evil"}, {"X-Tenant-ID", "acme"}, {"X-Tenant_ID", "evil"}}}), "acme");
}

TEST(Tenancy, TheFirstResolverThatYieldsOneWins)
{
    const tenancy t(with({by_header(), by_path("/t/{tenant}/"), by_host("{tenant}.shop.example"), none()}));
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", "h"}}, "d.shop.example", "/t/p/x"}), "h");
    EXPECT_EQ(answer(t, {{}, "d.shop.example", "/t/p/x"}), "p");
    EXPECT_EQ(answer(t, {{}, "d.shop.example", "/x"}), "d");
    EXPECT_EQ(answer(t, {{}, "shop.example", "/x"}), "default");
}

TEST(Tenancy, ABadValueEndsTheSearch)
{
    const tenancy t(with({by_header(), by_path("/t/{tenant}/"), by_host("{tenant}.shop.example"), none()}));
    EXPECT_EQ(answer(t, {{{"X-Tenant-ID", ""}}, "d.shop.example", "/t/p/x"}), bad);
    EXPECT_EQ(answer(t, {{}, "d.shop.example", "/t//x"}), bad);
    EXPECT_EQ(answer(t, {{}, ".shop.example", "/x"}), bad);
}

TEST(Tenancy, WhatIsMissingIsRefusedOrGoesPastTheCache)
{
    auto o = with({by_header()});
    EXPECT_EQ(answer(tenancy(o), {}), missing);
    o.on_missing = missing_rule::bypass;
    const tenancy lenient(o);
    EXPECT_EQ(answer(lenient, {}), "(bypass)");
    EXPECT_EQ(answer(lenient, {{{"X-Tenant-ID", "acme"}}}), "acme");
    EXPECT_EQ(answer(lenient, {{{"X-Tenant-ID", "a,b"}}}), bad);   // bad is not missing
}

// ---- hostile names ---------------------------------------------------------------------------------------------------

struct name_case {
    std::string name;
    bool good;
};

std::vector<name_case> names()
{
    std::vector<name_case> all{
        {"acme", true},
        {"a", true},
        {"A", true},
        {"0", true},
        {"a.b_c-D9", true},
        {std::string(128, 'x'), true},
        {"defaults", true},
        {"Default", true},
        {"default", false},               // reserved
        {std::string(129, 'x'), false},
        {std::string(4096, 'x'), false},
        {"", false},
        {" ", false},
        {"a b", false},
        {"a,b", false},
        {"a, b", false},
        {"a;b", false},
        {"a|b", false},
        {"a:b", false},
        {"a=b", false},
        {"a&b", false},
        {"a%62", false},
        {"a{b}", false},
        {"{tenant}", false},
        {"a*", false},
        {"a?", false},
        {"[a]", false},
        {"a\\b", false},
        {"a\"b", false},
        {"\"acme\"", false},
        {"a\tb", false},
        {"a\r\nb", false},
        {"a\0b"s, false},
        {"\0"s, false},
        {"\x7f", false},
        {"\xc3\xa4", false},              // UTF-8
        {"\xd0\xb0" "cme", false},        // a Cyrillic look-alike
        {"a\xff", false},
    };
    for (int c = 0; c < 256; ++c) {
        const char ch = static_cast<char>(c);
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        all.push_back({"x"s + ch + "y", good});
    }
    return all;
}

TEST(Tenancy, OnlyTheStrictAlphabetMakesATenantByHeader)
{
    const tenancy t(with({by_header()}));
    for (const auto& c : names()) {
        SCOPED_TRACE(testing::PrintToString(c.name));
        EXPECT_EQ(answer(t, {{{"X-Tenant-ID", c.name}}}), c.good ? c.name : bad);
        EXPECT_EQ(is_tenant_name(c.name), c.good || c.name == "default");
    }
}

TEST(Tenancy, OnlyTheStrictAlphabetMakesATenantByPath)
{
    const tenancy t(with({by_path("/t/{tenant}/")}));
    for (const auto& c : names()) {
        if (c.name.find('/') != c.name.npos) {
            continue;
        }
        SCOPED_TRACE(testing::PrintToString(c.name));
        EXPECT_EQ(answer(t, {{}, "h", "/t/" + c.name + "/x"}), c.good ? c.name : bad);
    }
}

TEST(Tenancy, OnlyTheStrictAlphabetMakesATenantByHost)
{
    const tenancy t(with({by_host("{tenant}.shop.example")}));
    for (const auto& c : names()) {
        if (c.name.find_first_of(".:") != c.name.npos) {
            continue;   // a dot begins another label, a colon the port
        }
        SCOPED_TRACE(testing::PrintToString(c.name));
        EXPECT_EQ(answer(t, {{}, c.name + ".shop.example", "/"}), c.good ? c.name : bad);
    }
}

TEST(Tenancy, TwoHeaderLinesAreRefusedHoweverAlike)
{
    const tenancy t(with({by_header(), none()}));
    for (const fields& lines : std::vector<fields>{
             {{"X-Tenant-ID", "a"}, {"X-Tenant-ID", "b"}},
             {{"X-Tenant-ID", "a"}, {"X-Tenant-ID", "a"}},
             {{"X-Tenant-ID", "a"}, {"x-tenant-id", "a"}},
             {{"X-Tenant-ID", ""}, {"X-Tenant-ID", "a"}},
             {{"X-Tenant-ID", "a"}, {"Accept", "*/*"}, {"X-Tenant-ID", ""}},
             {{"X-Tenant-ID", "a"}, {"X-Tenant-ID", "a"}, {"X-Tenant-ID", "a"}},
         }) {
        EXPECT_EQ(answer(t, {lines}), bad);
    }
}

// ---- host and path patterns ------------------------------------------------------------------------------------------

struct place_case {
    std::string pattern;
    std::string place;
    std::string expected;
};

TEST(Tenancy, HostPatternsFindOneLabel)
{
    const std::vector<place_case> cases{
        {"{tenant}.shop.example", "acme.shop.example", "acme"},
        {"{tenant}.shop.example", "acme.shop.example:8080", "acme"},
        {"{tenant}.Shop.EXAMPLE", "acme.shop.example", "acme"},
        {"{tenant}.shop.example", "shop.example", missing},
        {"{tenant}.shop.example", "acmeshop.example", missing},
        {"{tenant}.shop.example", "a.acme.shop.example", missing},
        {"{tenant}.shop.example", "acme.shop.example.evil", missing},
        {"{tenant}.shop.example", "default.shop.example", bad},
        {"{tenant}.shop.example", "[::1]:80", missing},
        {"{tenant}.shop.example", "", missing},
        {"app-{tenant}.shop.example", "app-acme.shop.example", "acme"},
        {"app-{tenant}.shop.example", "acme.shop.example", missing},
        {"app-{tenant}.shop.example", "app-.shop.example", bad},
        {"{tenant}-app.shop.example", "acme-app.shop.example", "acme"},
        {"{tenant}-app.shop.example", "x-app-app.shop.example", "x-app"},
        {"a-{tenant}-a", "a-a", missing},    // before and after may not overlap
        {"www.{tenant}", "www.acme", "acme"},
        {"www.{tenant}", "www.acme.example", missing},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.pattern + " and " + c.place);
        EXPECT_EQ(answer(tenancy(with({by_host(c.pattern)})), {{}, c.place, "/"}), c.expected);
    }
}

TEST(Tenancy, PathPatternsFindOneSegment)
{
    const std::vector<place_case> cases{
        {"/t/{tenant}/", "/t/acme/", "acme"},
        {"/t/{tenant}/", "/t/acme/x/y", "acme"},
        {"/t/{tenant}/", "/t/acme", "acme"},
        {"/t/{tenant}", "/t/acme/x", "acme"},
        {"/t/{tenant}/", "/T/acme/", missing},
        {"/t/{tenant}/", "/t", missing},
        {"/t/{tenant}/", "/t/", bad},
        {"/t/{tenant}/", "/t//", bad},
        {"/t/{tenant}/", "/t/default/x", bad},
        {"/t/{tenant}/", "/x/t/acme/", missing},
        {"/t/{tenant}/", "*", missing},
        {"/t/{tenant}/", "", missing},
        {"/{tenant}/", "/acme", "acme"},
        {"/{tenant}/", "/", bad},
        {"/{tenant}/v1/", "/acme/v1", "acme"},
        {"/{tenant}/v1/", "/acme/v1/x", "acme"},
        {"/{tenant}/v1/", "/acme/v10/x", missing},
        {"/{tenant}/v1/", "/acme/v2/v1/", missing},
        {"/{tenant}/v1/", "//v1/", bad},
        {"/t/{tenant}/", "/t/a%2Fb/", bad},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.pattern + " and " + c.place);
        EXPECT_EQ(answer(tenancy(with({by_path(c.pattern)})), {{}, "h", c.place}), c.expected);
    }
}

// ---- what is removed -------------------------------------------------------------------------------------------------

TEST(Tenancy, KnowsEveryFieldThatAnOriginMightTakeForTheTenant)
{
    auto o = with({by_header("X-Org"), by_host("{tenant}.shop.example")});
    const tenancy t(o);
    for (const auto name : {"X-Tenant-ID", "x-tenant-id", "X_Tenant_ID", "X-TENANT_id", "x.tenant~id", "X-Org", "x_org"}) {
        EXPECT_TRUE(t.is_tenant_header(name)) << name;
    }
    for (const auto name : {"", "X-Tenant", "X-Tenant-IDs", "XX-Tenant-ID", "XTenantID", "X-TenantxID", "Host", "X-Orga"}) {
        EXPECT_FALSE(t.is_tenant_header(name)) << name;
    }
    o.forward_header.clear();
    EXPECT_FALSE(tenancy(o).is_tenant_header("X-Tenant-ID"));
    EXPECT_TRUE(tenancy(o).is_tenant_header("X-Org"));
}

TEST(Tenancy, WithoutTenantsTheForwardedHeaderIsStillGuarded)
{
    EXPECT_TRUE(tenancy(tenancy_options{}).is_tenant_header("x-tenant-id"));
}

// ---- life times ------------------------------------------------------------------------------------------------------

TEST(Tenancy, TheTenantsTextLiesInTheRequest)
{
    const tenancy t(with({by_path("/t/{tenant}/")}));
    const std::string path = "/t/acme/x";
    const auto r = t.resolve({}, "h", path, false);
    ASSERT_TRUE(r);
    EXPECT_EQ(r->who().view().data(), path.data() + 3);

    const std::string copy = "acme";
    const auto kept = tenant_factory::rebind(r->who(), copy);
    EXPECT_EQ(kept, r->who());
    EXPECT_EQ(kept.view().data(), copy.data());
}

TEST(TenancyDeathTest, RebindingNeverChangesTheTenant)
{
    const tenancy t(tenancy_options{});
    const auto r = t.resolve({}, "h", "/", false);
    ASSERT_TRUE(r);
    EXPECT_DEATH(tenant_factory::rebind(r->who(), "other"), "");
}

// ---- options ---------------------------------------------------------------------------------------------------------

TEST(Tenancy, KindsAreKnownByName)
{
    for (const auto k : {resolver_kind::none, resolver_kind::header, resolver_kind::host, resolver_kind::path}) {
        EXPECT_EQ(resolver_kind_named(name_of(k)), k);
    }
    EXPECT_EQ(resolver_kind_named("Host"), std::nullopt);
    EXPECT_EQ(resolver_kind_named(""), std::nullopt);
}

TEST(Tenancy, SaysWhatIsWrongWithItsOptions)
{
    struct problem_case {
        tenancy_options options;
        const char* says;   // null: nothing
    };
    auto bad_forward = with({none()});
    bad_forward.forward_header = "X Tenant";
    auto reserved_forward = with({none()});
    reserved_forward.forward_header = "host";
    auto bad_attest = with({none()});
    bad_attest.attest_header = "X:Y";
    auto no_forward = with({none()});
    no_forward.forward_header.clear();

    const std::vector<problem_case> cases{
        {tenancy_options{}, nullptr},
        {no_forward, nullptr},
        {with({by_header(), by_host("{tenant}.x"), by_path("/{tenant}"), none()}), nullptr},
        {with({}), "at least one"},
        {with({none(), by_header()}), "resolvers[0]: kind none"},
        {with({by_header("")}), "resolvers[0]: name \"\" is not a field name"},
        {with({by_header("X Tenant")}), "is not a field name"},
        {with({by_header("X-Tenant\r\n")}), "is not a field name"},
        {with({by_header("Content-Length")}), "another meaning"},
        {with({by_header("Authorization")}), "another meaning"},
        {with({by_header(), by_host("")}), "resolvers[1]: pattern \"\" needs {tenant} exactly once"},
        {with({by_host("shop.example")}), "exactly once"},
        {with({by_host("{tenant}.{tenant}.example")}), "exactly once"},
        {with({by_host("{Tenant}.example")}), "exactly once"},
        {with({by_host("{tenant}.{x}.example")}), "exactly once"},
        {with({by_host("{tenant}")}), "any tenant"},
        {with({by_host("{tenant}.example:80")}), "no port"},
        {with({by_host("{tenant}.*.example")}), "may hold"},
        {with({by_host("{tenant}.example/")}), "may hold"},
        {with({by_host("{tenant}.example.")}), "dot"},
        {with({by_host(".{tenant}.example")}), "dot"},
        {with({by_path("/t/")}), "exactly once"},
        {with({by_path("t/{tenant}/")}), "whole segment"},
        {with({by_path("/t{tenant}/")}), "whole segment"},
        {with({by_path("/t/{tenant}x/")}), "whole segment"},
        {with({by_path("{tenant}")}), "whole segment"},
        {with({by_path("/*/{tenant}/")}), "literal text"},
        {with({by_path("/t/{tenant}/?a")}), "literal text"},
        {with({by_path("/%74/{tenant}/")}), "literal text"},
        {bad_forward, "forward_header \"X Tenant\""},
        {reserved_forward, "another meaning"},
        {bad_attest, "attest_header"},
    };
    for (const auto& c : cases) {
        const auto p = problem(c.options);
        ASSERT_EQ(p.has_value(), c.says != nullptr) << p.value_or("expected: "s + (c.says != nullptr ? c.says : ""));
        if (p) {
            EXPECT_NE(p->find(c.says), p->npos) << *p << " / " << c.says;
        }
    }
}

}  // namespace
}  // namespace tiercel::routing
