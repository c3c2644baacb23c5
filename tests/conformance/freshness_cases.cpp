// Lifetime (4), dates (5), age (6), heuristic lifetime (8).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

void add_lifetime(table& t)
{
    t.fresh("4.1", "s-maxage before max-age before Expires", {"Expires: {+1}", "Cache-Control: max-age=1, s-maxage=3600"}, 10s);
    t.fresh("4.1", "max-age before Expires", {"Expires: {+1}", "Cache-Control: max-age=3600"}, 10s);
    t.fresh("4.1", "Expires minus Date, without directives", {"Expires: {+3600}"}, 10s);
    t.not_reused("4.1", "Expires minus Date passes", {"Expires: {+5}"}, 10s);
    t.fresh("4.1", "Expires before a heuristic lifetime", {"Expires: {+3600}", "Last-Modified: {-60}"}, 100s);
    t.fresh("4.1", "public beside Expires", {"Cache-Control: public", "Expires: {+3600}"}, 10s);
    t.test("4.1", "404 without lifetime takes that of the route").get().answered(404).later(5s).get().hit().later(10s).get().refetched();
    t.test("4.1", "410 without lifetime takes that of the route").get().answered(410).later(5s).get().hit();
    t.test("4.1", "404 with a lifetime of its own keeps it").get().answered(404, "Cache-Control: max-age=60").later(30s).get().hit();

    t.fresh("4.2", "a longer s-maxage behind max-age", {"Cache-Control: max-age=1, s-maxage=3600"}, 10s);
    t.fresh("4.2", "a longer s-maxage before max-age", {"Cache-Control: s-maxage=3600, max-age=1"}, 10s);
    t.fresh("4.2", "a longer s-maxage on another line", {"Cache-Control: max-age=1", "Cache-Control: s-maxage=3600"}, 10s);
    t.not_reused("4.2", "a shorter s-maxage behind max-age", {"Cache-Control: max-age=3600, s-maxage=1"}, 10s);
    t.not_reused("4.2", "a shorter s-maxage before max-age", {"Cache-Control: s-maxage=1, max-age=3600"}, 10s);
    t.not_reused("4.2", "s-maxage=0 beside max-age", {"Cache-Control: s-maxage=0, max-age=3600"});
    t.fresh("4.2", "s-maxage alone", {"Cache-Control: s-maxage=3600"}, 10s);
    t.not_reused("4.2", "an invalid s-maxage beside a valid max-age", {"Cache-Control: s-maxage=abc, max-age=3600"});
    t.not_reused("4.2", "a negative s-maxage beside a valid max-age", {"Cache-Control: max-age=3600, s-maxage=-1"});

    t.not_reused("4.3", "max-age=0 beats a future Expires", {"Cache-Control: max-age=0", "Expires: {+3600}"});
    t.not_reused("4.3", "an invalid max-age beats a future Expires", {"Cache-Control: max-age=abc", "Expires: {+3600}"});
    t.not_reused("4.3", "s-maxage=0 beats a future Expires", {"Cache-Control: s-maxage=0", "Expires: {+3600}"});
    t.fresh("4.3", "max-age beats a past Expires", {"Cache-Control: max-age=3600", "Expires: {-3600}"}, 10s);
    t.fresh("4.3", "max-age beats an invalid Expires", {"Cache-Control: max-age=3600", "Expires: 0"}, 10s);
    t.fresh("4.3", "s-maxage beats a past Expires", {"Cache-Control: s-maxage=3600", "Expires: {-3600}"}, 10s);
    t.fresh("4.3", "max-age=0, s-maxage=3600 with a past Expires", {"Cache-Control: max-age=0, s-maxage=3600", "Expires: {-3600}"}, 10s);
    t.not_reused("4.3", "a short max-age is not prolonged by Expires", {"Cache-Control: max-age=1", "Expires: {+3600}"}, 10s);

    t.not_reused("4.4", "max-age=0 is explicit, whatever Last-Modified says", {"Cache-Control: max-age=0", "Last-Modified: {-360000}"});
    t.not_reused("4.4", "an invalid max-age is explicit", {"Cache-Control: max-age=x", "Last-Modified: {-360000}"});
    t.not_reused("4.4", "a past Expires is explicit", {"Expires: {-1}", "Last-Modified: {-360000}"});
    t.not_reused("4.4", "an invalid Expires is explicit", {"Expires: never", "Last-Modified: {-360000}"});
    t.test("4.4", "a 404 with an invalid lifetime does not take that of the route")
        .get().answered(404, "Expires: 0").get().refetched();
    t.test("4.4", "a 404 with max-age=0 does not take that of the route")
        .get().answered(404, "Cache-Control: max-age=0").get().refetched();
    t.not_reused("4.4", "once over, an explicit lifetime is not replaced by a heuristic one",
                 {"Cache-Control: max-age=5", "Last-Modified: {-360000}"}, 10s);

    t.not_reused("4.5", "an Age beyond the lifetime", {"Cache-Control: max-age=3600", "Age: 7200"});
    t.not_reused("4.5", "an Age equal to the lifetime", {"Cache-Control: max-age=3600", "Age: 3600"});
    t.test("4.5", "an Age below the lifetime leaves the rest")
        .get().answered("Cache-Control: max-age=10", "Age: 7")
        .later(2s).get().hit().age(9)
        .later(2s).get().refetched();
    t.not_reused("4.5", "an Age beyond s-maxage", {"Cache-Control: max-age=10000, s-maxage=3600", "Age: 7200"});
    t.not_reused("4.5", "an Age beyond Expires", {"Expires: {+60}", "Age: 100"});
}

void add_dates(table& t)
{
    t.fresh("5.1", "Expires as IMF-fixdate", {"Expires: {+3600}"}, 10s);
    t.fresh("5.1", "Expires in the form of RFC 850", {"Expires: {rfc850 +3600}"}, 10s);
    t.fresh("5.1", "Expires in the form of asctime", {"Expires: {asctime +3600}"}, 10s);
    t.not_reused("5.1", "a past Expires in the form of RFC 850", {"Expires: {rfc850 -3600}"});
    t.not_reused("5.1", "a past Expires in the form of asctime", {"Expires: {asctime -3600}"});
    t.fresh("5.1", "a two-digit year less than 50 years ahead", {"Expires: Thursday, 18-Aug-50 02:01:18 GMT"}, 10s);
    t.not_reused("5.1", "a two-digit year more than 50 years ahead is of the past century", {"Expires: Friday, 18-Aug-95 02:01:18 GMT"});
    t.fresh("5.1", "asctime with a one-digit day", {"Expires: Thu Aug  8 02:01:18 2050"}, 10s);
    t.fresh("5.1", "Date in the form of RFC 850", {"Date: {rfc850 -10}", "Cache-Control: max-age=3600"});
    t.not_reused("5.1", "an old Date in the form of asctime", {"Date: {asctime -7200}", "Cache-Control: max-age=3600"});

    t.fresh("5.2", "a weekday in capitals", {"Expires: THU, 18 Aug 2050 02:01:18 GMT"}, 10s);
    t.fresh("5.2", "a month in capitals", {"Expires: Thu, 18 AUG 2050 02:01:18 GMT"}, 10s);
    t.fresh("5.2", "a zone in mixed case", {"Expires: Thu, 18 Aug 2050 02:01:18 gMT"}, 10s);
    t.fresh("5.2", "a weekday that is not that of the date", {"Expires: Mon, 18 Aug 2050 02:01:18 GMT"}, 10s);

    t.fresh("5.3", "a date just past 2038", {"Expires: Tue, 19 Jan 2038 14:14:08 GMT"}, 10s);
    t.fresh("5.3", "a date in 2286", {"Expires: Sun, 21 Nov 2286 04:46:39 GMT"}, 10s);
    t.fresh("5.3", "a date at the end of all years", {"Expires: Fri, 31 Dec 9999 23:59:59 GMT"}, 10s);

    for (const char* date : {"0", "-1", "Thu, 18 Aug 2050 02:01:18 UTC", "Thu, 18 Aug 2050 02:01:18 AEST", "Thu, 18 Aug 50 02:01:18 GMT",
                             "Thu 18 Aug 2050 02:01:18 GMT", "Thu, 18  Aug 2050 02:01:18 GMT", "Thu,  18 Aug 2050 02:01:18 GMT",
                             "Thu, 18-Aug-2050 02:01:18 GMT", "Thu, 18 Aug 2050 02.01.18 GMT", "Thu, 18 Aug 2050 2:01:18 GMT",
                             "Thu, 18 Aug 2050 02:01 GMT", "Thu, 18 Aug 2050 02:01:18", "18 Aug 2050 02:01:18 GMT", "Thu, 8 Aug 2050 02:01:18 GMT",
                             "Thu, 32 Aug 2050 02:01:18 GMT", "Thu, 18 Aug 2050 24:01:18 GMT", "Thu, 18 Aug 2050 02:01:18 GMT x", "2050-08-18T02:01:18Z"}) {
        t.not_reused("5.4", std::string("invalid, hence expired: ") + date, {std::string("Expires: ") + date});
    }
    t.not_reused("5.4", "two lines that are each invalid", {"Expires: 0", "Expires: never"});
    t.not_reused("5.4", "of two valid lines the first counts, when it is past", {"Expires: {-60}", "Expires: {+3600}"});
    t.fresh("5.4", "of two valid lines the first counts, when it is ahead", {"Expires: {+3600}", "Expires: {-60}"}, 10s);

    t.not_reused("5.5", "Date 400 s ahead, Expires 300 s ahead", {"Date: {+400}", "Expires: {+300}"});
    t.fresh("5.5", "both an hour ahead, a minute apart", {"Date: {+3600}", "Expires: {+3660}"}, 30s);
    t.not_reused("5.5", "both an hour ahead, a minute apart, after that minute", {"Date: {+3600}", "Expires: {+3660}"}, 61s);
    t.not_reused("5.5", "Date 10 s ahead, Expires 20 s ahead, Age 15", {"Date: {+10}", "Expires: {+20}", "Age: 15"});
    t.not_reused("5.5", "Date 10 s back, Expires 10 s ahead, Age 25", {"Date: {-10}", "Expires: {+10}", "Age: 25"});
    t.fresh("5.5", "Date 10 s back, Expires 10 s ahead", {"Date: {-10}", "Expires: {+10}"}, 9s);
    t.not_reused("5.5", "both an hour back, a minute apart", {"Date: {-3600}", "Expires: {-3540}"});

    t.not_reused("5.6", "Expires equal to Date", {"Date: {+0}", "Expires: {+0}"});
    t.not_reused("5.6", "Expires before Date", {"Date: {+0}", "Expires: {-5}"});
    t.test("5.6", "a missing Date is the time of reception")
        .get().answered("Expires: {+60}").dateless().later(30s).get().hit().age(30).later(31s).get().refetched();
    t.fresh("5.6", "an invalid Date is the time of reception", {"Date: foo", "Cache-Control: max-age=60"}, 30s);
    t.fresh("5.6", "an invalid Date beside Expires", {"Date: 0", "Expires: {+60}"}, 30s);
}

void add_age(table& t)
{
    for (const char* value : {"7200, 0", "7200,0", "7200 , 0"}) {
        t.not_reused("6.1", std::string("the first member counts: ") + value, {"Cache-Control: max-age=3600", std::string("Age: ") + value});
    }
    t.not_reused("6.1", "the first line counts, when it is old", {"Cache-Control: max-age=3600", "Age: 7200", "Age: 0"});
    t.fresh("6.1", "the first line counts, when it is young", {"Cache-Control: max-age=3600", "Age: 0", "Age: 7200"});
    t.fresh("6.1", "the first member counts, when it is young: 0, 7200", {"Cache-Control: max-age=3600", "Age: 0, 7200"});
    t.fresh("6.1", "the first member counts, when it is young: 1, 99999999999", {"Cache-Control: max-age=3600", "Age: 1, 99999999999"});
    t.test("6.1", "and its age is carried").get().answered("Cache-Control: max-age=3600", "Age: 1, 2").later(10s).get().hit().age(11);
    t.fresh("6.1", "0, 0 is young", {"Cache-Control: max-age=3600", "Age: 0, 0"});
    t.fresh("6.1", "two lines of 0 are young", {"Cache-Control: max-age=3600", "Age: 0", "Age: 0"});
    t.fresh("6.1", "two lines of 3600 against 10000", {"Cache-Control: max-age=10000", "Age: 3600", "Age: 3600"});

    for (const char* value : {"abc", "-7200", "-99999999999", "1e9", "7200\"", "7200.0", "7200;foo=bar", "7200 s", "", "0x2000", "+7200"}) {
        t.test("6.2", std::string("no plain number is ignored: ") + value)
            .get().answered("Cache-Control: max-age=3600", std::string("Age: ") + value)
            .later(10s).get().hit().age(10);
    }

    for (const char* value : {"2147483647", "2147483648", "2147483649", "99999999999", "99999999999999999999999"}) {
        t.not_reused("6.3", std::string("Age: ") + value + " is old", {"Cache-Control: max-age=3600", std::string("Age: ") + value});
    }

    t.not_reused("6.4", "a Date two hours old", {"Date: {-7200}", "Cache-Control: max-age=3600"});
    t.fresh("6.4", "a Date two hours ahead makes nothing older", {"Date: {+7200}", "Cache-Control: max-age=3600"}, 3599s);
    t.test("6.4", "the larger of Age and apparent age: Age").get().answered("Date: {-10}", "Age: 30", "Cache-Control: max-age=3600")
        .get().hit().age(30);
    t.test("6.4", "the larger of Age and apparent age: Date").get().answered("Date: {-30}", "Age: 10", "Cache-Control: max-age=3600")
        .get().hit().age(30);

    t.test("6.5", "30 on arrival, 33 three seconds later")
        .get().answered("Cache-Control: max-age=3600", "Age: 30").later(3s).get().hit().age(33);
    t.test("6.5", "milliseconds add up before they are cut")
        .get().answered("Cache-Control: max-age=3600")
        .later(600ms).get().hit().age(0).later(600ms).get().hit().age(1).later(900ms).get().hit().age(2);
    t.test("6.5", "a 304 from the store has it too")
        .get().answered("Cache-Control: max-age=3600", "ETag: \"a\"").later(5s).get("If-None-Match: \"a\"").not_modified().age(5);
    t.test("6.5", "an answer to HEAD from the store has it too")
        .get().answered("Cache-Control: max-age=3600").later(5s).head().hit().age(5);
    t.test("6.5", "so has what is served stale")
        .get().answered("Cache-Control: max-age=3600, stale-while-revalidate=60", "Age: 3590")
        .later(20s).get().stale().age(3610).answered("Cache-Control: max-age=3600").in_background().stale().of(1);

    t.test("6.6", "a miss passes a received Age on").get().answered("Cache-Control: max-age=3600", "Age: 30").gets("Age: 30");
    t.test("6.6", "a miss adds none").get().answered("Cache-Control: max-age=3600").lacks("Age");
    t.test("6.6", "a miss passes an invalid one on as it is").get().answered("Cache-Control: max-age=3600", "Age: abc").gets("Age: abc");
    t.test("6.6", "a miss passes two lines on").get().answered("Cache-Control: max-age=3600", "Age: 30", "Age: 40").gets("Age: 30, 40");
    t.test("6.6", "also when nothing is stored").get().answered("Cache-Control: no-store", "Age: 30").gets("Age: 30");
}

void add_heuristic(table& t)
{
    const bool errors = t.full();
    for (const int status : {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}) {
        if (status == 404 || status == 410) {
            continue;   // the route has a lifetime for them, which goes first
        }
        t.test("8.1", "heuristic lifetime for " + std::to_string(status))
            .get().answered(status, "Last-Modified: {-360000}").later(10s).get().hit_if(status < 500 || errors);
    }
    t.test("8.1", "any status below 500 with public")
        .get().answered(403, "Cache-Control: public", "Last-Modified: {-360000}").later(10s).get().hit();
    t.test("8.1", "an unknown status with public")
        .get().answered(299, "Cache-Control: public", "Last-Modified: {-360000}").later(10s).get().hit();
    t.test("8.1", "a 503 with public, where errors are stored")
        .get().answered(503, "Cache-Control: public", "Last-Modified: {-360000}").later(10s).get().hit_if(errors);
    t.not_reused("8.1", "not without Last-Modified", {"ETag: \"a\""});
    t.not_reused("8.1", "not with an invalid Last-Modified", {"Last-Modified: yesterday"});

    t.test("8.2", "modified a minute ago: fresh for six seconds")
        .get().answered("Last-Modified: {-60}").later(5s).get().hit().later(2s).get().refetched();
    t.test("8.2", "none where ttl.heuristic_max is 0").on("no-guess").get().answered("Last-Modified: {-360000}").get().refetched();
    t.test("8.2", "a tenth, in the form of RFC 850")
        .get().answered("Last-Modified: {rfc850 -600}").later(59s).get().hit().later(2s).get().refetched();
    t.test("8.2", "a day at most")
        .get().answered("Last-Modified: {-100000000}").later(86390s).get().hit().later(20s).get().refetched();
    t.not_reused("8.2", "Last-Modified after Date gives none", {"Last-Modified: {+600}"});
    t.not_reused("8.2", "Age is spent from it", {"Last-Modified: {-600}", "Age: 100"});

    for (const int status : {201, 202, 302, 303, 307, 400, 403, 418, 451, 502, 503, 504, 599}) {
        t.test("8.3", "none for " + std::to_string(status))
            .get().answered(status, "Last-Modified: {-360000}").get().refetched();
    }
}

}  // namespace

void add_freshness_cases(table& t)
{
    add_lifetime(t);
    add_dates(t);
    add_age(t);
    add_heuristic(t);
}

}  // namespace tiercel::conformance
