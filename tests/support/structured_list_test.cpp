#include "support/cache_status.hpp"
#include "support/structured_list.hpp"

#include <gmock/gmock.h>

using namespace tiercel::test;

namespace {

http_response with_status(std::vector<std::string> lines)
{
    http_response r;
    for (std::string& line : lines) { r.fields.emplace_back("Cache-Status", std::move(line)); }
    return r;
}

}  // namespace

TEST(StructuredList, AcceptsWhatTheGrammarAllows)
{
    for (const char* text : {
        "", "  ", "a", "a, b", "a,b", "a \t,\t b", "*", "a/b:c", "\"x\"", "\"\\\"\\\\\"", "1", "-1",
        "999999999999999", "1.5", "-0.125", ":aGk=:", "::", "?1", "?0", "(a b);q", "()", "( a  b )", "a;b",
        "a; b=1;*c=\"d\"", "a;b;b=2", "a  ", "a\t",
    }) {
        EXPECT_TRUE(sf::parse_list(text)) << text;
    }
}

TEST(StructuredList, RefusesEverythingElse)
{
    for (const char* text : {
        ",", "a,", "a,,b", ", a", "a b", "a;", "a;B", "a; =1", "a;b=", "\"x", "\"\\x\"", "\"\x7f\"", "\"\xc3\xa4\"",
        "1.", "1.2345", "1000000000000000", "1234567890123.1", "-", "--1", ":a", ":!:", "?2", "?", "(a", "(a,b)",
        "(a\tb)", "=", "a =1", "a;b = 1", "{}", "\ta",
    }) {
        EXPECT_FALSE(sf::parse_list(text)) << text;
    }
}

TEST(StructuredList, KeepsTheLastOfARepeatedParameter)
{
    const auto list = sf::parse_list("a;b=1;c;b=2");
    ASSERT_TRUE(list);
    const sf::parameters expected{{"c", true}, {"b", std::int64_t{2}}};
    EXPECT_EQ(list->at(0).params, expected);
}

TEST(CacheStatus, ReadsOurMember)
{
    const cache_status s = cache_status_of(
        with_status({"\"upstream\"; hit", "tiercel; fwd=stale; fwd-status=304; stored; ttl=-3; detail=\"a-b\""}));
    EXPECT_FALSE(s.hit);
    EXPECT_EQ(s.fwd, "stale");
    EXPECT_EQ(s.fwd_status, 304);
    EXPECT_TRUE(s.stored);
    EXPECT_EQ(s.ttl, -3);
    EXPECT_EQ(s.detail, "a-b");
    EXPECT_THAT(s.before, testing::ElementsAre("upstream"));
    EXPECT_EQ(s.text(), "fwd=stale; stored; detail=a-b");
}

TEST(CacheStatus, RefusesWhatRfc9211DoesNotKnow)
{
    for (const char* text : {
        "", "other; hit", "tiercel; hit, other", "tiercel; hit=1", "tiercel; fwd=maybe", "tiercel; fwd=\"miss\"",
        "tiercel; ttl=1.5", "tiercel; hit; fwd=miss", "tiercel; key=abc", "tiercel; surprise", "(tiercel)",
        "tiercel; hit,",
    }) {
        EXPECT_THROW(cache_status_of(with_status({text})), protocol_error) << text;
    }
    EXPECT_THROW(cache_status_of(http_response{}), protocol_error);
}
