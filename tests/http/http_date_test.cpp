#include "http/http_date.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {
namespace {

constexpr std::int64_t in_2026 = 1767225600;   // Thu, 01 Jan 2026 00:00:00 GMT

std::string formatted(std::int64_t t)
{
    char out[29];
    format_http_date(t, out);
    return std::string(out, sizeof out);
}

struct good_case {
    const char* name;
    const char* text;
    std::int64_t time;
};

const std::vector<good_case> good{
    {"5.1 IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"5.1 RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"5.1 asctime with a one-digit day", "Sun Nov  6 08:49:37 1994", 784111777},
    {"5.1 asctime with a two-digit day", "Wed Nov 16 08:49:37 1994", 784975777},
    {"5.1 RFC 850 less than 50 years ahead", "Thursday, 18-Aug-50 02:01:18 GMT", 2544400878},
    {"5.1 RFC 850 more than 50 years ahead", "Thursday, 18-Aug-88 02:01:18 GMT", 587872878},
    {"5.1 asctime of 2050", "Thu Aug  8 02:01:18 2050", 2543536878},
    {"5.2 weekday in capitals", "SUN, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"5.2 long weekday in small letters", "sunday, 06-nov-94 08:49:37 gmt", 784111777},
    {"5.2 month in capitals", "Sun, 06 NOV 1994 08:49:37 GMT", 784111777},
    {"5.2 zone in mixed case", "Sun, 06 Nov 1994 08:49:37 gMT", 784111777},
    {"5.2 wrong weekday", "Mon, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"5.2 wrong weekday in asctime", "Tue Nov  6 08:49:37 1994", 784111777},
    {"5.3 the last second of 32 bits", "Tue, 19 Jan 2038 03:14:07 GMT", 2147483647},
    {"5.3 just past 2038", "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648},
    {"5.3 the year 2286", "Sat, 20 Nov 2286 17:46:40 GMT", 10000000000},
    {"5.3 the last second of four digits", "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
    {"the beginning of time", "Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"before 1970", "Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"29 February of a leap year", "Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
    {"a leap second is the second before it", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
};

TEST(HttpDate, ReadsTheThreeForms)
{
    for (const good_case& c : good) {
        const auto t = parse_http_date(c.text, in_2026);
        ASSERT_TRUE(t) << c.name;
        EXPECT_EQ(*t, c.time) << c.name;
    }
}

struct bad_case {
    const char* name;
    const char* text;
};

const std::vector<bad_case> bad{
    {"5.4 nothing", ""},
    {"5.4 zero", "0"},
    {"5.4 minus one", "-1"},
    {"5.4 zone UTC", "Sun, 06 Nov 1994 08:49:37 UTC"},
    {"5.4 zone AEST", "Sun, 06 Nov 1994 08:49:37 AEST"},
    {"5.4 zone as an offset", "Sun, 06 Nov 1994 08:49:37 +0000"},
    {"5.4 no zone", "Sun, 06 Nov 1994 08:49:37"},
    {"5.4 two-digit year in the first form", "Sun, 06 Nov 94 08:49:37 GMT"},
    {"5.4 no comma", "Sun 06 Nov 1994 08:49:37 GMT"},
    {"5.4 two spaces", "Sun, 06 Nov 1994  08:49:37 GMT"},
    {"5.4 two spaces after the comma", "Sun,  06 Nov 1994 08:49:37 GMT"},
    {"5.4 dashes with a four-digit year", "Sun, 06-Nov-1994 08:49:37 GMT"},
    {"5.4 dashes with a four-digit year and a long weekday", "Sunday, 06-Nov-1994 08:49:37 GMT"},
    {"5.4 periods in the time", "Sun, 06 Nov 1994 08.49.37 GMT"},
    {"5.4 one-digit hour", "Sun, 06 Nov 1994 8:49:37 GMT"},
    {"one-digit day", "Sun, 6 Nov 1994 08:49:37 GMT"},
    {"space for a zero", "Sun,  6 Nov 1994 08:49:37 GMT"},
    {"one-digit day in asctime without its space", "Sun Nov 6 08:49:37 1994"},
    {"day zero in asctime", "Sun Nov  0 08:49:37 1994"},
    {"asctime with a zone", "Sun Nov  6 08:49:37 1994 GMT"},
    {"short weekday in RFC 850", "Sun, 06-Nov-94 08:49:37 GMT"},
    {"long weekday in IMF-fixdate", "Sunday, 06 Nov 1994 08:49:37 GMT"},
    {"long weekday in asctime", "Sunday Nov  6 08:49:37 1994"},
    {"no such weekday", "Son, 06 Nov 1994 08:49:37 GMT"},
    {"no such month", "Sun, 06 Nvo 1994 08:49:37 GMT"},
    {"long month", "Sun, 06 November 1994 08:49:37 GMT"},
    {"no weekday", "06 Nov 1994 08:49:37 GMT"},
    {"day 0", "Sun, 00 Nov 1994 08:49:37 GMT"},
    {"day 31 of a month of 30", "Sun, 31 Nov 1994 08:49:37 GMT"},
    {"29 February of a common year", "Sun, 29 Feb 1900 08:49:37 GMT"},
    {"29 February of a common year in RFC 850", "Sunday, 29-Feb-95 08:49:37 GMT"},
    {"hour 24", "Sun, 06 Nov 1994 24:00:00 GMT"},
    {"minute 60", "Sun, 06 Nov 1994 08:60:37 GMT"},
    {"second 61", "Sun, 06 Nov 1994 08:49:61 GMT"},
    {"no seconds", "Sun, 06 Nov 1994 08:49 GMT"},
    {"plus sign in a number", "Sun, +6 Nov 1994 08:49:37 GMT"},
    {"five-digit year", "Sun, 06 Nov 11994 08:49:37 GMT"},
    {"space before", " Sun, 06 Nov 1994 08:49:37 GMT"},
    {"space behind", "Sun, 06 Nov 1994 08:49:37 GMT "},
    {"tab for a space", "Sun,\t06 Nov 1994 08:49:37 GMT"},
    {"two dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"},
    {"cut after the day", "Sun, 06"},
};

TEST(HttpDate, RefusesEverythingElse)
{
    for (const bad_case& c : bad) {
        EXPECT_FALSE(parse_http_date(c.text, in_2026)) << c.name;
    }
}

TEST(HttpDate, RefusesEveryPrefixOfADate)
{
    for (const std::string text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        for (std::size_t n = 0; n < text.size(); ++n) {
            EXPECT_FALSE(parse_http_date(std::string_view(text).substr(0, n), in_2026)) << text << ' ' << n;
        }
    }
}

TEST(HttpDate, TwoDigitYearsReachFiftyYearsAheadToTheSecond)
{
    const std::int64_t in_2076 = 3345062400;
    EXPECT_EQ(parse_http_date("Wednesday, 01-Jan-76 00:00:00 GMT", in_2026), in_2076);
    EXPECT_EQ(parse_http_date("Wednesday, 01-Jan-76 00:00:01 GMT", in_2026), 189302401);   // 1976
}

TEST(HttpDate, TwoDigitYearsFollowTheClockIntoTheNextCentury)
{
    const std::int64_t in_2080 = 3471292800;
    EXPECT_EQ(formatted(parse_http_date("Monday, 01-Jan-10 00:00:00 GMT", in_2080).value()), "Wed, 01 Jan 2110 00:00:00 GMT");
    EXPECT_EQ(formatted(parse_http_date("Monday, 01-Jan-79 00:00:00 GMT", in_2080).value()), "Sun, 01 Jan 2079 00:00:00 GMT");
}

TEST(HttpDate, AnyClockIsSafe)
{
    for (const std::int64_t now : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
        EXPECT_TRUE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now));
    }
}

TEST(HttpDate, WritesTheFirstForm)
{
    EXPECT_EQ(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(formatted(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(formatted(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
    EXPECT_EQ(formatted(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(HttpDate, ReadsWhatItWrites)
{
    for (std::int64_t t = 0; t < 253402300800; t += 8640123) {
        ASSERT_EQ(parse_http_date(formatted(t), in_2026), t);
    }
}

TEST(HttpDateDeathTest, RefusesToWriteWhatHasNoForm)
{
    char out[29];
    EXPECT_DEATH(format_http_date(-1, out), "");
    EXPECT_DEATH(format_http_date(253402300800, out), "");
}

}  // namespace
}  // namespace tiercel
