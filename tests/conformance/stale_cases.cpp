// Stale answers (16), invalidation (17).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

// Without a validator, what may not be served stale is of no use after its end, and may be gone at any time.
constexpr const char* kept = "ETag: \"a\"";

void add_unreachable(table& t)
{
    t.test("16.1", "an unreachable origin: the stale answer")
        .get().answered("Cache-Control: max-age=5").later(10s).origin_down().get().stale().age(10).says("fwd=stale; detail=sie");
    t.test("16.1", "for an hour after its end")
        .get().answered("Cache-Control: max-age=5").later(3600s).origin_down().get().stale();
    t.test("16.1", "and not longer").get().answered("Cache-Control: max-age=5").later(3606s).origin_down().get().error(502);
    t.test("16.1", "an origin that hangs up without an answer")
        .get().answered("Cache-Control: max-age=5").later(10s).get().unanswered().stale();
    t.test("16.1", "what has only a heuristic lifetime, too").get().answered("Last-Modified: {-100}").later(20s).origin_down()
        .get().stale();
    t.test("16.1", "Expires, too").get().answered("Expires: {+5}").later(20s).origin_down().get().stale();
    t.test("16.1", "a client's condition is evaluated against it")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s).origin_down().get("If-None-Match: \"a\"").not_modified();
    t.test("16.1", "HEAD gets it as well").get().answered("Cache-Control: max-age=5").later(10s).origin_down().head().stale();
    t.test("16.1", "with nothing stored it is an error").origin_down().get().error(502);

    for (const char* value : {"max-age=5, must-revalidate", "max-age=5, proxy-revalidate", "s-maxage=5", "max-age=5, s-maxage=5, stale-if-error=60",
                              "max-age=5, must-revalidate, stale-if-error=60", "max-age=5, must-revalidate, stale-while-revalidate=60"}) {
        t.test("16.2", std::string("never stale, 504: ") + value)
            .get().answered(std::string("Cache-Control: ") + value, kept).later(10s).origin_down().get().error(504);
    }
    t.test("16.2", "no-cache and an unreachable origin")
        .get().answered("Cache-Control: no-cache, max-age=60, stale-if-error=60", "ETag: \"a\"").origin_down().get().error(504);
    t.test("16.2", "no-cache and a failing origin")
        .get().answered("Cache-Control: no-cache, max-age=60, stale-if-error=60", "ETag: \"a\"").get().answered(503).validating();
    for (const char* value : {"max-age=5, must-revalidate, stale-if-error=60", "s-maxage=5, stale-if-error=60",
                              "max-age=5, proxy-revalidate, stale-if-error=60"}) {
        t.test("16.2", std::string("stale-if-error does not help: ") + value)
            .get().answered(std::string("Cache-Control: ") + value).later(10s).get().answered(503);
    }
    for (const char* value : {"max-age=5, must-revalidate, stale-while-revalidate=60", "s-maxage=5, stale-while-revalidate=60",
                              "max-age=5, proxy-revalidate, stale-while-revalidate=60"}) {
        t.test("16.2", std::string("stale-while-revalidate does not help: ") + value)
            .get().answered(std::string("Cache-Control: ") + value).later(10s).get().answered(std::string("Cache-Control: ") + value);
    }
    t.test("16.2", "no-cache with fields does not forbid it")
        .get().answered("Cache-Control: no-cache=\"x-a\", max-age=5", "X-A: 1").later(10s).origin_down().get().stale().lacks("X-A");

    t.test("16.3", "without stale.with_s_maxage the answer's own window does not count beside s-maxage")
        .get().answered("Cache-Control: s-maxage=5, stale-while-revalidate=60, stale-if-error=60").later(10s).get().answered(503);
    t.test("16.3", "with it the answer's own windows do: swr")
        .on("stale-s-maxage").get().answered("Cache-Control: s-maxage=5, stale-while-revalidate=30").later(10s)
        .get().answered("Cache-Control: max-age=60").in_background().stale().of(1);
    t.test("16.3", "with it the answer's own windows do: sie")
        .on("stale-s-maxage").get().answered("Cache-Control: s-maxage=5, stale-if-error=30").later(10s).get().answered(503).stale().of(1);
    t.test("16.3", "but never those of the route").on("stale-s-maxage").get().answered("Cache-Control: s-maxage=5").later(10s)
        .get().answered(503);
    t.test("16.3", "nor its window for an unreachable origin")
        .on("stale-s-maxage").get().answered("Cache-Control: s-maxage=5", kept).later(10s).origin_down().get().error(504);
    t.test("16.3", "one window does not bring the other: swr alone")
        .on("stale-s-maxage").get().answered("Cache-Control: s-maxage=5, stale-while-revalidate=5").later(20s).get().answered(503);
    t.test("16.3", "never against must-revalidate")
        .on("stale-s-maxage").get().answered("Cache-Control: s-maxage=5, must-revalidate, stale-if-error=30").later(10s)
        .get().answered(503);
}

void add_windows(table& t)
{
    t.test("16.4", "the route's window, where the answer has none")
        .on("windows").get().answered("Cache-Control: max-age=5").later(64s)
        .get().answered("Cache-Control: max-age=60").in_background().stale().of(1);
    t.test("16.4", "and not longer").on("windows").get().answered("Cache-Control: max-age=5").later(66s)
        .get().answered("Cache-Control: max-age=60");
    t.test("16.6", "the route's window, where the answer has none")
        .on("windows").get().answered("Cache-Control: max-age=5").later(104s).get().answered(503).stale().of(1);
    t.test("16.6", "and not longer").on("windows").get().answered("Cache-Control: max-age=5").later(106s).get().answered(503);
    t.test("16.7", "stale-while-revalidate of the answer overrules the route's")
        .on("windows").get().answered("Cache-Control: max-age=5, stale-while-revalidate=10").later(20s)
        .get().answered("Cache-Control: max-age=60");
    t.test("16.7", "stale-while-revalidate=0 overrules the route's")
        .on("windows").get().answered("Cache-Control: max-age=5, stale-while-revalidate=0").later(6s)
        .get().answered("Cache-Control: max-age=60");
    t.test("16.7", "stale-if-error of the answer overrules the route's")
        .on("windows").get().answered("Cache-Control: max-age=5, stale-while-revalidate=0, stale-if-error=10").later(20s)
        .get().answered(503);
    t.test("16.7", "stale-if-error=0 overrules the route's")
        .on("windows").get().answered("Cache-Control: max-age=5, stale-while-revalidate=0, stale-if-error=0").later(6s).get().answered(503);
    t.test("16.7", "stale.if_unreachable: 0s leaves the window for errors")
        .on("windows").get().answered("Cache-Control: max-age=5").later(104s).origin_down().get().stale();
    t.test("16.7", "stale.if_unreachable: 0s, and no window for errors")
        .on("windows").get().answered("Cache-Control: max-age=5").later(106s).origin_down().get().error(502);

    t.test("16.4", "within the window the store answers at once, one validation behind it")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60").later(10s)
        .get().answered("Cache-Control: max-age=60").in_background().stale().of(1).age(10).says("hit; detail=swr")
        .get().hit().of(2);
    t.test("16.4", "the validation is one")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60", "ETag: \"a\"").later(10s)
        .get().answered(304, "ETag: \"a\"", "Cache-Control: max-age=60").in_background().validating().stale().of(1)
        .gets("Cache-Control: max-age=5, stale-while-revalidate=60")
        .get().hit().gets("Cache-Control: max-age=60").age(0);
    t.test("16.4", "after the window the client waits")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60").later(66s).get().answered("Cache-Control: max-age=5");
    t.test("16.4", "at the last moment it still counts")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60").later(64s)
        .get().answered("Cache-Control: max-age=60").in_background().stale().of(1);
    t.test("16.4", "a 304 for the client from what is stale")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60", "ETag: \"a\"").later(10s)
        .get("If-None-Match: \"a\"").answered(200, "Cache-Control: max-age=60", "ETag: \"b\"").in_background().validating()
        .not_modified().of(1);

    t.test("16.5", "a full answer that says no-cache replaces")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60", "ETag: \"a\"").later(10s)
        .get().answered("Cache-Control: no-cache", "ETag: \"b\"").in_background().validating().stale().of(1)
        .get().confirmed("ETag: \"b\"").of(2);
    t.test("16.5", "one that may not be stored removes")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60", "ETag: \"a\"").later(10s)
        .get().answered("Cache-Control: no-store").in_background().validating().stale().of(1)
        .get().answered("Cache-Control: max-age=60").sees_not("If-None-Match");
    t.test("16.5", "a 500 keeps the entry")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60").later(10s)
        .get().answered(500).in_background().stale().of(1).later(2s)
        .get().answered("Cache-Control: max-age=60").in_background().stale().of(1);
    t.test("16.5", "no answer keeps the entry")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60").later(10s)
        .get().unanswered().in_background().stale().of(1).later(2s)
        .get().answered("Cache-Control: max-age=60").in_background().stale().of(1);
    t.test("16.5", "a 404 replaces")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60").later(10s)
        .get().answered(404, "Cache-Control: max-age=60").in_background().stale().of(1).get().hit().of(2);

    for (const int status : {500, 502, 503, 504}) {
        t.test("16.6", "within the window, instead of " + std::to_string(status))
            .get().answered("Cache-Control: max-age=5, stale-if-error=60").later(10s)
            .get().answered(status).stale().of(1).age(10).says("fwd=stale; detail=sie");
        t.test("16.6", "after the window " + std::to_string(status) + " is passed on")
            .get().answered("Cache-Control: max-age=5, stale-if-error=60").later(66s).get().answered(status);
        t.test("16.6", "without a window " + std::to_string(status) + " is passed on")
            .get().answered("Cache-Control: max-age=5").later(10s).get().answered(status);
    }
    for (const int status : {400, 404, 409, 501, 505}) {
        t.test("16.6", "not instead of " + std::to_string(status))
            .get().answered("Cache-Control: max-age=5, stale-if-error=60").later(10s).get().answered(status, "Cache-Control: no-store");
    }
    t.test("16.6", "within the window, for an unreachable origin")
        .get().answered("Cache-Control: max-age=5, stale-if-error=60").later(10s).origin_down().get().stale();
    t.test("16.6", "within the window, for a malformed answer")
        .get().answered("Cache-Control: max-age=5, stale-if-error=60").later(10s).get().answered_raw("what?\r\n\r\n", true).stale();
    t.test("16.6", "to a validation that fails")
        .get().answered("Cache-Control: max-age=5, stale-if-error=60", "ETag: \"a\"").later(10s)
        .get().answered(503).validating().stale().of(1);
    t.test("16.6", "the answer recovers")
        .get().answered("Cache-Control: max-age=5, stale-if-error=60").later(10s).get().answered(503).stale().of(1).later(2s)
        .get().answered("Cache-Control: max-age=60").get().hit().of(3);

    t.test("16.7", "stale-if-error=0 switches off, for an unreachable origin too")
        .get().answered("Cache-Control: max-age=5, stale-if-error=0").later(10s).origin_down().get().error(502);
    t.test("16.7", "a stale-if-error of the answer is the window for an unreachable origin")
        .get().answered("Cache-Control: max-age=5, stale-if-error=20").later(30s).origin_down().get().error(502);
    t.test("16.7", "and may be longer than the route's")
        .get().answered("Cache-Control: max-age=5, stale-if-error=100000").later(50000s).origin_down().get().stale();
    t.test("16.7", "stale-while-revalidate=0 is none")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=0").later(6s).get().answered("Cache-Control: max-age=5");
    t.test("16.7", "an invalid window is none")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=abc, stale-if-error=abc").later(6s).get().answered(503);
    t.test("16.7", "no Warning is made")
        .get().answered("Cache-Control: max-age=5").later(10s).origin_down().get().stale().lacks("Warning");
}

void add_invalidation(table& t)
{
    const char* const fresh = "Cache-Control: max-age=3600";
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "BREW"}) {
        t.test("17.1", std::string("a 200 to ") + method + " invalidates")
            .get().answered(fresh).request(method).sending("x").answered().get().answered(fresh);
        t.test("17.1", std::string("a 500 to ") + method + " does not")
            .get().answered(fresh).request(method).sending("x").answered(500).get().hit().of(1);
    }
    for (const int status : {201, 204, 299, 301, 303, 399}) {
        t.test("17.1", "a " + std::to_string(status) + " to POST invalidates")
            .get().answered(fresh).request("POST").sending("x").answered(status).get().answered(fresh);
    }
    for (const int status : {400, 403, 404, 409, 412, 503}) {
        t.test("17.1", "a " + std::to_string(status) + " to POST does not")
            .get().answered(fresh).request("POST").sending("x").answered(status).get().hit().of(1);
    }
    for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
        script& s = t.test("17.1", std::string(method) + " invalidates nothing").get().answered(fresh).request(method);
        std::string(method) == "OPTIONS" ? s.answered() : s.hit();
        s.get().hit().of(1);
    }
    t.test("17.1", "all variants")
        .get("Foo: 1").answered(fresh, "Vary: Foo").get("Foo: 2").answered(fresh, "Vary: Foo").request("POST").sending("x").answered()
        .get("Foo: 1").answered(fresh, "Vary: Foo").get("Foo: 2").answered(fresh, "Vary: Foo");
    t.test("17.1", "nothing, where the route says so")
        .on("keep-on-write").get().answered(fresh).request("POST").sending("x").answered().get().hit().of(1);
    t.test("17.1", "another URI stays")
        .get().at("/a").answered(fresh).get().at("/b").answered(fresh).request("POST").sending("x").at("/a").answered()
        .get().at("/b").hit().of(2);
    t.test("17.1", "another query stays")
        .get().at("?a").answered(fresh).request("POST").sending("x").at("?b").answered().get().at("?a").hit().of(1);
    t.test("17.1", "what is cached under HEAD's eyes goes, too")
        .get().answered(fresh).request("POST").sending("x").answered().head().answered(fresh);

    for (const char* field : {"Location", "Content-Location"}) {
        const std::string name = field;
        t.test("17.2", name + " of the same origin, as a path")
            .get().at("/other").answered(fresh).request("POST").sending("x").answered(201, name + ": {path}/other")
            .get().at("/other").answered(fresh);
        t.test("17.2", name + " of the same origin, as a URI")
            .get().at("/other").answered(fresh).request("POST").sending("x").answered(201, name + ": {origin}{path}/other")
            .get().at("/other").answered(fresh);
        t.test("17.2", name + " of the same origin, relative")
            .get().at("/other").answered(fresh).request("POST").sending("x").at("/one").answered(201, name + ": other")
            .get().at("/other").answered(fresh);
        t.test("17.2", name + " of the same origin, with the default port")
            .get().at("/other").answered(fresh).request("POST").sending("x").answered(201, name + ": {origin}:80{path}/other")
            .get().at("/other").answered(fresh);
        t.test("17.2", name + " with a query of its own")
            .get().at("/other?a=1").answered(fresh).request("POST").sending("x").answered(201, name + ": {path}/other?a=1")
            .get().at("/other?a=1").answered(fresh);
        t.test("17.2", name + " of another host")
            .get().host("other.test").at("/other").answered(fresh)
            .request("POST").sending("x").answered(201, name + ": http://other.test{path}/other")
            .get().host("other.test").at("/other").hit().of(1);
        t.test("17.2", name + " of another scheme")
            .get().at("/other").answered(fresh).request("POST").sending("x").answered(201, name + ": https://shop.test{path}/other")
            .get().at("/other").hit().of(1);
        t.test("17.2", name + " of another port")
            .get().at("/other").answered(fresh).request("POST").sending("x").answered(201, name + ": {origin}:81{path}/other")
            .get().at("/other").hit().of(1);
        t.test("17.2", name + " on an answer that failed")
            .get().at("/other").answered(fresh).request("POST").sending("x").answered(409, name + ": {path}/other")
            .get().at("/other").hit().of(1);
        t.test("17.2", name + " on an answer to GET")
            .get().at("/other").answered(fresh).get().answered(fresh, name + ": {path}/other").get().at("/other").hit().of(1);
    }
    t.test("17.2", "a Location that is no URI").get().answered(fresh).request("POST").sending("x").answered(201, "Location: http://[")
        .get().answered(fresh);

    t.test("17.3", "what is invalid is not served for an unreachable origin")
        .get().answered(fresh).request("POST").sending("x").answered().origin_down().get().error(502);
    t.test("17.3", "nor instead of an error")
        .get().answered("Cache-Control: max-age=3600, stale-if-error=3600").request("POST").sending("x").answered().get().answered(503);
    t.test("17.3", "nor while it is fetched anew")
        .get().answered("Cache-Control: max-age=3600, stale-while-revalidate=3600").request("POST").sending("x").answered()
        .get().answered(fresh);
    t.test("17.3", "what is fetched afterwards is good")
        .get().answered(fresh).request("POST").sending("x").answered().get().answered(fresh).get().hit().of(3);

    const auto groups = [](const char* names) { return std::string("Cache-Groups: ") + names; };
    const auto invalidates = [](const char* names) { return std::string("Cache-Group-Invalidation: ") + names; };
    t.test("17.4", "a group goes")
        .get().at("/a").answered(fresh, groups("\"g\"")).get().at("/b").answered(fresh, groups("\"x\", \"g\""))
        .get().at("/c").answered(fresh, groups("\"x\""))
        .request("POST").sending("x").answered(200, invalidates("\"g\"")).get().at("/a").answered(fresh).get().at("/b").answered(fresh)
        .get().at("/c").hit().of(3);
    t.test("17.4", "several groups go")
        .get().at("/a").answered(fresh, groups("\"g\"")).get().at("/b").answered(fresh, groups("\"h\""))
        .request("POST").sending("x").answered(200, invalidates("\"g\", \"h\"")).get().at("/a").answered(fresh)
        .get().at("/b").answered(fresh);
    t.test("17.4", "names are compared byte by byte")
        .get().at("/a").answered(fresh, groups("\"G\"")).request("POST").sending("x").answered(200, invalidates("\"g\""))
        .get().at("/a").hit().of(1);
    t.test("17.4", "another host is another origin")
        .get().host("other.test").at("/a").answered(fresh, groups("\"g\"")).request("POST").sending("x").answered(200, invalidates("\"g\""))
        .get().host("other.test").at("/a").hit().of(1);
    t.test("17.4", "no cascade")
        .get().at("/a").answered(fresh, groups("\"g\", \"h\"")).get().at("/b").answered(fresh, groups("\"h\""))
        .request("POST").sending("x").answered(200, invalidates("\"g\"")).get().at("/b").hit().of(2).get().at("/a").answered(fresh);
    t.test("17.4", "on an answer to GET it means nothing")
        .get().at("/a").answered(fresh, groups("\"g\"")).get().at("/b").answered(fresh, invalidates("\"g\"")).get().at("/a").hit().of(1);
    t.test("17.4", "on an answer that failed it means nothing")
        .get().at("/a").answered(fresh, groups("\"g\"")).request("POST").sending("x").answered(500, invalidates("\"g\""))
        .get().at("/a").hit().of(1);
    t.test("17.4", "a list that does not parse means nothing")
        .get().at("/a").answered(fresh, groups("\"g\"")).request("POST").sending("x").answered(200, invalidates("\"g\", ("))
        .get().at("/a").hit().of(1);
    t.test("17.4", "tokens are no groups")
        .get().at("/a").answered(fresh, groups("g")).request("POST").sending("x").answered(200, invalidates("g"))
        .get().at("/a").hit().of(1);
    t.test("17.4", "both fields reach the client")
        .get().answered(fresh, groups("\"g\"")).get().hit().request("POST").sending("x").answered(200, invalidates("\"z\""));
}

}  // namespace

void add_stale_cases(table& t)
{
    add_unreachable(t);
    add_windows(t);
    add_invalidation(t);
}

}  // namespace tiercel::conformance
