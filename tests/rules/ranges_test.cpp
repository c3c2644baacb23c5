#include "rules/ranges.hpp"

#include "rules/heads.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel::test {
namespace {

// ---- whole answers ---------------------------------------------------------------------------------------------------

constexpr std::string_view plain = "200|Date: <0>|Last-Modified: <-1000>|ETag: \"a\"|Cache-Control: max-age=60";   // 7 bytes

TEST(JudgeRange, HeedsARangeWhereTheAnswerWouldBeTheWhole)
{
    struct row {
        const char* name;
        const char* request;
        std::string stored;
        range_answer expected;
    };
    const std::string stored(plain);
    const row table[] = {
        {"18.1 range", "GET /a|Range: bytes=0-1", stored, range_answer::one},
        {"18.1 no range", "GET /a", stored, range_answer::whole},
        {"18.1 HEAD", "HEAD /a|Range: bytes=0-1", stored, range_answer::whole},
        {"18.1 another unit", "GET /a|Range: lines=0-1", stored, range_answer::whole},
        {"18.1 malformed", "GET /a|Range: bytes=1-0", stored, range_answer::whole},
        {"18.1 repeated field", "GET /a|Range: bytes=0-1|Range: bytes=0-1", stored, range_answer::whole},
        {"18.1 not a success", "GET /a|Range: bytes=0-1", "404|Cache-Control: max-age=60", range_answer::whole},
        {"18.1 a success of another kind", "GET /a|Range: bytes=0-1", "203|Cache-Control: max-age=60", range_answer::whole},
        {"18.2 several", "GET /a|Range: bytes=0-1,4-5", stored, range_answer::several},
        {"18.2 none of it is there", "GET /a|Range: bytes=7-", stored, range_answer::unsatisfiable},
        {"18.3 If-Range holds", "GET /a|Range: bytes=0-1|If-Range: \"a\"", stored, range_answer::one},
        {"18.3 If-Range is of another state", "GET /a|Range: bytes=0-1|If-Range: \"b\"", stored, range_answer::whole},
        {"18.3 before 416", "GET /a|Range: bytes=7-|If-Range: \"b\"", stored, range_answer::whole},
        {"18.3 If-Range by date", "GET /a|Range: bytes=0-1|If-Range: <-1000>", stored, range_answer::one},
        {"18.3 If-Range by another date", "GET /a|Range: bytes=0-1|If-Range: <-999>", stored, range_answer::whole},
        {"18.3 without Range it is nothing", "GET /a|If-Range: \"a\"", stored, range_answer::whole},
        {"18.3 weak tag", "GET /a|Range: bytes=0-1|If-Range: W/\"a\"", "200|ETag: W/\"a\"|Cache-Control: max-age=60", range_answer::whole},
    };
    for (const row& r : table) {
        const made_request rq(r.request);
        EXPECT_EQ(judge_range(rq, *stored_as(r.stored)).how, r.expected) << r.name;
    }
}

// ---- storing parts ---------------------------------------------------------------------------------------------------

detail refusal_of(std::string_view request, std::string_view response, std::optional<byte_count> length, const caching_policy& policy = {})
{
    const made_request rq(request);
    const made_response rs(response);
    const storing_verdict v = judge_storing_part(rq, "/a", rs, length, policy, fetched());
    EXPECT_EQ(v.store, v.why == detail::none);
    EXPECT_FALSE(judge_storing(rq, "/a", rs, policy, fetched()).store) << "as a whole: " << response;
    return v.why;
}

TEST(StoringParts, KeepsWhatIsFreshAndNamesOneRange)
{
    struct row {
        const char* name;
        const char* request;
        const char* response;
        std::optional<byte_count> length;
        detail expected;
    };
    const char* const asks = "GET /a|Range: bytes=4-9";
    const row table[] = {
        {"18.5 a part", asks, "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10", 6, detail::none},
        {"18.5 of unknown length", asks, "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10", {}, detail::none},
        {"18.5 of unknown total", asks, "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/*", 6, detail::none},
        {"18.5 fewer bytes than it says", asks, "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10", 5, detail::none},
        {"18.5 more bytes than it says", asks, "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10", 7, detail::partial},
        {"18.5 no Content-Range", asks, "206|Cache-Control: max-age=60", 6, detail::partial},
        {"18.5 malformed Content-Range", asks, "206|Cache-Control: max-age=60|Content-Range: bytes 9-4/10", 6, detail::partial},
        {"18.5 another unit", asks, "206|Cache-Control: max-age=60|Content-Range: items 4-9/10", 6, detail::partial},
        {"18.5 two of them", asks, "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10|Content-Range: bytes 4-9/10", 6, detail::partial},
        {"18.5 multipart", asks, "206|Cache-Control: max-age=60|Content-Type: multipart/byteranges; boundary=x", 99, detail::partial},
        {"18.5 multipart with Content-Range", asks,
         "206|Cache-Control: max-age=60|Content-Type: Multipart/Byteranges; boundary=x|Content-Range: bytes 4-99/200", 80, detail::partial},
        {"18.5 nobody asked for it", "GET /a", "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10", 6, detail::partial},
        {"18.5 asked for twice", "GET /a|Range: bytes=0-1|Range: bytes=4-9", "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10", 6,
         detail::partial},
        {"not a part", asks, "200|Cache-Control: max-age=60|Content-Range: bytes 4-9/10|Vary: *", 6, detail::partial},
        {"7.1 no-store", asks, "206|Cache-Control: no-store|Content-Range: bytes 4-9/10", 6, detail::no_store},
        {"7.1 private", asks, "206|Cache-Control: private, max-age=60|Content-Range: bytes 4-9/10", 6, detail::private_},
        {"7.1 Vary: *", asks, "206|Cache-Control: max-age=60|Vary: *|Content-Range: bytes 4-9/10", 6, detail::vary_star},
        {"7.1 Set-Cookie", asks, "206|Cache-Control: max-age=60|Set-Cookie: a=b|Content-Range: bytes 4-9/10", 6, detail::set_cookie},
        {"7.1 Authorization", "GET /a|Range: bytes=4-9|Authorization: x", "206|Cache-Control: max-age=60|Content-Range: bytes 4-9/10", 6,
         detail::request_authorization},
        {"7.1 Authorization, public", "GET /a|Range: bytes=4-9|Authorization: x",
         "206|Cache-Control: public, max-age=60|Content-Range: bytes 4-9/10", 6, detail::none},
        {"8.1 by heuristics", asks, "206|Date: <0>|Last-Modified: <-100000>|Content-Range: bytes 4-9/10", 6, detail::none},
        {"never validated: no-cache", asks, "206|Cache-Control: no-cache|ETag: \"a\"|Content-Range: bytes 4-9/10", 6, detail::no_lifetime},
        {"never validated: no lifetime", asks, "206|ETag: \"a\"|Content-Range: bytes 4-9/10", 6, detail::no_lifetime},
        {"never validated: stale on arrival", asks, "206|Cache-Control: max-age=60|Age: 60|ETag: \"a\"|Content-Range: bytes 4-9/10", 6,
         detail::no_lifetime},
    };
    for (const row& r : table) {
        EXPECT_EQ(refusal_of(r.request, r.response, r.length), r.expected) << r.name;
    }
}

// ---- joining ---------------------------------------------------------------------------------------------------------

TEST(Parts, AreJoinedUnderTheSameStrongTagOnly)
{
    const part_facts a{{{0, 4}, 10}, "\"a\"", {}};
    struct row {
        const char* name;
        part_facts other;
        bool may_join;
        bool contradict;
    };
    const row table[] = {
        {"18.8 the same tag", {{{5, 9}, 10}, "\"a\"", {}}, true, false},
        {"18.8 another tag", {{{5, 9}, 10}, "\"b\"", {}}, false, true},
        {"18.8 weak tag", {{{5, 9}, 10}, "W/\"a\"", {}}, false, false},
        {"18.8 no tag", {{{5, 9}, 10}, "", {}}, false, false},
        {"18.8 another length", {{{5, 9}, 11}, "\"a\"", {}}, false, true},
        {"18.8 unknown length", {{{5, 9}, {}}, "\"a\"", {}}, false, false},
    };
    for (const row& r : table) {
        EXPECT_EQ(may_join(a, r.other), r.may_join) << r.name;
        EXPECT_EQ(may_join(r.other, a), r.may_join) << r.name;
        EXPECT_EQ(contradict(a, r.other), r.contradict) << r.name;
    }
    const part_facts weak{{{0, 4}, 10}, "W/\"a\"", {}};
    EXPECT_FALSE(may_join(weak, weak));
    const part_facts none{{{0, 4}, 10}, "", 1000};
    EXPECT_FALSE(may_join(none, none));
    EXPECT_TRUE(contradict(none, {{{5, 9}, 10}, "", 1001}));
    EXPECT_FALSE(contradict(none, {{{5, 9}, 10}, "", 1000}));
    EXPECT_FALSE(contradict({{{0, 4}, 10}, "\"a\"", 1000}, {{{5, 9}, 10}, "\"a\"", 1001}));   // two servers, one state
}

std::string text_of(const byte_span& s) { return std::to_string(s.first) + "-" + std::to_string(s.last); }

// "0:0-4 [5-6] 1:7-9": part 0 for 0 to 4, a gap, part 1.
std::string covered(byte_span wanted, std::vector<byte_span> parts)
{
    const auto c = cover(wanted, parts);
    if (!c) {
        return "no";
    }
    std::string out;
    const auto add = [&](const std::string& text) { out += (out.empty() ? "" : " ") + text; };
    for (const auto& p : c->before) {
        add(std::to_string(p.part) + ":" + text_of(p.span));
    }
    if (c->gap) {
        add("[" + text_of(*c->gap) + "]");
    }
    for (const auto& p : c->after) {
        add(std::to_string(p.part) + ":" + text_of(p.span));
    }
    return out;
}

TEST(Parts, CoverASpanWithAtMostOneGap)
{
    EXPECT_EQ(covered({0, 9}, {}), "no");
    EXPECT_EQ(covered({0, 9}, {{0, 9}}), "0:0-9");
    EXPECT_EQ(covered({2, 3}, {{0, 9}}), "0:2-3");
    EXPECT_EQ(covered({0, 9}, {{0, 4}, {5, 9}}), "0:0-4 1:5-9");
    EXPECT_EQ(covered({0, 9}, {{5, 9}, {0, 4}}), "1:0-4 0:5-9");
    EXPECT_EQ(covered({0, 9}, {{0, 5}, {3, 20}}), "0:0-5 1:6-9");
    EXPECT_EQ(covered({0, 9}, {{0, 1}, {0, 5}, {1, 9}}), "1:0-5 2:6-9");
    EXPECT_EQ(covered({0, 9}, {{0, 4}, {6, 9}}), "0:0-4 [5-5] 1:6-9");
    EXPECT_EQ(covered({0, 9}, {{0, 4}}), "0:0-4 [5-9]");
    EXPECT_EQ(covered({0, 9}, {{5, 9}}), "[0-4] 0:5-9");
    EXPECT_EQ(covered({0, 9}, {{5, 6}, {7, 20}}), "[0-4] 0:5-6 1:7-9");
    EXPECT_EQ(covered({0, 9}, {{3, 5}}), "no");                 // two gaps
    EXPECT_EQ(covered({0, 9}, {{0, 1}, {4, 5}, {8, 9}}), "no");
    EXPECT_EQ(covered({0, 9}, {{10, 20}}), "no");
    EXPECT_EQ(covered({10, 19}, {{0, 9}, {20, 29}}), "no");
    EXPECT_EQ(covered({9, 9}, {{0, 9}}), "0:9-9");
    EXPECT_EQ(covered({0, longest_content - 1}, {{0, longest_content - 2}}), "0:0-4611686018427387902 [4611686018427387903-4611686018427387903]");
}

}  // namespace
}  // namespace tiercel::test
