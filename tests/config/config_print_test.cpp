#include "config/config_print.hpp"

#include "config/config_table.hpp"
#include "config/load_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace tiercel::config {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Print, TheReferenceIsAValidFileThatSaysEveryKeyAndChangesNone)
{
    const auto l = load_yaml(reference_text());
    ASSERT_THAT(lines(l), IsEmpty());

    config expected;
    expected.origins["shop"].endpoints = {{.url = "http://127.0.0.1:3000"}};
    expected.routes.resize(1);
    expected.routes[0].name = "products";
    expected.routes[0].match.path = "/products/";
    expected.routes[0].origin = "shop";
    std::vector<std::pair<std::string, std::vector<std::string>>> want;
    for_each_value(expected, [&](const std::string& path, const row& r, const void* owner) { want.emplace_back(path, r.get(owner)); });
    std::size_t i = 0;
    for_each_value(l.value, [&](const std::string& path, const row& r, const void* owner) {
        ASSERT_LT(i, want.size());
        EXPECT_EQ(path, want[i].first);
        EXPECT_EQ(r.get(owner), want[i].second) << path;
        EXPECT_TRUE(l.mentions.contains(path)) << path << " is not in the reference";
        ++i;
    });
    EXPECT_EQ(i, want.size());
}

TEST(Print, TheReferenceExplainsEveryRow)
{
    // Comments are wrapped, so their words are compared and not their lines.
    std::string words;
    std::istringstream in(reference_text());
    for (std::string word; in >> word;) {
        if (word != "#") {
            words += word + " ";
        }
    }
    for (const auto& r : table()) {
        EXPECT_THAT(words, HasSubstr(std::string(r.text))) << r.name;
    }
}

TEST(Print, EffectiveValuesNameTheirSource)
{
    const auto l = load_yaml(with_minimal("server: { threads: 3 }\nlog: { level: \"${LEVEL}\" }\n"), environment_of({{"LEVEL", "warn"}}));
    ASSERT_TRUE(l.ok());
    const auto text = effective_text(l);
    EXPECT_THAT(text, HasSubstr("server.threads: 3   # t.yaml:3\n"));
    EXPECT_THAT(text, HasSubstr("log.level: warn   # env LEVEL (t.yaml:4)\n"));
    EXPECT_THAT(text, HasSubstr("cache.l1.max_bytes: 256MiB   # default\n"));
    EXPECT_THAT(text, HasSubstr("origins.shop.endpoints[0].url: http://127.0.0.1:3000   # t.yaml:1\n"));
    EXPECT_THAT(text, HasSubstr("routes[0].name: all   # default\n"));
    EXPECT_THAT(text, HasSubstr("routes[0].targeted: [CDN-Cache-Control]   # default\n"));
    EXPECT_THAT(text, HasSubstr("log.file: \"\"   # default\n"));
    EXPECT_EQ(effective_values(l).size(), static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
}

TEST(Print, SecretsNeverShow)
{
    const auto l = load_yaml(with_minimal("admin: { tokens: [ { token: marker-one }, { token: \"${TOKEN}\" } ] }\n"
                                          "cache: { l2: { url: \"redis://user:marker-two@127.0.0.1/0\", password: marker-three } }\n"),
                             environment_of({{"TOKEN", "marker-four"}}));
    ASSERT_THAT(lines(l), IsEmpty());
    EXPECT_EQ(l.value.admin.tokens[1].token, "marker-four");
    for (const auto& text : {effective_text(l), effective_json(l)}) {
        EXPECT_THAT(text, Not(HasSubstr("marker")));
        EXPECT_THAT(text, HasSubstr("redis://***@127.0.0.1/0"));
    }
    EXPECT_THAT(effective_text(l), HasSubstr("admin.tokens[0].token: \"***\"   # t.yaml:3\n"));
    EXPECT_THAT(effective_text(load_yaml(minimal)), HasSubstr("cache.l2.password: \"\"   # default\n"));
}

TEST(Print, TextsAreQuotedWhereYamlWouldTakeThemForSomethingElse)
{
    struct {
        const char* yaml;
        const char* shown;
    } const cases[] = {
        {"plain.log", "plain.log"}, {"\"a b\"", "\"a b\""},       {"\"null\"", "\"null\""}, {"'a\"b\\c'", R"("a\"b\\c")"},
        {"\"-\"", "\"-\""},         {"\"$${HOME}\"", "\"$${HOME}\""}, {"\"a: b #c\"", "\"a: b #c\""},
    };
    for (const auto& c : cases) {
        const auto l = load_yaml(with_minimal("log: { file: " + std::string(c.yaml) + " }\n"));
        ASSERT_THAT(lines(l), IsEmpty()) << c.yaml;
        EXPECT_THAT(effective_text(l), HasSubstr("log.file: " + std::string(c.shown) + "   # ")) << c.yaml;
        const auto again = load_yaml(with_minimal("log: { file: " + std::string(c.shown) + " }\n"));
        EXPECT_EQ(again.value.log.file, l.value.log.file);
    }
}

}  // namespace
}  // namespace tiercel::config
