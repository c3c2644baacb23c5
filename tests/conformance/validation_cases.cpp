// Validation and update by 304 (14), update by HEAD (15).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

const char* const brief = "Cache-Control: max-age=5";

void add_validation(table& t)
{
    t.test("14.1", "a strong tag, verbatim").get().answered(brief, "ETag: \"a b,c\"").later(10s)
        .get().confirmed("ETag: \"a b,c\"").sees("If-None-Match: \"a b,c\"");
    t.test("14.1", "a weak tag, verbatim").get().answered(brief, "ETag: W/\"a\"").later(10s)
        .get().confirmed("ETag: W/\"a\"").sees("If-None-Match: W/\"a\"");
    t.test("14.1", "a tag without quotes, verbatim").get().answered(brief, "ETag: abc").later(10s)
        .get().confirmed("ETag: abc").sees("If-None-Match: abc");
    t.test("14.1", "Last-Modified, verbatim")
        .get().answered(brief, "Last-Modified: Tuesday, 15-Nov-94 12:45:26 GMT").later(10s)
        .get().confirmed().sees("If-Modified-Since: Tuesday, 15-Nov-94 12:45:26 GMT");
    t.test("14.1", "both").get().answered(brief, "ETag: \"a\"", "Last-Modified: {-60}").later(10s).get().confirmed("ETag: \"a\"");
    t.test("14.1", "the selecting fields go along")
        .get("Foo: 1").answered(brief, "ETag: \"a\"", "Vary: Foo").later(10s).get("Foo: 1").confirmed("ETag: \"a\"").sees("Foo: 1");
    t.test("14.1", "the client's own condition does not")
        .get().answered(brief, "ETag: \"a\"").later(10s).get("If-None-Match: \"x\"").confirmed("ETag: \"a\"").sees("If-None-Match: \"a\"");

    t.test("14.2", "fields of a 304 replace stored ones, for this client and later ones")
        .get().answered(brief, "ETag: \"a\"", "X-A: 1", "X-B: 1").later(10s)
        .get().confirmed("ETag: \"a\"", "Cache-Control: max-age=100", "X-A: 2").gets("X-A: 2").gets("X-B: 1")
        .later(50s).get().hit().gets("X-A: 2").gets("X-B: 1").gets("Cache-Control: max-age=100");
    t.test("14.2", "all lines of one name are replaced")
        .get().answered(brief, "ETag: \"a\"", "X-A: 1", "X-A: 2").later(10s).get().confirmed("ETag: \"a\"", "X-A: 3").gets("X-A: 3")
        .get().hit().gets("X-A: 3");
    t.test("14.2", "several lines replace one")
        .get().answered(brief, "ETag: \"a\"", "X-A: 1").later(10s).get().confirmed("ETag: \"a\"", "X-A: 2", "X-A: 3").gets("X-A: 2, 3")
        .get().hit();
    t.test("14.2", "new fields come in").get().answered(brief, "ETag: \"a\"").later(10s)
        .get().confirmed("ETag: \"a\"", "X-New: 1").gets("X-New: 1").get().hit();
    t.test("14.2", "the new lifetime counts")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"", "Cache-Control: max-age=20").later(15s).get().hit()
        .later(10s)
        .get().confirmed("ETag: \"a\"");
    t.test("14.2", "the old lifetime begins anew where the 304 has none")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"").later(4s).get().hit().later(2s)
        .get().confirmed("ETag: \"a\"");
    t.test("14.2", "a 304 may take the lifetime away")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"", "Cache-Control: no-cache")
        .get().confirmed("ETag: \"a\"");
    t.test("14.2", "a 304 with no-store: the whole is fetched instead, and nothing stays")
        .get().answered(brief, "ETag: \"a\"").later(10s)
        .get().answered(304, "ETag: \"a\"", "Cache-Control: no-store").answered("Cache-Control: no-store", "ETag: \"a\"").any_conditions()
        .get().answered(brief, "ETag: \"b\"").sees_not("If-None-Match");
    t.test("14.2", "Expires of a 304 counts")
        .get().answered("Expires: {+5}", "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"", "Expires: {+60}").later(50s).get().hit();
    t.test("14.2", "a 304 may change Vary")
        .get("Foo: 1").answered(brief, "ETag: \"a\"").later(10s)
        .get("Foo: 1").confirmed("ETag: \"a\"", "Vary: Foo", "Cache-Control: max-age=60")
        .get("Foo: 1").hit().get("Foo: 2").answered("Cache-Control: max-age=60", "Vary: Foo", "ETag: \"b\"");
    t.test("14.2", "one variant is updated, the other stays")
        .get("Foo: 1").answered(brief, "ETag: \"a\"", "Vary: Foo")
        .get("Foo: 2").answered("Cache-Control: max-age=60", "ETag: \"b\"", "Vary: Foo").later(10s)
        .get("Foo: 1").confirmed("ETag: \"a\"", "X-A: 2").of(1).get("Foo: 2").hit().of(2);
    t.test("14.2", "a targeted field of a 304 counts")
        .get().answered("CDN-Cache-Control: max-age=5", "ETag: \"a\"").later(10s)
        .get().confirmed("ETag: \"a\"", "CDN-Cache-Control: max-age=60").later(30s).get().hit();

    t.test("14.3", "the age begins anew")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"").later(3s).get().hit().age(3);
    t.test("14.3", "a stored Age goes")
        .get().answered(brief, "ETag: \"a\"", "Age: 3").later(10s).get().confirmed("ETag: \"a\"").later(1s).get().hit().age(1);
    t.test("14.3", "an Age of the 304 counts")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"", "Cache-Control: max-age=60", "Age: 30").later(1s)
        .get().hit().age(31);

    t.test("14.4", "Content-Type is taken over")
        .get().answered(brief, "ETag: \"a\"", "Content-Type: text/plain").later(10s)
        .get().confirmed("ETag: \"a\"", "Content-Type: text/html").gets("Content-Type: text/html")
        .get().hit().gets("Content-Type: text/html");
    t.test("14.4", "Content-Encoding is taken over")
        .get().answered(brief, "ETag: \"a\"", "Content-Encoding: x").later(10s).get().confirmed("ETag: \"a\"", "Content-Encoding: y")
        .get().hit().gets("Content-Encoding: y");
    t.test("14.4", "Content-Length is not")
        .get().answered(brief, "ETag: \"a\"").content("0123456789").later(10s)
        .get().confirmed("ETag: \"a\"", "Content-Length: 5").gets("Content-Length: 10")
        .get().hit().gets("Content-Length: 10");
    t.test("14.4", "Content-Range is not")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"", "Content-Range: bytes 0-4/5").lacks("Content-Range")
        .get().hit().lacks("Content-Range");
    t.test("14.4", "fields that end here are not")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"", "Connection: x-a", "X-A: 1", "Upgrade: x")
        .lacks("X-A").lacks("Upgrade")
        .get().hit().lacks("X-A").lacks("Upgrade");
    t.test("14.4", "fields of private=\"…\" are not")
        .get().answered(brief, "ETag: \"a\"").later(10s)
        .get().confirmed("ETag: \"a\"", "Cache-Control: max-age=60, private=\"x-a\"", "X-A: 1").get().hit().lacks("X-A");

    if (t.full()) {
        t.test("14.5", "Set-Cookie of a 304")
            .get().answered(brief, "ETag: \"a\"", "Set-Cookie: a=1").later(10s)
            .get().confirmed("ETag: \"a\"", "Set-Cookie: a=2").gets("Set-Cookie: a=2")
            .get().hit().gets("Set-Cookie: a=2");
    } else {
        t.test("14.5", "Set-Cookie of a 304")
            .get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"", "Set-Cookie: a=2").gets("Set-Cookie: a=2")
            .get().hit().lacks("Set-Cookie");
    }

    t.test("14.6", "another strong tag updates nothing: the whole is fetched")
        .get().answered(brief, "ETag: \"a\"").later(10s)
        .get().answered(304, "ETag: \"b\"").answered("Cache-Control: max-age=60", "ETag: \"b\"").any_conditions().get().hit().of(2);
    t.test("14.6", "another weak tag updates nothing")
        .get().answered(brief, "ETag: W/\"a\"").later(10s)
        .get().answered(304, "ETag: W/\"b\"").answered("Cache-Control: max-age=60", "ETag: \"b\"").any_conditions().get().hit().of(2);
    t.test("14.6", "another time updates nothing")
        .get().answered(brief, "Last-Modified: {-3600}").later(10s)
        .get().answered(304, "Last-Modified: {-60}").answered("Cache-Control: max-age=60", "ETag: \"b\"").any_conditions()
        .get().hit().of(2);
    t.test("14.6", "the weak form of a strong tag confirms").get().answered(brief, "ETag: \"a\"").later(10s)
        .get().confirmed("ETag: W/\"a\"");
    t.test("14.6", "no validator in the 304 confirms").get().answered(brief, "ETag: \"a\"").later(10s).get().confirmed("X-A: 1")
        .get().hit();
    t.test("14.6", "the time alone confirms")
        .get().answered(brief, "ETag: \"a\"", "Last-Modified: {-3610}").later(10s).get().confirmed("Last-Modified: {-3620}");

    t.test("14.7", "a full answer with another tag replaces")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().answered("Cache-Control: max-age=60", "ETag: \"b\"").validating()
        .get().hit().of(2);
    t.test("14.7", "a full answer with the same tag replaces")
        .get().answered(brief, "ETag: \"a\"", "X-A: 1").later(10s).get().answered("Cache-Control: max-age=60", "ETag: \"a\"").validating()
        .get().hit().of(2).lacks("X-A");
    t.test("14.7", "a full answer without a tag replaces")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().answered("Cache-Control: max-age=60").validating().get().hit().of(2);
    t.test("14.7", "one that may not be stored removes")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().answered("Cache-Control: no-store").validating()
        .get().answered(brief, "ETag: \"b\"").sees_not("If-None-Match");
    t.test("14.7", "a 404 replaces")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().answered(404, "Cache-Control: max-age=60").validating().get().hit().of(2);
    t.test("14.7", "a 500 does not replace, though it is passed on")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().answered(500).validating().later(2s).get().confirmed("ETag: \"a\"").of(1);
    t.test("14.7", "a 503 with a lifetime does not replace what is stored")
        .get().answered(brief, "ETag: \"a\"").later(10s).get().answered(503, "Cache-Control: max-age=1").validating().later(2s)
        .get().confirmed("ETag: \"a\"").of(1);

    t.test("15.1", "HEAD that agrees updates")
        .get().answered(brief, "ETag: \"a\"", "X-A: 1").content("0123456789").later(10s)
        .head().answered("Cache-Control: max-age=60", "ETag: \"a\"", "X-A: 2").content("0123456789").any_conditions()
        .get().hit().of(1).gets("X-A: 2").gets("Cache-Control: max-age=60").gets("ETag: \"a\"").gets("Date: {+0}");
    t.test("15.1", "HEAD with another tag makes stale")
        .get().answered("Cache-Control: max-age=60", "ETag: \"a\"").later(61s)
        .head().answered("Cache-Control: max-age=60", "ETag: \"b\"").any_conditions()
        .get().answered("Cache-Control: max-age=60", "ETag: \"b\"").validating().of(1);
    t.test("15.1", "HEAD with another length makes stale")
        .get().answered(brief, "ETag: \"a\"").content("0123456789").later(10s)
        .head().answered("Cache-Control: max-age=60", "ETag: \"a\"").content("01234").any_conditions()
        .get().answered("Cache-Control: max-age=60", "ETag: \"a\"").validating().of(1);
    t.test("15.1", "HEAD with another time makes stale")
        .get().answered(brief, "Last-Modified: {-3600}").later(10s)
        .head().answered("Cache-Control: max-age=60", "Last-Modified: {-60}").any_conditions()
        .get().answered("Cache-Control: max-age=60").validating().of(1);
    t.test("15.1", "HEAD that says 410 changes nothing")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=1", "ETag: \"a\"").later(10s)
        .head().answered(410).any_conditions().get().confirmed("ETag: \"a\"").of(1);
    t.test("15.1", "HEAD that says 503 changes nothing")
        .get().answered(brief, "ETag: \"a\"").later(10s).head().answered(503).any_conditions().later(2s)
        .get().confirmed("ETag: \"a\"").of(1);
}

}  // namespace

void add_validation_cases(table& t)
{
    add_validation(t);
}

}  // namespace tiercel::conformance
