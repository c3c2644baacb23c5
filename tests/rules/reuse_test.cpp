#include "rules/heads.hpp"

#include <tiercel/rules.hpp>

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace tiercel {

void PrintTo(action a, std::ostream* out)
{
    constexpr const char* names[] = {"serve", "serve_and_refresh", "fetch", "pass"};
    *out << names[static_cast<int>(a)];
}
void PrintTo(detail d, std::ostream* out) { *out << name_of(d); }
void PrintTo(forward_reason r, std::ostream* out) { *out << name_of(r); }

namespace {

using namespace tiercel::test;
using namespace std::chrono_literals;

caching_policy honouring()
{
    caching_policy p;
    p.request_directives = request_directives_rule::honour;
    return p;
}

struct reuse_case {
    std::string name;
    std::string response;
    milliseconds later;          // after the reception
    action what;
    detail why = detail::none;
    forward_reason forward = forward_reason::none;
    std::string request = "GET /a";
};

constexpr auto serve = action::serve;
constexpr auto refresh = action::serve_and_refresh;
constexpr auto fetch = action::fetch;
constexpr auto l1 = detail::l1;
constexpr auto swr = detail::swr;
constexpr auto nothing = detail::none;
constexpr auto expired = forward_reason::stale;
constexpr auto asked = forward_reason::request;
constexpr auto unforwarded = forward_reason::none;

void check(const caching_policy& policy, const std::vector<reuse_case>& cases)
{
    for (const reuse_case& c : cases) {
        SCOPED_TRACE(c.name + ": " + c.response + " asked by " + c.request);
        const made_request rq(c.request);
        const entry_ptr e = stored_as(c.response, policy);
        const reuse_verdict v = judge_reuse(rq, e.get(), policy, received + c.later);
        EXPECT_EQ(v.what, c.what);
        EXPECT_EQ(v.why, c.why);
        EXPECT_EQ(v.forward, c.forward);
    }
}

// ---- 12 Reuse ------------------------------------------------------------------------------------------------------------

TEST(Reuse, ServesWhatIsFreshToTheMillisecond)
{
    check(caching_policy{}, {
        {"4.5 at once", "200|Cache-Control: max-age=60", 0s, serve, l1},
        {"4.5 just before the end", "200|Cache-Control: max-age=60", 59999ms, serve, l1},
        {"4.5 at the end", "200|Cache-Control: max-age=60", 60s, fetch, nothing, expired},
        {"4.5 a received Age is spent", "200|Cache-Control: max-age=10|Age: 7", 2999ms, serve, l1},
        {"4.5 and then it is over", "200|Cache-Control: max-age=10|Age: 7", 3s, fetch, nothing, expired},
        {"4.5 stale from the start", "200|Cache-Control: max-age=10|Age: 11", 0s, fetch, nothing, expired},
        {"1.2 a negative answer", "404|Date: <0>", 9999ms, serve, detail::negative},
        {"1.2 a negative answer is over", "404|Date: <0>", 10s, fetch, nothing, expired},
        {"12.2 must-revalidate while fresh", "200|Cache-Control: max-age=60, must-revalidate", 59s, serve, l1},
        {"12.3 must-revalidate once stale", "200|Cache-Control: max-age=60, must-revalidate", 61s, fetch, nothing, expired},
        {"7.3 a stale 302", "302|Cache-Control: max-age=60|Last-Modified: <-36000>", 61s, fetch, nothing, expired},
    });
}

TEST(Reuse, AsksTheOriginEachTimeForNoCache)
{
    check(caching_policy{}, {
        {"12.1", "200|Cache-Control: no-cache, max-age=60|ETag: \"a\"", 0s, fetch, nothing, expired},
        {"12.1 in any case", "200|Cache-Control: No-Cache, max-age=60|ETag: \"a\"", 1s, fetch, nothing, expired},
        {"12.1 nor within a window", "200|Cache-Control: no-cache, stale-while-revalidate=60|ETag: \"a\"", 1s, fetch, nothing, expired},
        {"12.2 not with fields", "200|Cache-Control: no-cache=\"a\", max-age=60", 1s, serve, l1},
        {"7.6 no lifetime", "200|ETag: \"a\"", 0s, fetch, nothing, expired},
    });
}

TEST(Reuse, FetchesWhatIsNotThere)
{
    const made_request rq("GET /a");
    const reuse_verdict v = judge_reuse(rq, nullptr, {}, received);
    EXPECT_EQ(v.what, fetch);
    EXPECT_EQ(v.forward, forward_reason::uri_miss);
}

// ---- 12.4 to 12.6 Directives of requests --------------------------------------------------------------------------------------

TEST(Reuse, LetsNoClientSteerTheCacheByDefault)
{
    for (const char* line : {"Cache-Control: no-cache", "Cache-Control: no-store", "Cache-Control: max-age=0", "Cache-Control: min-fresh=100",
                             "Cache-Control: only-if-cached", "Pragma: no-cache"}) {
        check(caching_policy{}, {
            {"12.4 fresh", "200|Cache-Control: max-age=60", 1s, serve, l1, unforwarded, std::string("GET /a|") + line},
        });
    }
    check(caching_policy{}, {
        {"12.4 stale", "200|Cache-Control: max-age=60", 61s, fetch, nothing, expired, "GET /a|Cache-Control: max-stale"},
        {"12.4 within a window", "200|Cache-Control: max-age=60, stale-while-revalidate=9", 61s, refresh, swr, unforwarded,
         "GET /a|Cache-Control: no-cache"},
    });
}

TEST(Reuse, HonoursTheDirectivesOfRequestsWhereTheRouteSaysSo)
{
    const std::string minute = "200|Cache-Control: max-age=60";
    check(honouring(), {
        {"12.5 no directives", minute, 1s, serve, l1},
        {"12.5 unknown ones", minute, 1s, serve, l1, unforwarded, "GET /a|Cache-Control: foo, bar=1"},
        {"12.5 no-cache", minute, 1s, fetch, nothing, asked, "GET /a|Cache-Control: no-cache"},
        {"12.5 NO-CACHE", minute, 1s, fetch, nothing, asked, "GET /a|Cache-Control: NO-CACHE"},
        {"12.5 no-cache on the second line", minute, 1s, fetch, nothing, asked, "GET /a|Cache-Control: x|Cache-Control: no-cache"},
        {"12.5 max-age above the age", minute, 10s, serve, l1, unforwarded, "GET /a|Cache-Control: max-age=10"},
        {"12.5 max-age below the age", minute, 10001ms, fetch, nothing, asked, "GET /a|Cache-Control: max-age=10"},
        {"12.5 max-age=0 at once", minute, 0s, fetch, nothing, asked, "GET /a|Cache-Control: max-age=0"},
        {"12.5 an invalid max-age", minute, 1s, fetch, nothing, asked, "GET /a|Cache-Control: max-age=x"},
        {"12.5 the whole age counts", minute + "|Age: 20", 1s, fetch, nothing, asked, "GET /a|Cache-Control: max-age=20"},
        {"12.5 max-age wants nothing stale", minute + ", stale-while-revalidate=60", 61s, fetch, nothing, expired,
         "GET /a|Cache-Control: max-age=100"},
        {"12.5 min-fresh within", minute, 30s, serve, l1, unforwarded, "GET /a|Cache-Control: min-fresh=30"},
        {"12.5 min-fresh beyond", minute, 30001ms, fetch, nothing, asked, "GET /a|Cache-Control: min-fresh=30"},
        {"12.5 min-fresh counts the age", minute + "|Age: 40", 0s, fetch, nothing, asked, "GET /a|Cache-Control: min-fresh=21"},
        {"12.5 min-fresh wants nothing stale", minute + ", stale-while-revalidate=60", 61s, fetch, nothing, expired,
         "GET /a|Cache-Control: min-fresh=5"},
        {"12.5 max-stale", minute, 1000s, serve, detail::max_stale, unforwarded, "GET /a|Cache-Control: max-stale"},
        {"12.5 max-stale within", minute, 70s, serve, detail::max_stale, unforwarded, "GET /a|Cache-Control: max-stale=10"},
        {"12.5 max-stale beyond", minute, 70001ms, fetch, nothing, expired, "GET /a|Cache-Control: max-stale=10"},
        {"12.5 max-stale counts the age", minute + "|Age: 59", 12s, fetch, nothing, expired, "GET /a|Cache-Control: max-stale=10"},
        {"12.5 max-stale and fresh", minute, 1s, serve, l1, unforwarded, "GET /a|Cache-Control: max-stale=10"},
        {"12.5 max-stale limits a window", minute + ", stale-while-revalidate=60", 75s, fetch, nothing, expired,
         "GET /a|Cache-Control: max-stale=10"},
        {"12.5 max-stale inside a window refreshes", minute + ", stale-while-revalidate=60", 65s, refresh, swr, unforwarded,
         "GET /a|Cache-Control: max-stale=10"},
        {"12.5 max-stale and max-age", minute, 70s, serve, detail::max_stale, unforwarded, "GET /a|Cache-Control: max-age=80, max-stale=20"},
        {"12.5 max-stale against must-revalidate", minute + ", must-revalidate", 61s, fetch, nothing, expired,
         "GET /a|Cache-Control: max-stale"},
        {"12.5 max-stale against proxy-revalidate", minute + ", proxy-revalidate", 61s, fetch, nothing, expired,
         "GET /a|Cache-Control: max-stale"},
        {"12.5 max-stale against s-maxage", "200|Cache-Control: s-maxage=60", 61s, fetch, nothing, expired, "GET /a|Cache-Control: max-stale"},
        {"12.5 max-stale against no-cache", "200|Cache-Control: no-cache|ETag: \"a\"", 1s, fetch, nothing, expired,
         "GET /a|Cache-Control: max-stale"},
        {"12.5 only-if-cached and fresh", minute, 1s, serve, l1, unforwarded, "GET /a|Cache-Control: only-if-cached"},
        {"12.6 Pragma", minute, 1s, fetch, nothing, asked, "GET /a|Pragma: no-cache"},
        {"12.6 Pragma in any case", minute, 1s, fetch, nothing, asked, "GET /a|pragma: No-Cache"},
        {"12.6 Pragma beside Cache-Control", minute, 1s, serve, l1, unforwarded, "GET /a|Pragma: no-cache|Cache-Control: max-age=100"},
        {"12.6 Pragma with another value", minute, 1s, serve, l1, unforwarded, "GET /a|Pragma: foo"},
        {"12.6 Pragma of several lines", minute, 1s, fetch, nothing, asked, "GET /a|Pragma: foo|Pragma: no-cache"},
        {"12.5 no-store", minute, 1s, action::pass, detail::request_no_store, asked, "GET /a|Cache-Control: no-store"},
    });
}

TEST(Reuse, PassesNoStoreAlsoWhenNothingIsStored)
{
    const made_request rq("GET /a|Cache-Control: no-store");
    EXPECT_EQ(judge_reuse(rq, nullptr, honouring(), received).what, action::pass);
    EXPECT_EQ(judge_reuse(rq, nullptr, {}, received).what, action::fetch);
    const made_request other("GET /a|Cache-Control: no-cache");
    EXPECT_EQ(judge_reuse(other, nullptr, honouring(), received).what, action::fetch);
}

TEST(Reuse, KnowsWhoTakesStoredAnswersOnly)
{
    const made_request rq("GET /a|Cache-Control: max-age=9, Only-If-Cached");   // 12.5
    EXPECT_TRUE(wants_only_stored(rq, honouring()));
    EXPECT_FALSE(wants_only_stored(rq, {}));
    EXPECT_FALSE(wants_only_stored(made_request("GET /a"), honouring()));
    EXPECT_FALSE(wants_only_stored(made_request("GET /a|Cache-Control: x=\"only-if-cached\""), honouring()));
}

// ---- 16 Serving stale --------------------------------------------------------------------------------------------------------------

TEST(Reuse, RefreshesInTheBackgroundWithinTheWindow)
{
    const std::string response = "200|Cache-Control: max-age=60, stale-while-revalidate=30";
    check(caching_policy{}, {
        {"16.4 before", response, 59999ms, serve, l1},
        {"16.4 the first moment", response, 60s, refresh, swr},
        {"16.4 the last moment", response, 89999ms, refresh, swr},
        {"16.4 after", response, 90s, fetch, nothing, expired},
        {"16.2 must-revalidate", response + ", must-revalidate", 61s, fetch, nothing, expired},
        {"16.2 proxy-revalidate", response + ", proxy-revalidate", 61s, fetch, nothing, expired},
        {"16.2 s-maxage", response + ", s-maxage=60", 61s, fetch, nothing, expired},
        {"16.4 arrived within the window", response + "|Age: 70", 0s, refresh, swr},
        {"16.4 a negative answer", "404|Cache-Control: max-age=1, stale-while-revalidate=9", 2s, refresh, swr},
    });
    caching_policy p;
    p.stale.while_revalidate = 10s;
    check(p, {
        {"16.7 the route's window", "200|Cache-Control: max-age=60", 69s, refresh, swr},
        {"16.7 the route's window is over", "200|Cache-Control: max-age=60", 70s, fetch, nothing, expired},
        {"16.7 the answer's own wins", "200|Cache-Control: max-age=60, stale-while-revalidate=0", 61s, fetch, nothing, expired},
        {"16.3 s-maxage", "200|Cache-Control: s-maxage=60", 61s, fetch, nothing, expired},
    });
    p.stale.with_s_maxage = true;
    check(p, {
        {"16.3 its own window", "200|Cache-Control: s-maxage=60, stale-while-revalidate=5", 61s, refresh, swr},
        {"16.3 and no more", "200|Cache-Control: s-maxage=60, stale-while-revalidate=5", 65s, fetch, nothing, expired},
        {"16.3 never the route's", "200|Cache-Control: s-maxage=60", 61s, fetch, nothing, expired},
    });
}

struct failure_case {
    const char* name;
    const char* response;
    milliseconds later;
    bool on_error;          // 500, 502, 503, 504
    bool on_unreachable;
};

void check_failures(const caching_policy& policy, const std::vector<failure_case>& cases)
{
    for (const failure_case& c : cases) {
        SCOPED_TRACE(std::string(c.name) + ": " + c.response);
        const entry_ptr e = stored_as(c.response, policy);
        EXPECT_EQ(may_serve_on_failure(*e, failure::server_error, received + c.later), c.on_error);
        EXPECT_EQ(may_serve_on_failure(*e, failure::unreachable, received + c.later), c.on_unreachable);
    }
}

TEST(Reuse, StandsInForAFailingOriginWithinTheWindows)
{
    check_failures(caching_policy{}, {
        {"16.1 within the hour", "200|Cache-Control: max-age=60", 3659999ms, false, true},
        {"16.1 after the hour", "200|Cache-Control: max-age=60", 3660s, false, false},
        {"16.1 no lifetime", "200|ETag: \"a\"", 1s, false, true},
        {"16.6 within", "200|Cache-Control: max-age=60, stale-if-error=30", 89999ms, true, true},
        {"16.6 after", "200|Cache-Control: max-age=60, stale-if-error=30", 90s, false, false},
        {"16.7 off", "200|Cache-Control: max-age=60, stale-if-error=0", 61s, false, false},
        {"16.2 must-revalidate", "200|Cache-Control: max-age=60, must-revalidate, stale-if-error=60", 61s, false, false},
        {"16.2 proxy-revalidate", "200|Cache-Control: max-age=60, proxy-revalidate, stale-if-error=60", 61s, false, false},
        {"16.2 s-maxage", "200|Cache-Control: s-maxage=60, stale-if-error=60", 61s, false, false},
        {"16.2 no-cache", "200|Cache-Control: no-cache, stale-if-error=60|ETag: \"a\"", 1s, false, false},
        {"16.2 no-cache, although in its lifetime", "200|Cache-Control: no-cache, max-age=60|ETag: \"a\"", 1s, false, false},
        {"16.2 not no-cache with fields", "200|Cache-Control: no-cache=\"a\", max-age=60, stale-if-error=60", 61s, true, true},
        {"fresh", "200|Cache-Control: max-age=60", 1s, true, true},
        {"16.4 its window is none for errors", "200|Cache-Control: max-age=60, stale-while-revalidate=30", 61s, false, true},
    });
    caching_policy p;
    p.stale.if_error = 10s;
    p.stale.if_unreachable = 0s;
    check_failures(p, {
        {"16.7 the route's", "200|Cache-Control: max-age=60", 69s, true, true},
        {"16.7 the route's is over", "200|Cache-Control: max-age=60", 70s, false, false},
        {"16.7 the answer's own wins", "200|Cache-Control: max-age=60, stale-if-error=100", 159s, true, true},
    });
}

TEST(Reuse, TakesFourStatusesForFailures)
{
    for (int status = 100; status < 600; ++status) {   // 16.6
        EXPECT_EQ(is_failure(status), status == 500 || status == 502 || status == 503 || status == 504) << status;
    }
}

TEST(Reuse, NeedsNoWindowForWhatIsFresh)
{
    entry_parts p;
    p.times.received = received;
    p.times.fresh_until = received + 60s;   // the windows are left at their defaults
    const entry_ptr e = entry::make(p);
    EXPECT_TRUE(may_serve_on_failure(*e, failure::server_error, received + 59s));
    EXPECT_FALSE(may_serve_on_failure(*e, failure::unreachable, received + 60s));
}

// ---- 13 Conditional requests from clients ------------------------------------------------------------------------------------------

struct condition_case {
    const char* name;
    const char* response;
    const char* request;
    bool not_modified;
};

TEST(Reuse, EvaluatesTheConditionsOfClients)
{
    const std::vector<condition_case> cases{
        {"13.1 match", "200|ETag: \"a\"", "GET /a|If-None-Match: \"a\"", true},
        {"13.1 mismatch", "200|ETag: \"a\"", "GET /a|If-None-Match: \"b\"", false},
        {"13.1 If-Modified-Since disagrees", "200|ETag: \"a\"|Last-Modified: <-100>",
         "GET /a|If-None-Match: \"b\"|If-Modified-Since: <-100>", false},
        {"13.1 If-Modified-Since disagrees the other way", "200|ETag: \"a\"|Last-Modified: <-100>",
         "GET /a|If-None-Match: \"a\"|If-Modified-Since: <-200>", true},
        {"13.2 weak against strong", "200|ETag: \"a\"", "GET /a|If-None-Match: W/\"a\"", true},
        {"13.2 strong against weak", "200|ETag: W/\"a\"", "GET /a|If-None-Match: \"a\"", true},
        {"13.2 first of a list", "200|ETag: \"a\"", "GET /a|If-None-Match: \"a\", \"b\", \"c\"", true},
        {"13.2 in the middle", "200|ETag: \"a\"", "GET /a|If-None-Match: \"b\", \"a\", \"c\"", true},
        {"13.2 last", "200|ETag: \"a\"", "GET /a|If-None-Match: \"b\", \"c\", \"a\"", true},
        {"13.2 on another line", "200|ETag: \"a\"", "GET /a|If-None-Match: \"b\"|If-None-Match: \"a\"", true},
        {"13.2 star", "200|ETag: \"a\"", "GET /a|If-None-Match: *", true},
        {"13.2 star without a tag", "200|Cache-Control: max-age=60", "GET /a|If-None-Match: *", true},
        {"13.2 no tag stored", "200|Cache-Control: max-age=60", "GET /a|If-None-Match: \"a\"", false},
        {"13.2 no quotes on either side", "200|ETag: a", "GET /a|If-None-Match: a", true},
        {"13.2 no quotes on one side", "200|ETag: a", "GET /a|If-None-Match: \"a\"", false},
        {"13.2 w/ is no mark", "200|ETag: \"a\"", "GET /a|If-None-Match: w/\"a\"", false},
        {"13.2 W without slash", "200|ETag: \"a\"", "GET /a|If-None-Match: W\"a\"", false},
        {"13.2 in another case", "200|ETag: \"a\"", "GET /a|If-None-Match: \"A\"", false},
        {"13.3 equal", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: <-100>", true},
        {"13.3 later", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: <-99>", true},
        {"13.3 earlier", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: <-101>", false},
        {"13.3 RFC 850", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: Tuesday, 14-Nov-23 22:11:40 GMT", true},
        {"13.3 asctime", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: Tue Nov 14 22:11:40 2023", true},
        {"13.3 asctime, earlier", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: Tue Nov 14 22:11:39 2023", false},
        {"13.3 invalid", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: tomorrow", false},
        {"13.3 two lines", "200|ETag: \"a\"|Last-Modified: <-100>", "GET /a|If-Modified-Since: <0>|If-Modified-Since: <0>", false},
        {"13.4 against Date", "200|Cache-Control: max-age=60|Date: <-10>", "GET /a|If-Modified-Since: <-10>", true},
        {"13.4 earlier than Date", "200|Cache-Control: max-age=60|Date: <-10>", "GET /a|If-Modified-Since: <-11>", false},
        {"no condition", "200|ETag: \"a\"", "GET /a", false},
        {"only successes are conditional", "404|Cache-Control: max-age=60|ETag: \"a\"", "GET /a|If-None-Match: \"a\"", false},
        {"HEAD as well", "200|ETag: \"a\"", "HEAD /a|If-None-Match: \"a\"", true},
    };
    for (const condition_case& c : cases) {
        SCOPED_TRACE(std::string(c.name) + ": " + c.response + " asked by " + c.request);
        const entry_ptr e = stored_as(c.response);
        EXPECT_EQ(is_not_modified(made_request(c.request), *e), c.not_modified);
    }
}

TEST(Reuse, WhileInvalidationsLagOnlyWhatCameWithinTheBudgetIsServed)
{
    caching_policy policy;
    policy.lag_budget = 5s;
    const made_request rq("GET /a");
    const entry_ptr e = stored_as("200|Cache-Control: max-age=600, stale-while-revalidate=60", policy);
    const auto judged = [&](milliseconds later, milliseconds lag) {
        const instant now = received + later;
        return judge_reuse(rq, e.get(), policy, now, now - lag);
    };
    EXPECT_EQ(judged(60s, 5s).what, action::serve) << "the lag is within the budget";
    EXPECT_EQ(judged(5s, 60s).what, action::serve) << "the answer is";
    EXPECT_EQ(judged(60s, 5001ms).what, action::fetch);
    EXPECT_EQ(judged(60s, 5001ms).why, detail::lag);
    EXPECT_EQ(judged(601s, 60s).why, detail::lag) << "stale ones, too";
    policy.lag_budget = 0s;
    EXPECT_EQ(judged(60s, 500s).what, action::serve);
}

}  // namespace
}  // namespace tiercel
