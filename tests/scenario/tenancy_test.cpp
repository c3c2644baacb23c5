#include "scenario.hpp"

namespace tiercel::test {
namespace {

// An origin that says for whom it answered.
origin_page& telling_tenant(scenario& s, const std::string& target)
{
    auto& page = s.origin().page(target);
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}}, "for " + r.header("X-Tenant-ID").value_or("nobody"));
    });
    return page;
}

constexpr std::string_view by_header = R"(
tenancy: { resolvers: [ { kind: header, name: X-Tenant-ID } ] }
server: { trusted_proxies: [ 127.0.0.0/8 ] }
)";

TEST(Tenancy, WithoutResolversEverythingBelongsToOne)
{
    scenario s;
    telling_tenant(s, "/a");
    s.start();
    s.get("/a").expect_body("for default");
    s.get("/a", {{"X-Tenant-ID", "other"}}).expect_body("for default").expect_cache("hit; detail=l1");
}

TEST(Tenancy, TenantsFromATrustedHeaderShareNothing)
{
    scenario s;
    s.configure(by_header);
    auto& page = telling_tenant(s, "/a");
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        for (const std::string tenant : {"one", "two", "One"}) {
            s.get("/a", {{"X-Tenant-ID", tenant}}).expect_body("for " + tenant).expect_cache(cache);
        }
    }
    EXPECT_EQ(page.requests(), 3);
    s.expect_metric(2, "tenant_requests_total", {{"tenant", "one"}});
}

TEST(Tenancy, AHeaderFromElsewhereIsNotBelieved)
{
    scenario s;
    s.configure("{ tenancy: { resolvers: [ { kind: header, name: X-Tenant-ID } ] }, server: { trusted_proxies: [ 10.0.0.0/8 ] } }");
    telling_tenant(s, "/a");
    s.start();
    s.get("/a", {{"X-Tenant-ID", "one"}}).expect_problem(401, "tenant_missing");
    EXPECT_EQ(s.origin().requests(), 0);
}

TEST(Tenancy, AForgedHeaderDoesNotReachTheOrigin)
{
    scenario s;
    s.configure(R"({ tenancy: { resolvers: [ { kind: host, pattern: "{tenant}.shop.test" } ] } })");
    auto& page = telling_tenant(s, "/a");
    s.start();
    s.get("/a", {{"Host", "one.shop.test"}, {"X-Tenant-ID", "two"}, {"x-tenant-id", "three"}}).expect_body("for one");
    ASSERT_EQ(page.requests(), 1);
    EXPECT_EQ(page.received()[0].headers("X-Tenant-ID"), std::vector<std::string>({"one"}));
}

TEST(Tenancy, MissingOrMalformedTenantsAreRefusedBeforeAnythingElse)
{
    scenario s;
    s.configure(by_header);
    telling_tenant(s, "/a");
    s.start();
    s.get("/a").expect_problem(401, "tenant_missing");
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("../x"), std::string(300, 'x'), std::string("a,b")}) {
        SCOPED_TRACE(bad);
        s.get("/a", {{"X-Tenant-ID", bad}}).expect_problem(400, "bad_tenant");
    }
    s.get("/a", {{"X-Tenant-ID", "one"}, {"X-Tenant-ID", "two"}}).expect_problem(400, "bad_tenant");
    EXPECT_EQ(s.origin().requests(), 0);
}

TEST(Tenancy, MissingTenantsMayBePassedOn)
{
    scenario s;
    s.configure(by_header).set("tenancy.on_missing", "bypass");
    auto& page = telling_tenant(s, "/a");
    s.start();
    s.get("/a").expect_body("for nobody").expect_cache("fwd=bypass; detail=tenant");
    s.get("/a").expect_body("for nobody").expect_cache("fwd=bypass; detail=tenant");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Tenancy, TenantsFromTheHostShareNothing)
{
    scenario s;
    s.configure(R"({ tenancy: { resolvers: [ { kind: host, pattern: "{tenant}.shop.test" } ] } })");
    telling_tenant(s, "/a");
    s.start();
    for (const std::string_view cache : {"fwd=uri-miss; stored", "hit; detail=l1"}) {
        s.get("/a", {{"Host", "one.shop.test"}}).expect_body("for one").expect_cache(cache);
        s.get("/a", {{"Host", "two.shop.test"}}).expect_body("for two").expect_cache(cache);
    }
    s.get("/a", {{"Host", "ONE.Shop.Test"}}).expect_body("for one").expect_cache("hit; detail=l1");
    s.get("/a", {{"Host", "shop.test"}}).expect_problem(401, "tenant_missing");
    s.get("/a", {{"Host", "a.b.shop.test"}}).expect_problem(401, "tenant_missing");
}

TEST(Tenancy, TenantsFromThePathShareNothing)
{
    scenario s;
    s.configure(R"({ tenancy: { resolvers: [ { kind: path, pattern: "/t/{tenant}/" } ] } })");
    for (const std::string target : {"/t/one/a", "/t/two/a"}) {
        telling_tenant(s, target);
    }
    s.start();
    s.get("/t/one/a").expect_body("for one").expect_cache("fwd=uri-miss; stored");
    s.get("/t/two/a").expect_body("for two").expect_cache("fwd=uri-miss; stored");
    s.get("/t/one/a").expect_body("for one").expect_cache("hit; detail=l1");
    s.get("/t/%6Fne/a").expect_body("for one").expect_cache("hit; detail=l1");   // by the canonical path
    s.get("/other").expect_problem(401, "tenant_missing");
}

TEST(Tenancy, TheFirstResolverThatYieldsATenantWins)
{
    scenario s;
    s.configure(R"({ server: { trusted_proxies: [ 127.0.0.0/8 ] },
                     tenancy: { resolvers: [ { kind: header, name: X-Tenant-ID }, { kind: host, pattern: "{tenant}.shop.test" }, none ] } })");
    telling_tenant(s, "/a");
    s.start();
    s.get("/a", {{"Host", "one.shop.test"}, {"X-Tenant-ID", "two"}}).expect_body("for two");
    s.get("/a", {{"Host", "one.shop.test"}}).expect_body("for one");
    s.get("/a", {{"Host", "shop.test"}}).expect_body("for default");
}

TEST(Tenancy, WaitersOfAnotherTenantFetchForThemselves)
{
    scenario s;
    s.configure(by_header);
    auto& page = telling_tenant(s, "/a");
    page.hold();
    s.start();
    auto one = s.begin_get("/a", {{"X-Tenant-ID", "one"}});
    auto two = s.begin_get("/a", {{"X-Tenant-ID", "two"}});
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    one.get().expect_body("for one");
    two.get().expect_body("for two");
}

}  // namespace
}  // namespace tiercel::test
