#include "http/cache_control.hpp"

#include "http/heads.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tiercel {
namespace {

void put(std::string& out, const std::string& text) { out += (out.empty() ? "" : " ") + text; }
void put(std::string& out, const char* name, bool is)
{
    if (is) {
        put(out, name);
    }
}
void put(std::string& out, const char* name, std::optional<seconds> s)
{
    if (s) {
        put(out, name + ("=" + std::to_string(s->count())));
    }
}
void put(std::string& out, const char* name, const std::vector<std::string>& fields)
{
    if (!fields.empty()) {
        std::string list;
        for (const std::string& f : fields) {
            list += (list.empty() ? "" : ",") + f;
        }
        put(out, name + ("(" + list + ")"));
    }
}

// All that is set, in the order of the struct, so that a case also says what must not be there.
std::string shown(const cache_directives& c)
{
    std::string out;
    put(out, "malformed", c.malformed);
    put(out, "no-store", c.no_store);
    put(out, "no-cache", c.no_cache);
    put(out, "private", c.private_);
    put(out, "public", c.public_);
    put(out, "must-revalidate", c.must_revalidate);
    put(out, "proxy-revalidate", c.proxy_revalidate);
    put(out, "must-understand", c.must_understand);
    put(out, "no-transform", c.no_transform);
    put(out, "immutable", c.immutable);
    put(out, "only-if-cached", c.only_if_cached);
    put(out, "max-age", c.max_age);
    put(out, "s-maxage", c.s_maxage);
    put(out, "swr", c.stale_while_revalidate);
    put(out, "sie", c.stale_if_error);
    put(out, "min-fresh", c.min_fresh);
    put(out, "max-stale", c.max_stale);
    put(out, "private", c.private_fields);
    put(out, "no-cache", c.no_cache_fields);
    return out;
}

struct value_case {
    const char* name;
    const char* value;
    const char* expected;
};

const std::vector<value_case> values{
    {"3.1 empty", "", ""},
    {"3.1 one directive", "max-age=3600", "max-age=3600"},
    {"3.1 all flags",
     "no-store, no-cache, private, public, must-revalidate, proxy-revalidate, must-understand, no-transform, immutable, "
     "only-if-cached",
     "no-store no-cache private public must-revalidate proxy-revalidate must-understand no-transform immutable only-if-cached"},
    {"3.1 all times", "max-age=1, s-maxage=2, stale-while-revalidate=3, stale-if-error=4, min-fresh=5, max-stale=6",
     "max-age=1 s-maxage=2 swr=3 sie=4 min-fresh=5 max-stale=6"},
    {"3.1 any case", "NO-STORE, Max-Age=5, No-cAche", "no-store no-cache max-age=5"},
    {"3.1 no blanks", "public,max-age=5,no-transform", "public no-transform max-age=5"},
    {"3.1 many blanks", " \t public \t ,\t max-age=5 \t", "public max-age=5"},
    {"3.1 empty members", ",, max-age=5,,", "max-age=5"},
    {"3.1 unknown before", "foobar, max-age=5", "max-age=5"},
    {"3.1 unknown with value before", "foobar=1, max-age=5", "max-age=5"},
    {"3.1 unknown after", "max-age=5, foobar", "max-age=5"},
    {"3.1 longer names are unknown", "max-ages=5, xmax-age=5, no-stores, no_store", ""},
    {"3.1 a name that is no token is unknown", "(no-store), =no-store, \"no-store\"", ""},
    {"3.2 string before", R"(extension="max-age=3600", max-age=1)", "max-age=1"},
    {"3.2 string after", R"(max-age=1, extension="max-age=3600")", "max-age=1"},
    {"3.2 string alone", R"(extension="max-age=3600")", ""},
    {"3.2 string with commas", R"(extension="a, no-store, max-age=3600, b", max-age=1)", "max-age=1"},
    {"3.2 string with escaped quotes", R"(extension="\", no-store, \"", max-age=1)", "max-age=1"},
    {"3.2 string that ends in an escaped backslash", R"(extension="\\", no-store, x="")", "no-store"},
    {"3.2 string with blanks around the equals sign", R"(extension = "a, max-age=3600, b", max-age=1)", "max-age=1"},
    {"3.2 text behind a string", R"(extension="a"b, max-age=1)", "max-age=1"},
    {"3.2 string that never ends", R"(max-age=1, extension="a, max-age=3600)", "malformed max-age=1"},
    {"3.2 string that never ends, of a time", R"(max-age="3600)", "malformed max-age=0"},
    {"3.2 string whose end is escaped", R"(max-age=1, a="b\")", "malformed max-age=1"},
    {"3.2 a quote alone", R"(a=")", "malformed"},
    {"3.2 a quote within a token begins no string", R"(a=b"c, no-store, d")", "no-store"},
    {"3.3 leading zeros", "max-age=003600", "max-age=3600"},
    {"3.3 very many leading zeros", "max-age=0000000000000000000000000000001", "max-age=1"},
    {"3.3 quoted", R"(max-age="3600")", "max-age=3600"},
    {"3.4 no value", "max-age", "max-age=0"},
    {"3.4 nothing after the equals sign", "max-age=", "max-age=0"},
    {"3.4 empty string", R"(max-age="")", "max-age=0"},
    {"3.4 negative", "max-age=-3600", "max-age=0"},
    {"3.4 plus", "max-age=+3600", "max-age=0"},
    {"3.4 decimal", "max-age=3600.0", "max-age=0"},
    {"3.4 letters before", "max-age=a3600", "max-age=0"},
    {"3.4 letters behind", "max-age=3600a", "max-age=0"},
    {"3.4 single quotes", "max-age='3600'", "max-age=0"},
    {"3.4 space before the equals sign", "max-age =3600", "max-age=0"},
    {"3.4 space after the equals sign", "max-age= 3600", "max-age=0"},
    {"3.4 space after the equals sign, quoted", R"(max-age= "3600")", "max-age=0"},
    {"3.4 space for the equals sign", "max-age 3600", "max-age=0"},
    {"3.4 blank in a string", R"(max-age=" 3600")", "max-age=0"},
    {"3.4 text behind a string", R"(max-age="3600"0)", "max-age=0"},
    {"3.4 a second value", "max-age=3600 7200", "max-age=0"},
    {"3.4 hexadecimal", "max-age=0x10", "max-age=0"},
    {"3.4 the same for s-maxage", "s-maxage=1.5, max-age=10", "max-age=10 s-maxage=0"},
    {"3.5 2^31-1", "max-age=2147483647", "max-age=2147483647"},
    {"3.5 2^31", "max-age=2147483648", "max-age=2147483648"},
    {"3.5 2^31+1", "max-age=2147483649", "max-age=2147483649"},
    {"3.5 far beyond", "max-age=99999999999", "max-age=99999999999"},
    {"3.5 2^64", "max-age=18446744073709551616", "max-age=1000000000000"},
    {"3.5 more digits than any type has", "max-age=99999999999999999999999999999999999999999", "max-age=1000000000000"},
    {"3.6 the first of two", "max-age=1, max-age=3600", "max-age=1"},
    {"3.6 the first of two, larger", "max-age=3600, max-age=1", "max-age=3600"},
    {"3.6 the first of two, invalid", "max-age=x, max-age=3600", "max-age=0"},
    {"3.6 both of a conflict are seen", "public, private, no-cache, max-age=5", "no-cache private public max-age=5"},
    {"3.6 unqualified after qualified", R"(private="a", private, no-cache="b", no-cache)", "no-cache private"},
    {"3.6 unqualified before qualified", R"(private, private="a", no-cache, no-cache="b")", "no-cache private"},
    {"3.6 argument on a flag", "no-store=1, must-revalidate=\"a\", public=no", "no-store public must-revalidate"},
    {"3.6 argument with blanks on a flag", "no-store = 1", "no-store"},
    {"7.1 private with fields", R"(private="Foo, bar")", "private(foo,bar)"},
    {"7.1 private with a field as a token", "private=Foo", "private(foo)"},
    {"7.1 private with fields, twice", R"(private="a", private="b")", "private(a,b)"},
    {"7.1 private with empty members", R"(private=", a,,b ,")", "private(a,b)"},
    {"7.1 private with no field", R"(private="")", "private"},
    {"7.1 private with nothing after the equals sign", "private=", "private"},
    {"7.1 private with what is no field name", R"(private="a, b c")", "private"},
    {"7.1 private with escapes", R"(private="a\"")", "private"},
    {"7.1 private with text behind the string", R"(private="a"b)", "private"},
    {"7.1 private with blanks around the equals sign", R"(private = "a")", "private"},
    {"7.1 private with a string that never ends", R"(private="a)", "malformed private"},
    {"12.2 no-cache with fields", R"(no-cache="a, B", max-age=5)", "max-age=5 no-cache(a,b)"},
    {"12.5 max-stale without value", "max-stale", "max-stale=1000000000000"},
    {"12.5 max-stale without value, first of two", "max-stale, max-stale=5", "max-stale=1000000000000"},
    {"12.5 max-stale with value, first of two", "max-stale=5, max-stale", "max-stale=5"},
    {"12.5 max-stale, invalid", "max-stale=x", "max-stale=0"},
    {"12.5 max-stale with nothing after the equals sign", "max-stale=", "max-stale=0"},
};

TEST(CacheControl, ValueIsRead)
{
    for (const value_case& c : values) {
        const cache_directives d = parse_cache_control(c.value);
        EXPECT_EQ(shown(d), c.expected) << c.name;
        EXPECT_TRUE(d.present) << c.name;
    }
}

struct lines_case {
    const char* name;
    made_response::lines lines;
    const char* expected;
};

TEST(CacheControl, LinesAreCombinedBeforeTheyAreRead)
{
    const std::vector<lines_case> cases{
        {"3.1 two lines", {{"Cache-Control", "max-age=5"}, {"cache-control", "no-store"}}, "no-store max-age=5"},
        {"3.1 other fields between", {{"Cache-Control", "a"}, {"Pragma", "no-cache"}, {"Cache-Control", "public"}}, "public"},
        {"3.1 an empty line", {{"Cache-Control", ""}, {"Cache-Control", "public"}}, "public"},
        {"3.2 a string over two lines", {{"Cache-Control", "a=\"b"}, {"Cache-Control", "no-store\", public"}}, "public"},
        {"3.6 the first line's value", {{"Cache-Control", "max-age=1"}, {"Cache-Control", "max-age=2"}}, "max-age=1"},
    };
    for (const lines_case& c : cases) {
        const cache_directives d = parse_cache_control(made_response(c.lines));
        EXPECT_EQ(shown(d), c.expected) << c.name;
        EXPECT_TRUE(d.present) << c.name;
    }
}

TEST(CacheControl, OfAHeadWithoutItIsNotPresent)
{
    const made_response head{{"Pragma", "no-cache"}, {"X-Cache-Control", "no-store"}};
    EXPECT_FALSE(parse_cache_control(head).present);
    EXPECT_EQ(shown(parse_cache_control(head)), "");
}

TEST(CacheControl, AnotherFieldCanBeReadLikeIt)   // 12.6
{
    const made_response head{{"Pragma", "no-cache"}, {"Cache-Control", "no-store"}};
    EXPECT_EQ(shown(parse_cache_control(head, header::pragma)), "no-cache");
}

const std::vector<value_case> targeted{
    {"2.2 one member", "max-age=3600", "max-age=3600"},
    {"2.2 all members",
     "no-store, no-cache, private, public, must-revalidate, proxy-revalidate, must-understand, no-transform, immutable, "
     "max-age=1, s-maxage=2, stale-while-revalidate=3, stale-if-error=4",
     "no-store no-cache private public must-revalidate proxy-revalidate must-understand no-transform immutable max-age=1 "
     "s-maxage=2 swr=3 sie=4"},
    {"2.2 the last of two equal members", "max-age=1, max-age=2", "max-age=2"},
    {"2.2 the last of two equal members, the first of a wrong type", "max-age=\"1\", max-age=2", "max-age=2"},
    {"2.2 does not parse", "max-age=10000, &&&&&", nullptr},
    {"2.2 name in capitals", "Max-Age=1", nullptr},
    {"2.2 space around the equals sign", "max-age = 1", nullptr},
    {"2.1 empty", "", nullptr},
    {"2.1 blanks", "  ", nullptr},
    {"2.3 string for an integer", "max-age=\"10000\"", nullptr},
    {"2.3 decimal for an integer", "max-age=1.5", nullptr},
    {"2.3 token for an integer", "max-age=a", nullptr},
    {"2.3 true for an integer", "max-age", nullptr},
    {"2.3 list for an integer", "max-age=(1)", nullptr},
    {"2.3 wrong type of a stale window", "max-age=1, stale-if-error=a", nullptr},
    {"2.3 false for a flag", "no-store=?0", nullptr},
    {"2.3 integer for a flag", "max-age=1, public=1", nullptr},
    {"2.3 string for a flag", "no-store=\"a\"", nullptr},
    {"2.3 true said in full", "no-store=?1", "no-store"},
    {"2.3 no-cache with fields", R"(no-cache="A, b")", "no-cache(a,b)"},
    {"2.3 private with fields", R"(private="A, b", max-age=1)", "max-age=1 private(a,b)"},
    {"2.3 private with a token", "private=a", nullptr},
    {"2.3 private false", "private=?0", nullptr},
    {"2.3 private with no field", R"(private="")", "private"},
    {"2.3 private with what is no field name", R"(private="a b")", "private"},
    {"2.3 unknown members", "foo, max-age=1, bar=\"no-store\", baz=(1 2)", "max-age=1"},
    {"2.3 unknown members alone", "foo", ""},
    {"2.3 directives of requests are unknown members", "max-stale, min-fresh=a, only-if-cached=1", ""},
    {"2.3 parameters", "max-age=1;a=2;b, no-store;c", "no-store max-age=1"},
    {"2.4 2^31", "max-age=2147483648", "max-age=2147483648"},
    {"2.4 far beyond", "max-age=99999999999", "max-age=99999999999"},
    {"2.4 the largest integer saturates", "max-age=999999999999999", "max-age=1000000000000"},
    {"2.4 sixteen digits are none", "max-age=9999999999999999", nullptr},
    {"2.4 negative is stale", "max-age=-1", "max-age=0"},
};

TEST(TargetedField, IsReadStrictly)
{
    for (const value_case& c : targeted) {
        const auto d = parse_targeted(made_response{{"CDN-Cache-Control", c.value}, {"Cache-Control", "max-age=7"}},
                                      "cdn-cache-control");
        ASSERT_EQ(d.has_value(), c.expected != nullptr) << c.name;
        if (d) {
            EXPECT_EQ(shown(*d), c.expected) << c.name;
            EXPECT_TRUE(d->present) << c.name;
        }
    }
}

TEST(TargetedField, IsFoundByItsNameInAnyCase)
{
    const made_response head{{"Tiercel-Cache-Control", "max-age=1"}, {"cdn-cache-control", "max-age=2"}};
    EXPECT_EQ(shown(parse_targeted(head, "tiercel-CACHE-control").value()), "max-age=1");
    EXPECT_EQ(shown(parse_targeted(head, "CDN-Cache-Control").value()), "max-age=2");
    EXPECT_FALSE(parse_targeted(head, "Other-Cache-Control"));
    EXPECT_FALSE(parse_targeted(made_response{{"Cache-Control", "max-age=1"}}, "CDN-Cache-Control"));
}

TEST(TargetedField, LinesAreCombinedFirst)   // 2.2
{
    const std::string name = "CDN-Cache-Control";
    EXPECT_EQ(shown(parse_targeted(made_response{{name, "max-age=1"}, {name, "public"}}, name).value()), "public max-age=1");
    EXPECT_EQ(shown(parse_targeted(made_response{{name, "max-age=1"}, {name, "max-age=2"}}, name).value()), "max-age=2");
    EXPECT_FALSE(parse_targeted(made_response{{name, "max-age=1"}, {name, "&&"}}, name));
    EXPECT_FALSE(parse_targeted(made_response{{name, "max-age=1"}, {name, ""}}, name));
}

}  // namespace
}  // namespace tiercel
