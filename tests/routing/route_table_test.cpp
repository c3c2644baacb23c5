#include "routing/route_table.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tiercel::routing {
namespace {

route make_route(std::string name, match_rule match)
{
    route r;
    r.name = std::move(name);
    r.match = std::move(match);
    r.origin = "shop";
    return r;
}

std::string_view name_or_none(const route* r) { return r != nullptr ? std::string_view(r->name) : "none"; }

struct match_case {
    const char* host;
    const char* path;
    const char* method;
    const char* route;
};

TEST(RouteTable, TheFirstRouteThatMatchesWins)
{
    std::vector<route> routes;
    routes.push_back(make_route("admin", {{"admin.example"}, "/", {}}));
    routes.push_back(make_route("api-write", {{"API.Example", "*.api.example"}, "/v1", {"POST", "PUT"}}));
    routes.push_back(make_route("api-read", {{"api.example", "*.api.example"}, "/v1/", {"GET"}}));
    routes.push_back(make_route("v6", {{"[2001:DB8::1]"}, "/", {}}));
    routes.push_back(make_route("styles", {{}, "/**/*.css", {}}));
    routes.push_back(make_route("products", {{}, "/products/", {}}));
    routes.push_back(make_route("late", {{}, "/products/late", {}}));
    const route_table table(std::move(routes));

    const match_case cases[] = {
        {"admin.example", "/products/1", "GET", "admin"},
        {"admin.example:8443", "/", "DELETE", "admin"},
        {"xadmin.example", "/", "GET", "none"},
        {"sub.admin.example", "/", "GET", "none"},
        {"api.example", "/v1/x", "GET", "api-read"},
        {"api.example", "/v1/x", "HEAD", "api-read"},
        {"api.example", "/v1/x", "POST", "api-write"},
        {"api.example", "/v1", "PUT", "api-write"},
        {"api.example", "/v1/x", "DELETE", "none"},
        {"api.example", "/v1/x", "get", "none"},
        {"api.example", "/v1/x", "", "none"},
        {"api.example", "/v10/x", "POST", "none"},
        {"eu.api.example", "/v1/x", "GET", "api-read"},
        {"a.b.api.example:81", "/v1/x", "GET", "api-read"},
        {".api.example", "/v1/x", "GET", "none"},
        {"xapi.example", "/v1/x", "GET", "none"},
        {"api.example.evil", "/v1/x", "GET", "none"},
        {"[2001:db8::1]", "/x", "GET", "v6"},
        {"[2001:db8::1]:8080", "/x", "GET", "v6"},
        {"[2001:db8::2]", "/x", "GET", "none"},
        {"any", "/products/a/b.css", "GET", "styles"},
        {"any", "/products/late", "GET", "products"},
        {"", "/products/1", "GET", "products"},
        {"any", "/", "GET", "none"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.method) + " " + c.host + c.path);
        EXPECT_EQ(name_or_none(table.match(c.host, c.path, c.method)), c.route);
    }
}

TEST(RouteTable, OneRouteForEverythingTakesEverything)
{
    std::vector<route> routes{make_route("all", {})};
    const route_table table(std::move(routes));
    EXPECT_EQ(table.match("h", "/", "GET"), &table.routes()[0]);
    EXPECT_EQ(table.match("", "/a//b/", "BREW"), &table.routes()[0]);
    EXPECT_EQ(table.match("[::1]", "*", "OPTIONS"), &table.routes()[0]);
}

TEST(RouteTable, AnEmptyTableMatchesNothingAndServesNobody)
{
    const route_table table({});
    EXPECT_EQ(table.match("h", "/", "GET"), nullptr);
    EXPECT_FALSE(table.serves("h"));
}

TEST(RouteTable, KnowsForWhichHostsItIsThere)
{
    std::vector<route> closed{make_route("a", {{"a.example"}, "/x", {"GET"}}), make_route("b", {{"*.b.example"}, "/", {}})};
    const route_table table(closed);
    EXPECT_TRUE(table.serves("a.example"));
    EXPECT_TRUE(table.serves("a.example:8080"));
    EXPECT_TRUE(table.serves("x.b.example"));
    EXPECT_FALSE(table.serves("b.example"));
    EXPECT_FALSE(table.serves("evil.example"));
    EXPECT_FALSE(table.serves(""));

    closed.push_back(make_route("any", {{}, "/y", {}}));
    EXPECT_TRUE(route_table(closed).serves("evil.example"));
}

TEST(RouteTable, RoutesStartWithTheDocumentedDefaults)
{
    using namespace std::chrono_literals;
    const route r;
    EXPECT_EQ(r.mode, route_mode::cache);
    EXPECT_EQ(r.on_write, write_rule::invalidate);
    EXPECT_EQ(r.deadline, 30s);
    EXPECT_TRUE(r.stampede.coalesce);
    EXPECT_EQ(r.stampede.max_wait, 10s);
    EXPECT_EQ(r.stampede.max_waiters, 10'000u);
    EXPECT_EQ(r.stampede.on_timeout, wait_rule::stale);
    EXPECT_EQ(r.stampede.error_memo, 1s);
    EXPECT_EQ(r.stampede.mark_ttl, 120s);
}

struct problem_case {
    const char* what;
    void (*change)(route&);
    const char* says;
};

match_rule on_path(std::string path)
{
    match_rule m;
    m.path = std::move(path);
    return m;
}

match_rule on_hosts(std::vector<std::string> hosts)
{
    match_rule m;
    m.hosts = std::move(hosts);
    return m;
}

match_rule by_methods(std::vector<std::string> methods)
{
    match_rule m;
    m.methods = std::move(methods);
    return m;
}

TEST(RouteTable, TellsWhichRouteHidesAnother)
{
    struct {
        match_rule earlier;
        match_rule later;
        bool hidden;
    } const cases[] = {
        {{}, {}, true},
        {on_path("/a"), on_path("/a/b"), true},
        {on_path("/a/b"), on_path("/a"), false},
        {on_hosts({"a.test"}), {}, false},
        {{}, on_hosts({"a.test"}), true},
        {on_hosts({"A.test", "b.test"}), on_hosts({"a.test"}), true},
        {on_hosts({"a.test"}), on_hosts({"a.test", "b.test"}), false},
        {on_hosts({"*.test"}), on_hosts({"a.b.test", "*.c.test", "*.test"}), true},
        {on_hosts({"*.test"}), on_hosts({"test"}), false},
        {on_hosts({"a.test"}), on_hosts({"*.a.test"}), false},
        {by_methods({"GET"}), {}, false},
        {by_methods({"GET"}), by_methods({"HEAD"}), true},
        {by_methods({"HEAD"}), by_methods({"GET"}), false},
        {by_methods({"GET", "POST"}), by_methods({"POST"}), true},
        {by_methods({"GET"}), by_methods({"GET", "POST"}), false},
    };
    for (const auto& c : cases) {
        std::vector<route> routes(2);
        routes[0].match = c.earlier;
        routes[1].match = c.later;
        EXPECT_EQ(first_that_covers(routes, 1), c.hidden ? std::optional<std::size_t>(0) : std::nullopt) << &c - cases;
        EXPECT_EQ(first_that_covers(routes, 0), std::nullopt);
    }
}

TEST(RouteTable, SaysWhatIsWrongWithTheRoutes)
{
    const problem_case cases[] = {
        {"no name", [](route& r) { r.name.clear(); }, "routes[1]: needs a name"},
        {"name twice", [](route& r) { r.name = "first"; }, "route \"first\": another one"},
        {"path", [](route& r) { r.match.path = "x"; }, "match.path: path \"x\" must begin"},
        {"empty path", [](route& r) { r.match.path = ""; }, "match.path"},
        {"method", [](route& r) { r.match.methods = {"GET "}; }, "match.methods"},
        {"no method", [](route& r) { r.match.methods = {""}; }, "match.methods"},
        {"header", [](route& r) { r.key.headers = {"X-A", "X B"}; }, "key.headers: \"X B\""},
        {"cookie", [](route& r) { r.key.cookies = {"a=b"}; }, "key.cookies"},
        {"personal cookie", [](route& r) { r.stampede.personal_cookies = {";"}; }, "stampede.personal_cookies"},
        {"no host", [](route& r) { r.match.hosts = {""}; }, "match.hosts: host \"\" is empty"},
        {"star alone", [](route& r) { r.match.hosts = {"*"}; }, "at its beginning only"},
        {"star below nothing", [](route& r) { r.match.hosts = {"*."}; }, "is empty"},
        {"star inside", [](route& r) { r.match.hosts = {"a.*.example"}; }, "at its beginning only"},
        {"star in a label", [](route& r) { r.match.hosts = {"*a.example"}; }, "at its beginning only"},
        {"two stars", [](route& r) { r.match.hosts = {"*.*.example"}; }, "at its beginning only"},
        {"port", [](route& r) { r.match.hosts = {"a.example:80"}; }, "without port"},
        {"port behind IPv6", [](route& r) { r.match.hosts = {"[::1]:80"}; }, "not an IPv6 address"},
        {"IPv6 without brackets", [](route& r) { r.match.hosts = {"::1"}; }, "without port"},
        {"bracket left open", [](route& r) { r.match.hosts = {"[::1"}; }, "not an IPv6 address"},
        {"only a bracket", [](route& r) { r.match.hosts = {"["}; }, "not an IPv6 address"},
        {"trailing dot", [](route& r) { r.match.hosts = {"a.example."}; }, "empty label"},
        {"leading dot", [](route& r) { r.match.hosts = {".example"}; }, "empty label"},
        {"two dots", [](route& r) { r.match.hosts = {"a..b"}; }, "empty label"},
        {"scheme", [](route& r) { r.match.hosts = {"http://a"}; }, "host \"http://a\""},
        {"slash", [](route& r) { r.match.hosts = {"a/b"}; }, "character"},
    };
    std::vector<route> routes{make_route("first", {}), make_route("second", {{"*.A_b.example", "[::1]"}, "/a/**", {"M-SEARCH"}})};
    EXPECT_EQ(problem(routes), std::nullopt);
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        auto changed = routes;
        c.change(changed[1]);
        const auto p = problem(changed);
        ASSERT_TRUE(p);
        EXPECT_NE(p->find(c.says), p->npos) << *p;
    }
}

}  // namespace
}  // namespace tiercel::routing
