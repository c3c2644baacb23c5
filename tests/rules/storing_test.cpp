#include "rules/heads.hpp"

#include <tiercel/rules.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tiercel {
namespace {

using namespace tiercel::test;
using namespace std::chrono_literals;

// ---- what a table can expect ------------------------------------------------------------------------------------------

struct expectation {
    bool store = false;
    detail why = detail::none;
    milliseconds fresh_for{0};   // from the reception on; zero or less: stale from the start
    bool validated = false;      // stored, but never used without asking the origin
};

constexpr expectation fresh(seconds s) { return {true, detail::none, s}; }
constexpr expectation fresh_ms(std::int64_t ms) { return {true, detail::none, milliseconds(ms)}; }
constexpr expectation stale(seconds since = seconds(0)) { return {true, detail::none, -since}; }
constexpr expectation validated() { return {true, detail::none, milliseconds(0), true}; }
constexpr expectation refused(detail why) { return {false, why}; }
using enum detail;

struct storing_case {
    std::string name;
    std::string response;
    expectation expected;
    std::string request = "GET /a";
};

caching_policy rfc9111()
{
    caching_policy p;
    p.set_cookie = set_cookie_rule::store;
    p.store_errors = store_errors_rule::explicit_;
    p.request_directives = request_directives_rule::honour;
    p.ttl.max = seconds(std::int64_t{1} << 40);
    return p;
}

storing_verdict judge(const storing_case& c, const caching_policy& policy, milliseconds took = milliseconds(0))
{
    const made_request rq(c.request);
    const made_response rs(c.response);
    return judge_storing(rq, rq.head().target, rs, policy, fetched(took));
}

void check(const caching_policy& policy, const std::vector<storing_case>& cases)
{
    for (const storing_case& c : cases) {
        SCOPED_TRACE(c.name + ": " + c.response);
        const storing_verdict v = judge(c, policy);
        EXPECT_EQ(v.store, c.expected.store);
        EXPECT_EQ(name_of(v.why), name_of(c.expected.why));
        if (!v.store || !c.expected.store) {
            continue;
        }
        const milliseconds left = v.times.fresh_until - received;
        if (c.expected.validated) {
            EXPECT_TRUE(has(v.flags, entry_flag::no_cache) || left.count() <= 0) << left.count();
        } else if (c.expected.fresh_for.count() > 0) {
            EXPECT_EQ(left.count(), c.expected.fresh_for.count());
            EXPECT_FALSE(has(v.flags, entry_flag::no_cache));
        } else {
            EXPECT_LE(left.count(), c.expected.fresh_for.count());
        }
    }
}

// ---- 1 Switches --------------------------------------------------------------------------------------------------------

TEST(Storing, InventsNoLifetimeUnlessTheRouteSaysSo)
{
    check(caching_policy{}, {
        {"1.2 nothing said", "200|Date: <0>", refused(no_lifetime)},
        {"1.2 404 for ttl.negative", "404|Date: <0>", fresh(10s)},
        {"1.2 410 for ttl.negative", "410|Date: <0>", fresh(10s)},
        {"1.2 404 with its own lifetime", "404|Cache-Control: max-age=60|Date: <0>", fresh(60s)},
        {"1.2 404 with no-store", "404|Cache-Control: no-store", refused(no_store)},
        {"1.2 404 with no-cache", "404|Cache-Control: no-cache", refused(no_lifetime)},
        {"1.2 403", "403|Date: <0>", refused(no_lifetime)},
    });
    caching_policy without;
    without.ttl.negative = 0s;
    check(without, {{"1.2 404 and no ttl.negative", "404|Date: <0>", refused(no_lifetime)}});
}

TEST(Storing, GivesTheDefaultLifetimeOnlyWhereACacheMayChooseOne)
{
    caching_policy p;
    p.ttl.default_ = 30s;
    check(p, {
        {"4.1 ttl.default", "200|Date: <0>", fresh(30s)},
        {"4.1 ttl.default goes before a heuristic", "200|Date: <0>|Last-Modified: <-36000>", fresh(30s)},
        {"4.1 an explicit lifetime goes before it", "200|Cache-Control: max-age=5", fresh(5s)},
        {"4.4 also one of 0", "200|Cache-Control: max-age=0", refused(no_lifetime)},
        {"4.4 also an invalid one", "200|Cache-Control: max-age=a", refused(no_lifetime)},
        {"4.4 also one in the past", "200|Expires: <-1>", refused(no_lifetime)},
        {"4.4 also an invalid Expires", "200|Expires: 0", refused(no_lifetime)},
        {"4.1 ttl.negative goes before it", "404|Date: <0>", fresh(10s)},
        {"4.1 301", "301|Date: <0>", fresh(30s)},
        {"1.2 not against no-cache", "200|Cache-Control: no-cache", refused(no_lifetime)},
        {"1.2 not against private", "200|Cache-Control: private", refused(private_)},
        {"1.2 not against no-store", "200|Cache-Control: no-store", refused(no_store)},
        {"a refused login is not remembered", "401|Date: <0>", refused(no_lifetime)},
        {"a refusal is not remembered", "403|Date: <0>", refused(no_lifetime)},
        {"a rate limit is not remembered", "429|Date: <0>", refused(no_lifetime)},
        {"a redirection to a login is not remembered", "302|Date: <0>", refused(no_lifetime)},
        {"... unless it is public", "302|Cache-Control: public", fresh(30s)},
        {"an error of the origin is not remembered", "500|Date: <0>", refused(status)},
    });
    p.store_errors = store_errors_rule::explicit_;
    check(p, {
        {"7.3 nor with store_errors", "503|Date: <0>", refused(no_lifetime)},
        {"7.3 nor if public", "503|Cache-Control: public", refused(no_lifetime)},
    });
}

TEST(Storing, BoundsTheLifetimeByTheRoute)
{
    caching_policy p;
    p.ttl.min = 20s;
    p.ttl.max = 100s;
    check(p, {
        {"1.2 ttl.max shortens", "200|Cache-Control: max-age=1000", fresh(100s)},
        {"1.2 ttl.max shortens Expires", "200|Date: <0>|Expires: <1000>", fresh(100s)},
        {"1.2 ttl.max shortens a heuristic", "200|Date: <0>|Last-Modified: <-100000>", fresh(100s)},
        {"1.2 ttl.max leaves what is shorter", "200|Cache-Control: max-age=50", fresh(50s)},
        {"1.2 ttl.min lengthens", "200|Cache-Control: max-age=1", fresh(20s)},
        {"1.2 ttl.min against no-store", "200|Cache-Control: no-store, max-age=1", refused(no_store)},
        {"1.2 ttl.min against private", "200|Cache-Control: private, max-age=1", refused(private_)},
        {"1.2 ttl.min against no-cache", "200|Cache-Control: no-cache, max-age=0", refused(no_lifetime)},
        {"1.2 ttl.min against no-cache with a validator", "200|Cache-Control: no-cache|ETag: \"a\"", validated()},
        {"1.2 ttl.min makes no lifetime", "200|Date: <0>", refused(no_lifetime)},
    });
    EXPECT_EQ(judge({"", "200|Cache-Control: no-cache, max-age=1|ETag: \"a\"", {}}, p).times.fresh_until, received + 1s);
}

// ---- 2 Which field decides ---------------------------------------------------------------------------------------------

TEST(Storing, LetsTheTargetedFieldDecideAlone)
{
    check(caching_policy{}, {
        {"2.1 short against long", "200|CDN-Cache-Control: max-age=5|Cache-Control: max-age=60", fresh(5s)},
        {"2.1 long against short", "200|CDN-Cache-Control: max-age=60|Cache-Control: max-age=5", fresh(60s)},
        {"2.1 the order of lines means nothing", "200|Cache-Control: max-age=5|CDN-Cache-Control: max-age=60", fresh(60s)},
        {"2.1 max-age=0 against a lifetime", "200|CDN-Cache-Control: max-age=0|Cache-Control: max-age=60", refused(no_lifetime)},
        {"2.1 no-store against a lifetime", "200|CDN-Cache-Control: no-store|Cache-Control: max-age=60", refused(no_store)},
        {"2.1 no-cache against a lifetime", "200|CDN-Cache-Control: no-cache|Cache-Control: max-age=60|ETag: \"a\"", validated()},
        {"2.1 private against a lifetime", "200|CDN-Cache-Control: private|Cache-Control: max-age=60", refused(private_)},
        {"2.1 lifetime against no-store", "200|CDN-Cache-Control: max-age=60|Cache-Control: no-store", fresh(60s)},
        {"2.1 lifetime against private", "200|CDN-Cache-Control: max-age=60|Cache-Control: private", fresh(60s)},
        {"2.1 lifetime against max-age=0", "200|CDN-Cache-Control: max-age=60|Cache-Control: max-age=0", fresh(60s)},
        {"2.1 lifetime against a past Expires", "200|CDN-Cache-Control: max-age=60|Expires: <-100>|Date: <0>", fresh(60s)},
        {"2.1 lifetime against an invalid Expires", "200|CDN-Cache-Control: max-age=60|Expires: 0", fresh(60s)},
        {"2.1 without lifetime Expires stays silent", "200|CDN-Cache-Control: public|Expires: <100>|Date: <0>", refused(no_lifetime)},
        {"2.1 without lifetime Cache-Control stays silent", "200|CDN-Cache-Control: public|Cache-Control: max-age=60", refused(no_lifetime)},
        {"2.1 empty does not decide", "200|CDN-Cache-Control: |Cache-Control: max-age=60", fresh(60s)},
        {"2.2 does not parse", "200|CDN-Cache-Control: max-age=10000, &&&&&|Cache-Control: no-store", refused(no_store)},
        {"2.2 upper case is no name", "200|CDN-Cache-Control: Max-Age=100|Cache-Control: max-age=5", fresh(5s)},
        {"2.2 blank before the equals sign", "200|CDN-Cache-Control: max-age =100|Cache-Control: max-age=5", fresh(5s)},
        {"2.2 blank behind the equals sign", "200|CDN-Cache-Control: max-age= 100|Cache-Control: max-age=5", fresh(5s)},
        {"2.2 lines are combined", "200|CDN-Cache-Control: public|CDN-Cache-Control: max-age=100", fresh(100s)},
        {"2.2 the last of two counts", "200|CDN-Cache-Control: max-age=10, max-age=100", fresh(100s)},
        {"2.2 an empty member", "200|CDN-Cache-Control: max-age=60,,|Cache-Control: no-store", refused(no_store)},
        {"2.3 a string is no number", "200|CDN-Cache-Control: max-age=\"10000\"|Cache-Control: no-store", refused(no_store)},
        {"2.3 a decimal is no number of seconds", "200|CDN-Cache-Control: max-age=1.5|Cache-Control: no-store", refused(no_store)},
        {"2.3 a flag that is false", "200|CDN-Cache-Control: no-store=?0|Cache-Control: max-age=60", fresh(60s)},
        {"2.3 unknown members", "200|CDN-Cache-Control: a=\"x\", max-age=100, b", fresh(100s)},
        {"2.3 parameters", "200|CDN-Cache-Control: max-age=100;a=b;c", fresh(100s)},
        {"2.4 Age counts", "200|CDN-Cache-Control: max-age=100|Age: 40", fresh(60s)},
        {"2.4 Age beyond it", "200|CDN-Cache-Control: max-age=100|Cache-Control: max-age=1000|Age: 200", stale(100s)},
        {"2.4 Authorization", "200|CDN-Cache-Control: max-age=100", refused(request_authorization), "GET /a|Authorization: x"},
        {"2.4 Authorization and public", "200|CDN-Cache-Control: public, max-age=100", fresh(100s), "GET /a|Authorization: x"},
        {"2.1 other targeted fields mean nothing", "200|Other-CDN-Cache-Control: max-age=100|Cache-Control: max-age=5", fresh(5s)},
    });
}

TEST(Storing, TakesVeryLongTargetedLifetimes)
{
    check(rfc9111(), {
        {"2.4 2^31", "200|CDN-Cache-Control: max-age=2147483648|Cache-Control: no-store", fresh(2147483648s)},
        {"2.4 99999999999", "200|CDN-Cache-Control: max-age=99999999999|Cache-Control: no-store", fresh(99999999999s)},
    });
}

TEST(Storing, AsksTheTargetedFieldsInTheOrderOfTheList)
{
    caching_policy p;
    p.targeted = {"Tiercel-Cache-Control", "CDN-Cache-Control"};
    check(p, {
        {"2.1 the first wins", "200|CDN-Cache-Control: max-age=10|Tiercel-Cache-Control: max-age=20", fresh(20s)},
        {"2.1 names in any case", "200|CDN-Cache-Control: max-age=10|tiercel-cache-CONTROL: max-age=20", fresh(20s)},
        {"2.2 the next one if the first is bad", "200|CDN-Cache-Control: max-age=10|Tiercel-Cache-Control: max-age=x y", fresh(10s)},
        {"2.1 the next one if the first is empty", "200|CDN-Cache-Control: max-age=10|Tiercel-Cache-Control: ", fresh(10s)},
    });
    p.targeted.clear();
    check(p, {{"2.1 none listed", "200|CDN-Cache-Control: max-age=10|Cache-Control: max-age=20", fresh(20s)}});
}

// ---- 3 Parsing Cache-Control ---------------------------------------------------------------------------------------------

TEST(Storing, ReadsCacheControlTolerantlyButNeverTooKindly)
{
    check(rfc9111(), {
        {"3.1 lines are combined", "200|Cache-Control: public|Cache-Control: max-age=60", fresh(60s)},
        {"3.1 names in any case", "200|Cache-Control: MaX-aGe=60", fresh(60s)},
        {"3.1 unknown before", "200|Cache-Control: foobar, max-age=60", fresh(60s)},
        {"3.1 unknown behind", "200|Cache-Control: max-age=60, foobar=1", fresh(60s)},
        {"3.2 inside a string", "200|Cache-Control: extension=\"max-age=3600\"", refused(no_lifetime)},
        {"3.2 inside a string before a real one", "200|Cache-Control: extension=\"max-age=3600\", max-age=1", fresh(1s)},
        {"3.2 inside a string behind a real one", "200|Cache-Control: max-age=1, extension=\"max-age=3600\"", fresh(1s)},
        {"3.2 no-store inside a string", "200|Cache-Control: x=\"no-store\", max-age=60", fresh(60s)},
        {"3.2 an endless string", "200|Cache-Control: max-age=60, x=\"abc", refused(bad_directives)},
        {"3.3 leading zeros", "200|Cache-Control: max-age=003600", fresh(3600s)},
        {"3.3 quoted", "200|Cache-Control: max-age=\"3600\"", fresh(3600s)},
        {"3.4 no value", "200|Cache-Control: max-age", refused(no_lifetime)},
        {"3.4 empty value", "200|Cache-Control: max-age=", refused(no_lifetime)},
        {"3.4 negative", "200|Cache-Control: max-age=-3600", refused(no_lifetime)},
        {"3.4 decimal", "200|Cache-Control: max-age=3600.0", refused(no_lifetime)},
        {"3.4 letters before", "200|Cache-Control: max-age=a3600", refused(no_lifetime)},
        {"3.4 letters behind", "200|Cache-Control: max-age=3600a", refused(no_lifetime)},
        {"3.4 single quotes", "200|Cache-Control: max-age='3600'", refused(no_lifetime)},
        {"3.4 blank before the equals sign", "200|Cache-Control: max-age =3600", refused(no_lifetime)},
        {"3.4 blank behind the equals sign", "200|Cache-Control: max-age= 3600", refused(no_lifetime)},
        {"3.4 invalid, with a validator", "200|Cache-Control: max-age=a|ETag: \"a\"", validated()},
        {"3.5 2^31-1", "200|Cache-Control: max-age=2147483647", fresh(2147483647s)},
        {"3.5 2^31", "200|Cache-Control: max-age=2147483648", fresh(2147483648s)},
        {"3.5 2^31+1", "200|Cache-Control: max-age=2147483649", fresh(2147483649s)},
        {"3.5 99999999999", "200|Cache-Control: max-age=99999999999", fresh(99999999999s)},
        {"3.6 the first of two", "200|Cache-Control: max-age=10, max-age=60", fresh(10s)},
        {"3.6 the first of two lines", "200|Cache-Control: max-age=60|Cache-Control: max-age=10", fresh(60s)},
        {"3.6 no-cache over max-age", "200|Cache-Control: max-age=60, no-cache|ETag: \"a\"", validated()},
        {"3.6 private over public", "200|Cache-Control: public, private, max-age=60", refused(private_)},
        {"3.6 unqualified private over qualified", "200|Cache-Control: private=\"a\", private, max-age=60", refused(private_)},
        {"3.6 unqualified no-cache over qualified", "200|Cache-Control: no-cache=\"a\", no-cache, max-age=60|ETag: \"a\"", validated()},
        {"3.6 an argument disables nothing", "200|Cache-Control: no-store=1, max-age=60", refused(no_store)},
        {"3.6 nor a quoted one", "200|Cache-Control: no-store=\"a\", max-age=60", refused(no_store)},
    });
}

TEST(Storing, NeverWrapsAHugeLifetime)
{
    const storing_verdict v = judge({"3.5 a hundred digits", "200|Cache-Control: max-age=" + std::string(100, '9'), {}}, rfc9111());
    ASSERT_TRUE(v.store);
    EXPECT_GT(v.times.fresh_until, received + seconds(std::int64_t{1} << 31));
    EXPECT_GE(v.times.useless_from(), v.times.fresh_until);
}

// ---- 4 Lifetime ----------------------------------------------------------------------------------------------------------

TEST(Storing, TakesTheLifetimeFromTheStrongestSource)
{
    check(rfc9111(), {
        {"4.1 max-age before Expires", "200|Cache-Control: max-age=60|Date: <0>|Expires: <1000>", fresh(60s)},
        {"4.1 Expires alone", "200|Date: <0>|Expires: <100>", fresh(100s)},
        {"4.1 Expires before a heuristic", "200|Date: <0>|Expires: <100>|Last-Modified: <-100000>", fresh(100s)},
        {"4.2 s-maxage shorter", "200|Cache-Control: s-maxage=1, max-age=60", fresh(1s)},
        {"4.2 s-maxage longer", "200|Cache-Control: s-maxage=100, max-age=60", fresh(100s)},
        {"4.2 s-maxage behind", "200|Cache-Control: max-age=60, s-maxage=100", fresh(100s)},
        {"4.2 s-maxage on another line", "200|Cache-Control: max-age=60|Cache-Control: s-maxage=100", fresh(100s)},
        {"4.2 s-maxage alone", "200|Cache-Control: s-maxage=100", fresh(100s)},
        {"4.2 s-maxage=0 beats max-age", "200|Cache-Control: s-maxage=0, max-age=60", refused(no_lifetime)},
        {"4.2 s-maxage invalid", "200|Cache-Control: s-maxage=a, max-age=60", refused(no_lifetime)},
        {"4.2 s-maxage negative", "200|Cache-Control: s-maxage=-1, max-age=60|ETag: \"a\"", validated()},
        {"4.3 max-age=0 beats a future Expires", "200|Cache-Control: max-age=0|Date: <0>|Expires: <100>", refused(no_lifetime)},
        {"4.3 an invalid max-age beats it too", "200|Cache-Control: max-age=a|Date: <0>|Expires: <100>", refused(no_lifetime)},
        {"4.3 max-age beats a past Expires", "200|Cache-Control: max-age=60|Date: <0>|Expires: <-100>", fresh(60s)},
        {"4.3 max-age beats an invalid Expires", "200|Cache-Control: max-age=60|Expires: 0", fresh(60s)},
        {"4.3 s-maxage beats both", "200|Cache-Control: max-age=0, s-maxage=3600|Date: <0>|Expires: <-100>", fresh(3600s)},
        {"4.4 max-age=0 and a Last-Modified", "200|Cache-Control: max-age=0|Date: <0>|Last-Modified: <-100000>", validated()},
        {"4.4 a past Expires and a Last-Modified", "200|Date: <0>|Expires: <-1>|Last-Modified: <-100000>", validated()},
        {"4.4 an invalid Expires and a Last-Modified", "200|Date: <0>|Expires: 0|Last-Modified: <-100000>", validated()},
        {"4.4 404 with max-age=0", "404|Cache-Control: max-age=0", refused(no_lifetime)},
        {"4.5 Age beyond the lifetime", "200|Cache-Control: max-age=60|Age: 61", stale(1s)},
        {"4.5 Age equal to the lifetime", "200|Cache-Control: max-age=60|Age: 60", stale()},
        {"4.5 Age below the lifetime", "200|Cache-Control: max-age=60|Age: 59", fresh(1s)},
    });
}

// ---- 5 Dates and Expires ---------------------------------------------------------------------------------------------------

TEST(Storing, MeasuresExpiresAgainstTheOriginsDate)
{
    check(rfc9111(), {
        {"5.1 RFC 850", "200|Expires: Thursday, 18-Aug-50 02:01:18 GMT|Date: <0>", fresh(844400878s)},
        {"5.1 asctime", "200|Expires: Thu Aug  8 02:01:18 2050|Date: <0>", fresh(843536878s)},
        {"5.2 letters in any case", "200|Expires: THU, 18 AUG 2050 02:01:18 gMT|Date: <0>", fresh(844400878s)},
        {"5.2 the wrong weekday", "200|Expires: Mon, 18 Aug 2050 02:01:18 GMT|Date: <0>", fresh(844400878s)},
        {"5.3 past 2038", "200|Expires: Thu, 18 Nov 2286 02:01:18 GMT|Date: <0>", fresh(8299770478s)},
        {"5.4 zero", "200|Expires: 0|Date: <0>", refused(no_lifetime)},
        {"5.4 -1", "200|Expires: -1|Date: <0>", refused(no_lifetime)},
        {"5.4 UTC", "200|Expires: Thu, 18 Aug 2050 02:01:18 UTC|Date: <0>", refused(no_lifetime)},
        {"5.4 AEST", "200|Expires: Thu, 18 Aug 2050 02:01:18 AEST|Date: <0>", refused(no_lifetime)},
        {"5.4 two-digit year", "200|Expires: Thu, 18 Aug 50 02:01:18 GMT|Date: <0>", refused(no_lifetime)},
        {"5.4 no comma", "200|Expires: Thu 18 Aug 2050 02:01:18 GMT|Date: <0>", refused(no_lifetime)},
        {"5.4 two blanks", "200|Expires: Thu, 18  Aug 2050 02:01:18 GMT|Date: <0>", refused(no_lifetime)},
        {"5.4 dashes", "200|Expires: Thu, 18-Aug-2050 02:01:18 GMT|Date: <0>", refused(no_lifetime)},
        {"5.4 periods", "200|Expires: Thu, 18 Aug 2050 02.01.18 GMT|Date: <0>", refused(no_lifetime)},
        {"5.4 a one-digit hour", "200|Expires: Thu, 18 Aug 2050 2:01:18 GMT|Date: <0>", refused(no_lifetime)},
        {"5.4 lines that are all invalid", "200|Expires: 0|Expires: x|Date: <0>", refused(no_lifetime)},
        {"5.4 the first valid one", "200|Expires: 0|Expires: <50>|Expires: <100>|Date: <0>", fresh(50s)},
        {"5.4 empty", "200|Expires: |Date: <0>", refused(no_lifetime)},
        {"5.5 both ahead, stale", "200|Date: <400>|Expires: <300>", refused(no_lifetime)},
        {"5.5 both ahead, fresh", "200|Date: <3600>|Expires: <3660>", fresh(60s)},
        {"5.5 both behind", "200|Date: <-3600>|Expires: <-3540>", stale(3540s)},
        {"5.5 ahead, with Age", "200|Date: <10>|Expires: <20>|Age: 15", stale(5s)},
        {"5.5 around now, with Age", "200|Date: <-10>|Expires: <10>|Age: 25", stale(5s)},
        {"5.6 equal", "200|Date: <0>|Expires: <0>", refused(no_lifetime)},
        {"5.6 before", "200|Date: <0>|Expires: <-1>|ETag: \"a\"", validated()},
        {"5.6 no Date", "200|Expires: <100>", fresh(100s)},
        {"5.6 an invalid Date", "200|Date: yesterday|Expires: <100>", fresh(100s)},
        {"5.6 an invalid Date and max-age", "200|Date: yesterday|Cache-Control: max-age=60", fresh(60s)},
    });
}

// ---- 6 Age ---------------------------------------------------------------------------------------------------------------

TEST(Storing, CountsTheAgeOnArrival)
{
    check(rfc9111(), {
        {"6.1 old first", "200|Cache-Control: max-age=3600|Age: 7200, 0", stale(3600s)},
        {"6.1 old last", "200|Cache-Control: max-age=3600|Age: 0, 7200", fresh(3600s)},
        {"6.1 old on the first line", "200|Cache-Control: max-age=3600|Age: 7200|Age: 0", stale(3600s)},
        {"6.1 old on the last line", "200|Cache-Control: max-age=3600|Age: 0|Age: 7200", fresh(3600s)},
        {"6.1 two zeros", "200|Cache-Control: max-age=3600|Age: 0, 0", fresh(3600s)},
        {"6.1 two lines of zero", "200|Cache-Control: max-age=3600|Age: 0|Age: 0", fresh(3600s)},
        {"6.1 two lines of 3600", "200|Cache-Control: max-age=10000|Age: 3600|Age: 3600", fresh(6400s)},
        {"6.1 blank before the comma", "200|Cache-Control: max-age=10|Age: 7 , 9", fresh(3s)},
        {"6.2 letters", "200|Cache-Control: max-age=3600|Age: abc", fresh(3600s)},
        {"6.2 negative", "200|Cache-Control: max-age=3600|Age: -7200", fresh(3600s)},
        {"6.2 a sign", "200|Cache-Control: max-age=3600|Age: +7200", fresh(3600s)},
        {"6.2 decimal", "200|Cache-Control: max-age=3600|Age: 7200.0", fresh(3600s)},
        {"6.2 a parameter", "200|Cache-Control: max-age=3600|Age: 7200;foo=bar", fresh(3600s)},
        {"6.2 empty", "200|Cache-Control: max-age=3600|Age: ", fresh(3600s)},
        {"6.2 hexadecimal", "200|Cache-Control: max-age=3600|Age: 0x1C20", fresh(3600s)},
        {"6.3 2147483647", "200|Cache-Control: max-age=3600|Age: 2147483647", stale(2147480047s)},
        {"6.3 2147483648", "200|Cache-Control: max-age=3600|Age: 2147483648", stale(2147480047s)},
        {"6.3 2147483649", "200|Cache-Control: max-age=3600|Age: 2147483649", stale(2147480047s)},
        {"6.3 more digits than any type holds", "200|Cache-Control: max-age=99999999999|Age: 99999999999999999999999", stale()},
        {"6.3 old against a huge lifetime", "200|Cache-Control: max-age=9999999999|Age: 10000000000", stale(1s)},
        {"6.4 an old Date", "200|Cache-Control: max-age=3600|Date: <-7200>", stale(3600s)},
        {"6.4 a Date ahead is no age", "200|Cache-Control: max-age=3600|Date: <7200>", fresh(3600s)},
        {"6.4 the larger of both: Date", "200|Cache-Control: max-age=100|Date: <-40>|Age: 10", fresh(60s)},
        {"6.4 the larger of both: Age", "200|Cache-Control: max-age=100|Date: <-10>|Age: 40", fresh(60s)},
    });
}

TEST(Storing, AddsTheTimeOfTheFetchToAReceivedAge)
{
    const storing_case c{"6.4", "200|Cache-Control: max-age=100|Date: <0>|Age: 7", {}};
    EXPECT_EQ(judge(c, {}, 3500ms).times.initial_age, 10500ms);
    EXPECT_EQ(judge(c, {}, 3500ms).times.fresh_until, received + 89500ms);
    EXPECT_EQ(judge(c, {}, 0ms).times.initial_age, 7000ms);
}

TEST(Storing, TakesASecondOfRoundingForNoAge)
{
    const made_request rq("GET /a");
    const made_response rs("200|Cache-Control: max-age=100|Date: <0>");
    fetch_times when = fetched();
    when.received_wall += 999ms;
    EXPECT_EQ(judge_storing(rq, "/a", rs, {}, when).times.initial_age, 0ms);
    when.received_wall += 1ms;
    EXPECT_EQ(judge_storing(rq, "/a", rs, {}, when).times.initial_age, 1000ms);
}

TEST(Storing, KeepsTheTimesOfReception)
{
    const storing_verdict v = judge({"", "200|Cache-Control: max-age=100", {}}, {});
    EXPECT_EQ(v.times.received, received);
    EXPECT_EQ(v.times.received.time_since_epoch() + v.times.wall_offset, received_wall.time_since_epoch());
}

// ---- 7 What may be stored --------------------------------------------------------------------------------------------------

TEST(Storing, ObeysWhatForbidsStoring)
{
    check(rfc9111(), {
        {"7.1 no-store", "200|Cache-Control: no-store", refused(no_store)},
        {"7.1 no-store beside a lifetime", "200|Cache-Control: no-store, max-age=60", refused(no_store)},
        {"7.1 a lifetime beside no-store", "200|Cache-Control: max-age=60|Cache-Control: NO-STORE", refused(no_store)},
        {"7.1 no-store and Expires", "200|Cache-Control: no-store|Date: <0>|Expires: <100>", refused(no_store)},
        {"7.1 private", "200|Cache-Control: private, max-age=60", refused(private_)},
        {"7.1 private in any case", "200|Cache-Control: PrIvAtE, s-maxage=60", refused(private_)},
        {"7.1 private with fields", "200|Cache-Control: private=\"a, b\", max-age=60", fresh(60s)},
        {"7.2 must-understand, unknown status", "299|Cache-Control: must-understand, max-age=60", refused(must_understand)},
        {"7.2 must-understand, known status", "200|Cache-Control: must-understand, max-age=60", fresh(60s)},
        {"7.2 must-understand beats no-store", "200|Cache-Control: no-store, must-understand, max-age=60", fresh(60s)},
        {"7.2 not for an unknown status", "299|Cache-Control: no-store, must-understand, max-age=60", refused(must_understand)},
        {"7.2 418 is unused", "418|Cache-Control: must-understand, max-age=60", refused(must_understand)},
        {"7.2 422 is known", "422|Cache-Control: must-understand, no-store, max-age=60", fresh(60s)},
        {"7.7 Vary: *", "200|Cache-Control: max-age=60|Vary: *", refused(vary_star)},
        {"7.9 Authorization", "200|Cache-Control: max-age=60", refused(request_authorization), "GET /a|Authorization: Basic eA=="},
        {"7.9 Authorization and Expires", "200|Date: <0>|Expires: <100>", refused(request_authorization), "GET /a|Authorization: x"},
        {"7.9 and public", "200|Cache-Control: max-age=60, public", fresh(60s), "GET /a|Authorization: x"},
        {"7.9 and s-maxage", "200|Cache-Control: s-maxage=60", fresh(60s), "GET /a|Authorization: x"},
        {"7.9 and must-revalidate", "200|Cache-Control: max-age=60, must-revalidate", fresh(60s), "GET /a|Authorization: x"},
        {"7.9 not proxy-revalidate", "200|Cache-Control: max-age=60, proxy-revalidate", refused(request_authorization),
         "GET /a|Authorization: x"},
        {"7.9 private stays private", "200|Cache-Control: max-age=60, public, private", refused(private_), "GET /a|Authorization: x"},
        {"7.10 Cookie in the request", "200|Cache-Control: max-age=60", fresh(60s), "GET /a|Cookie: a=b"},
        {"7.10 Pragma in the response", "200|Cache-Control: max-age=60|Pragma: no-cache", fresh(60s)},
        {"7.10 Pragma alone", "200|Date: <0>|Expires: <100>|Pragma: no-cache", fresh(100s)},
        {"11.4 Connection undoes nothing", "200|Cache-Control: no-store, max-age=60|Connection: cache-control", refused(no_store)},
        {"an event stream has no end", "200|Cache-Control: max-age=60|Content-Type: text/event-stream; charset=utf-8", refused(type)},
    });
}

TEST(Storing, StoresEveryFinalStatusBelow500WithAnExplicitLifetime)
{
    for (const int status : {200, 201, 202, 203, 204, 205, 226, 299, 300, 301, 302, 303, 305, 307, 308, 399, 400, 401, 403, 404,
                             405, 410, 414, 418, 429, 451, 499}) {
        const std::string code = std::to_string(status);
        check(caching_policy{}, {
            {"7.3 max-age", code + "|Cache-Control: max-age=60", fresh(60s)},
            {"7.3 Expires", code + "|Date: <0>|Expires: <60>", fresh(60s)},
        });
    }
}

TEST(Storing, StoresErrorsOfTheOriginOnlyWhenTheRouteSaysSo)
{
    for (const int status : {500, 501, 502, 503, 504, 505, 599}) {
        const std::string code = std::to_string(status);
        check(caching_policy{}, {
            {"7.3 never", code + "|Cache-Control: max-age=60", refused(detail::status)},
            {"7.3 never, public", code + "|Cache-Control: public, max-age=60", refused(detail::status)},
            {"8.1 never, heuristic", code + "|Cache-Control: public|Date: <0>|Last-Modified: <-1000>", refused(detail::status)},
            {"7.6 never, validator", code + "|Cache-Control: public|ETag: \"a\"", refused(detail::status)},
        });
        check(rfc9111(), {
            {"7.3 explicit", code + "|Cache-Control: max-age=60", fresh(60s)},
            {"7.3 explicit, Expires", code + "|Date: <0>|Expires: <60>", fresh(60s)},
            {"7.3 explicit, s-maxage", code + "|Cache-Control: s-maxage=60", fresh(60s)},
            {"7.3 explicit, nothing said", code + "|Date: <0>", refused(no_lifetime)},
            {"7.1 explicit, no-store", code + "|Cache-Control: no-store, max-age=60", refused(no_store)},
        });
    }
}

TEST(Storing, NeverStoresWhatIsNoAnswerToTheKey)
{
    for (const int status : {100, 101, 102, 103, 199, 304, 412, 416, 600, 700, 999}) {
        const std::string code = std::to_string(status);
        const std::vector<storing_case> cases{{"7.4", code + "|Cache-Control: public, max-age=60|ETag: \"a\"", refused(detail::status)}};
        check(caching_policy{}, cases);
        check(rfc9111(), cases);
    }
    check(rfc9111(), {{"18.5 no parts", "206|Cache-Control: max-age=60|Content-Range: bytes 0-1/2", refused(partial)}});
}

TEST(Storing, StoresForValidationWhereAValidatorIs)
{
    check(rfc9111(), {
        {"7.6 no-cache and ETag", "200|Cache-Control: no-cache|ETag: \"a\"", validated()},
        {"7.6 no-cache and Last-Modified", "200|Cache-Control: no-cache|Date: <0>|Last-Modified: <-1000>", validated()},
        {"7.6 no-cache without validator", "200|Cache-Control: no-cache, max-age=60", refused(no_lifetime)},
        {"7.6 no lifetime and ETag", "200|ETag: \"a\"", validated()},
        {"7.6 no lifetime and weak ETag", "200|ETag: W/\"a\"", validated()},
        {"7.6 no-cache, 404", "404|Cache-Control: no-cache|ETag: \"a\"", validated()},
        {"7.6 no-cache, 302 is none of 8.1", "302|Cache-Control: no-cache|ETag: \"a\"", refused(no_lifetime)},
        {"7.6 no lifetime, 403 is none of 8.1", "403|ETag: \"a\"", refused(no_lifetime)},
        {"7.6 no lifetime, 501", "501|ETag: \"a\"", validated()},
        {"12.1 NO-CACHE", "200|Cache-Control: NO-CACHE, max-age=60|ETag: \"a\"", validated()},
        {"12.2 no-cache with fields is fresh", "200|Cache-Control: no-cache=\"a\", max-age=60", fresh(60s)},
    });
}

TEST(Storing, TreatsSetCookieAsTheRouteSays)
{
    const std::string with_cookie = "200|Cache-Control: max-age=60|Set-Cookie: a=b";
    caching_policy p;
    check(p, {{"7.8 refuse", with_cookie, refused(set_cookie)}});
    check(p, {{"7.8 refuse, public", "200|Cache-Control: public, s-maxage=60|set-COOKIE: a=b", refused(set_cookie)}});
    check(p, {{"7.8 refuse, Set-Cookie2 is another field", "200|Cache-Control: max-age=60|Set-Cookie2: a=b", fresh(60s)}});
    p.set_cookie = set_cookie_rule::strip;
    const storing_verdict stripped = judge({"7.8", with_cookie, {}}, p);
    EXPECT_TRUE(stripped.store);
    EXPECT_EQ(stripped.drop_fields, std::vector<std::string>{"set-cookie"});
    p.set_cookie = set_cookie_rule::store;
    const storing_verdict whole = judge({"7.8", with_cookie, {}}, p);
    EXPECT_TRUE(whole.store);
    EXPECT_TRUE(whole.drop_fields.empty());
}

TEST(Storing, NamesTheFieldsThatMustNotBeKept)
{
    const auto dropped = [](const char* response) { return judge({"", response, {}}, {}).drop_fields; };
    using names = std::vector<std::string>;
    EXPECT_EQ(dropped("200|Cache-Control: private=\"A, b\", max-age=60"), (names{"a", "b"}));                      // 7.1
    EXPECT_EQ(dropped("200|Cache-Control: no-cache=\"X-C\", max-age=60"), (names{"x-c"}));                         // 12.2
    EXPECT_EQ(dropped("200|Cache-Control: private=\"a\", no-cache=\"b\", max-age=60"), (names{"a", "b"}));
    EXPECT_EQ(dropped("200|Cache-Control: max-age=60"), names{});
    EXPECT_EQ(dropped("200|CDN-Cache-Control: max-age=60|Cache-Control: private=\"a\""), names{});                 // 2.1
    EXPECT_EQ(dropped("200|CDN-Cache-Control: max-age=60, private=\"a\"|Cache-Control: no-store"), (names{"a"}));  // 2.3
}

TEST(Storing, RemembersWhatWillNotBeStorableNextTimeEither)
{
    const auto marks = [](const char* response, const char* request = "GET /a") {
        return judge({"", response, {}, request}, {}).mark;
    };
    EXPECT_TRUE(marks("200|Cache-Control: no-store"));
    EXPECT_TRUE(marks("200|Cache-Control: private"));
    EXPECT_TRUE(marks("200|Cache-Control: max-age=60|Set-Cookie: a=b"));
    EXPECT_TRUE(marks("200|Cache-Control: max-age=60|Vary: *"));
    EXPECT_TRUE(marks("200|Date: <0>"));
    EXPECT_FALSE(marks("200|Cache-Control: max-age=60", "GET /a|Authorization: x")) << "says nothing about other requests";
    EXPECT_FALSE(marks("200|Cache-Control: max-age=60", "POST /a"));
    EXPECT_FALSE(marks("503|Date: <0>")) << "the origin recovers";
    EXPECT_FALSE(marks("206|Cache-Control: max-age=60"));
}

// ---- 8 Heuristic lifetime ----------------------------------------------------------------------------------------------------

TEST(Storing, GuessesATenthOfTheTimeSinceTheLastChange)
{
    check(rfc9111(), {
        {"8.2 a tenth", "200|Date: <0>|Last-Modified: <-36000>", fresh(3600s)},
        {"8.2 a minute ago", "200|Date: <0>|Last-Modified: <-60>", fresh(6s)},
        {"8.2 finer than a second", "200|Date: <0>|Last-Modified: <-5>", fresh_ms(500)},
        {"8.2 bounded", "200|Date: <0>|Last-Modified: <-100000000>", fresh(24h)},
        {"8.2 modified after Date", "200|Date: <0>|Last-Modified: <100>", validated()},
        {"8.2 modified at Date", "200|Date: <0>|Last-Modified: <0>", validated()},
        {"8.2 without Date", "200|Last-Modified: <-36000>", fresh(3600s)},
        {"8.2 measured from Date", "200|Date: <1000>|Last-Modified: <-9000>", fresh(1000s)},
        {"8.1 an invalid Last-Modified", "200|Date: <0>|Last-Modified: yesterday", validated()},
        {"6.4 Age counts", "200|Date: <0>|Last-Modified: <-36000>|Age: 600", fresh(3000s)},
        {"8.1 not with an explicit lifetime", "200|Cache-Control: max-age=1|Date: <0>|Last-Modified: <-36000>", fresh(1s)},
        {"8.1 ttl.negative goes first", "404|Date: <0>|Last-Modified: <-36000>", fresh(10s)},
        {"8.1 501", "501|Date: <0>|Last-Modified: <-36000>", fresh(3600s)},
    });
    for (const int status : {200, 203, 204, 300, 301, 308, 405, 414}) {
        check(caching_policy{}, {{"8.1", std::to_string(status) + "|Date: <0>|Last-Modified: <-36000>", fresh(3600s)}});
    }
    for (const int status : {201, 202, 205, 299, 302, 303, 307, 400, 401, 403, 429, 499}) {
        const std::string code = std::to_string(status);
        check(caching_policy{}, {
            {"8.3", code + "|Date: <0>|Last-Modified: <-36000>", refused(no_lifetime)},
            {"8.1 public", code + "|Cache-Control: public|Date: <0>|Last-Modified: <-36000>", fresh(3600s)},
        });
    }
    for (const int status : {500, 502, 503, 504, 599}) {
        const std::string code = std::to_string(status);
        check(rfc9111(), {
            {"8.3", code + "|Date: <0>|Last-Modified: <-36000>", refused(no_lifetime)},
            {"8.1 public", code + "|Cache-Control: public|Date: <0>|Last-Modified: <-36000>", fresh(3600s)},
        });
    }
    caching_policy none;
    none.ttl.heuristic_max = 0s;
    check(none, {{"8.2 switched off", "200|Date: <0>|Last-Modified: <-36000>", validated()}});
}

// ---- 9 Methods, 12 request directives ------------------------------------------------------------------------------------------

TEST(Storing, LetsOnlyGetFill)
{
    for (const char* verb : {"HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get", "QUERY"}) {
        check(rfc9111(), {{"9.1, 9.2", "200|Cache-Control: max-age=60", refused(detail::method), std::string(verb) + " /a"}});
    }
}

TEST(Storing, ObeysNoStoreOfARequestOnlyWhereItIsHonoured)
{
    const std::vector<storing_case> cases{
        {"12.4 ignore", "200|Cache-Control: max-age=60", fresh(60s), "GET /a|Cache-Control: no-store"}};
    check(caching_policy{}, cases);
    check(rfc9111(), {
        {"12.5 honour", "200|Cache-Control: max-age=60", refused(request_no_store), "GET /a|Cache-Control: no-store"},
        {"12.5 no-cache does not prevent storing", "200|Cache-Control: max-age=60", fresh(60s), "GET /a|Cache-Control: no-cache"},
        {"12.6 Pragma does not prevent storing", "200|Cache-Control: max-age=60", fresh(60s), "GET /a|Pragma: no-cache"},
    });
}

// ---- 10.6 Vary -------------------------------------------------------------------------------------------------------------------

TEST(Storing, FindsTheStarAnywhereInVary)
{
    for (const char* vary : {"Vary: *", "Vary: *, *", "Vary: , *", "Vary: *, Foo", "Vary: Foo, *", "Vary: |Vary: *", "Vary: Foo|Vary: *",
                             "Vary: Foo,\t*", "Vary: *\t", "vary: Foo,*,Bar"}) {
        check(rfc9111(), {{"10.6", std::string("200|Cache-Control: max-age=60|") + vary, refused(vary_star)}});
    }
    for (const char* vary : {"Vary: ", "Vary: ,", "Vary: Foo", "Vary: Foo, , Bar", "Vary: *Foo", "Vary: **"}) {
        check(rfc9111(), {{"10.6", std::string("200|Cache-Control: max-age=60|") + vary, fresh(60s)}});
    }
}

TEST(Storing, LetsPersonalFieldsSelectOnlyIfTheRouteAllowsThem)
{
    const std::string base = "200|Cache-Control: max-age=60|";
    check(caching_policy{}, {
        {"10.3 Cookie", base + "Vary: Cookie", refused(vary_cookie)},
        {"10.3 User-Agent", base + "Vary: user-agent", refused(vary_cookie)},
        {"10.3 among others", base + "Vary: Accept, COOKIE", refused(vary_cookie)},
        {"10.3 on another line", base + "Vary: Accept|Vary: Cookie", refused(vary_cookie)},
        {"10.3 any other field", base + "Vary: Accept, X-Anything", fresh(60s)},
    });
    caching_policy p;
    p.vary_allow = {"Cookie"};
    check(p, {
        {"10.3 allowed", base + "Vary: cookie", fresh(60s)},
        {"10.3 the other is not", base + "Vary: Cookie, User-Agent", refused(vary_cookie)},
    });
}

// ---- 16 Serving stale --------------------------------------------------------------------------------------------------------------

struct window_case {
    const char* name;
    const char* response;
    seconds swr, sie, unreachable;   // after the expiry
    bool never_stale = false;
};

void check_windows(const caching_policy& policy, const std::vector<window_case>& cases)
{
    for (const window_case& c : cases) {
        SCOPED_TRACE(std::string(c.name) + ": " + c.response);
        const storing_verdict v = judge({"", c.response, {}}, policy);
        ASSERT_TRUE(v.store);
        EXPECT_EQ(has(v.flags, entry_flag::must_revalidate), c.never_stale);
        if (!c.never_stale) {
            EXPECT_EQ(v.times.swr_until - v.times.fresh_until, c.swr);
            EXPECT_EQ(v.times.sie_until - v.times.fresh_until, c.sie);
            EXPECT_EQ(v.times.unreachable_until - v.times.fresh_until, c.unreachable);
        }
    }
}

TEST(Storing, MeasuresTheWindowsForStaleUse)
{
    check_windows(caching_policy{}, {
        {"16.1", "200|Cache-Control: max-age=60", 0s, 0s, 1h},
        {"16.4", "200|Cache-Control: max-age=60, stale-while-revalidate=30", 30s, 0s, 1h},
        {"16.6, 16.7", "200|Cache-Control: max-age=60, stale-if-error=30", 0s, 30s, 30s},
        {"16.7 off", "200|Cache-Control: max-age=60, stale-if-error=0", 0s, 0s, 0s},
        {"invalid is off", "200|Cache-Control: max-age=60, stale-if-error=x, stale-while-revalidate", 0s, 0s, 0s},
        {"16.4 after an age on arrival", "200|Cache-Control: max-age=60, stale-while-revalidate=30|Age: 65", 30s, 0s, 1h},
        {"16.4 targeted", "200|CDN-Cache-Control: max-age=60, stale-while-revalidate=30", 30s, 0s, 1h},
        {"2.1 silent", "200|CDN-Cache-Control: max-age=60|Cache-Control: stale-while-revalidate=30, must-revalidate", 0s, 0s, 1h},
        {"16.2 must-revalidate", "200|Cache-Control: max-age=60, must-revalidate, stale-if-error=60", 0s, 0s, 0s, true},
        {"16.2 proxy-revalidate", "200|Cache-Control: max-age=60, proxy-revalidate, stale-while-revalidate=60", 0s, 0s, 0s, true},
        {"16.2 s-maxage", "200|Cache-Control: s-maxage=60", 0s, 0s, 0s, true},
        {"16.2 s-maxage with windows", "200|Cache-Control: s-maxage=60, stale-while-revalidate=9", 0s, 0s, 0s, true},
        {"16.1 a negative answer", "404|Date: <0>", 0s, 0s, 1h},
    });
    caching_policy p;
    p.stale.while_revalidate = 5s;
    p.stale.if_error = 7s;
    check_windows(p, {
        {"16.7 the route's", "200|Cache-Control: max-age=60", 5s, 7s, 1h},
        {"16.7 its own", "200|Cache-Control: max-age=60, stale-while-revalidate=1, stale-if-error=2", 1s, 2s, 2s},
        {"16.7 off", "200|Cache-Control: max-age=60, stale-while-revalidate=0, stale-if-error=0", 0s, 0s, 0s},
        {"16.2 against the route's", "200|Cache-Control: max-age=60, must-revalidate", 0s, 0s, 0s, true},
    });
    p.stale.with_s_maxage = true;
    check_windows(p, {
        {"16.3 its own window wins", "200|Cache-Control: s-maxage=60, stale-while-revalidate=9", 9s, 0s, 0s},
        {"16.3 and its own error window", "200|Cache-Control: s-maxage=60, stale-if-error=9", 0s, 9s, 9s},
        {"16.3 the route's never do", "200|Cache-Control: s-maxage=60", 0s, 0s, 0s, true},
        {"16.3 not against must-revalidate", "200|Cache-Control: s-maxage=60, must-revalidate, stale-if-error=9", 0s, 0s, 0s, true},
    });
    p.stale.if_unreachable = 0s;
    check_windows(p, {{"16.1 off", "200|Cache-Control: max-age=60", 5s, 7s, 0s}});
}

TEST(Storing, StoresWhatArrivesStaleForItsWindows)
{
    // An answer from a cache nearer to the origin, inside that cache's own stale-while-revalidate.
    check(caching_policy{}, {{"16.4", "200|Cache-Control: max-age=60, stale-while-revalidate=600|Age: 65", stale(5s)}});
}

TEST(Storing, FlagsWhatReuseHasToKnow)
{
    const auto flags = [](const char* response, const caching_policy& p = {}) { return judge({"", response, {}}, p).flags; };
    EXPECT_TRUE(has(flags("200|Cache-Control: max-age=60"), entry_flag::explicit_lifetime));
    EXPECT_FALSE(has(flags("200|Date: <0>|Last-Modified: <-1000>"), entry_flag::explicit_lifetime));
    EXPECT_TRUE(has(flags("200|Date: <0>|Last-Modified: <-1000>"), entry_flag::has_last_modified));
    EXPECT_TRUE(has(flags("200|ETag: \"a\""), entry_flag::has_etag));
    EXPECT_TRUE(has(flags("404|Date: <0>"), entry_flag::negative));
    EXPECT_FALSE(has(flags("403|Cache-Control: max-age=60"), entry_flag::negative));
    EXPECT_EQ(flags("200|Cache-Control: max-age=60"), entry_flag::explicit_lifetime);
}

// ---- Deception -----------------------------------------------------------------------------------------------------------------------

TEST(Storing, RefusesPagesThatPoseAsFiles)
{
    const std::string page = "200|Date: <0>|Last-Modified: <-36000>|Content-Type: text/html; charset=utf-8";
    const std::string sheet = "200|Date: <0>|Last-Modified: <-36000>|Content-Type: text/css";
    check(caching_policy{}, {
        {"the attack", page, refused(type), "GET /account/x.css"},
        {"in capitals", page, refused(type), "GET /account/x.CSS"},
        {"behind a semicolon", page, refused(type), "GET /account;x.png"},
        {"a real style sheet", sheet, fresh(3600s), "GET /account/x.css"},
        {"the type in capitals", "200|Date: <0>|Last-Modified: <-36000>|Content-Type: TEXT/CSS", fresh(3600s), "GET /x.css"},
        {"a script as an image", "200|Date: <0>|Last-Modified: <-36000>|Content-Type: text/javascript", refused(type), "GET /x.png"},
        {"no type at all", "200|Date: <0>|Last-Modified: <-36000>", refused(type), "GET /x.css"},
        {"JSON as an archive", "200|Date: <0>|Last-Modified: <-36000>|Content-Type: application/json", refused(type), "GET /x.zip"},
        {"XHTML as JSON", "200|Date: <0>|Last-Modified: <-36000>|Content-Type: application/xhtml+xml", refused(type), "GET /x.json"},
        {"an explicit lifetime", "200|Cache-Control: max-age=60|Content-Type: text/html", fresh(60s), "GET /account/x.css"},
        {"waiting for validation", "200|ETag: \"a\"|Content-Type: text/html", refused(type), "GET /account/x.css"},
        {"no suffix", page, fresh(3600s), "GET /account/x"},
        {"an unknown suffix", page, fresh(3600s), "GET /account/x.html"},
        {"what is missing may be told in HTML", "404|Date: <0>|Content-Type: text/html", fresh(10s), "GET /missing.css"},
    });
    caching_policy p;
    p.ttl.default_ = 30s;
    check(p, {{"the default lifetime", "200|Content-Type: text/html", refused(type), "GET /account/x.css"}});
    p.deception_guard = false;
    check(p, {{"off", "200|Content-Type: text/html", fresh(30s), "GET /account/x.css"}});
}

}  // namespace
}  // namespace tiercel
