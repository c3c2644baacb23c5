#include "http/structured_field.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tiercel {
namespace {

using namespace std::string_view_literals;

// Members as text, e.g. `a=1 b=?1 c="x"`; types whose contents are dropped by their names.
std::string shown(std::string_view text)
{
    const auto members = parse_sf_dictionary(text);
    if (!members) {
        return "invalid";
    }
    std::string out;
    for (const sf_member& m : *members) {
        out += out.empty() ? "" : " ";
        out += m.key;
        switch (m.type) {
        case sf_type::integer: out += "=" + std::to_string(m.integer); break;
        case sf_type::decimal: out += "=decimal"; break;
        case sf_type::string: out += "=\"" + m.string + "\""; break;
        case sf_type::token: out += "=token"; break;
        case sf_type::byte_sequence: out += "=bytes"; break;
        case sf_type::boolean: out += m.boolean ? "=?1" : "=?0"; break;
        case sf_type::inner_list: out += "=list"; break;
        }
    }
    return out;
}

struct valid_case {
    const char* name;
    std::string_view text;
    const char* expected;
};

const std::vector<valid_case> valid{
    {"empty", "", ""},
    {"spaces alone", "   ", ""},
    {"2.2 a member without value", "a", "a=?1"},
    {"2.2 integer", "a=1", "a=1"},
    {"2.2 several, blanks around commas", "b=1 ,\ta=2,c", "a=2 b=1 c=?1"},
    {"2.2 spaces around the whole", "  a=1  ", "a=1"},
    {"2.2 the last of two equal members counts", "a=1, b=2, a=3", "a=3 b=2"},
    {"2.2 the last of many, of another type", "a=1, a=\"x\", a, a=?0", "a=?0"},
    {"keys with all their characters", "*a_b-c.d*9=1", "*a_b-c.d*9=1"},
    {"negative integer", "a=-7", "a=-7"},
    {"minus zero", "a=-0", "a=0"},
    {"leading zeros", "a=007", "a=7"},
    {"2.4 beyond 32 bits", "a=99999999999", "a=99999999999"},
    {"the largest integer", "a=999999999999999", "a=999999999999999"},
    {"the smallest integer", "a=-999999999999999", "a=-999999999999999"},
    {"decimal", "a=1.5", "a=decimal"},
    {"the largest decimal", "a=-123456789012.123", "a=decimal"},
    {"string", R"(a="x, y=z")", R"(a="x, y=z")"},
    {"empty string", R"(a="")", R"(a="")"},
    {"escapes in a string", R"(a="\"\\")", R"(a=""\")"},
    {"token", "a=b", "a=token"},
    {"token with all its characters", "a=*b!#$%&'*+-.^_`|~:/9", "a=token"},
    {"bytes", "a=:aGVsbG8=:", "a=bytes"},
    {"bytes without padding", "a=:aGVsbG8:", "a=bytes"},
    {"no bytes", "a=::", "a=bytes"},
    {"true", "a=?1", "a=?1"},
    {"false", "a=?0", "a=?0"},
    {"empty list", "a=()", "a=list"},
    {"list", R"(a=( 1 "x";p  b;q=?0 ))", "a=list"},
    {"2.3 parameters of an item", "a=1;b;c=2; d=\"x\", e", "a=1 e=?1"},
    {"2.3 parameters of a member without value", "a;b=1", "a=?1"},
    {"2.3 parameters of a list", "a=(1);b", "a=list"},
};

TEST(StructuredField, DictionaryIsRead)
{
    for (const valid_case& c : valid) {
        EXPECT_EQ(shown(c.text), c.expected) << c.name;
    }
}

struct invalid_case {
    const char* name;
    std::string_view text;
};

const std::vector<invalid_case> invalid{
    {"2.2 garbage after a good member", "max-age=10000, &&&&&"},
    {"2.2 name in capitals", "Max-Age=1"},
    {"2.2 name with a capital within", "mAx-age=1"},
    {"2.2 space before the equals sign", "a =1"},
    {"2.2 space after the equals sign", "a= 1"},
    {"2.2 no value after the equals sign", "a="},
    {"2.2 trailing comma", "a=1,"},
    {"2.2 trailing comma and space", "a=1, "},
    {"2.2 leading comma", ",a=1"},
    {"2.2 empty member", "a=1,,b"},
    {"no comma between members", "a=1 b=2"},
    {"semicolon for a comma, without key", "a=1;"},
    {"leading tab", "\ta=1"},
    {"key begins with a digit", "1a=1"},
    {"key begins with a dash", "-a=1"},
    {"NUL", "a=1\0"sv},
    {"letters behind digits", "a=1x"},
    {"sixteen digits", "a=1000000000000000"},
    {"minus alone", "a=-"},
    {"plus", "a=+1"},
    {"decimal without fraction", "a=1."},
    {"decimal without whole", "a=.5"},
    {"decimal with four digits", "a=1.2345"},
    {"decimal with thirteen digits before the point", "a=1234567890123.1"},
    {"decimal with two points", "a=1.2.3"},
    {"string that never ends", "a=\"x"},
    {"string that ends in a backslash", "a=\"x\\"},
    {"unknown escape", R"(a="\x")"},
    {"control character in a string", "a=\"\x01\""},
    {"DEL in a string", "a=\"\x7f\""},
    {"byte beyond ASCII in a string", "a=\"\xc3\xa9\""},
    {"text behind a string", R"(a="x"y)"},
    {"single quotes", "a='1'"},
    {"bytes that never end", "a=:aGVs"},
    {"bytes out of the alphabet", "a=:aG_s:"},
    {"bytes of an impossible length", "a=:aGVsb:"},
    {"bytes with padding in the middle", "a=:aG=s:"},
    {"bytes with too much padding", "a=:a===:"},
    {"bytes that are padding alone", "a=:=:"},
    {"boolean of two", "a=?2"},
    {"boolean without a digit", "a=?"},
    {"boolean with two digits", "a=?10"},
    {"list that never ends", "a=(1 2"},
    {"list with commas", "a=(1,2)"},
    {"list in a list", "a=((1))"},
    {"list with items that touch", R"(a=("x""y"))"},
    {"parameter with a capital", "a;B=1"},
    {"parameter without value after its equals sign", "a;b="},
    {"parameter with a list", "a;b=(1)"},
    {"space before a semicolon", "a=1 ;b"},
    {"a date", "a=@1659578233"},
    {"a display string", "a=%\"x\""},
};

TEST(StructuredField, DictionaryIsRefusedWhole)
{
    for (const invalid_case& c : invalid) {
        EXPECT_EQ(shown(c.text), "invalid") << c.name;
    }
}

TEST(StructuredField, ManyMembersTakeNoLongerThanTheirSort)
{
    std::string text;
    for (int i = 0; i < 50000; ++i) {
        text += (i == 0 ? "a" : ",a") + std::to_string(i % 25000) + "=" + std::to_string(i);
    }
    const auto members = parse_sf_dictionary(text);
    ASSERT_TRUE(members);
    ASSERT_EQ(members->size(), 25000u);
    EXPECT_EQ(members->front().key, "a0");
    EXPECT_EQ(members->front().integer, 25000);
}

TEST(StructuredField, NamesMayHaveParametersAndBeTokensOrStrings)
{
    for (const std::string_view good : {"a"sv, "a; hit"sv, "a; hit; ttl=-1; key=\"x,y\""sv, "\"edge 1\"; fwd=miss, b;c=?0 "sv, "*x"sv, "a ,\tb"sv}) {
        EXPECT_TRUE(is_sf_name_list(good)) << good;
    }
    for (const std::string_view bad : {""sv, "  "sv, "a,"sv, ",a"sv, "a,,b"sv, "a b"sv, "a; Hit"sv, "a; ttl="sv, "1; hit"sv, "(a b); hit"sv, "?1"sv,
                                       "a; key=\"x"sv, "\"a"sv, ":YQ==:"sv, "a; hit;"sv, "HIT from edge (squid/4)"sv}) {
        EXPECT_FALSE(is_sf_name_list(bad)) << bad;
    }
}

}  // namespace
}  // namespace tiercel
