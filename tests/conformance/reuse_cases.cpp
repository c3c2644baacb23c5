// Reuse and the client's directives (12), the client's conditions (13).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

const char* const long_lived = "Cache-Control: max-age=3600";

void add_reuse(table& t)
{
    for (const char* value : {"no-cache", "No-Cache, max-age=3600", "max-age=3600, NO-CACHE", "no-cache, s-maxage=3600"}) {
        t.not_reused("12.1", std::string("not without validation: ") + value, {std::string("Cache-Control: ") + value, "ETag: \"a\""});
        t.test("12.1", std::string("after a successful one: ") + value)
            .get().answered(std::string("Cache-Control: ") + value, "ETag: \"a\"").get().confirmed("ETag: \"a\"");
    }
    t.test("12.1", "no-cache without a validator is fetched each time").get().answered("Cache-Control: no-cache, max-age=60")
        .get().refetched();

    t.test("12.2", "no-cache with fields: reused without them")
        .get().answered("Cache-Control: no-cache=\"a, B\", max-age=60", "A: 1", "B: 2", "C: 3")
        .get().hit().lacks("A").lacks("B").gets("C: 3");
    t.test("12.2", "no-cache with one field as a token")
        .get().answered("Cache-Control: no-cache=a, max-age=60", "A: 1", "C: 3").get().hit().lacks("A").gets("C: 3");
    t.test("12.2", "validated, the client gets them as the origin gives them")
        .get().answered("Cache-Control: no-cache=\"a\", max-age=5", "ETag: \"e\"", "A: 1").later(10s)
        .get().confirmed("ETag: \"e\"", "Cache-Control: no-cache=\"a\", max-age=5", "A: 2").gets("A: 2").get().hit().lacks("A");
    t.test("12.2", "validated, and the origin gives none")
        .get().answered("Cache-Control: no-cache=\"a\", max-age=5", "ETag: \"e\"", "A: 1").later(10s)
        .get().confirmed("ETag: \"e\"").lacks("A");
    t.fresh("12.2", "must-revalidate does not hinder reuse while fresh", {"Cache-Control: must-revalidate, max-age=60"}, 30s);
    t.fresh("12.2", "nor does proxy-revalidate", {"Cache-Control: proxy-revalidate, max-age=60"}, 30s);
    t.fresh("12.2", "immutable means nothing beyond the lifetime", {"Cache-Control: immutable, max-age=60"}, 30s);
    t.not_reused("12.2", "immutable does not prolong it", {"Cache-Control: immutable, max-age=60"}, 61s);

    t.test("12.3", "stale with an ETag: validated by it")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(6s).get().confirmed("ETag: \"a\"");
    t.test("12.3", "stale with must-revalidate: validated")
        .get().answered("Cache-Control: max-age=5, must-revalidate", "ETag: \"a\"").later(6s).get().confirmed("ETag: \"a\"");
    t.test("12.3", "stale with Last-Modified alone: validated by it")
        .get().answered("Cache-Control: max-age=5", "Last-Modified: {-60}").later(6s).get().confirmed();
    t.test("12.3", "stale without validator: fetched").get().answered("Cache-Control: max-age=5").later(6s)
        .get().answered("Cache-Control: max-age=5");
    t.test("12.3", "stale, for a client with Authorization: validated as well")
        .get().answered("Cache-Control: public, max-age=5", "ETag: \"a\"").later(6s)
        .get("Authorization: Basic eDp5").confirmed("ETag: \"a\"");
    t.test("12.3", "stale, and only good for clients without Authorization: fetched for one with it")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(6s)
        .get("Authorization: Basic eDp5").answered("Cache-Control: max-age=60")
        .get().confirmed("ETag: \"a\"").of(1);
    t.test("12.3", "confirmed for a client with Authorization, it is good for all again")
        .get().answered("Cache-Control: s-maxage=5", "ETag: \"a\"").later(6s)
        .get("Authorization: Basic eDp5").confirmed("ETag: \"a\"", "X-A: 2").sees("Authorization: Basic eDp5").get().hit().gets("X-A: 2");
    t.test("12.3", "replaced for a client with Authorization")
        .get().answered("Cache-Control: public, max-age=5", "ETag: \"a\"").later(6s)
        .get("Authorization: Basic eDp5").answered("Cache-Control: public, max-age=5", "ETag: \"b\"").validating().get().hit().of(2);
    t.test("12.3", "for a client with Authorization the 304 confirms something else")
        .get().answered("Cache-Control: public, max-age=5", "ETag: \"a\"").later(6s)
        .get("Authorization: Basic eDp5").answered(304, "ETag: \"b\"").answered("Cache-Control: public, max-age=5", "ETag: \"b\"")
        .any_conditions()
        .get().hit().of(2);
}

void add_request_directives(table& t)
{
    const bool honoured = t.full();
    const std::string tag = "ETag: \"a\"";
    for (const char* field : {"Cache-Control: no-cache", "Cache-Control: No-Cache", "Cache-Control: max-age=0", "Cache-Control: max-age=60, no-cache",
                              "Cache-Control: max-age=5", "Cache-Control: min-fresh=3595", "Cache-Control: max-age=abc", "Pragma: no-cache"}) {
        script& s = t.test("12.4", std::string("on what is fresh, ignored or a validation: ") + field)
                        .get().answered(long_lived, tag).later(10s).get(field);
        honoured ? s.confirmed(tag).says("fwd=request; stored").sees(field) : s.hit();
    }
    for (const char* field : {"Cache-Control: max-age=0", "Cache-Control: no-cache", "Pragma: foo", "Pragma: no-cache", "Cache-Control: no-store",
                              "Cache-Control: foo"}) {
        t.test("12.4", std::string("passed on to the origin: ") + field).get(field).answered(long_lived).sees(field);
    }
    t.test("12.4", "no-store of a request, ignored: stored all the same")
        .get("Cache-Control: no-store").answered(long_lived).get().hit_if(!honoured);

    const auto refetch_or_hit = [&](const char* name, const char* request, const char* answer, milliseconds pause) {
        t.test("12.5", name).get().answered(std::string("Cache-Control: ") + answer).later(pause)
            .get(std::string("Cache-Control: ") + request).hit_if(!honoured);
    };
    refetch_or_hit("max-age smaller than the age fetches", "max-age=5", "max-age=60", 10s);
    refetch_or_hit("min-fresh larger than what is left fetches", "min-fresh=55", "max-age=60", 10s);
    refetch_or_hit("no-cache without a validator fetches", "no-cache", "max-age=60", 10s);
    refetch_or_hit("max-age=0 without a validator fetches", "max-age=0", "max-age=60", 0s);
    refetch_or_hit("no-store does not read", "no-store", "max-age=60", 0s);
    t.test("12.5", "max-age not smaller than the age: a hit").get().answered("Cache-Control: max-age=60").later(10s)
        .get("Cache-Control: max-age=11").hit();
    t.test("12.5", "min-fresh not larger than what is left: a hit").get().answered("Cache-Control: max-age=60").later(10s)
        .get("Cache-Control: min-fresh=49").hit();
    t.test("12.5", "the whole age counts for max-age")
        .get().answered("Cache-Control: max-age=60", "Age: 30").get("Cache-Control: max-age=20").hit_if(!honoured);
    t.test("12.5", "the whole age counts for min-fresh")
        .get().answered("Cache-Control: max-age=60", "Age: 30").get("Cache-Control: min-fresh=40").hit_if(!honoured);
    t.test("12.5", "no-store does not store")
        .get("Cache-Control: no-store").answered("Cache-Control: max-age=60").get().hit_if(!honoured);
    t.test("12.5", "no-store leaves what is stored")
        .get().answered(long_lived).get("Cache-Control: no-store").hit_if(!honoured).get().hit().of(1);

    const auto stale_or_refetch = [&](const char* name, const char* request, const char* answer, milliseconds pause, bool allowed) {
        script& s = t.test("12.5", name).get().answered(std::string("Cache-Control: ") + answer).later(pause)
            .get(std::string("Cache-Control: ") + request);
        honoured && allowed ? s.stale().says("hit; detail=max-stale") : s.refetched();
    };
    stale_or_refetch("max-stale without a number takes what is stale", "max-stale", "max-age=5", 1000s, true);
    stale_or_refetch("max-stale takes what is stale for not longer", "max-stale=60", "max-age=5", 30s, true);
    stale_or_refetch("max-stale takes nothing staler", "max-stale=20", "max-age=5", 30s, false);
    stale_or_refetch("an invalid max-stale takes nothing stale", "max-stale=x", "max-age=5", 30s, false);
    stale_or_refetch("max-stale never against must-revalidate", "max-stale", "max-age=5, must-revalidate", 30s, false);
    stale_or_refetch("max-stale never against proxy-revalidate", "max-stale", "max-age=5, proxy-revalidate", 30s, false);
    stale_or_refetch("max-stale never against s-maxage", "max-stale", "s-maxage=5", 30s, false);
    t.test("12.5", "max-stale never against no-cache")
        .get().answered("Cache-Control: no-cache", "ETag: \"a\"").later(5s).get("Cache-Control: max-stale").confirmed("ETag: \"a\"");
    t.test("12.5", "max-age beside max-stale")
        .get().answered("Cache-Control: max-age=5").later(30s).get("Cache-Control: max-age=60, max-stale=60").hit_if(honoured);

    {
        script& s = t.test("12.5", "only-if-cached on a miss").get("Cache-Control: only-if-cached");
        honoured ? s.error(504) : s.answered(long_lived);
    }
    t.test("12.5", "only-if-cached on a hit").get().answered(long_lived).get("Cache-Control: only-if-cached").hit();
    {
        script& s = t.test("12.5", "only-if-cached on what is stale").get().answered("Cache-Control: max-age=5").later(10s)
            .get("Cache-Control: only-if-cached");
        honoured ? s.error(504) : s.refetched();
    }
    t.test("12.5", "what a client's no-cache brought is stored for all")
        .get().answered(long_lived).get("Cache-Control: no-cache").hit_if(!honoured).get().hit();

    t.test("12.6", "Pragma: no-cache counts alone, where directives are honoured").get().answered(long_lived)
        .get("Pragma: no-cache").hit_if(!honoured);
    t.test("12.6", "beside Cache-Control it does not").get().answered(long_lived)
        .get("Pragma: no-cache", "Cache-Control: max-age=60").hit();
    t.test("12.6", "beside an unknown directive it does not").get().answered(long_lived)
        .get("Pragma: no-cache", "Cache-Control: foo").hit();
    t.test("12.6", "other values mean nothing").get().answered(long_lived).get("Pragma: foo, max-age=0").hit();
    t.test("12.6", "unknown directives mean nothing").get().answered(long_lived).get("Cache-Control: foo, bar=\"no-cache\"").hit();
}

void add_conditions(table& t)
{
    const std::string then = "Last-Modified: {-3600}";
    t.test("13.1", "the tag fits, the time does not: 304")
        .get().answered(long_lived, "ETag: \"a\"", then).get("If-None-Match: \"a\"", "If-Modified-Since: {-7200}").not_modified();
    t.test("13.1", "the time fits, the tag does not: 200")
        .get().answered(long_lived, "ETag: \"a\"", then).get("If-None-Match: \"b\"", "If-Modified-Since: {-60}").hit();
    t.test("13.1", "both fit").get().answered(long_lived, "ETag: \"a\"", then)
        .get("If-None-Match: \"a\"", "If-Modified-Since: {-60}").not_modified();
    t.test("13.1", "a tag against an entry without: 200").get().answered(long_lived, then)
        .get("If-None-Match: \"a\"", "If-Modified-Since: {-60}").hit();

    const auto fits = [&](const char* name, const char* stored, const char* asked, bool does) {
        script& s = t.test("13.2", name).get().answered(long_lived, std::string("ETag: ") + stored)
            .get(std::string("If-None-Match: ") + asked);
        does ? s.not_modified() : s.hit();
    };
    fits("strong and strong", "\"a\"", "\"a\"", true);
    fits("weak and weak", "W/\"a\"", "W/\"a\"", true);
    fits("strong and weak", "\"a\"", "W/\"a\"", true);
    fits("weak and strong", "W/\"a\"", "\"a\"", true);
    fits("another tag", "\"a\"", "\"b\"", false);
    fits("another case", "\"a\"", "\"A\"", false);
    fits("the first of a list", "\"a\"", "\"a\", \"b\", \"c\"", true);
    fits("in the middle of a list", "\"b\"", "\"a\", \"b\", \"c\"", true);
    fits("the last of a list", "\"c\"", "\"a\",\"b\" , W/\"c\"", true);
    fits("not in the list", "\"d\"", "\"a\", \"b\", \"c\"", false);
    fits("everything", "\"a\"", "*", true);
    fits("a comma within a tag", "\"a,b\"", "\"x\", \"a,b\"", true);
    fits("half of a tag with a comma", "\"a,b\"", "\"a\", \"b\"", false);
    fits("the empty tag", "\"\"", "\"\"", true);
    fits("a tag without quotes, the same bytes", "abc", "abc", true);
    fits("quotes are not added", "abc", "\"abc\"", false);
    fits("quotes are not taken away", "\"abc\"", "abc", false);
    fits("w/ is no mark of weakness", "\"a\"", "w/\"a\"", false);
    fits("W without a slash is none", "\"a\"", "W\"a\"", false);
    fits("w/ as the same bytes", "w/\"a\"", "w/\"a\"", true);
    t.test("13.2", "a list over two lines").get().answered(long_lived, "ETag: \"b\"")
        .get("If-None-Match: \"a\"", "If-None-Match: \"b\"").not_modified();
    t.test("13.2", "everything, without a tag").get().answered(long_lived).get("If-None-Match: *").not_modified();
    t.test("13.2", "on HEAD").get().answered(long_lived, "ETag: \"a\"").head("If-None-Match: \"a\"").not_modified();

    const auto since = [&](const char* name, const char* modified, const char* asked, bool fresh) {
        script& s = t.test("13.3", name).get().answered(long_lived, std::string("Last-Modified: ") + modified)
            .get(std::string("If-Modified-Since: ") + asked);
        fresh ? s.not_modified() : s.hit();
    };
    since("the same time", "Tue, 15 Nov 1994 12:45:26 GMT", "Tue, 15 Nov 1994 12:45:26 GMT", true);
    since("a later time", "Tue, 15 Nov 1994 12:45:26 GMT", "Tue, 15 Nov 1994 12:45:27 GMT", true);
    since("an earlier time", "Tue, 15 Nov 1994 12:45:26 GMT", "Tue, 15 Nov 1994 12:45:25 GMT", false);
    since("in the form of RFC 850", "Tue, 15 Nov 1994 12:45:26 GMT", "Tuesday, 15-Nov-94 12:45:26 GMT", true);
    since("in the form of asctime", "Tue, 15 Nov 1994 12:45:26 GMT", "Tue Nov 15 12:45:26 1994", true);
    since("the entry in the form of asctime", "Tue Nov 15 12:45:26 1994", "Tue, 15 Nov 1994 12:45:26 GMT", true);
    since("an invalid time", "Tue, 15 Nov 1994 12:45:26 GMT", "yesterday", false);
    since("a year of zeros", "Tue, 15 Nov 1994 12:45:26 GMT", "0", false);

    t.test("13.4", "without Last-Modified, a time after Date: 304").get().answered(long_lived, "Date: {-10}")
        .get("If-Modified-Since: {+0}").not_modified();
    t.test("13.4", "without Last-Modified, a time before Date: 200").get().answered(long_lived, "Date: {-10}")
        .get("If-Modified-Since: {-20}").hit();

    t.test("13.5", "all that the 200 has")
        .get("Foo: 1")
        .answered(long_lived, "ETag: \"a\"", "Content-Location: /x", "Expires: {+60}", "Vary: Foo", "Content-Type: text/plain", "X-A: b")
        .later(7s).get("Foo: 1", "If-None-Match: \"a\"").not_modified().age(7).lacks("Content-Length").lacks("Content-Type");
    t.test("13.5", "all that the 200 has, without a tag")
        .get().answered(long_lived, "Last-Modified: {-60}", "Content-Location: /x", "Expires: {+60}")
        .get("If-Modified-Since: {+0}").not_modified();

    t.test("13.6", "stale, confirmed, and the client's tag fits: 304")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s)
        .get("If-None-Match: \"a\"").confirmed("ETag: \"a\"").not_modified();
    t.test("13.6", "stale, confirmed, and the client's tag does not fit: 200")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s).get("If-None-Match: \"b\"").confirmed("ETag: \"a\"");
    t.test("13.6", "stale, replaced, and the client's tag fits the new one: 304")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s)
        .get("If-None-Match: \"b\"").answered("Cache-Control: max-age=5", "ETag: \"b\"").validating().not_modified().of(0);
    t.test("13.6", "stale, replaced, and the client's tag fits the old one: 200")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s)
        .get("If-None-Match: \"a\"").answered("Cache-Control: max-age=5", "ETag: \"b\"").validating();
    t.test("13.6", "stale, confirmed by time")
        .get().answered("Cache-Control: max-age=5", then).later(10s).get("If-Modified-Since: {-60}").confirmed().not_modified();

    for (const char* condition : {"If-Match: \"a\"", "If-Match: *", "If-Unmodified-Since: {+0}"}) {
        const std::string name = std::string(condition).substr(0, std::string(condition).find(':'));
        t.test("13.7", std::string("for the origin: ") + condition)
            .get().answered(long_lived, "ETag: \"a\"").get(condition).answered(412, "X-A: b").sees(condition).get().hit().of(1);
    }

    t.test("13.8", "a miss asks without the client's tag, stores, and answers 304")
        .get("If-None-Match: \"a\"").answered(long_lived, "ETag: \"a\"").not_modified().sees_not("If-None-Match").get().hit();
    t.test("13.8", "a miss asks without the client's tag, and answers 200")
        .get("If-None-Match: \"x\"").answered(long_lived, "ETag: \"a\"").sees_not("If-None-Match");
    t.test("13.8", "a miss asks without the client's time")
        .get("If-Modified-Since: {+0}").answered(long_lived, "Last-Modified: {-60}").not_modified().sees_not("If-Modified-Since");
    t.test("13.8", "a condition is not answered from nothing")
        .get("If-None-Match: *").answered(404, "Cache-Control: max-age=60").sees_not("If-None-Match");
    t.test("13.8", "where nothing is shared the condition goes on, and so does the 304")
        .get().answered("Cache-Control: no-store", "ETag: \"a\"")
        .get("If-None-Match: \"a\"").answered(304, "ETag: \"a\"", "Cache-Control: no-store").sees("If-None-Match: \"a\"");
    t.test("13.8", "with a method that is passed on, too")
        .request("PUT", "If-None-Match: *").sending("x").answered(412).sees("If-None-Match: *");
}

}  // namespace

void add_reuse_cases(table& t)
{
    add_reuse(t);
    add_request_directives(t);
    add_conditions(t);
}

}  // namespace tiercel::conformance
