// Switches (1), what may be stored (7), methods (9).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

void add_switches(table& t)
{
    t.test("1.1", "Set-Cookie is stored where nothing is withheld")
        .get().answered("Cache-Control: max-age=60", "Set-Cookie: a=b").get().hit_if(t.full());
    t.test("1.1", "an error with a lifetime is stored where nothing is withheld")
        .get().answered(503, "Cache-Control: max-age=60").get().hit_if(t.full());
    t.test("1.1", "a client's no-cache counts where nothing is withheld")
        .get().answered("Cache-Control: max-age=60").get("Cache-Control: no-cache").hit_if(!t.full());
    t.not_reused("1.2", "no lifetime and no validator: not reused", {});
    t.not_reused("1.2", "public alone is no lifetime", {"Cache-Control: public"});
    t.not_reused("1.2", "must-revalidate alone is no lifetime", {"Cache-Control: must-revalidate"});
    t.test("1.2", "ttl.default: a lifetime for what has none").on("ttl-default").get().answered().later(59s).get().hit().later(2s)
        .get().refetched();
    t.test("1.2", "ttl.default: not for what has an explicit one").on("ttl-default").get().answered("Cache-Control: max-age=5").later(6s)
        .get().refetched();
    t.test("1.2", "ttl.default: not for what has an invalid one").on("ttl-default").get().answered("Expires: 0").get().refetched();
    t.test("1.2", "ttl.default: goes before the heuristic one")
        .on("ttl-default").get().answered("Last-Modified: {-360000}").later(61s).get().refetched();
    t.test("1.2", "ttl.default: not for a status without a chosen lifetime").on("ttl-default").get().answered(403).get().refetched();
    t.test("1.2", "ttl.default: never against no-store").on("ttl-default").get().answered("Cache-Control: no-store").get().refetched();
    t.test("1.2", "ttl.default: never against private").on("ttl-default").get().answered("Cache-Control: private").get().refetched();
    t.test("1.2", "ttl.default: never against no-cache")
        .on("ttl-default").get().answered("Cache-Control: no-cache", "ETag: \"a\"").get().confirmed("ETag: \"a\"");
    t.test("1.2", "ttl.default holds for 404 where ttl.negative is off").on("ttl-default").get().answered(404).later(59s).get().hit();
    t.test("1.2", "no negative lifetime").on("no-guess").get().answered(404).get().refetched();
    t.test("1.2", "ttl.max shortens").on("ttl-bounds").get().answered("Cache-Control: max-age=3600").later(99s).get().hit().later(2s)
        .get().refetched();
    t.test("1.2", "ttl.max does not prolong").on("ttl-bounds").get().answered("Cache-Control: max-age=50").later(51s).get().refetched();
    t.test("1.2", "ttl.min prolongs").on("ttl-bounds").get().answered("Cache-Control: max-age=1").later(19s).get().hit().later(2s)
        .get().refetched();
    t.test("1.2", "ttl.min never against no-store").on("ttl-bounds").get().answered("Cache-Control: no-store, max-age=1").get().refetched();
    t.test("1.2", "ttl.min never against private").on("ttl-bounds").get().answered("Cache-Control: private, max-age=1").get().refetched();
    t.test("1.2", "ttl.min never against no-cache")
        .on("ttl-bounds").get().answered("Cache-Control: no-cache, max-age=1", "ETag: \"a\"").get().confirmed("ETag: \"a\"");
    t.test("1.2", "a route with mode: pass stores nothing").on("pass").get().answered("Cache-Control: max-age=60").get().refetched();
    t.test("1.2", "404 and 410 have a short one by the route").get().answered(404).get().hit();
}

void add_prohibitions(table& t)
{
    for (const char* value : {"no-store", "No-Store, max-age=3600", "max-age=3600, NO-STORE", "no-store, s-maxage=3600, public"}) {
        t.not_reused("7.1", std::string("not stored: ") + value, {std::string("Cache-Control: ") + value});
    }
    for (const char* value : {"private", "PRIVATE, max-age=3600", "private, s-maxage=3600", "private, public, max-age=60"}) {
        t.not_reused("7.1", std::string("not stored: ") + value, {std::string("Cache-Control: ") + value});
    }
    t.not_reused("7.1", "no-store beside a future Expires", {"Cache-Control: no-store", "Expires: {+3600}"});
    t.test("7.1", "no-store with an ETag is not even validated")
        .get().answered("Cache-Control: no-store", "ETag: \"a\"")
        .get().answered("Cache-Control: no-store", "ETag: \"a\"").sees_not("If-None-Match");
    t.test("7.1", "private with fields: stored without them")
        .get().answered("Cache-Control: private=\"x-a, X-B\", max-age=60", "X-A: 1", "X-B: 2", "X-C: 3")
        .get().hit().lacks("X-A").lacks("X-B").gets("X-C: 3");
    t.test("7.1", "private with one field as a token")
        .get().answered("Cache-Control: private=x-a, max-age=60", "X-A: 1", "X-C: 3").get().hit().lacks("X-A");

    t.test("7.1", "private with fields: those who waited do not get them")
        .get().at_once(3).answered("Cache-Control: private=\"x-a\", max-age=60", "X-A: 1").lacks_for_all_but_one("X-A");
    t.test("7.1", "private with fields: HEAD from the store does not get them")
        .get().answered("Cache-Control: private=\"x-a\", max-age=60", "X-A: 1").head().hit().lacks("X-A");
    t.test("7.1", "private with Set-Cookie named: the cookie alone is kept out")
        .get().answered("Cache-Control: private=\"set-cookie\", max-age=60", "Set-Cookie: a=b")
        .get().hit_if(t.full()).lacks(t.full() ? "Set-Cookie" : "X");
    t.test("7.2", "must-understand with an unknown status: not stored")
        .get().answered(299, "Cache-Control: must-understand, max-age=60").get().refetched();
    t.test("7.2", "must-understand with an unknown status, and no-store")
        .get().answered(499, "Cache-Control: must-understand, no-store, max-age=60").get().refetched();
    t.fresh("7.2", "must-understand with a known status", {"Cache-Control: must-understand, max-age=60"});
    t.fresh("7.2", "must-understand lifts no-store for a known status", {"Cache-Control: must-understand, no-store, max-age=60"});
    t.test("7.2", "must-understand lifts no-store for 404")
        .get().answered(404, "Cache-Control: no-store, must-understand, max-age=60").later(30s).get().hit();
    t.not_reused("7.2", "must-understand does not lift private", {"Cache-Control: must-understand, private, max-age=60"});
    t.test("7.2", "without must-understand an unknown status is stored")
        .get().answered(299, "Cache-Control: max-age=60").get().hit();
}

void add_statuses(table& t)
{
    for (const int status : {200, 201, 202, 203, 204, 205, 299, 300, 301, 302, 303, 307, 308, 399, 400, 401, 403, 404, 405, 410, 414, 418, 451, 499}) {
        t.test("7.3", std::to_string(status) + " with a lifetime is stored")
            .get().answered(status, "Cache-Control: max-age=60").later(30s).get().hit();
        t.test("7.3", std::to_string(status) + " is not reused when its lifetime is over")
            .get().answered(status, "Cache-Control: max-age=60", "Last-Modified: {-360000}").later(61s).get().refetched();
    }
    for (const int status : {500, 501, 502, 503, 504, 505, 599}) {
        t.test("7.3", std::to_string(status) + " with a lifetime is stored where errors are")
            .get().answered(status, "Cache-Control: max-age=60").later(30s).get().hit_if(t.full());
    }
    t.test("7.3", "a stale error is not reused")
        .get().answered(503, "Cache-Control: max-age=5").later(10s).get().refetched();

    t.test("7.4", "412 is not stored").get().answered(412, "Cache-Control: max-age=60").get().refetched();
    t.test("7.4", "416 is not stored").get().answered(416, "Cache-Control: max-age=60").get().refetched();
    for (const int status : {600, 700, 999}) {
        t.test("7.4", std::to_string(status) + " is not stored").get().answered(status, "Cache-Control: max-age=60").get().refetched();
    }
    t.test("7.4", "a 304 that a client asked for is not stored")
        .get().answered("Cache-Control: no-store", "ETag: \"a\"")
        .get("If-None-Match: \"a\"").answered(304, "Cache-Control: max-age=60", "ETag: \"a\"").sees("If-None-Match: \"a\"")
        .get().answered("Cache-Control: max-age=60");
    t.test("7.4", "an error made here is not stored")
        .origin_down().get().error(502).later(2s).origin_up().get().answered("Cache-Control: max-age=60").get().hit();
    t.test("7.4", "a truncated answer is not stored")
        .get().answered("Cache-Control: max-age=60").cut().broken().get().answered("Cache-Control: max-age=60").get().hit();

    for (const int status : {299, 399, 418, 499, 599, 600, 999}) {
        t.test("7.5", std::to_string(status) + " is relayed as it came").get().answered(status, "Cache-Control: no-store", "X-A: b");
    }
    t.test("7.5", "a 204 has no content, also from the store").get().answered(204, "Cache-Control: max-age=60")
        .get().hit().lacks("Content-Length");
}

void add_validatable(table& t)
{
    t.test("7.6", "no-cache with an ETag: stored, and validated")
        .get().answered("Cache-Control: no-cache", "ETag: \"a\"").get().confirmed("ETag: \"a\"").get().confirmed("ETag: \"a\"");
    t.test("7.6", "no-cache with Last-Modified: stored, and validated")
        .get().answered("Cache-Control: no-cache", "Last-Modified: {-60}").get().confirmed();
    t.test("7.6", "no lifetime and an ETag: stored, and validated")
        .get().answered("ETag: \"a\"").get().confirmed("ETag: \"a\"");
    t.test("7.6", "no lifetime and an ETag, 301: stored, and validated")
        .get().answered(301, "Location: /x", "ETag: \"a\"").get().confirmed("ETag: \"a\"");
    t.test("7.6", "no lifetime and an ETag, 302: not stored")
        .get().answered(302, "Location: /x", "ETag: \"a\"").get().answered(302, "Location: /x", "ETag: \"a\"");
    t.test("7.6", "no-cache and a lifetime with an ETag: validated all the same")
        .get().answered("Cache-Control: no-cache, max-age=60", "ETag: \"a\"").get().confirmed("ETag: \"a\"");
    t.test("7.6", "no-cache, no lifetime, 302 and an ETag: not stored")
        .get().answered(302, "Cache-Control: no-cache", "ETag: \"a\"").get().answered(302, "Cache-Control: no-cache", "ETag: \"a\"");

    t.not_reused("7.7", "Vary: * is not stored", {"Vary: *", "Cache-Control: max-age=60"});
    t.test("7.7", "Vary: * with an ETag is not validated")
        .get().answered("Vary: *", "Cache-Control: max-age=60", "ETag: \"a\"")
        .get().answered("Vary: *", "Cache-Control: max-age=60", "ETag: \"a\"").sees_not("If-None-Match");
}

void add_personal(table& t)
{
    t.test("7.8", "Set-Cookie: stored with it, or not at all")
        .get().answered("Cache-Control: max-age=60", "Set-Cookie: a=b").get().hit_if(t.full());
    t.test("7.8", "two Set-Cookie lines stay two")
        .get().answered("Cache-Control: max-age=60", "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d, e").get().hit_if(t.full());
    {
        const char* const lifetime = "Cache-Control: max-age=60";
        script& s = t.test("7.8", "what is not stored because of Set-Cookie goes to one client alone")
            .get().at_once(3).answered(lifetime, "Set-Cookie: a=1");
        if (!t.full()) { s.answered(lifetime, "Set-Cookie: a=2").answered(lifetime, "Set-Cookie: a=3"); }
    }
    t.test("7.8", "strip: stored without it, and sent to the client that fetched")
        .on("strip").get().answered("Cache-Control: max-age=60", "Set-Cookie: a=b", "Set-Cookie: c=d").get().hit().lacks("Set-Cookie");
    t.test("7.8", "strip: those who waited do not get it")
        .on("strip").get().at_once(3).answered("Cache-Control: max-age=60", "Set-Cookie: a=b").lacks_for_all_but_one("Set-Cookie");
    t.test("7.8", "strip: HEAD does not get it either").on("strip").get().answered("Cache-Control: max-age=60", "Set-Cookie: a=b")
        .head().hit().lacks("Set-Cookie");

    const char* const who = "Authorization: Basic eDp5";
    t.test("7.9", "Authorization and a lifetime: not stored")
        .get(who).answered("Cache-Control: max-age=60").get().refetched();
    for (const char* value : {"public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"}) {
        t.test("7.9", std::string("Authorization and ") + value + ": stored")
            .get(who).answered(std::string("Cache-Control: ") + value).get("Authorization: Basic YTpi").hit();
    }
    t.test("7.9", "Authorization and proxy-revalidate: not stored")
        .get(who).answered("Cache-Control: proxy-revalidate, max-age=60").get().refetched();
    t.test("7.9", "Authorization and private, public: not stored")
        .get(who).answered("Cache-Control: private, public, max-age=60").get().refetched();
    t.test("7.9", "Authorization and Expires: not stored")
        .get(who).answered("Expires: {+60}").get().refetched();
    t.test("7.9", "Authorization goes on to the origin")
        .get(who).answered("Cache-Control: max-age=60").sees(who);
    t.test("7.9", "what was stored without Authorization answers a request with it")
        .get().answered("Cache-Control: max-age=60").get(who).hit();
    t.test("7.9", "two users with the same URL get answers of their own")
        .get(who).answered("Cache-Control: max-age=60").get("Authorization: Basic YTpi").answered("Cache-Control: max-age=60");

    t.test("7.10", "Cookie in a request does not prevent a hit")
        .get("Cookie: a=b").answered("Cache-Control: max-age=60").get("Cookie: c=d").hit().get().hit();
    t.fresh("7.10", "Pragma in an answer means nothing", {"Cache-Control: max-age=60", "Pragma: no-cache"});
    t.not_reused("7.10", "not even without Cache-Control", {"Pragma: public"});

    t.test("7.11", "a later no-store that nobody saw changes nothing")
        .get().answered("Cache-Control: max-age=60").get().hit().later(61s).get().answered("Cache-Control: no-store")
        .get().answered("Cache-Control: no-store");
}

void add_methods(table& t)
{
    t.test("9.1", "HEAD is answered from what GET stored").get().answered("Cache-Control: max-age=60", "X-A: b")
        .head().hit().gets("X-A: b");
    t.test("9.1", "HEAD fills nothing").head().answered("Cache-Control: max-age=60").get().answered("Cache-Control: max-age=60")
        .get().hit();
    t.test("9.1", "HEAD fills nothing for HEAD either").head().answered("Cache-Control: max-age=60")
        .head().answered("Cache-Control: max-age=60");
    t.test("9.1", "HEAD of what is stale goes to the origin as HEAD")
        .get().answered("Cache-Control: max-age=5").later(10s).head().answered("Cache-Control: max-age=5");

    t.test("9.2", "POST with a lifetime and its own Content-Location answers later GETs")
        .request("POST").sending("x").answered("Cache-Control: max-age=60", "Content-Location: {path}").get().hit();
    t.test("9.2", "and HEAD").request("POST").sending("x").answered("Cache-Control: max-age=60", "Content-Location: {path}").head().hit();
    t.test("9.2", "never a POST")
        .request("POST").sending("x").answered("Cache-Control: max-age=60", "Content-Location: {path}")
        .request("POST").sending("x").answered("Cache-Control: max-age=60", "Content-Location: {path}");
    t.test("9.2", "POST with an absolute Content-Location of its own")
        .request("POST").sending("x").answered("Cache-Control: max-age=60", "Content-Location: {origin}{path}").get().hit();
    t.test("9.2", "POST without Content-Location is not stored")
        .request("POST").sending("x").answered("Cache-Control: max-age=60").get().answered("Cache-Control: max-age=60");
    t.test("9.2", "POST with another Content-Location is not stored")
        .request("POST").sending("x").answered("Cache-Control: max-age=60", "Content-Location: {path}/other")
        .get().answered("Cache-Control: max-age=60").get().at("/other").answered("Cache-Control: max-age=60");
    t.test("9.2", "POST without explicit lifetime is not stored")
        .request("POST").sending("x").answered("Last-Modified: {-360000}", "Content-Location: {path}")
        .get().answered("Cache-Control: max-age=60");
    t.test("9.2", "a POST that failed is not stored")
        .request("POST").sending("x").answered(400, "Cache-Control: max-age=60", "Content-Location: {path}")
        .get().answered("Cache-Control: max-age=60");
    for (const char* method : {"PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH"}) {
        t.test("9.2", std::string("the answer to ") + method + " is not stored")
            .request(method).answered("Cache-Control: max-age=60", "Content-Location: {path}").get().answered("Cache-Control: max-age=60")
            .request(method).answered("Cache-Control: max-age=60", "Content-Location: {path}");
    }

    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "BREW"}) {
        t.test("9.3", std::string(method) + " is written through")
            .get().answered("Cache-Control: max-age=60").request(method).sending("what to write").answered("X-A: b");
    }
    t.test("9.3", "a GET with content is passed on")
        .get().answered("Cache-Control: max-age=60").get().sending("content").answered("Cache-Control: max-age=60").get().hit().of(1);
    t.test("9.3", "and is not stored")
        .get().sending("content").answered("Cache-Control: max-age=60").get().answered("Cache-Control: max-age=60");
    t.test("9.4", "Max-Forwards is taken down by one").request("OPTIONS", "Max-Forwards: 2").answered().sees("Max-Forwards: 1");
    t.test("9.4", "the last hop answers").request("OPTIONS", "Max-Forwards: 0").status(204);
    t.test("9.4", "what is no number goes on as it is").request("OPTIONS", "Max-Forwards: x").answered().sees("Max-Forwards: x");
    t.test("9.4", "on GET it means nothing").get("Max-Forwards: 0").answered().sees("Max-Forwards: 0");
    t.test("9.3", "OPTIONS changes nothing")
        .get().answered("Cache-Control: max-age=60").request("OPTIONS").answered("Allow: GET").get().hit().of(1);
}

}  // namespace

void add_storing_cases(table& t)
{
    add_switches(t);
    add_prohibitions(t);
    add_statuses(t);
    add_validatable(t);
    add_personal(t);
    add_methods(t);
}

}  // namespace tiercel::conformance
