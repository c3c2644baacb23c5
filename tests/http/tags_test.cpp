#include "http/tags.hpp"

#include "http/heads.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel {
namespace {

using names = std::vector<std::string>;

names groups_in(std::string_view value)
{
    return parse_groups(made_response{{"Cache-Groups", std::string(value)}}, "cache-groups");
}

TEST(Tags, GroupsAreAListOfStrings)
{
    EXPECT_EQ(groups_in(R"("a", "b c" ,"a")"), (names{"a", "b c", "a"}));
    EXPECT_EQ(groups_in(R"("a";x=1;y, "b\"\\";z)"), (names{"a", "b\"\\"}));
    EXPECT_EQ(groups_in(""), names{});
}

TEST(Tags, LinesOfGroupsAreOneList)
{
    const made_response rs{{"Cache-Groups", "\"a\""}, {"X", "\"x\""}, {"cache-GROUPS", "\"b\", \"c\""}};
    EXPECT_EQ(parse_groups(rs, "Cache-Groups"), (names{"a", "b", "c"}));
    EXPECT_EQ(parse_groups(rs, "Cache-Group-Invalidation"), names{});
}

TEST(Tags, GroupsThatAreNoListOfStringsAreIgnoredAsAWhole)
{
    for (const std::string_view bad : {"a", "\"a\", b", "\"a\", 1", "\"a\",", ",\"a\"", "\"a\" \"b\"", "(\"a\")", "\"a\", (\"b\")", "\"a",
                                       "'a'", "\"\xc3\xa4\"", "?1", ":YQ==:", "\"a\";"}) {
        EXPECT_EQ(groups_in(bad), names{}) << bad;
    }
}

TEST(Tags, SurrogateKeysStandBetweenBlanksAndCacheTagsBetweenCommas)
{
    const made_response rs{{"Surrogate-Key", " one  two\tthree"}, {"Cache-Tag", "a b , c,,d "}, {"Surrogate-Key", "four"},
                           {"Cache-Groups", "\"g\""}};
    const answer_tags t = parse_tags(rs);
    EXPECT_EQ(t.tags, (names{"one", "two", "three", "a b", "c", "d", "four"}));
    EXPECT_EQ(t.groups, names{"g"});
    EXPECT_FALSE(t.too_many);
    EXPECT_TRUE(parse_tags(made_response{{"X-Tags", "a"}}).tags.empty());
}

std::string repeated(std::string_view one, int n)
{
    std::string out;
    for (int i = 0; i < n; ++i) {
        out += one;
    }
    return out;
}

TEST(Tags, SixtyFourOfAKilobyteInSixteenAreTheMost)
{
    const auto is_too_many = [](std::string_view name, std::string value) {
        return parse_tags(made_response{{std::string(name), std::move(value)}}).too_many;
    };
    EXPECT_FALSE(is_too_many("Surrogate-Key", repeated("x ", 64)));
    EXPECT_TRUE(is_too_many("Surrogate-Key", repeated("x ", 65)));
    EXPECT_FALSE(is_too_many("Cache-Tag", repeated("x,", 64)));
    EXPECT_TRUE(is_too_many("Cache-Tag", repeated("x,", 65)));
    EXPECT_FALSE(is_too_many("Cache-Groups", repeated("\"x\",", 63) + "\"x\""));
    EXPECT_TRUE(is_too_many("Cache-Groups", repeated("\"x\",", 64) + "\"x\""));
    EXPECT_FALSE(is_too_many("Surrogate-Key", std::string(1024, 'x')));
    EXPECT_TRUE(is_too_many("Surrogate-Key", std::string(1025, 'x')));
    EXPECT_FALSE(is_too_many("Surrogate-Key", repeated(std::string(1024, 'x') + " ", 16)));
    EXPECT_TRUE(is_too_many("Surrogate-Key", repeated(std::string(1024, 'x') + " ", 16) + "y"));
    EXPECT_TRUE(parse_tags(made_response{{"Surrogate-Key", repeated("x ", 40)}, {"Cache-Groups", repeated("\"x\",", 24) + "\"x\""}}).too_many);
}

TEST(Tags, ThirtyTwoGroupsOfThirtyTwoCharactersAreReadWhole)   // the least that RFC 9875 demands
{
    std::string value;
    names wanted;
    for (int i = 0; i < 32; ++i) {
        std::string name(32, 'x');
        name[0] = static_cast<char>('A' + i % 26);
        name[1] = static_cast<char>('A' + i / 26);
        value += (i == 0 ? "\"" : ", \"") + name + "\"";
        wanted.push_back(std::move(name));
    }
    const answer_tags t = parse_tags(made_response{{"Cache-Groups", value}});
    EXPECT_EQ(t.groups, wanted);
    EXPECT_FALSE(t.too_many);
}

}  // namespace
}  // namespace tiercel
