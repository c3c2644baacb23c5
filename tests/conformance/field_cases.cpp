// Header fields (11), and what an answer says about itself (22).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

const char* const long_lived = "Cache-Control: max-age=3600";

void add_stored_fields(table& t)
{
    for (const char* field : {"Set-Cookie2: a=b", "Content-Encoding: x-unheard", "Content-Range: bytes 0-9/10", "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
                              "Clear-Site-Data: \"cache\"", "Public-Key-Pins: max-age=5", "X-Anything: at all", "Content-Security-Policy: default-src 'self'",
                              "Content-Type: text/plain; charset=ISO-8859-1", "Content-Language: tlh", "Link: </a>; rel=preload", "Server: Something/1.0",
                              "Strict-Transport-Security: max-age=5", "Warning: 214 - \"x\"", "Retry-After: 5", "Accept-Ranges: none",
                              "Trailer-Like: x", "WWW-Authenticate: Basic realm=\"a\"", "Alt-Svc: h2=\":443\"", "Allow: GET", "X-Empty: "}) {
        t.fresh("11.1", std::string("stored and sent: ") + field, {long_lived, field});
    }
    t.test("11.1", "Set-Cookie, where it is stored")
        .get().answered(long_lived, "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d").get().hit_if(t.full());

    t.fresh("11.2", "values keep their bytes", {long_lived, "X-A: a  b\t\"c,d\" ;=%41 \xc3\xa4\xff"});
    t.fresh("11.2", "lines of one name keep their order", {long_lived, "X-A: 1", "X-B: x", "X-A: 2", "X-A: 0"});
    t.fresh("11.2", "spellings of one name are one name", {long_lived, "X-A: 1", "x-a: 2"});
    t.test("11.2", "Set-Cookie lines are never joined").get().answered("Cache-Control: no-store", "Set-Cookie: a=b, c", "Set-Cookie: d=e");
    t.fresh("11.2", "many fields", [] {
        std::vector<std::string> many{long_lived};
        for (int i = 0; i < 60; ++i) { many.push_back("X-" + std::to_string(i) + ": " + std::string(100, 'v')); }
        return many;
    }());
}

void add_hop_by_hop(table& t)
{
    for (const char* field : {"Keep-Alive: timeout=5", "Proxy-Authenticate: Basic", "Proxy-Authentication-Info: x", "Proxy-Authorization: Basic x",
                              "Proxy-Connection: keep-alive", "TE: trailers", "Upgrade: foo/1"}) {
        const std::string name = std::string(field).substr(0, std::string(field).find(':'));
        t.test("11.3", name + " of an answer ends here").get().answered(long_lived, field).lacks(name).get().hit().lacks(name);
    }
    t.test("11.3", "fields that Connection names end here")
        .get().answered(long_lived, "Connection: a, b", "A: 1", "b: 2", "C: 3").lacks("A").lacks("B")
        .get().hit().lacks("A").lacks("B").gets("C: 3");
    t.test("11.3", "also with two lines of Connection")
        .get().answered(long_lived, "Connection: a", "Connection: B", "A: 1", "B: 2").lacks("A").lacks("B")
        .get().hit().lacks("A").lacks("B");
    t.test("11.3", "also in an answer that is not stored")
        .get().answered("Cache-Control: no-store", "Connection: a", "A: 1", "Keep-Alive: timeout=5").lacks("A");
    t.test("11.3", "also in a validated answer")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s)
        .get().confirmed("ETag: \"a\"", "Connection: a", "A: 1", "Keep-Alive: timeout=5").lacks("A").get().hit().lacks("A");
    t.test("11.3", "their presence does not hinder storing")
        .get().answered(long_lived, "Connection: a", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic", "Upgrade: x").get().hit();
    t.test("11.3", "fields of a request end here too")
        .get("Connection: a, b", "A: 1", "B: 2", "C: 3", "Keep-Alive: 5", "Proxy-Authorization: Basic x", "Proxy-Connection: keep-alive", "TE: trailers",
             "Upgrade: foo/1")
        .answered(long_lived).sees_not("A").sees_not("B").sees("C: 3").sees_not("Keep-Alive").sees_not("Proxy-Authorization")
        .sees_not("Proxy-Connection").sees_not("TE").sees_not("Upgrade");
    t.test("11.3", "chunks end here")
        .get().answered(long_lived).chunked().get().hit();

    t.test("11.4", "Connection: cache-control does not undo a no-store")
        .get().answered("Connection: cache-control", "Cache-Control: no-store").gets("Cache-Control: no-store")
        .get().refetched().gets("Cache-Control: no-store");
    t.test("11.4", "Connection: cache-control does not undo a lifetime")
        .get().answered("Connection: cache-control", "Cache-Control: max-age=60").gets("Cache-Control: max-age=60")
        .get().hit().gets("Cache-Control: max-age=60");
    t.test("11.4", "Connection: set-cookie does not undo the cookie")
        .get().answered("Connection: set-cookie", "Cache-Control: max-age=60", "Set-Cookie: a=b").gets("Set-Cookie: a=b")
        .get().hit_if(t.full()).gets("Set-Cookie: a=b");
    t.test("11.4", "Connection: vary does not undo Vary: *")
        .get().answered("Connection: vary", "Cache-Control: max-age=60", "Vary: *").gets("Vary: *").get().refetched().gets("Vary: *");
    t.test("11.4", "Connection: vary does not undo a selection")
        .get("Foo: 1").answered("Connection: vary", "Cache-Control: max-age=60", "Vary: Foo").gets("Vary: Foo")
        .get("Foo: 2").answered("Connection: vary", "Cache-Control: max-age=60", "Vary: Foo").gets("Vary: Foo");
    t.test("11.4", "Connection: age does not make young")
        .get().answered("Connection: age", "Cache-Control: max-age=60", "Age: 100").get().refetched();
    t.test("11.4", "Connection: expires does not undo a past Expires")
        .get().answered("Connection: expires", "Expires: {-60}", "Last-Modified: {-360000}").gets("Expires: {-60}")
        .get().refetched().gets("Expires: {-60}");
    t.test("11.4", "Connection: etag takes the tag away from clients, and from the store")
        .get().answered("Connection: etag", "Cache-Control: max-age=60", "ETag: \"a\"").lacks("ETag").get().hit().lacks("ETag");

    t.test("11.5", "Date and Expires stay").get().answered("Date: {-10}", "Expires: {+60}").get().hit();
    t.test("11.5", "an invalid Expires stays").get().answered("Expires: 0", "Cache-Control: max-age=60").get().hit().gets("Expires: 0");
    t.test("11.5", "an invalid Date stays").get().answered("Date: foo", "Cache-Control: max-age=60").get().hit().gets("Date: foo");
    t.test("11.5", "a missing Date is added to what is stored").get().answered(long_lived).dateless().gets("Date: {+0}").later(10s)
        .get().hit().gets("Date: {-10}");
    t.test("11.5", "a missing Date is added to what is not stored")
        .get().answered("Cache-Control: no-store", "X-A: b").dateless().gets("Date: {+0}").later(0s);
}

void add_what_is_said(table& t)
{
    t.test("22.1", "a miss and a hit")
        .get().answered(long_lived).says("fwd=uri-miss; stored").get().hit().says("hit; detail=l1");
    t.test("22.1", "a refusal to store says why").get().answered("Cache-Control: no-store").says("fwd=uri-miss; detail=no-store");
    t.test("22.1", "a refusal to store says why: private").get().answered("Cache-Control: private").says("fwd=uri-miss; detail=private");
    t.test("22.1", "a refusal to store says why: no lifetime").get().answered().says("fwd=uri-miss; detail=no-lifetime");
    t.test("22.1", "a refusal to store says why: Vary: *").get().answered(long_lived, "Vary: *").says("fwd=uri-miss; detail=vary-star");
    t.test("22.1", "a refusal to store says why: must-understand")
        .get().answered(299, "Cache-Control: must-understand, max-age=60").says("fwd=uri-miss; detail=must-understand");
    t.test("22.1", "a refusal to store says why: unreadable directives")
        .get().answered("Cache-Control: max-age=60, a=\"").says("fwd=uri-miss; detail=bad-directives");
    t.test("22.1", "a validation says stale")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s).get().confirmed("ETag: \"a\"").says("fwd=stale; stored");
    t.test("22.1", "a stored 404 says negative").get().answered(404).says("fwd=uri-miss; stored; detail=negative")
        .get().hit().says("hit; detail=negative");
    t.test("22.1", "a method that is not cached says so").request("POST").sending("x").answered().says("fwd=method; detail=method");
    t.test("22.1", "a 304 from the store is a hit").get().answered(long_lived, "ETag: \"a\"")
        .get("If-None-Match: \"a\"").not_modified().says("hit; detail=l1");
    t.test("22.1", "members of caches before us stay, and are stored")
        .get().answered(long_lived, "Cache-Status: inner; hit, \"Middle\"; fwd=miss").get().hit();
    t.test("22.1", "members of caches before us stay in a 304 from the store")
        .get().answered(long_lived, "ETag: \"a\"", "Cache-Status: inner; hit").get("If-None-Match: \"a\"").not_modified().of(1);
    t.test("22.1", "members of caches before us stay in what is not stored")
        .get().answered("Cache-Control: no-store", "Cache-Status: inner; hit");

    t.test("22.2", "Via goes to the origin").get().answered(long_lived).sees("Via: 1.1 tiercel");
    t.test("22.2", "behind those before us").get("Via: 1.0 first").answered(long_lived).sees("Via: 1.0 first, 1.1 tiercel");
    t.test("22.2", "and to the client, behind those of the origin's side").get().answered(long_lived, "Via: 1.1 inner").get().hit();
    t.test("22.2", "with the version of the answer")
        .get().answered_raw("HTTP/1.0 200 OK\r\nDate: {+0}\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok", true)
        .status(200).gets("Via: 1.0 tiercel").get().status(200).gets("Via: 1.0 tiercel").says("hit; detail=l1");
    t.test("22.2", "an unreachable origin is a problem document").origin_down().get().error(502).later(2s);
    t.test("22.2", "a malformed answer is a problem document").get().answered_raw("what?\r\n\r\n", true).error(502);
    t.test("22.2", "so is a malformed request").bytes("GET {path} HTTP/1.1\r\nHost: a b\r\n\r\n").error(400);
}

}  // namespace

void add_field_cases(table& t)
{
    add_stored_fields(t);
    add_hop_by_hop(t);
    add_what_is_said(t);
}

}  // namespace tiercel::conformance
