#include "rules/heads.hpp"

#include "rules/merge.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel {
namespace {

using namespace tiercel::test;
using namespace std::chrono_literals;

std::string block(std::string_view text) { return wire_text("HTTP/1.1 " + std::string(text) + "|"); }

std::string merged(std::string_view stored, std::string_view newer, const std::vector<std::string>& drop = {})
{
    return merge_heads(block(stored), made_response(newer), drop);
}

std::optional<updated_answer> update(std::string_view stored, std::string_view newer, const caching_policy& policy = {},
                                     milliseconds took = 0ms)
{
    const entry_ptr e = stored_as(stored, policy);
    return update_by_304(*e, made_request("GET /a"), "/a", made_response(newer), policy, fetched(took));
}

// ---- A stored head as fields ---------------------------------------------------------------------------------------------

TEST(HeadBlock, ShowsTheFieldsAgain)
{
    const std::string text = block("404 Not Found|Date: <0>|X-Empty: |ETag: \"a: b\"");
    const head_block b(text);
    EXPECT_EQ(b.head().status, 404);
    EXPECT_EQ(b.head().reason, "Not Found");
    ASSERT_EQ(b.head().fields.size(), 3u);
    EXPECT_EQ(b.head().first(header::date), date_at(0));
    EXPECT_EQ(b.head().fields[1].name, "X-Empty");
    EXPECT_EQ(b.head().fields[1].value, "");
    EXPECT_EQ(b.head().first(header::etag), "\"a: b\"");
    EXPECT_FALSE(b.head().has(header::age));
}

TEST(HeadBlock, TakesAHeadWithoutReasonAndFields)
{
    for (const char* text : {"HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n"}) {
        const head_block b(text);
        EXPECT_EQ(b.head().status, 200);
        EXPECT_EQ(b.head().reason, "");
        EXPECT_TRUE(b.head().fields.empty());
    }
}

TEST(HeadBlockDeathTest, RefusesWhatWasNotComposedHere)
{
    EXPECT_DEATH(head_block("HTTP/1.0 200 OK\r\n"), "");
    EXPECT_DEATH(head_block("HTTP/1.1 200 OK"), "");
    EXPECT_DEATH(head_block("HTTP/1.1 200 OK\r\nno colon\r\n"), "");
}

// ---- 14.2 to 14.5 Fields ---------------------------------------------------------------------------------------------------

struct merge_case {
    const char* name;
    const char* stored;
    const char* newer;
    const char* result;
};

TEST(Merge, ReplacesWhatThe304Brings)
{
    const std::vector<merge_case> cases{
        {"14.2 replaced", "200 OK|X-A: 1|X-B: 2", "304|X-A: 3", "200 OK|X-B: 2|X-A: 3"},
        {"14.2 in any case of letters", "200 OK|X-A: 1", "304|x-a: 3", "200 OK|x-a: 3"},
        {"14.2 added", "200 OK|X-B: 2", "304|X-A: 3", "200 OK|X-B: 2|X-A: 3"},
        {"14.2 omitted ones stay", "200 OK|X-A: 1|X-B: 2", "304", "200 OK|X-A: 1|X-B: 2"},
        {"14.2 all lines of a name", "200 OK|X-A: 1|X-B: 2|X-A: 3", "304|X-A: 4", "200 OK|X-B: 2|X-A: 4"},
        {"14.2 by several lines", "200 OK|X-A: 1", "304|X-A: 2|X-A: 3", "200 OK|X-A: 2|X-A: 3"},
        {"14.2 directives", "200 OK|Cache-Control: max-age=1", "304|Cache-Control: max-age=100", "200 OK|Cache-Control: max-age=100"},
        {"14.2 Date and Expires", "200 OK|Date: <-90>|Expires: <-30>", "304|Date: <0>|Expires: <60>", "200 OK|Date: <0>|Expires: <60>"},
        {"14.3 a stored Age goes", "200 OK|Age: 7|X-A: 1", "304|X-B: 2", "200 OK|X-A: 1|X-B: 2"},
        {"14.3 and none comes", "200 OK|X-A: 1", "304|Age: 7", "200 OK|X-A: 1"},
        {"14.4 Content-Type", "200 OK|Content-Type: text/plain", "304|Content-Type: text/html", "200 OK|Content-Type: text/html"},
        {"14.4 Content-Encoding", "200 OK|Content-Encoding: gzip", "304|Content-Encoding: br", "200 OK|Content-Encoding: br"},
        {"14.4 Cache-Status of caches nearer to the origin", "200 OK|Cache-Status: inner; fwd=miss", "304|Cache-Status: inner; hit",
         "200 OK|Cache-Status: inner; hit"},
        {"14.4 not Content-Length", "200 OK|Content-Length: 7", "304|Content-Length: 0", "200 OK|Content-Length: 7"},
        {"14.4 nor a new Content-Length", "200 OK|X-A: 1", "304|Content-Length: 9", "200 OK|X-A: 1"},
        {"14.4 not Content-Range", "200 OK|Content-Range: x", "304|Content-Range: bytes 0-1/2", "200 OK|Content-Range: x"},
        {"14.4 nothing that ends at this hop", "200 OK|X-A: 1",
         "304|Connection: X-Hop, close|X-Hop: 1|Keep-Alive: timeout=5|Proxy-Authenticate: x|Proxy-Connection: close|TE: trailers|Trailer: x"
         "|Transfer-Encoding: chunked|Upgrade: h2c|Proxy-Authentication-Info: x|Proxy-Authorization: x",
         "200 OK|X-A: 1"},
        {"11.4 Connection takes no directives away", "200 OK|Cache-Control: max-age=1", "304|Connection: cache-control|Cache-Control: no-store",
         "200 OK|Cache-Control: no-store"},
        {"our own Via stays", "200 OK|Via: 1.1 tiercel", "304|Via: 1.1 inner", "200 OK|Via: 1.1 tiercel"},
        {"nobody's request id is stored", "200 OK|X-A: 1", "304|X-Request-ID: 7", "200 OK|X-A: 1"},
        {"14.2 the status line stays", "203 Fine|X-A: 1", "304 Not Modified", "203 Fine|X-A: 1"},
    };
    for (const merge_case& c : cases) {
        EXPECT_EQ(merged(c.stored, c.newer), block(c.result)) << c.name;
    }
}

TEST(Merge, LeavesOutWhatMayNotComeIn)
{
    EXPECT_EQ(merged("200 OK|X-A: 1|Set-Cookie: old", "304|SET-cookie: new|X-B: 2", {"set-cookie"}),
              block("200 OK|X-A: 1|Set-Cookie: old|X-B: 2"));
    EXPECT_EQ(merged("200 OK|Set-Cookie: a|Set-Cookie: b", "304|Set-Cookie: c"), block("200 OK|Set-Cookie: c"));   // 14.5
}

// ---- 14.6 Confirmation -----------------------------------------------------------------------------------------------------

struct confirmation_case {
    const char* name;
    const char* stored;
    const char* newer;
    bool confirms;
};

TEST(Merge, ConfirmsOnlyWhatIsStored)
{
    const std::vector<confirmation_case> cases{
        {"14.6 the same strong tag", "200|ETag: \"a\"", "304|ETag: \"a\"", true},
        {"14.6 another strong tag", "200|ETag: \"a\"", "304|ETag: \"b\"", false},
        {"14.6 a strong tag for a weak one", "200|ETag: W/\"a\"", "304|ETag: \"a\"", false},
        {"14.6 the same weak tag", "200|ETag: W/\"a\"", "304|ETag: W/\"a\"", true},
        {"14.6 a weak tag for a strong one", "200|ETag: \"a\"", "304|ETag: W/\"a\"", true},
        {"14.6 another weak tag", "200|ETag: W/\"a\"", "304|ETag: W/\"b\"", false},
        {"14.6 another weak tag and the same Last-Modified", "200|ETag: W/\"a\"|Last-Modified: <-9>",
         "304|ETag: W/\"b\"|Last-Modified: <-9>", false},
        {"14.6 a tag where none was", "200|Last-Modified: <-9>", "304|ETag: \"a\"|Last-Modified: <-9>", false},
        {"14.6 an empty tag where none was", "200|Last-Modified: <-9>", "304|ETag: ", false},
        {"14.6 no validator", "200|ETag: \"a\"", "304|Cache-Control: max-age=9", true},
        {"14.6 no validator, Last-Modified stored", "200|Last-Modified: <-9>", "304", true},
        {"14.6 the same Last-Modified", "200|Last-Modified: <-9>", "304|Last-Modified: <-9>", true},
        {"14.6 another Last-Modified", "200|Last-Modified: <-9>", "304|Last-Modified: <-8>", false},
        {"14.6 an older Last-Modified", "200|Last-Modified: <-9>", "304|Last-Modified: <-10>", false},
        {"14.6 in another form", "200|Last-Modified: <0>", "304|Last-Modified: Tuesday, 14-Nov-23 22:13:20 GMT", true},
        {"14.6 both the same nonsense", "200|Last-Modified: yesterday", "304|Last-Modified: yesterday", true},
        {"14.6 nonsense", "200|Last-Modified: <-9>", "304|Last-Modified: yesterday", false},
        {"14.6 nonsense of two kinds", "200|Last-Modified: yesterday", "304|Last-Modified: today", false},
        {"14.6 Last-Modified where none was", "200|ETag: \"a\"", "304|Last-Modified: <-9>", false},
        {"14.6 the same tag beside another Last-Modified", "200|ETag: \"a\"|Last-Modified: <-9>", "304|ETag: \"a\"|Last-Modified: <-8>", true},
        {"14.6 without quotes", "200|ETag: a", "304|ETag: a", true},
    };
    for (const confirmation_case& c : cases) {
        const bool confirms = judge_confirmation(*stored_as(c.stored), made_response(c.newer)) == confirmation::confirms;
        EXPECT_EQ(confirms, c.confirms) << c.name << ": " << c.newer << " for " << c.stored;
        EXPECT_EQ(update(c.stored, c.newer).has_value(), c.confirms) << c.name;
    }
}

TEST(Confirmation, ByHeadNeedsEveryThingThatTheHeadSaysToAgree)   // 15.1
{
    struct head_case {
        const char* newer;
        bool agrees;
    };
    // The stored content has seven bytes.
    const char* const stored = "200|Cache-Control: max-age=60|ETag: \"a\"|Last-Modified: <-100>";
    for (const head_case& c : {
             head_case{"200|ETag: \"a\"|Last-Modified: <-100>|Content-Length: 7", true},
             head_case{"200|X-A: 1", true},
             head_case{"200|ETag: \"b\"", false},
             head_case{"200|ETag: W/\"a\"", false},
             head_case{"200|Last-Modified: <-99>", false},
             head_case{"200|Content-Length: 6", false},
             head_case{"200|ETag: \"a\"|Content-Length: 07", false},
         }) {
        EXPECT_EQ(judge_confirmation_by_head(*stored_as(stored), made_response(c.newer)) == confirmation::confirms, c.agrees) << c.newer;
    }
    EXPECT_EQ(judge_confirmation_by_head(*stored_as("200|ETag: \"a\""), made_response("200|Last-Modified: <0>")), confirmation::mismatch);
    EXPECT_EQ(judge_confirmation_by_head(*stored_as("404|ETag: \"a\""), made_response("200|ETag: \"a\"")), confirmation::mismatch);
}

// ---- The whole update --------------------------------------------------------------------------------------------------------

TEST(Update, GivesTheEntryTheLifetimeOfTheNewDirectives)
{
    const auto u = update("200|Cache-Control: max-age=1|ETag: \"a\"|Date: <-500>|Age: 3", "304|Cache-Control: max-age=100|Date: <0>|X-A: 2");
    ASSERT_TRUE(u);
    EXPECT_EQ(u->verdict.times.fresh_until, received + 100s);   // 14.2
    EXPECT_EQ(u->verdict.times.initial_age, 0ms);               // 14.3
    EXPECT_EQ(u->head, block("200|ETag: \"a\"|Cache-Control: max-age=100|Date: <0>|X-A: 2"));
}

TEST(Update, KeepsTheOldLifetimeWhenThe304IsSilent)
{
    const auto u = update("200|Cache-Control: max-age=60, stale-if-error=9|ETag: \"a\"|Date: <-500>", "304|Date: <0>|ETag: \"a\"");
    ASSERT_TRUE(u);
    EXPECT_EQ(u->verdict.times.fresh_until, received + 60s);
    EXPECT_EQ(u->verdict.times.sie_until, received + 69s);
}

TEST(Update, CountsTheAgeOfThe304)
{
    const auto u = update("200|Cache-Control: max-age=60|ETag: \"a\"|Age: 50", "304|Age: 20|Date: <0>", {}, 500ms);   // 14.3
    ASSERT_TRUE(u);
    EXPECT_EQ(u->verdict.times.initial_age, 20500ms);
    EXPECT_EQ(u->verdict.times.fresh_until, received + 39500ms);
    EXPECT_EQ(u->head.find("Age"), std::string::npos) << "an entry keeps no Age";
}

TEST(Update, DatesA304WithoutDateByItsReception)
{
    // With the stored Date it would be stale for good, however often the origin confirms it.
    const auto u = update("200|Cache-Control: max-age=60|ETag: \"a\"|Date: <-500>", "304|ETag: \"a\"");
    ASSERT_TRUE(u);
    EXPECT_EQ(u->verdict.times.initial_age, 0ms);
    EXPECT_EQ(u->verdict.times.fresh_until, received + 60s);
    EXPECT_EQ(u->head, block("200|Cache-Control: max-age=60|ETag: \"a\"|Date: <0>"));
}

TEST(Update, LetsNoFieldInThatMayNotBeStored)
{
    // 14.4: what 7.1 and 12.2 keep out of a full answer is kept out here, whichever of the two messages says so.
    const auto by_new = update("200|Cache-Control: max-age=60|ETag: \"a\"|X-A: 1", "304|Date: <0>|Cache-Control: private=\"x-a\", max-age=9|X-A: 2");
    ASSERT_TRUE(by_new);
    EXPECT_EQ(by_new->head, block("200|ETag: \"a\"|Date: <0>|Cache-Control: private=\"x-a\", max-age=9"));
    EXPECT_EQ(by_new->withheld, (std::vector<std::string>{"set-cookie", "x-a"})) << "for the client alone whose request was validated";

    const auto by_old = update("200|Cache-Control: no-cache=\"x-a\", max-age=60|ETag: \"a\"", "304|Date: <0>|X-A: 2");
    ASSERT_TRUE(by_old);
    EXPECT_EQ(by_old->head, block("200|Cache-Control: no-cache=\"x-a\", max-age=60|ETag: \"a\"|Date: <0>"));
}

TEST(Update, TreatsSetCookieAsTheRouteSays)
{
    const char* const newer = "304|Date: <0>|Set-Cookie: b=2";   // 14.5
    for (const set_cookie_rule rule : {set_cookie_rule::refuse, set_cookie_rule::strip, set_cookie_rule::store}) {
        caching_policy p;
        p.set_cookie = rule;
        const auto u = update("200|Cache-Control: max-age=60|ETag: \"a\"", newer, p);
        ASSERT_TRUE(u);
        EXPECT_EQ(u->head.find("b=2") != std::string::npos, rule == set_cookie_rule::store);
    }
    caching_policy p;
    p.set_cookie = set_cookie_rule::store;
    const auto u = update("200|Cache-Control: max-age=60|ETag: \"a\"|Set-Cookie: a=1|Set-Cookie: c=3", newer, p);
    ASSERT_TRUE(u);
    EXPECT_EQ(u->head, block("200|Cache-Control: max-age=60|ETag: \"a\"|Date: <0>|Set-Cookie: b=2"));
}

TEST(Update, DeclinesWhatMayNoLongerBeStored)
{
    for (const char* newer : {"304|Cache-Control: no-store", "304|Cache-Control: private", "304|Vary: *", "304|Vary: Cookie",
                              "304|CDN-Cache-Control: no-store", "304|Connection: cache-control|Cache-Control: no-store"}) {
        EXPECT_FALSE(update("200|Cache-Control: max-age=60|ETag: \"a\"", newer)) << newer;
    }
}

TEST(Update, KeepsNoCacheAndItsEnd)
{
    const auto still = update("200|Cache-Control: no-cache|ETag: \"a\"", "304|Date: <0>");
    ASSERT_TRUE(still);
    EXPECT_TRUE(has(still->verdict.flags, entry_flag::no_cache));
    const auto ended = update("200|Cache-Control: no-cache|ETag: \"a\"", "304|Date: <0>|Cache-Control: max-age=60");
    ASSERT_TRUE(ended);
    EXPECT_FALSE(has(ended->verdict.flags, entry_flag::no_cache));
    EXPECT_EQ(ended->verdict.times.fresh_until, received + 60s);
}

}  // namespace
}  // namespace tiercel
