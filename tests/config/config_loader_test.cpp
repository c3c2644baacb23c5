#include "config/config_loader.hpp"

#include "config/config_print.hpp"
#include "config/load_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tiercel::config {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Loader, TheSmallestFileIsOneOriginAndOneRoute)
{
    const auto l = load_yaml("origins:\n"
                             "  shop:\n"
                             "    endpoints: [http://127.0.0.1:3000]\n"
                             "routes:\n"
                             "  - origin: shop\n");
    ASSERT_THAT(lines(l), IsEmpty());
    ASSERT_EQ(l.value.origins.at("shop").endpoints.size(), 1u);
    EXPECT_EQ(l.value.origins.at("shop").endpoints[0].url, "http://127.0.0.1:3000");
    EXPECT_EQ(l.value.origins.at("shop").endpoints[0].weight, 1u);
    ASSERT_EQ(l.value.routes.size(), 1u);
    EXPECT_EQ(l.value.routes[0].match.path, "/");
    EXPECT_EQ(l.value.routes[0].name, "all");
    EXPECT_EQ(l.value.server.listen.at(0).address, "0.0.0.0:8080");
}

TEST(Loader, TenMistakesMakeTenLinesInTheirOrder)
{
    const auto l = load_yaml("server:\n"                                              // 1
                             "  lisen: [0.0.0.0:80]\n"                                // 2
                             "  threads: many\n"                                      // 3
                             "  timeouts: { header: 10 }\n"                           // 4
                             "cache:\n"                                               // 5
                             "  l1: { max_bytes: 64MB, policy: s3fifo }\n"            // 6
                             "  admission: { min_uses: 2 }\n"                         // 7
                             "origins:\n"                                             // 8
                             "  shop:\n"                                              // 9
                             "    endpoints: [ { url: ftp://h, weight: 0 } ]\n"       // 10
                             "routes:\n"                                              // 11
                             "  - { origin: shpo, on_write: behind }\n"               // 12
                             "log: info\n");                                          // 13
    EXPECT_THAT(lines(l), ElementsAre(
        "t.yaml:2:3: server.lisen: is not a known key (did you mean listen?)",
        "t.yaml:3:12: server.threads: \"many\" must be a whole number",
        "t.yaml:4:23: server.timeouts.header: \"10\" must be a time with its unit, as in 250ms, 30s, 5m, 24h or 7d",
        "t.yaml:6:20: cache.l1.max_bytes: \"64MB\" must be a size, as in 64KiB, 1MiB or 4096",
        "t.yaml:6:34: cache.l1.policy: s3fifo is not available in this version",
        "t.yaml:7:3: cache.admission: is not available in this version",
        HasSubstr("t.yaml:10:25: origins.shop.endpoints[0].url: "),
        "t.yaml:10:42: origins.shop.endpoints[0].weight: \"0\" must be 1 to 1000",
        "t.yaml:12:15: routes[0].origin: there is no origin \"shpo\" (did you mean shop?)",
        HasSubstr("t.yaml:12:31: routes[0].on_write: behind is refused: a write has succeeded when the origin says so"),
        "t.yaml:13:6: log: must be keys with values, as in { key: value }"));
}

TEST(Loader, AnUnknownKeyGetsTheNearestNameOrItsProperPlace)
{
    struct {
        const char* yaml;
        const char* want;
    } const cases[] = {
        {"sever: {}\n", "t.yaml:3:1: sever: is not a known key (did you mean server?)"},
        {"server: { limits: { conections: 1 } }\n", "t.yaml:3:21: server.limits.conections: is not a known key (did you mean connections?)"},
        {"server: { Listen: [] }\n", "t.yaml:3:11: server.Listen: is not a known key (did you mean listen?)"},
        {"cache: { max_object: 1MiB }\n", "t.yaml:3:10: cache.max_object: is not a known key (did you mean cache.l1.max_object?)"},
        {"colour: red\n", "t.yaml:3:1: colour: is not a known key"},
        {"\"a\\nb\": red\n", "t.yaml:3:1: a\\x0ab: is not a known key"},
    };
    for (const auto& c : cases) {
        EXPECT_THAT(lines(load_yaml(with_minimal(c.yaml))), ElementsAre(c.want)) << c.yaml;
    }
}

TEST(Loader, SyntaxErrorsAreReportedAloneAndWithTheirPlace)
{
    struct {
        const char* yaml;
        const char* place;
    } const cases[] = {
        {"server: [\n", "t.yaml:2:1: "},
        {"server:\n\t- x\n", "t.yaml:2:1: is not YAML: a tab indents this line"},
        {"server: \x04{}\n", "t.yaml:1:9: "},
        {"a: b: c\n", "t.yaml:1:5: "},
        {"server: { threads: \"1 }\n", "t.yaml:"},
        {"a: *nobody\n", "t.yaml:1:4: "},
    };
    for (const auto& c : cases) {
        const auto l = load_yaml(c.yaml);
        ASSERT_EQ(l.problems.size(), 1u) << c.yaml;
        EXPECT_THAT(lines(l)[0], HasSubstr(c.place)) << c.yaml;
        EXPECT_THAT(lines(l)[0], HasSubstr("is not YAML")) << c.yaml;
    }
}

TEST(Loader, RefusesShapesThatDoNotFit)
{
    struct {
        const char* yaml;
        const char* want;
    } const cases[] = {
        {"server: 5\n", "t.yaml:3:9: server: must be keys with values, as in { key: value }"},
        {"server: { listen: 0.0.0.0:80 }\n", "t.yaml:3:19: server.listen: must be a list, as in [ a, b ]"},
        {"server: { threads: [1] }\n", "t.yaml:3:20: server.threads: must be a single value"},
        {"server: { threads: }\n", "t.yaml:3:11: server.threads: needs a value; write \"\" for an empty one"},
        {"server: { threads: ~ }\n", "t.yaml:3:11: server.threads: needs a value; write \"\" for an empty one"},
        {"server: { trusted_proxies: }\n", "t.yaml:3:11: server.trusted_proxies: must be a list, as in [ a, b ]"},
        {"server: { trusted_proxies: [ [10.0.0.0/8] ] }\n", "t.yaml:3:30: server.trusted_proxies[0]: must be a single value"},
        {"server: { listen: [ [] ] }\n", "t.yaml:3:21: server.listen[0]: must be keys with values, as in { key: value }"},
        {"server: { listen: [ {} ] }\n", "t.yaml:3:21: server.listen[0].address: is missing"},
        {"server: { listen: [] }\n", "t.yaml:3:19: server.listen: needs at least one address"},
        {"admin: { tokens: [ secret ] }\n", "t.yaml:3:20: admin.tokens[0]: must be keys with values, as in { key: value }"},
        {"server: { threads: 1, threads: 2 }\n", "t.yaml:3:23: server.threads: is given twice, first in line 3"},
        {"? [a]\n: b\n", "t.yaml:3:3: a key must be a plain word"},
        {"--- \nserver: {}\n", "only one document may stand in a file"},
    };
    for (const auto& c : cases) {
        const auto all = lines(load_yaml(with_minimal(c.yaml)));
        ASSERT_FALSE(all.empty()) << c.yaml;
        EXPECT_THAT(all[0], HasSubstr(c.want)) << c.yaml;
    }
    EXPECT_THAT(lines(load_yaml("[a]")), ElementsAre("t.yaml:1:1: the file must hold keys with values, as in server: { … }"));
}

TEST(Loader, AnEmptyFileLacksOriginsAndRoutes)
{
    for (const auto* text : {"", "# nothing\n", "---\n", "~\n"}) {
        const auto l = load_yaml(text);
        ASSERT_EQ(l.problems.size(), 2u) << text;
        EXPECT_EQ(l.problems[0].key, "origins") << text;
        EXPECT_EQ(l.problems[1].key, "routes") << text;
    }
    EXPECT_THAT(lines(load_yaml("origins: {}\nroutes: []\n")),
                ElementsAre("t.yaml:1:10: origins: needs at least one origin", "t.yaml:2:9: routes: needs at least one route"));
}

TEST(Loader, AGroupThatSaysNothingIsFine)
{
    EXPECT_THAT(lines(load_yaml(with_minimal("server:\ncache:\n  l1:\n"))), IsEmpty());
}

TEST(Loader, AnchorsAndAliasesWork)
{
    const auto l = load_yaml("origins:\n"
                             "  a: &one { endpoints: [http://127.0.0.1:1], retry: { max: 1 } }\n"
                             "  b: *one\n"
                             "routes:\n"
                             "  - { origin: a, match: { path: /a }, ttl: &short { default: 5s } }\n"
                             "  - { origin: b, match: { path: /b }, ttl: *short }\n");
    ASSERT_THAT(lines(l), IsEmpty());
    EXPECT_EQ(l.value.origins.at("b").retry.max, 1u);
    EXPECT_EQ(l.value.routes[1].caching.ttl.default_, 5s);
    EXPECT_THAT(lines(load_yaml("a: &x [ *x ]\n")), Contains(HasSubstr("an alias cannot stand inside what it names")));
}

TEST(Loader, ListsAndNamesReplaceTheDefault)
{
    const auto l = load_yaml(with_minimal("server: { listen: [ 127.0.0.1:1, { address: \"[::1]:2\" } ], trusted_proxies: [10.0.0.0/8] }\n"
                                          "tenancy: { resolvers: [ { kind: header, name: X-Shop }, { kind: none } ] }\n"));
    ASSERT_THAT(lines(l), IsEmpty());
    ASSERT_EQ(l.value.server.listen.size(), 2u);
    EXPECT_EQ(l.value.server.listen[1].address, "[::1]:2");
    ASSERT_EQ(l.value.tenancy.resolvers.size(), 2u);
    EXPECT_EQ(l.value.tenancy.resolvers[0].name, "X-Shop");
}

TEST(Loader, RoutesWithoutANameAreCalledAfterTheirPath)
{
    const auto l = load_yaml("origins: { o: { endpoints: [http://127.0.0.1:1] } }\n"
                             "routes:\n"
                             "  - { origin: o, match: { path: /api/v1/, methods: [GET] } }\n"
                             "  - { origin: o, match: { path: /api/v1 } }\n"
                             "  - { origin: o, match: { path: \"/**/*.css\" } }\n"
                             "  - { origin: o, name: all, match: { methods: [GET] } }\n"
                             "  - { origin: o }\n");
    ASSERT_THAT(lines(l), IsEmpty());
    std::vector<std::string> names;
    for (const auto& r : l.value.routes) {
        names.push_back(r.name);
    }
    EXPECT_THAT(names, ElementsAre("api-v1", "api-v1-2", ".css", "all", "all-2"));
}

TEST(Loader, RulesBetweenKeys)
{
    struct {
        const char* yaml;
        const char* want;
    } const cases[] = {
        {"admin: { listen: 0.0.0.0:9080 }\n", "t.yaml:3:18: admin.listen: is open to other machines"},
        {"admin: { tokens: [ { token: a, role: tenant } ] }\n", "t.yaml:3:20: admin.tokens[0].tenant: must name the tenant"},
        {"admin: { tokens: [ { token: a, tenant: t } ] }\n", "t.yaml:3:40: admin.tokens[0].tenant: has no meaning"},
        {"admin: { tokens: [ { token: a }, { token: a } ] }\n", "t.yaml:3:43: admin.tokens[1].token: is given twice"},
        {"server: { listen: [ 127.0.0.1:1, 127.0.0.1:1 ] }\n", "t.yaml:3:34: server.listen[1]: is taken by server.listen[0]"},
        {"server: { listen: [ 127.0.0.1:1, 0.0.0.0:1 ] }\n", "server.listen[1]: is taken by server.listen[0]"},
        {"server: { listen: [ 127.0.0.1:1 ] }\nadmin: { listen: localhost:1 }\n", "t.yaml:4:18: admin.listen: is taken by server.listen[0]"},
        {"tenancy: { resolvers: [ header, none ] }\n", "t.yaml:3:25: tenancy.resolvers[0]: never yields a tenant"},
        {"cache: { l1: { max_bytes: 1MiB, max_object: 2MiB } }\n", "t.yaml:3:45: cache.l1.max_object: is more than cache.l1.max_bytes"},
        {"cache: { l2: { kind: none, required: true } }\n", "t.yaml:3:38: cache.l2.required: has no meaning"},
        {"log: { file: a.log, access: { file: a.log } }\n", "t.yaml:3:37: log.access.file: is the file of log.file, too"},
        {"tenancy: { resolvers: [] }\n", "tenancy: "},
        {"tenancy: { resolvers: [ none, { kind: header } ] }\nserver: { trusted_proxies: [10.0.0.0/8] }\n", "tenancy: "},
        {"tenancy: { resolvers: [ { kind: host, pattern: nothing } ] }\n", "tenancy: "},
    };
    for (const auto& c : cases) {
        const auto all = lines(load_yaml(with_minimal(c.yaml)));
        ASSERT_EQ(all.size(), 1u) << c.yaml << testing::PrintToString(all);
        EXPECT_THAT(all[0], HasSubstr(c.want)) << c.yaml;
    }
    EXPECT_THAT(lines(load_yaml(with_minimal("admin: { listen: \"0.0.0.0:1\", tokens: [ { token: a } ] }\n"))), IsEmpty());
    EXPECT_THAT(lines(load_yaml(with_minimal("admin: { listen: \"unix:/run/x\" }\n"))), IsEmpty());
    EXPECT_THAT(lines(load_yaml(with_minimal("admin: { listen: \"\" }\n"))), IsEmpty());
    EXPECT_THAT(lines(load_yaml(with_minimal("server: { listen: [ 127.0.0.1:1, 127.0.0.2:1, \"[::1]:1\", 127.0.0.1:0, 127.0.0.1:0 ] }\n"))), IsEmpty());
    EXPECT_THAT(lines(load_yaml(with_minimal("server: { listen: [ \"unix:/run/x\" ] }\ntenancy: { resolvers: [ header ] }\n"))), IsEmpty())
        << "peers on a unix socket are trusted";
}

TEST(Loader, RulesBetweenTheKeysOfAnOriginAndOfARoute)
{
    const auto origin = [](const std::string& more) {
        return lines(load_yaml("origins: { o: { endpoints: [http://127.0.0.1:1], " + more + " } }\nroutes: [ { origin: o } ]\n"));
    };
    EXPECT_THAT(origin("breaker: { open: 6m }"), ElementsAre(HasSubstr("1:67: origins.o.breaker.open: is more than origins.o.breaker.max_open")));
    EXPECT_THAT(origin("breaker: { max_open: 1s }"), ElementsAre(HasSubstr("1:71: origins.o.breaker.max_open: is less than origins.o.breaker.open")));
    EXPECT_THAT(origin("retry: { base: 2s }"), ElementsAre(HasSubstr("origins.o.retry.base: is more than origins.o.retry.cap")));
    EXPECT_THAT(origin("limit: { max_inflight: 8 }"), IsEmpty()) << "a default is nobody's mistake";
    EXPECT_THAT(origin("limit: { max_inflight: 8, refill: 9 }"), ElementsAre(HasSubstr("origins.o.limit.max_inflight: is less than origins.o.limit.refill")));
    EXPECT_THAT(origin("limit: { max_inflight: 0 }"), IsEmpty());

    const auto routes = [](const std::string& list) {
        return lines(load_yaml("origins: { o: { endpoints: [http://127.0.0.1:1] } }\nroutes: [ " + list + " ]\n"));
    };
    EXPECT_THAT(routes("{ origin: o, name: a, match: { path: /a } }, { origin: o, name: a }"),
                ElementsAre(HasSubstr("2:75: routes[1].name: is the name of routes[0] already")));
    EXPECT_THAT(routes("{ name: a }"), ElementsAre("t.yaml:2:11: routes[0].origin: is missing"));
    EXPECT_THAT(routes("{ origin: x }"), ElementsAre(HasSubstr("routes[0].origin: there is no origin \"x\"")));
    EXPECT_THAT(routes("{ origin: o, match: { path: products } }"), ElementsAre(HasSubstr("2:39: routes[0].match.path: ")));
    EXPECT_THAT(routes("{ origin: o, match: { hosts: [\"a b\"] } }"), ElementsAre(HasSubstr("routes[0].match.hosts[0]: ")));
    for (const std::string protocol : {"h2c", "H2C", "HTTP/2.0", "TLS/1.0"}) {
        EXPECT_THAT(routes("{ origin: o, upgrade: [websocket, " + protocol + "] }"),
                    ElementsAre(HasSubstr("2:45: routes[0].upgrade[1]: \"" + protocol + "\" is never passed on")));
    }
    EXPECT_THAT(routes("{ origin: o, upgrade: [websocket, chat/2, h2x] }"), IsEmpty());
    EXPECT_THAT(routes("{ origin: o, ttl: { min: 8d } }"), ElementsAre(HasSubstr("routes[0].ttl.min: is more than routes[0].ttl.max")));
}

std::vector<std::string> lines_for_routes(const std::string& list)
{
    return lines(load_yaml("origins: { o: { endpoints: [http://127.0.0.1:1] } }\nroutes: [ " + list + " ]\n"));
}

TEST(Loader, NamesOfMethodsAreInCapitals)
{
    EXPECT_THAT(lines_for_routes("{ origin: o, match: { methods: [get] } }"),
                ElementsAre("t.yaml:2:43: routes[0].match.methods[0]: \"get\" names no method, since case matters (did you mean GET?)"));
    EXPECT_THAT(lines_for_routes("{ origin: o, match: { methods: [GET, Post] } }"), ElementsAre(HasSubstr("(did you mean POST?)")));
    EXPECT_THAT(lines_for_routes("{ origin: o, match: { methods: [TRACE] } }"), ElementsAre(HasSubstr("is refused before routes are looked at")));
    EXPECT_THAT(lines_for_routes("{ origin: o, match: { methods: [GET, PURGE, PROPFIND, M-SEARCH, x-own] } }"), IsEmpty());
    EXPECT_THAT(lines(load_yaml("origins: { o: { endpoints: [http://127.0.0.1:1], retry: { methods: [get] } } }\nroutes: [ { origin: o } ]\n")),
                ElementsAre(HasSubstr("origins.o.retry.methods[0]: \"get\" names no method")));
}

TEST(Loader, StarsStandAtTheEndOrNowhere)
{
    for (const std::string key : {"drop", "allow"}) {
        EXPECT_THAT(lines_for_routes("{ origin: o, key: { " + key + ": [\"*a\"] } }"), ElementsAre(HasSubstr("\"*a\" may have a * at its end only")));
        EXPECT_THAT(lines_for_routes("{ origin: o, key: { " + key + ": [\"a*b*\"] } }"), ElementsAre(HasSubstr("may have a * at its end only")));
        EXPECT_THAT(lines_for_routes("{ origin: o, key: { " + key + ": [a, utm_*, \"*\"] } }"), IsEmpty());
    }
    const auto rule = [](const std::string& on) {
        return lines(load_yaml(with_minimal("invalidation: { rules: [ { on: \"" + on + "\", invalidate: [ { tag: a } ] } ] }\n")));
    };
    EXPECT_THAT(rule("x*y"), ElementsAre(HasSubstr("3:32: invalidation.rules[0].on: \"x*y\" may have a * at its end only")));
    EXPECT_THAT(rule("x*"), IsEmpty());
}

TEST(Check, FeedsNeedAnOriginThatThereIsAndOneWayToSayWhoWeAre)
{
    const auto source = [](const std::string& keys) {
        const auto all = lines(load_yaml(with_minimal("invalidation: { sources: [ { label: a, " + keys + " } ] }\n")));
        return all.empty() ? std::string() : all.front();
    };
    const std::string feed = "kind: poll, origin: shop, path: /changes";
    EXPECT_EQ(source(feed), "");
    EXPECT_EQ(source(feed + ", auth: { token_file: /run/token }"), "");
    EXPECT_EQ(source(feed + ", auth: { origin: shop, path: /token, client_id: a, client_secret: b }"), "");
    EXPECT_THAT(source("kind: poll, origin: shop"), HasSubstr("needs a path"));
    EXPECT_THAT(source("kind: poll, path: /changes"), HasSubstr("needs an origin"));
    EXPECT_THAT(source("kind: poll, path: /changes, origin: shp"), HasSubstr("there is no origin \"shp\" (did you mean shop?)"));
    EXPECT_THAT(source("kind: poll, origin: shop, path: changes"), HasSubstr("must be a path that begins with /"));
    EXPECT_THAT(source(feed + ", auth: { token: a, token_file: b }"), HasSubstr("more than one of token, token_file and origin"));
    EXPECT_THAT(source(feed + ", auth: { client_id: a }"), HasSubstr("needs an origin, which gives tokens"));
    EXPECT_THAT(source(feed + ", auth: { origin: shop, path: /token, client_id: a }"), HasSubstr("needs a path, a client_id and a client_secret"));
    EXPECT_THAT(source(feed + ", auth: { token: \"a b\" }"), HasSubstr("must have no blanks"));
    EXPECT_THAT(source(feed + ", auth: { token: \"not shown\" }"), testing::Not(HasSubstr("not shown")));
}

TEST(Loader, ARouteThatAnEarlierOneHidesIsAMistake)
{
    EXPECT_THAT(lines_for_routes("{ origin: o }, { origin: o, match: { path: /a } }"),
                ElementsAre(HasSubstr("2:26: routes[1]: is never reached: routes[0] takes all of its requests")));
    EXPECT_THAT(lines_for_routes("{ origin: o, match: { path: /a } }, { origin: o }"), IsEmpty());
}

TEST(Loader, FieldsThatNoAnswerCanDependOnHaveNoPlaceInTheKey)
{
    for (const std::string name : {"Range", "if-none-match", "Connection", "TE", "Content-Length", "Forwarded", "X-Real-IP", "X_Forwarded_For"}) {
        EXPECT_THAT(lines_for_routes("{ origin: o, key: { headers: [X-Kind, " + name + "] } }"),
                    ElementsAre(HasSubstr("2:40: routes[0].key.headers: " + name + " ")));
    }
    EXPECT_THAT(lines_for_routes("{ origin: o, key: { headers: [X-Kind, Accept, Accept-Language, X-Forwarded-Proto] } }"), IsEmpty());
    EXPECT_THAT(lines_for_routes("{ origin: o, key: { query: none, allow: [a] } }"), ElementsAre(HasSubstr("routes[0].key.allow: lets nothing stay")));
}

std::vector<std::string> warnings(const loaded& l)
{
    std::vector<std::string> all;
    for (const auto& p : l.warnings) {
        all.push_back(to_text(p));
    }
    return all;
}

TEST(Loader, WarnsOfWhatHardlyAnybodyMeans)
{
    struct {
        const char* origin;
        const char* route;
        const char* more;
        const char* want;
    } const cases[] = {
        {"", "key: { query: none, drop: [a] }", "", "t.yaml:2:50: warning: routes[0].key.drop: has no effect"},
        {"", "key: { headers: [cookie] }", "", "t.yaml:2:40: warning: routes[0].key.headers: cookie as a whole"},
        {"", "key: { headers: [Authorization] }", "", "routes[0].key.headers: Authorization makes an answer for each credential"},
        {"", "key: { headers: [Accept-Encoding] }", "", "routes[0].key.headers: Accept-Encoding has no need"},
        {"", "key: { headers: [Host] }", "", "routes[0].key.headers: Host is in every key"},
        {"", "key: { headers: [X-Request-ID] }", "", "routes[0].key.headers: X-Request-ID differs for every request"},
        {"", "key: { headers: [x-tenant-id] }", "", "routes[0].key.headers: x-tenant-id names the tenant"},
        {"", "deadline: 5s, stampede: { max_wait: 6s }", "", "routes[0].stampede.max_wait: is more than the deadline of the route (5s)"},
        {"", "ttl: { default: 2h, max: 1h }", "", "routes[0].ttl.default: is more than ttl.max (1h)"},
        {"retry: { methods: [GET, POST, PUT] }", "", "", "origins.o.retry.methods: POST may be carried out twice"},
        {"", "", "log: { file: /no/such/folder/x.log }\n", "t.yaml:3:14: warning: log.file: there is no folder /no/such/folder"},
        {"", "", "log: { access: { file: /no/such/folder/x.log } }\n", "log.access.file: there is no folder /no/such/folder"},
        {"", "", "log: { file: / }\n", "log.file: / is a folder on this machine"},
        {"", "", "server: { listen: [ \"unix:/no/such/folder/x\" ] }\n", "server.listen[0]: there is no folder /no/such/folder"},
        {"", "", "admin: { listen: \"unix:/no/such/folder/x\" }\n", "admin.listen: there is no folder /no/such/folder"},
        {"", "", "cache: { l2: { url: redis://127.0.0.1 } }\ninvalidation: { sources: [ { label: f, kind: poll, origin: o, path: /f } ] }\n",
         "invalidation.sources[0].origin: serves routes, too"},
        {"", "", "cache: { l1: { max_bytes: 0 }, l2: { kind: none } }\n", "cache.l1.max_bytes: turns off the only tier"},
        {"", "", "admin: { listen: \"\", tokens: [ { token: a } ] }\n", "admin.tokens: has no effect"},
        {"", "", "invalidation: { repeat_after: 5s }\ncache: { l2: { kind: none } }\n", "invalidation.repeat_after: has no effect"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.want);
        const auto l = load_yaml("origins: { o: { endpoints: [http://127.0.0.1:1], " + std::string(c.origin) + " } }\nroutes: [ { origin: o, " + c.route +
                                 " } ]\n" + c.more);
        EXPECT_THAT(lines(l), IsEmpty());
        EXPECT_THAT(warnings(l), ElementsAre(HasSubstr(c.want)));
    }
}

TEST(Loader, DoesNotWarnOfDefaultsNorBesideMistakes)
{
    const auto warnings_for = [](const std::string& route) {
        return warnings(load_yaml("origins: { o: { endpoints: [http://127.0.0.1:1] } }\nroutes: [ { origin: o, " + route + " } ]\n"));
    };
    EXPECT_THAT(warnings_for("deadline: 5s"), IsEmpty()) << "the default of max_wait is longer";
    EXPECT_THAT(warnings_for("ttl: { max: 1h }"), IsEmpty());
    EXPECT_THAT(warnings_for("key: { query: none, drop: [a] }, mode: fast"), IsEmpty());
}

TEST(Loader, TemplatesOfEventsNameWhatEventsHave)
{
    const auto problems_with = [](const std::string& rule) {
        return lines(load_yaml("origins: { shop: { endpoints: [ \"http://127.0.0.1:1\" ] } }\n"
                               "routes: [ { name: all, match: { path: / }, origin: shop } ]\n"
                               "invalidation: { rules: [ { on: a, " + rule + " } ] }\n"));
    };
    EXPECT_TRUE(problems_with(R"(tenant: "{tenantid}", invalidate: [ { tag: "p-{data.items.id}" }, { url: "http://h/{subject}" } ])").empty());
    for (const std::string bad : {R"({ tag: "{projectId}" })", R"({ entity: "x/{data.id" })", R"({ url: "{data}" })", R"({ tag: "{}" })",
                                  R"({ tag: a, url: "http://h/" })", "{}"}) {
        EXPECT_EQ(problems_with("invalidate: [ " + bad + " ]").size(), 1u) << bad;
    }
    EXPECT_EQ(problems_with(R"(tenant: "{tenant}", invalidate: [ { tag: a } ])").size(), 1u);
}

TEST(Loader, WhatCanNeverBringAnEventOrFollowOneIsAMistake)
{
    const auto problems_with = [](const std::string& invalidation) {
        return lines(load_yaml("origins: { shop: { endpoints: [ \"http://127.0.0.1:1\" ] } }\n"
                               "routes: [ { name: all, match: { path: / }, origin: shop } ]\n"
                               "cache: { l2: { url: \"redis://127.0.0.1:1\" } }\n"
                               "invalidation: { " + invalidation + " }\n"));
    };
    const auto source = [&](const std::string& s) { return problems_with("sources: [ { " + s + " } ]"); };
    const auto rule = [&](const std::string& r) { return problems_with("rules: [ { " + r + " } ]"); };
    const std::string feed = "label: a, kind: poll, origin: shop, path: ";
    EXPECT_THAT(source(feed + "/c, stream: s"), ElementsAre(HasSubstr("sources[0].stream: has no meaning unless the kind is redis_stream")));
    EXPECT_THAT(source("label: a, kind: webhook, interval: 1s"), ElementsAre(HasSubstr("sources[0].interval: has no meaning unless the kind is poll")));
    EXPECT_THAT(source("label: a, stream: s, channel: c"), ElementsAre(HasSubstr("sources[0].channel: has no meaning")));
    EXPECT_THAT(source("label: api, kind: webhook"), ElementsAre(HasSubstr("sources[0].label: is the label of what POST /v1/events takes")));
    EXPECT_THAT(source("label: a, stream: \"tcl:{inv}:log\""), ElementsAre(HasSubstr("sources[0].stream: is among the names that Tiercel has")));
    EXPECT_THAT(source("label: a, stream: \"tcl:dlq\""), ElementsAre(HasSubstr("sources[0].stream: is among the names that Tiercel has")));
    EXPECT_THAT(source(feed + "\"/c?x=1&lastEventId=7\""), ElementsAre(HasSubstr("sources[0].path: has lastEventId in its query")));
    EXPECT_THAT(source(feed + "\"/c?from=7\", parameter: from"), ElementsAre(HasSubstr("sources[0].path: has from in its query")));
    EXPECT_THAT(source(feed + "\"/c?since=7\""), IsEmpty()) << "asked for by id";
    EXPECT_THAT(source(feed + "c"), ElementsAre(HasSubstr("sources[0].path: \"c\" must be a path")));
    EXPECT_THAT(rule("on: a, invalidate: [ { url: /x } ]"), ElementsAre(HasSubstr("rules[0].invalidate[0].url: must be http://host/path")));
    EXPECT_THAT(rule("on: a, invalidate: [ { entity: x } ]"), ElementsAre(HasSubstr("rules[0].invalidate[0].entity: must be type/id")));
    EXPECT_THAT(rule("on: a.v2, version: 1, invalidate: [ { tag: x } ]"),
                ElementsAre(HasSubstr("rules[0].version: is another one than that of the type, a.v2")));
    EXPECT_THAT(rule("on: a.v2, version: 2, invalidate: [ { url: \"{data.url}\" }, { entity: \"{data.ref}\" } ]"), IsEmpty());
}

TEST(Loader, NamesOfOriginsAreLimited)
{
    for (const auto* name : {"\"\"", "\"a b\"", "\"a/b\"", "\"{}\""}) {
        const auto l = load_yaml("origins: { " + std::string(name) + ": { endpoints: [http://127.0.0.1:1] } }\nroutes: [ { origin: a } ]\n");
        ASSERT_FALSE(l.ok()) << name;
        EXPECT_THAT(lines(l)[0], HasSubstr("a name has 1 to 64 letters")) << name;
    }
}

TEST(Loader, ReservedKeysAndChoicesAreToldFromTypingErrors)
{
    const auto l = load_yaml("tracing: { sample: 1 }\n"
                             "origins: { o: { endpoints: [http://127.0.0.1:1] } }\n"
                             "routes: [ { origin: o, compress: {}, key: { body: true } } ]\n"
                             "tenancy: { resolvers: [ { kind: jwt, keys: f } ] }\n");
    EXPECT_THAT(lines(l), ElementsAre("t.yaml:1:1: tracing: is not available in this version",
                                      "t.yaml:3:24: routes[0].compress: is not available in this version",
                                      "t.yaml:3:45: routes[0].key.body: is not available in this version",
                                      "t.yaml:4:33: tenancy.resolvers[0].kind: jwt is not available in this version",
                                      "t.yaml:4:38: tenancy.resolvers[0].keys: is not available in this version"));
}

TEST(Loader, ProblemsNeverRepeatSecrets)
{
    const auto l = load_yaml("admin: { tokens: [ { token: [s3cret] }, { token: \"s3cret\\u0007\" }, s3cret ] }\n"
                             "cache: { l2: { url: \"http://u:s3cret@h\", password: \"s3cret\\t\" } }\n"
                             "origins: { o: { endpoints: [ \"http://u:s3cret@h\", \"ftp://u:s3cret@h\" ] } }\n"
                             "routes: [ { origin: o } ]\n"
                             "server: { listen: [ \"redis://u:s3cret@h\" ] }\n");
    EXPECT_GE(l.problems.size(), 8u);
    for (const auto& line : lines(l)) {
        EXPECT_EQ(line.find("s3cret"), line.npos) << line;
    }
}

TEST(Loader, AProblemIsOneLineWhateverTheFileHolds)
{
    const auto l = load_yaml(with_minimal("server: { listen: [ \"a\\nb\" ], threads: \"1\\r\\n2\" }\n\"x\\ny\": 1\n"));
    EXPECT_EQ(l.problems.size(), 3u);
    for (const auto& line : lines(l)) {
        EXPECT_EQ(line.find_first_of("\r\n"), line.npos) << line;
    }
}

TEST(Loader, SurvivesTruncationsAndMutationsOfAValidFile)
{
    const auto whole = reference_text();
    for (std::size_t n = 0; n < whole.size(); n += 211) {
        load_yaml(std::string_view(whole).substr(0, n));
    }
    std::uint32_t random = 1;   // any sequence will do, as long as it is the same each time
    const auto next = [&] { return random = random * 1'664'525u + 1'013'904'223u, random >> 8; };
    constexpr std::string_view bytes = "{}[]:,-#&*!|>'\"%@`\n \t~?${}\0\xff";
    for (int round = 0; round < 400; ++round) {
        auto text = std::string(minimal) + "server: { listen: [ &a { address: \"${X:-[::]:1}\" } ] }\n";
        for (int i = 0; i < 3; ++i) {
            text[next() % text.size()] = bytes[next() % bytes.size()];
        }
        load_yaml(text);
    }
}

TEST(Loader, DeepNestingIsRefusedNotFollowed)
{
    for (const auto* piece : {"[", "{a: ", "- "}) {
        std::string text;
        for (int i = 0; i < 20'000; ++i) {
            text += piece;
        }
        EXPECT_FALSE(load_yaml(text).ok()) << piece;
    }
}

TEST(Loader, AFileThatCannotBeReadIsAProblemOfThatFile)
{
    EXPECT_THAT(lines(load("/nonexistent/t.yaml", no_environment())), ElementsAre("/nonexistent/t.yaml:1:1: does not exist"));
    EXPECT_THAT(lines(load("/", no_environment())), ElementsAre("/:1:1: is a folder, not a file"));
    EXPECT_THAT(lines(load("/dev/zero", no_environment())), ElementsAre("/dev/zero:1:1: is too large for a configuration"));
}

}  // namespace
}  // namespace tiercel::config
