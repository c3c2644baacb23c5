// Key and Vary (10).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

const char* const long_lived = "Cache-Control: max-age=3600";

void add_keys(table& t)
{
    t.test("10.1", "host names match in any case")
        .get().host("Shop.TEST").answered(long_lived).get().host("shop.test").hit();
    t.test("10.1", "the default port is no port").get().host("shop.test:80").answered(long_lived).get().host("shop.test").hit();
    t.test("10.1", "another port is another host").get().host("shop.test:81").answered(long_lived).get().answered(long_lived);
    t.test("10.1", "another host is another key").get().answered(long_lived).get().host("other.test").answered(long_lived)
        .get().hit().of(1);
    t.test("10.1", "escapes of unreserved characters are decoded")
        .bytes("GET {path}/%61%7Eb HTTP/1.1\r\nHost: shop.test\r\n\r\n").answered(long_lived).get().at("/a~b").hit();
    t.test("10.1", "other escapes are in capitals")
        .bytes("GET {path}/a%2fb HTTP/1.1\r\nHost: shop.test\r\n\r\n").answered(long_lived)
        .bytes("GET {path}/a%2Fb HTTP/1.1\r\nHost: shop.test\r\n\r\n").hit();
    t.test("10.1", "an escaped slash is no slash")
        .bytes("GET {path}/a%2Fb HTTP/1.1\r\nHost: shop.test\r\n\r\n").answered(long_lived).get().at("/a/b").answered(long_lived);
    t.test("10.1", "paths differ by case").get().at("/a").answered(long_lived).get().at("/A").answered(long_lived);
    t.test("10.1", "an absolute target replaces Host")
        .bytes("GET http://shop.test{path} HTTP/1.1\r\nHost: other.test\r\n\r\n").answered(long_lived).sees("Host: shop.test").get().hit();
    t.test("10.1", "an empty path is /")
        .bytes("GET http://rootless.test HTTP/1.1\r\nHost: rootless.test\r\n\r\n").answered(long_lived)
        .bytes("GET / HTTP/1.1\r\nHost: rootless.test\r\n\r\n").hit();
    t.test("10.1", "no Host in HTTP/1.1 is 400").bytes("GET {path} HTTP/1.1\r\n\r\n").error(400);
    t.test("10.1", "two Hosts are 400").bytes("GET {path} HTTP/1.1\r\nHost: shop.test\r\nHost: shop.test\r\n\r\n").error(400);
    t.test("10.1", "a malformed Host is 400").bytes("GET {path} HTTP/1.1\r\nHost: sh op/test\r\n\r\n").error(400);

    t.test("10.2", "the query is part of the key")
        .get().at("?a=1").answered(long_lived).get().at("?a=2").answered(long_lived).get().at("?a=1").hit().of(1);
    t.test("10.2", "a URI with a query is cached like another").get().at("?a=b&c=d").answered(long_lived).get().at("?a=b&c=d").hit();
    t.test("10.2", "an empty query is not none").get().at("?").answered(long_lived).get().answered(long_lived);
    t.test("10.2", "the origin gets what was keyed")
        .bytes("GET {path}?b=2&a=1 HTTP/1.1\r\nHost: shop.test\r\n\r\n").answered(long_lived).get().at("?a=1&b=2").hit();
}

void add_selection(table& t)
{
    t.test("10.3", "an equal value matches")
        .get("Foo: 1").answered(long_lived, "Vary: Foo").get("Foo: 1").hit();
    t.test("10.3", "another value does not")
        .get("Foo: 1").answered(long_lived, "Vary: Foo").get("Foo: 2").answered(long_lived, "Vary: Foo");
    t.test("10.3", "absence matches absence only")
        .get().answered(long_lived, "Vary: Foo").get("Foo: 1").answered(long_lived, "Vary: Foo").get().hit().of(1);
    t.test("10.3", "a present field does not match absence")
        .get("Foo: 1").answered(long_lived, "Vary: Foo").get().answered(long_lived, "Vary: Foo").get("Foo: 1").hit().of(1);
    t.test("10.3", "empty is not absent")
        .get("Foo: ").answered(long_lived, "Vary: Foo").get().answered(long_lived, "Vary: Foo");
    t.test("10.3", "two fields select together")
        .get("Foo: 1", "Bar: a").answered(long_lived, "Vary: Foo, Bar").get("Foo: 1", "Bar: b").answered(long_lived, "Vary: Foo, Bar")
        .get("Bar: a", "Foo: 1").hit().of(1);
    t.test("10.3", "three fields select, in another order of Vary")
        .get("A: 1", "B: 2", "C: 3").answered(long_lived, "Vary: C, A, B").get("C: 3", "B: 2", "A: 1").hit();
    t.test("10.3", "one absent of two")
        .get("Foo: 1").answered(long_lived, "Vary: Foo, Bar").get("Foo: 1", "Bar: b").answered(long_lived, "Vary: Foo, Bar")
        .get("Foo: 1").hit().of(1);
    t.test("10.3", "fields that are not named do not count")
        .get("Foo: 1", "Bar: a").answered(long_lived, "Vary: Foo").get("Foo: 1", "Bar: b").hit();
    t.test("10.3", "names match in any case").get("Foo: 1").answered(long_lived, "Vary: foO").get("fOO: 1").hit();
    t.test("10.3", "values differ by case").get("Foo: a").answered(long_lived, "Vary: Foo").get("Foo: A").answered(long_lived, "Vary: Foo");
    t.test("10.3", "Vary: Cookie is not stored").get("Cookie: a=b").answered(long_lived, "Vary: Cookie").get("Cookie: a=b").refetched();
    t.test("10.3", "Vary: User-Agent is not stored")
        .get("User-Agent: x").answered(long_lived, "Vary: Accept, User-Agent").get("User-Agent: x").refetched();

    t.test("10.3", "Vary: Cookie, where the route allows it")
        .on("personal").get("Cookie: a=b").answered(long_lived, "Vary: Cookie").get("Cookie: a=b").hit()
        .get("Cookie: a=c").answered(long_lived, "Vary: Cookie");
    t.test("10.3", "Vary: User-Agent, where the route allows it")
        .on("personal").get("User-Agent: x").answered(long_lived, "Vary: User-Agent").get("User-Agent: x").hit();

    t.test("10.4", "variants stand side by side")
        .get("Foo: 1").answered(long_lived, "Vary: Foo").get("Foo: 2").answered(long_lived, "Vary: Foo")
        .get("Foo: 3").answered(long_lived, "Vary: Foo").get("Foo: 1").hit().of(1).get("Foo: 2").hit().of(2).get("Foo: 3").hit().of(3);
    t.test("10.4", "each under a Vary of its own")
        .get("Foo: 1", "Bar: a").answered(long_lived, "Vary: Foo").get("Foo: 2", "Bar: a").answered(long_lived, "Vary: Foo, Bar")
        .get("Foo: 1", "Bar: b").hit().of(1).get("Foo: 2", "Bar: a").hit().of(2)
        .get("Foo: 2", "Bar: b").answered(long_lived, "Vary: Foo, Bar");
    t.test("10.4", "of several that match the one with the latest Date")
        .get("Foo: 1", "Bar: a").answered(long_lived, "Vary: Foo", "Date: {-10}")
        .get("Foo: 2", "Bar: a").answered(long_lived, "Vary: Bar", "Date: {-5}")
        .get("Foo: 1", "Bar: a").hit().of(2);
    t.test("10.4", "the latest Date, not the latest arrival")
        .get("Foo: 1", "Bar: a").answered(long_lived, "Vary: Foo", "Date: {-5}")
        .get("Foo: 2", "Bar: a").answered(long_lived, "Vary: Bar", "Date: {-10}")
        .get("Foo: 1", "Bar: a").hit().of(1);
    t.test("10.4", "a variant says vary-miss while it is cold")
        .get("Foo: 1").answered(long_lived, "Vary: Foo").get("Foo: 2").answered(long_lived, "Vary: Foo").says("fwd=vary-miss; stored");
    t.test("10.4", "Vary that is gone from a later answer leaves the variants")
        .get("Foo: 1").answered("Cache-Control: max-age=5", "Vary: Foo").later(10s).get("Foo: 1").answered(long_lived).get("Foo: 1").hit();
}

void add_normal_forms(table& t)
{
    const auto same = [&](const char* name, const char* field, const char* first, const char* second) {
        t.test("10.5", name)
            .get(std::string(field) + ": " + first).answered(long_lived, std::string("Vary: ") + field)
            .get(std::string(field) + ": " + second).hit();
    };
    const auto different = [&](const char* name, const char* field, const char* first, const char* second) {
        t.test("10.5", name)
            .get(std::string(field) + ": " + first).answered(long_lived, std::string("Vary: ") + field)
            .get(std::string(field) + ": " + second).answered(long_lived, std::string("Vary: ") + field);
    };
    same("blanks around commas do not count", "Foo", "1,2", "1, 2");
    same("blanks at both ends do not count", "Foo", "1, 2", "  1 ,\t2 ");
    different("order counts", "Foo", "1,2", "2,1");
    different("a comma counts", "Foo", "1,2", "12");
    different("blanks within a member count", "Foo", "a b", "a  b");
    t.test("10.5", "two lines equal one")
        .get("Foo: 1", "Foo: 2").answered(long_lived, "Vary: Foo").get("Foo: 1, 2").hit();
    same("Accept-Language: case does not count", "Accept-Language", "en, DE", "EN, de");
    same("Accept-Language: order does not count at equal weight", "Accept-Language", "en, de", "de, en");
    same("Accept-Language: blanks do not count", "Accept-Language", "en;q=0.5, de", "en; q=0.5,de");
    same("Accept-Language: order does not count, weights stay with their languages", "Accept-Language", "en;q=0.5, de;q=0.8", "de;q=0.8, en;q=0.5");
    different("Accept-Language: weights count", "Accept-Language", "en;q=0.5, de", "en, de;q=0.5");
    different("Accept-Language: languages count", "Accept-Language", "en, de", "en, fr");
    same("Accept-Encoding: gzip among others", "Accept-Encoding", "gzip, deflate", "gzip");
    same("Accept-Encoding: by weight", "Accept-Encoding", "br;q=0.5, gzip;q=1.0", "gzip");
    different("Accept-Encoding: br is not gzip", "Accept-Encoding", "gzip", "br, gzip");
    different("Accept-Encoding: refused is not accepted", "Accept-Encoding", "gzip", "gzip;q=0");
    t.test("10.5", "Accept-Encoding goes to the origin as it is compared")
        .get("Accept-Encoding: deflate, gzip;q=0.8, zstd").answered(long_lived, "Vary: Accept-Encoding").sees("Accept-Encoding: gzip");

    t.test("10.5", "Accept-Language, cut down to what the route knows")
        .on("languages").get("Accept-Language: en-GB, fr").answered(long_lived, "Vary: Accept-Language").sees("Accept-Language: en")
        .get("Accept-Language: nl, en;q=0.5, de;q=0.3").hit();
    t.test("10.5", "Accept-Language, cut down to another one")
        .on("languages").get("Accept-Language: en").answered(long_lived, "Vary: Accept-Language")
        .get("Accept-Language: de, en;q=0.5").answered(long_lived, "Vary: Accept-Language").sees("Accept-Language: de");

    const auto never = [&](const char* name, std::vector<std::string> vary) {
        vary.emplace_back(long_lived);
        t.not_reused("10.6", name, vary);
    };
    never("*", {"Vary: *"});
    never("*, *", {"Vary: *, *"});
    never("an empty member and *", {"Vary: , *"});
    never("* before a name", {"Vary: *, Foo"});
    never("* behind a name", {"Vary: Foo, *"});
    never("* with blanks", {"Vary:  \t* "});
    never("* on a second line", {"Vary: Foo", "Vary: *"});
    never("* behind an empty line", {"Vary: ", "Vary: *"});
    t.test("10.6", "two lines select like one")
        .get("Foo: 1", "Bar: a").answered(long_lived, "Vary: Foo", "Vary: Bar")
        .get("Foo: 1", "Bar: b").answered(long_lived, "Vary: Foo", "Vary: Bar")
        .get("Foo: 1", "Bar: a").hit().of(1);
    t.test("10.6", "empty members do not count").get("Foo: 1").answered(long_lived, "Vary: , Foo,, ").get("Foo: 1").hit();
    t.test("10.6", "an empty Vary selects by nothing").get("Foo: 1").answered(long_lived, "Vary: ").get("Foo: 2").hit();

    t.test("10.7", "Content-Language selects nothing")
        .get("Accept-Language: en").answered(long_lived, "Vary: Accept-Language", "Content-Language: de")
        .get("Accept-Language: de").answered(long_lived, "Vary: Accept-Language", "Content-Language: de")
        .get("Accept-Language: en").hit().of(1);
    t.test("10.7", "a field that Connection takes away does not select")
        .get("Foo: 1", "Connection: foo").answered(long_lived, "Vary: Foo").sees_not("Foo").get().hit();
}

}  // namespace

void add_key_cases(table& t)
{
    add_keys(t);
    add_selection(t);
    add_normal_forms(t);
}

}  // namespace tiercel::conformance
