#include "http/vary.hpp"

#include "http/heads.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tiercel {
namespace {

using names = std::vector<std::string>;

struct vary_case {
    const char* name;
    std::vector<std::string> lines;
    bool star;
    names selecting;
};

const std::vector<vary_case> varies{
    {"10.6 no field", {}, false, {}},
    {"10.6 one name", {"Accept"}, false, {"accept"}},
    {"10.6 names in one line, sorted", {"Foo,  Bar\t,baz"}, false, {"bar", "baz", "foo"}},
    {"10.6 names in several lines", {"Foo", "Bar"}, false, {"bar", "foo"}},
    {"10.6 the same name in other letters", {"Foo, foo", "FOO"}, false, {"foo"}},
    {"10.6 empty members", {", Foo,, ,", "", "Bar"}, false, {"bar", "foo"}},
    {"10.6 empty line", {""}, false, {}},
    {"10.6 star", {"*"}, true, {}},
    {"10.6 two stars", {"*, *"}, true, {}},
    {"10.6 star after an empty member", {", *"}, true, {}},
    {"10.6 star before a name", {"*, Foo"}, true, {"foo"}},
    {"10.6 star after a name", {"Foo, *"}, true, {"foo"}},
    {"10.6 star after an empty line", {"", "*"}, true, {}},
    {"10.6 star in another line", {"Foo", "*"}, true, {"foo"}},
    {"10.6 star between tabs", {"\t*\t"}, true, {}},
    {"10.6 star within a name", {"f*o"}, false, {"f*o"}},
};

TEST(Vary, IsReadFromAllLines)
{
    for (const vary_case& c : varies) {
        made_response::lines lines;
        for (const std::string& value : c.lines) {
            lines.emplace_back("vArY", value);
        }
        const vary_spec spec = parse_vary(made_response(lines));
        EXPECT_EQ(spec.star, c.star) << c.name;
        EXPECT_EQ(spec.names, c.selecting) << c.name;
    }
}

TEST(SelectingValue, OfAnAbsentFieldIsNothing)
{
    const made_request rq{{"Host", "a"}, {"X-Foo", "1"}};
    EXPECT_EQ(selecting_value(rq, "foo", {}), std::nullopt);
    EXPECT_EQ(selecting_value(rq, "accept-encoding", {}), std::nullopt);
    EXPECT_EQ(selecting_value(rq, "accept-language", {}), std::nullopt);
    EXPECT_EQ(selecting_value(rq, "accept-language", {"en"}), std::nullopt);
}

TEST(SelectingValue, OfAnEmptyFieldIsEmpty)
{
    const made_request rq{{"Foo", ""}, {"Accept-Language", ""}, {"Accept-Encoding", ""}};
    EXPECT_EQ(selecting_value(rq, "foo", {}), "");
    EXPECT_EQ(selecting_value(rq, "accept-language", {}), "");
    EXPECT_EQ(selecting_value(rq, "accept-encoding", {}), "identity");
}

TEST(SelectingValue, JoinsLinesAndDropsBlanksAroundCommas)   // 10.5
{
    const std::string expected = "1,2";
    EXPECT_EQ(selecting_value(made_request{{"Foo", "1,2"}}, "foo", {}), expected);
    EXPECT_EQ(selecting_value(made_request{{"foo", " 1, 2 "}}, "foo", {}), expected);
    EXPECT_EQ(selecting_value(made_request{{"FOO", "1\t ,\t2"}}, "foo", {}), expected);
    EXPECT_EQ(selecting_value(made_request{{"Foo", "1"}, {"Bar", "3"}, {"Foo", "2"}}, "foo", {}), expected);
    EXPECT_EQ(selecting_value(made_request{{"User-Agent", "a/1 (b;  c)"}}, "user-agent", {}), "a/1 (b;  c)");
}

TEST(SelectingValue, KeepsOrderLettersAndEmptyMembers)   // 10.3
{
    EXPECT_EQ(selecting_value(made_request{{"Foo", "b, A"}}, "foo", {}), "b,A");
    EXPECT_EQ(selecting_value(made_request{{"Foo", "1,, 2"}}, "foo", {}), "1,,2");
    EXPECT_EQ(selecting_value(made_request{{"Foo", ""}, {"Foo", "1"}}, "foo", {}), ",1");
}

TEST(SelectingValue, OrdersLanguagesByWeightInTheirUsualLetters)   // 10.5
{
    struct {
        const char* name;
        const char* value;
        const char* expected;
    } const cases[] = {
        {"10.5 one", "en", "en"},
        {"10.5 letters", "EN-us", "en-US"},
        {"10.5 letters of a script", "ZH-hANT-tw", "zh-Hant-TW"},
        {"10.5 letters behind a single one", "en-x-US, I-Klingon", "en-x-us,i-klingon"},
        {"10.5 order", "en, de", "de,en"},
        {"10.5 order with weights", "en;q=0.8, de", "de,en;q=0.8"},
        {"10.5 each keeps its weight", "en, de;q=0.8", "en,de;q=0.8"},
        {"10.5 blanks", " de ; Q=0.8 ,\ten", "en,de;q=0.8"},
        {"10.5 unreadable weights come last", "fr;q=x, de;q=0.1, en", "en,de;q=0.1,fr;q=x"},
        {"10.5 empty members", ",en,,de", "de,en"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(selecting_value(made_request{{"Accept-Language", c.value}}, "accept-language", {}), c.expected) << c.name;
    }
    const made_request lines{{"Accept-Language", "en"}, {"Accept-Language", "de"}};
    EXPECT_EQ(selecting_value(lines, "accept-language", {}), "de,en");
}

TEST(SelectingValue, OfAFieldThatIsNoListStaysAsItIs)
{
    EXPECT_EQ(selecting_value(made_request{{"Cookie", "a=1; b=2"}, {"Cookie", "c=3 , d=4"}}, "cookie", {}), "a=1; b=2\nc=3 , d=4");
    EXPECT_EQ(selecting_value(made_request{{"User-Agent", "a/1 (b, like c)"}}, "user-agent", {}), "a/1 (b, like c)");
}

TEST(ExactValue, KeepsLinesAndBlanksApart)
{
    EXPECT_EQ(exact_value(made_request{{"Foo", "1 , 2"}}, "foo", {}), "1 , 2");
    EXPECT_EQ(exact_value(made_request{{"Foo", "1"}, {"Bar", "3"}, {"FOO", "2"}}, "foo", {}), "1\n2");
    EXPECT_EQ(exact_value(made_request{{"Bar", "3"}}, "foo", {}), std::nullopt);
    EXPECT_EQ(exact_value(made_request{{"Accept-Language", "de;q=0.3, EN"}}, "accept-language", {}), "en,de;q=0.3") << "as it is sent";
    EXPECT_EQ(exact_value(made_request{{"Accept-Encoding", "br, gzip, zstd"}}, "accept-encoding", {}), "br, gzip") << "as it is sent";
}

TEST(SelectingValue, ReducesLanguagesToTheBestConfiguredOne)
{
    const names configured{"en", "DE", "pt-BR"};
    struct {
        const char* name;
        const char* value;
        const char* expected;
    } const cases[] = {
        {"exact", "de", "de"},
        {"letters", "De", "de"},
        {"best weight", "en;q=0.5, de;q=0.8", "de"},
        {"equal weights: first of the list, in either order", "de, en", "en"},
        {"equal weights: first of the list", "en, de", "en"},
        {"a more special range", "de-AT", "de"},
        {"a more general range", "pt", "pt-br"},
        {"a sibling", "pt-PT", ""},
        {"a longer word is no special range", "deu", ""},
        {"unknown languages are skipped", "fr, it;q=0.9, de;q=0.1", "de"},
        {"none", "fr", ""},
        {"empty", "", ""},
        {"refused", "de;q=0", ""},
        {"wildcard", "*", "en"},
        {"wildcard for what is not named", "en;q=0.2, *;q=0.5", "de"},
        {"wildcard not for what is refused", "en;q=0, de;q=0, *", "pt-br"},
        {"a weight that is none", "de;q=high, en;q=0.1", "en"},
    };
    for (const auto& c : cases) {
        const made_request rq{{"Accept-Language", c.value}};
        EXPECT_EQ(selecting_value(rq, "accept-language", configured), c.expected) << c.name;
    }
}

TEST(AcceptEncoding, IsReducedToTheBestOfThree)
{
    struct {
        const char* name;
        made_request::lines lines;
        const char* expected;
    } const cases[] = {
        {"10.5 absent", {}, "identity"},
        {"10.5 empty", {{"Accept-Encoding", ""}}, "identity"},
        {"10.5 as browsers do", {{"Accept-Encoding", "gzip, deflate, br"}}, "br, gzip"},
        {"10.5 gzip", {{"Accept-Encoding", "gzip"}}, "gzip"},
        {"10.5 letters", {{"Accept-Encoding", "GZip"}}, "gzip"},
        {"10.5 x-gzip", {{"Accept-Encoding", "x-gzip"}}, "gzip"},
        {"10.5 several lines", {{"Accept-Encoding", "gzip"}, {"Accept-Encoding", "br"}}, "br, gzip"},
        {"10.5 weights", {{"Accept-Encoding", "br;q=0.5, gzip;q=0.8"}}, "gzip"},
        {"10.5 blanks at the weight", {{"Accept-Encoding", "br ; q=0.5 , gzip ;\tQ=0.8"}}, "gzip"},
        {"10.5 unnamed identity is liked least", {{"Accept-Encoding", "gzip;q=0.001"}}, "gzip"},
        {"10.5 named identity", {{"Accept-Encoding", "identity, gzip;q=0.5"}}, "identity"},
        {"10.5 br by weight", {{"Accept-Encoding", "br, gzip;q=0.1"}}, "br, gzip"},
        {"10.5 br alone", {{"Accept-Encoding", "br"}}, "identity"},
        {"10.5 gzip refused", {{"Accept-Encoding", "br, gzip;q=0"}}, "identity"},
        {"10.5 nothing but br", {{"Accept-Encoding", "br, identity;q=0"}}, "br"},
        {"10.5 refused", {{"Accept-Encoding", "br;q=0, gzip;q=0.0"}}, "identity"},
        {"10.5 only others", {{"Accept-Encoding", "deflate, zstd"}}, "identity"},
        {"10.5 wildcard", {{"Accept-Encoding", "*"}}, "br, gzip"},
        {"10.5 wildcard beside a refusal", {{"Accept-Encoding", "br;q=0, *"}}, "gzip"},
        {"10.5 wildcard refused", {{"Accept-Encoding", "gzip;q=0.5, *;q=0"}}, "gzip"},
        {"10.5 everything refused", {{"Accept-Encoding", "*;q=0"}}, "identity"},
        {"10.5 weight without a number", {{"Accept-Encoding", "br;q=, gzip"}}, "gzip"},
        {"10.5 weight beyond one", {{"Accept-Encoding", "br;q=1.1, gzip"}}, "gzip"},
        {"10.5 weight of one", {{"Accept-Encoding", "br;q=1.000, gzip"}}, "br, gzip"},
        {"10.5 weight too fine", {{"Accept-Encoding", "br;q=0.9999, gzip;q=0.1"}}, "gzip"},
        {"10.5 weight with a point alone", {{"Accept-Encoding", "br;q=1., gzip;q=0.5"}}, "br, gzip"},
        {"10.5 negative weight", {{"Accept-Encoding", "br;q=-1, gzip;q=0.5"}}, "gzip"},
        {"10.5 another parameter", {{"Accept-Encoding", "br;x=1, gzip;q=0.5"}}, "gzip"},
        {"10.5 words that contain ours", {{"Accept-Encoding", "brotli, gzipped"}}, "identity"},
    };
    for (const auto& c : cases) {
        const made_request rq(c.lines);
        EXPECT_EQ(reduced_accept_encoding(rq), c.expected) << c.name;
        if (!c.lines.empty()) {
            EXPECT_EQ(selecting_value(rq, "accept-encoding", {}), c.expected) << c.name;
        }
    }
}

}  // namespace
}  // namespace tiercel
