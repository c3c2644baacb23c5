#include <tiercel/rules.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace tiercel {
namespace {

// Tokens of Structured Fields (RFC 8941 §3.3.4) as far as we need them: they go into Cache-Status as they are.
bool is_plain_token(std::string_view s)
{
    return !s.empty() && s.front() >= 'a' && s.front() <= 'z' &&
           std::all_of(s.begin(), s.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

template <class Enum>
std::set<std::string_view> all_names(unsigned first)
{
    std::set<std::string_view> names;
    for (unsigned i = first; i < static_cast<unsigned>(Enum::last_); ++i) {
        const std::string_view name = name_of(static_cast<Enum>(i));
        EXPECT_TRUE(names.insert(name).second) << name << " stands for two values";
    }
    return names;
}

TEST(Names, AreDistinctTokens)
{
    for (const std::string_view name : all_names<detail>(1)) {
        EXPECT_TRUE(is_plain_token(name)) << name;
    }
    for (const std::string_view name : all_names<forward_reason>(1)) {
        EXPECT_TRUE(is_plain_token(name)) << name;
    }
    all_names<outcome>(0);
    EXPECT_EQ(name_of(detail::none), "");
    EXPECT_EQ(name_of(forward_reason::none), "");
}

TEST(Names, StandWhereTheyBelong)
{
    // A row that slipped would shift all behind it: look at the ends and between.
    EXPECT_EQ(name_of(outcome::hit_l1), "hit_l1");
    EXPECT_EQ(name_of(outcome::error), "error");
    EXPECT_EQ(name_of(forward_reason::uri_miss), "uri-miss");
    EXPECT_EQ(name_of(forward_reason::partial), "partial");
    EXPECT_EQ(name_of(detail::l1), "l1");
    EXPECT_EQ(name_of(detail::max_stale), "max-stale");
    EXPECT_EQ(name_of(detail::not_modified), "not-modified");
    EXPECT_EQ(name_of(detail::private_), "private");
    EXPECT_EQ(name_of(detail::vary_star), "vary-star");
    EXPECT_EQ(name_of(detail::must_understand), "must-understand");
    EXPECT_EQ(name_of(detail::variants), "variants");
    EXPECT_EQ(name_of(detail::pass), "pass");
    EXPECT_EQ(name_of(detail::coalesce_off), "coalesce-off");
    EXPECT_EQ(name_of(detail::deadline), "deadline");
}

TEST(Names, ForwardReasonsAreThoseOfTheRegistry)
{
    // RFC 9211 §2.2, §5.
    EXPECT_EQ(all_names<forward_reason>(1), (std::set<std::string_view>{"bypass", "method", "uri-miss", "vary-miss", "miss", "request",
                                                                        "stale", "partial"}));
}

TEST(NamesDeathTest, RefusesWhatIsNoValue) { EXPECT_DEATH(name_of(detail::last_), ""); }

}  // namespace
}  // namespace tiercel
