#include "http/query_rules.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel {
namespace {

// The query with its question mark, empty when there is none.
std::string applied(const query_rules& rules, const std::string& query)
{
    bool has_query = true;
    query_scratch scratch{.text = "left over", .parameters = {"left", "over"}};
    const std::string_view q = apply(rules, query, has_query, scratch);
    EXPECT_TRUE(has_query || q.empty());
    return has_query ? "?" + std::string(q) : "";
}

struct query_case {
    const char* name;
    const char* query;
    const char* result;
};

void check(const query_rules& rules, const std::vector<query_case>& cases)
{
    for (const query_case& c : cases) {
        EXPECT_EQ(applied(rules, c.query), c.result) << c.name << ": ?" << c.query;
    }
}

TEST(QueryRules, SortsByNameAndChangesNothingElse)
{
    check({}, {
        {"sorted", "b=1&a=2", "?a=2&b=1"},
        {"in order already", "a=2&b=1", "?a=2&b=1"},
        {"repeated names keep their order", "b=9&a=2&a=1", "?a=2&a=1&b=9"},
        {"alone repeated", "a=2&a=1", "?a=2&a=1"},
        {"a and a= stay apart", "b&a=&a", "?a=&a&b"},
        {"a alone", "a", "?a"},
        {"a=", "a=", "?a="},
        {"an empty query stays", "", "?"},
        {"names, not whole parameters", "a.b=1&a=2", "?a=2&a.b=1"},
        {"a longer name comes later", "ab=1&a=2", "?a=2&ab=1"},
        {"empty parameters are kept", "b&&a", "?&a&b"},
        {"at the end", "a&", "?&a"},
        {"capitals first", "a&B", "?B&a"},
        {"values are not looked at", "a=b=c&a=%26", "?a=b=c&a=%26"},
        {"a plus stays a plus", "b=a+b&a=a%20b", "?a=a%20b&b=a+b"},
    });
}

TEST(QueryRules, KeepsTheOrderOfManyRepeatedNames)
{
    std::string given = "z&";
    std::string expected = "?";
    for (int i = 0; i < 200; ++i) {
        expected += "a=" + std::to_string(i * 37 % 200) + "&";
    }
    given += expected.substr(1, expected.size() - 2);
    EXPECT_EQ(applied({}, given), expected + "z");
}

TEST(QueryRules, LeavesTheOrderAloneWhenToldSo)
{
    check({.mode = query_mode::as_is, .drop = {}, .allow = {}}, {
        {"sorted all the same", "b=1&a=2", "?b=1&a=2"},
        {"repeated", "a=2&b&a=1", "?a=2&b&a=1"},
        {"empty", "", "?"},
    });
}

TEST(QueryRules, DropsTheWholeQueryWhenToldSo)
{
    check({.mode = query_mode::none, .drop = {}, .allow = {}}, {
        {"all", "b=1&a=2", ""},
        {"an empty one", "", ""},
    });
}

TEST(QueryRules, DropsParametersByName)
{
    check({.mode = query_mode::sort, .drop = {"utm_*", "fbclid"}, .allow = {}}, {
        {"a prefix", "utm_source=x&a=1", "?a=1"},
        {"a whole name", "fbclid=x&a=1", "?a=1"},
        {"the prefix itself", "utm_&a", "?a"},
        {"a longer name than a whole one", "fbclids=1&a", "?a&fbclids=1"},
        {"a shorter name", "utm=1", "?utm=1"},
        {"in another case", "UTM_source=1", "?UTM_source=1"},
        {"in the middle", "a=1&fbclid=2&b=3", "?a=1&b=3"},
        {"at the end", "b=1&a=3&fbclid", "?a=3&b=1"},
        {"nothing is left", "utm_source=x&fbclid=y", ""},
        {"in a value", "a=fbclid", "?a=fbclid"},
    });
    check({.mode = query_mode::as_is, .drop = {"x"}, .allow = {}}, {{"as it is", "b&x=1&a", "?b&a"}});
    check({.mode = query_mode::sort, .drop = {"*"}, .allow = {}}, {{"all", "b&a", ""}, {"an empty one", "", ""}});
}

TEST(QueryRules, KeepsOnlyWhatIsAllowed)
{
    check({.mode = query_mode::sort, .drop = {}, .allow = {"id", "p_*"}}, {
        {"one of them", "id=1&x=2", "?id=1"},
        {"a prefix", "z&p_b=1&p_a=2", "?p_a=2&p_b=1"},
        {"none of them", "x=1&y=2", ""},
        {"an empty query has none", "", ""},
    });
    check({.mode = query_mode::sort, .drop = {"p_x"}, .allow = {"p_*"}}, {{"drop goes first", "p_x&p_y", "?p_y"}});
}

TEST(QueryRules, MakesNoQueryWhereNoneIs)
{
    for (const query_mode mode : {query_mode::sort, query_mode::as_is, query_mode::none}) {
        bool has_query = false;
        query_scratch scratch;
        EXPECT_EQ(apply({.mode = mode, .drop = {"a"}, .allow = {"b"}}, "", has_query, scratch), "");
        EXPECT_FALSE(has_query);
    }
}

TEST(QueryRules, PointIntoTheQueryWhenThereIsNothingToDo)
{
    const std::string query = "a=1&a=1&b=2";
    bool has_query = true;
    query_scratch scratch;
    EXPECT_EQ(apply({.mode = query_mode::sort, .drop = {"x"}, .allow = {}}, query, has_query, scratch).data(), query.data());
}

}  // namespace
}  // namespace tiercel
