#include "http/range.hpp"

#include "http/heads.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel {
namespace {

constexpr std::uint64_t end = range_spec::open_end;

// Spans as "0-9 20-29", "whole" or "unsatisfiable".
std::string text_of(const range_plan& p)
{
    switch (p.how) {
    case range_answer::whole: return "whole";
    case range_answer::unsatisfiable: return "unsatisfiable";
    case range_answer::one:
    case range_answer::several: break;
    }
    EXPECT_EQ(p.how == range_answer::one, p.spans.size() == 1);
    std::string out;
    for (const byte_span& s : p.spans) {
        out += (out.empty() ? "" : " ") + std::to_string(s.first) + "-" + std::to_string(s.last);
    }
    return out;
}

std::string planned(std::string_view value, std::uint64_t length)
{
    const auto asked = parse_range(value);
    return asked ? text_of(plan_ranges(*asked, length)) : "ignored";
}

TEST(Range, ReadsEachForm)
{
    using specs = std::vector<range_spec>;
    EXPECT_EQ(parse_range("bytes=0-0"), (specs{{0, 0, false}}));
    EXPECT_EQ(parse_range("bytes=5-9"), (specs{{5, 9, false}}));
    EXPECT_EQ(parse_range("bytes=5-"), (specs{{5, end, false}}));
    EXPECT_EQ(parse_range("bytes=-5"), (specs{{5, end, true}}));
    EXPECT_EQ(parse_range("bytes=-0"), (specs{{0, end, true}}));
    EXPECT_EQ(parse_range("BYTES=1-2"), (specs{{1, 2, false}}));
    EXPECT_EQ(parse_range("bytes=0-1, 4-5 ,\t-3"), (specs{{0, 1, false}, {4, 5, false}, {3, end, true}}));
    EXPECT_EQ(parse_range("bytes=,0-1,,4-,"), (specs{{0, 1, false}, {4, end, false}}));
    EXPECT_EQ(parse_range("bytes= 0-1"), (specs{{0, 1, false}}));
    EXPECT_EQ(parse_range("bytes=007-0010"), (specs{{7, 10, false}}));
}

TEST(Range, IgnoresWhatIsMalformedOrOfAnotherUnit)
{
    for (const char* value : {"", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,5-4", "bytes=0-1x",
                              "bytes=0 -1", "bytes=0- 1", "bytes =0-1", "bytes:0-1", "bytes 0-1", "bytes=--1", "bytes=+1-2",
                              "bytes=0x1-2", "bytes=1-2-3", "bytes=1", "bytes=0-1;4-5", "items=0-1", "bytess=0-1", " bytes=0-1",
                              "bytes=\"0-1\"", "bytes=0-1,*", "bytes=*", "bytes=-1-2"}) {
        EXPECT_EQ(parse_range(std::string_view(value)), std::nullopt) << value;
    }
}

TEST(Range, PositionsBeyondAllLengthsDoNotWrapAround)
{
    EXPECT_EQ(planned("bytes=0-99999999999999999999999999", 10), "0-9");
    EXPECT_EQ(planned("bytes=99999999999999999999999999-", 10), "unsatisfiable");
    EXPECT_EQ(planned("bytes=-99999999999999999999999999", 10), "0-9");
    EXPECT_EQ(planned("bytes=18446744073709551615-18446744073709551615", 10), "unsatisfiable");
    EXPECT_EQ(planned("bytes=18446744073709551616-18446744073709551617", 10), "unsatisfiable");   // 2^64 is not 0
}

TEST(Range, IsOneFieldAndNoList)
{
    EXPECT_TRUE(parse_range(made_request{{"Range", "bytes=0-1"}}));
    EXPECT_FALSE(parse_range(made_request{{"Range", "bytes=0-1"}, {"Range", "bytes=4-5"}}));
    EXPECT_FALSE(parse_range(made_request{{"Host", "a"}}));
}

TEST(Range, MoreRangesThanTheLimitAreIgnored)
{
    std::string value = "bytes=0-0";
    for (std::size_t i = 1; i < most_ranges; ++i) {
        value += "," + std::to_string(i * 1000) + "-" + std::to_string(i * 1000);
    }
    ASSERT_TRUE(parse_range(value));
    EXPECT_EQ(parse_range(value)->size(), most_ranges);
    EXPECT_FALSE(parse_range(value + ",5000000-"));
}

struct plan_case {
    const char* name;
    const char* range;
    std::uint64_t length;
    const char* expected;
};

const std::vector<plan_case> plans{
    {"18.1 first-last", "bytes=2-5", 10, "2-5"},
    {"18.1 one byte", "bytes=0-0", 10, "0-0"},
    {"18.1 last byte", "bytes=9-9", 10, "9-9"},
    {"18.1 first-", "bytes=4-", 10, "4-9"},
    {"18.1 -suffix", "bytes=-3", 10, "7-9"},
    {"18.1 end clamped", "bytes=4-100", 10, "4-9"},
    {"18.1 suffix longer than all", "bytes=-100", 10, "0-9"},
    {"18.1 all", "bytes=0-9", 10, "0-9"},
    {"18.1 another unit", "lines=0-1", 10, "ignored"},
    {"18.1 malformed", "bytes=1-0", 10, "ignored"},
    {"18.2 begins at the end", "bytes=10-", 10, "unsatisfiable"},
    {"18.2 begins behind the end", "bytes=11-20", 10, "unsatisfiable"},
    {"18.2 last none", "bytes=-0", 10, "unsatisfiable"},
    {"18.2 several, none satisfiable", "bytes=10-11,-0,20-", 10, "unsatisfiable"},
    {"18.2 several, one satisfiable", "bytes=10-11,2-3,20-", 10, "2-3"},
    {"18.2 two", "bytes=0-9,20-29", 100, "0-9 20-29"},
    {"18.2 two, tiny", "bytes=0-0,2-2", 3, "0-0 2-2"},
    {"18.2 in the order asked for", "bytes=20-29,0-9,-5", 100, "20-29 0-9 95-99"},
    {"18.2 adjacent", "bytes=0-4,5-9", 10, "0-9"},
    {"18.2 adjacent, the later first", "bytes=5-9,0-4", 10, "0-9"},
    {"18.2 not quite adjacent", "bytes=0-3,5-9", 10, "0-3 5-9"},
    {"18.2 one that closes a gap", "bytes=0-9,20-29,50-59,10-19", 100, "0-29 50-59"},
    {"18.2 one that closes a gap, in the place of the first", "bytes=50-59,20-29,0-9,10-19", 100, "50-59 0-29"},
    {"18.2 each byte on its own", "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9", 10, "0-9"},
    {"18.2 two that overlap", "bytes=0-5,4-9", 10, "0-9"},
    {"18.2 two equal ones", "bytes=0-5,0-5", 10, "0-5"},
    {"18.2 all of it twice", "bytes=0-,0-", 10, "0-9"},
    {"18.2 one within another", "bytes=-5,7-8", 10, "5-9"},
    {"18.2 two that overlap beside a third", "bytes=0-5,20-21,4-9", 100, "0-9 20-21"},
    {"18.2 three that overlap", "bytes=0-5,4-9,3-4", 10, "whole"},
    {"18.2 three all of it", "bytes=0-,0-,0-", 1000, "whole"},
    {"18.2 two pairs that overlap", "bytes=0-5,4-9,20-25,24-30", 100, "whole"},
    {"18.2 pair of one byte", "bytes=0-1,1-2,2-3", 10, "whole"},
    {"empty content", "bytes=0-", 0, "unsatisfiable"},
    {"empty content, first byte", "bytes=0-0", 0, "unsatisfiable"},
    {"empty content, its end", "bytes=-1", 0, "whole"},
    {"empty content, no end", "bytes=-0", 0, "unsatisfiable"},
    {"longest content", "bytes=-1", longest_content, "4611686018427387903-4611686018427387903"},
};

TEST(Range, IsResolvedAgainstTheLength)
{
    for (const plan_case& c : plans) {
        EXPECT_EQ(planned(c.range, c.length), c.expected) << c.name;
    }
}

TEST(Range, ManySmallOnesAreNotWorthIt)
{
    const auto every = [](std::size_t n, std::uint64_t step) {
        std::string value = "bytes=0-0";
        for (std::size_t i = 1; i < n; ++i) {
            value += "," + std::to_string(i * step) + "-" + std::to_string(i * step);
        }
        return value;
    };
    EXPECT_NE(planned(every(8, 2), 100), "whole");
    EXPECT_EQ(planned(every(9, 2), 100), "whole");
    EXPECT_EQ(planned(every(32, 10), 1000), "whole");
    EXPECT_NE(planned(every(32, 10), 100'000), "whole");   // still a small part of the whole
}

TEST(IfRange, ComparesStronglyAndExactly)
{
    const std::int64_t modified = 1'699'999'000;    // Tue, 14 Nov 2023 21:56:40 GMT
    struct row {
        const char* name;
        const char* value;
        const char* etag;
        std::optional<std::int64_t> last_modified;
        std::optional<std::int64_t> date;
        bool holds;
    };
    const row table[] = {
        {"18.3 the same tag", "\"a\"", "\"a\"", {}, {}, true},
        {"18.3 another tag", "\"b\"", "\"a\"", {}, {}, false},
        {"18.3 weak tag", "W/\"a\"", "W/\"a\"", {}, {}, false},
        {"18.3 weak against strong", "W/\"a\"", "\"a\"", {}, {}, false},
        {"18.3 strong against weak", "\"a\"", "W/\"a\"", {}, {}, false},
        {"18.3 no list", "\"a\", \"b\"", "\"a\"", {}, {}, false},
        {"18.3 no star", "*", "\"a\"", {}, {}, false},
        {"18.3 a tag, none known", "\"a\"", "", {}, {}, false},
        {"18.3 no quotes", "a", "a", {}, {}, false},
        {"18.3 the same date", "Tue, 14 Nov 2023 21:56:40 GMT", "", modified, modified + 1000, true},
        {"18.3 the same date in another form", "Tuesday, 14-Nov-23 21:56:40 GMT", "", modified, modified + 1000, true},
        {"18.3 a later date", "Tue, 14 Nov 2023 21:56:41 GMT", "", modified, modified + 1000, false},
        {"18.3 an earlier date", "Tue, 14 Nov 2023 21:56:39 GMT", "", modified, modified + 1000, false},
        {"18.3 weak: changed in the second of the answer", "Tue, 14 Nov 2023 21:56:40 GMT", "", modified, modified, false},
        {"18.3 strong by one second", "Tue, 14 Nov 2023 21:56:40 GMT", "", modified, modified + 1, true},
        {"18.3 no Date to tell", "Tue, 14 Nov 2023 21:56:40 GMT", "", modified, {}, false},
        {"18.3 no Last-Modified", "Tue, 14 Nov 2023 21:56:40 GMT", "\"a\"", {}, modified, false},
        {"18.3 malformed", "yesterday", "", modified, modified + 1000, false},
        {"18.3 empty", "", "", modified, modified + 1000, false},
    };
    for (const row& r : table) {
        const range_validators known{r.etag, r.last_modified, r.date, 1'700'000'000};
        EXPECT_EQ(if_range_holds(made_request{{"Range", "bytes=0-1"}, {"If-Range", r.value}}, known), r.holds) << r.name;
    }
    EXPECT_TRUE(if_range_holds(made_request{{"Range", "bytes=0-1"}}, {}));
    EXPECT_FALSE(if_range_holds(made_request{{"If-Range", "\"a\""}, {"If-Range", "\"a\""}}, {.etag = "\"a\""}));
}

TEST(ContentRange, ReadsWhatIsSound)
{
    EXPECT_EQ(parse_content_range("bytes 0-9/100"), (content_range{{0, 9}, 100}));
    EXPECT_EQ(parse_content_range("bytes 0-0/1"), (content_range{{0, 0}, 1}));
    EXPECT_EQ(parse_content_range("bytes 4-9/*"), (content_range{{4, 9}, std::nullopt}));
    EXPECT_EQ(parse_content_range("Bytes 4-9/10"), (content_range{{4, 9}, 10}));
    EXPECT_EQ(parse_content_range("bytes 0-4611686018427387903/4611686018427387904"),
              (content_range{{0, longest_content - 1}, longest_content}));
}

TEST(ContentRange, RefusesWhatIsNot)
{
    for (const char* value : {"", "bytes", "bytes */100", "bytes */*", "bytes 0-9", "bytes 0-9/", "bytes 9-0/100", "bytes 0-9/9", "bytes 0-9/5",
                              "bytes=0-9/100", "bytes  0-9/100", "bytes 0-9/100 ", "bytes 0 - 9/100", "bytes 0-9/1x", "bytes -9/100",
                              "bytes 0-/100", "0-9/100", "items 0-9/100", "bytes 0-9/100, bytes 0-9/100", "bytes 0-9,20-29/100",
                              "bytes 0-18446744073709551615/*", "bytes 0-18446744073709551616/*",
                              "bytes 0-4611686018427387904/*", "bytes 0-1/99999999999999999999"}) {
        EXPECT_EQ(parse_content_range(value), std::nullopt) << value;
    }
}

TEST(ContentRange, IsWrittenAsItIsRead)
{
    for (const std::string value : {"bytes 0-9/100", "bytes 4-9/*", "bytes 0-0/1"}) {
        std::string out;
        append_content_range(out, parse_content_range(value).value());
        EXPECT_EQ(out, value);
    }
    std::string out;
    append_unsatisfied_range(out, 47);
    EXPECT_EQ(out, "bytes */47");
}

TEST(Multipart, PutsItsPartsBetweenBoundaries)
{
    EXPECT_EQ(multipart_type("xyz"), "multipart/byteranges; boundary=xyz");
    const std::string all = multipart_head("xyz", "text/plain", {{0, 1}, 10}, true) + "ab" +
                            multipart_head("xyz", "text/plain", {{8, 9}, 10}, false) + "ij" + multipart_end("xyz");
    EXPECT_EQ(all, "--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\nab"
                   "\r\n--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\nij\r\n--xyz--\r\n");
    EXPECT_EQ(multipart_head("xyz", "", {{0, 1}, std::nullopt}, true), "--xyz\r\nContent-Range: bytes 0-1/*\r\n\r\n");
}

}  // namespace
}  // namespace tiercel
