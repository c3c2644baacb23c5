#include "routing/path_pattern.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::routing {
namespace {

struct path_case {
    const char* pattern;
    const char* path;
    bool matches;
};

TEST(PathPattern, MatchesPrefixesOnSegmentBoundariesAndGlobsAsAWhole)
{
    const path_case cases[] = {
        // prefixes
        {"/", "/", true},
        {"/", "/a/b", true},
        {"/", "*", true},                     // OPTIONS * (RFC 9110 §9.3.7)
        {"/products/", "/products/1", true},
        {"/products/", "/products/", true},
        {"/products/", "/products", true},
        {"/products", "/products", true},
        {"/products", "/products/", true},
        {"/products", "/products/1/2", true},
        {"/products", "/products2", false},
        {"/products/", "/products2", false},
        {"/products", "/product", false},
        {"/products", "/Products", false},
        {"/products", "/a/products", false},
        {"/products", "*", false},
        {"/a//b", "/a//b/c", true},
        {"/a//b", "/a/b/c", false},
        {"/a%2Fb", "/a%2Fb/c", true},
        {"/a%2Fb", "/a/b/c", false},
        {"//", "//x", true},
        {"//", "/x", false},
        // one star: inside one segment
        {"/a/*/c", "/a/b/c", true},
        {"/a/*/c", "/a/b/b/c", false},
        {"/a/*/c", "/a//c", false},           // a star that is the segment stands for something
        {"/a/*/c", "/a/c", false},
        {"/a/*/c", "/a/b/c/d", false},        // a glob is for the whole path
        {"/a/*/c", "/a/b/c/", false},
        {"/a/*", "/a/b", true},
        {"/a/*", "/a/", false},
        {"/a/*", "/a", false},
        {"/a/*", "/a/b/c", false},
        {"/a/*/", "/a/b/", true},
        {"/a/*/", "/a/b", false},
        {"/*", "/", false},
        {"/*", "/x", true},
        {"/*.css", "/a.css", true},
        {"/*.css", "/.css", true},
        {"/*.css", "/a/b.css", false},
        {"/*.css", "/a.css.map", false},
        {"/img-*-x*.png", "/img-12-x3.png", true},
        {"/img-*-x*.png", "/img--x.png", true},
        {"/img-*-x*.png", "/img-x.png", false},
        {"/a*a", "/aa", true},
        {"/a*a", "/a", false},
        {"/a*ab", "/aabab", true},
        {"/a*", "/a*", true},                 // a star in the path is a character
        {"/*a", "/*a", true},
        // two stars: any number of segments
        {"/**", "/", true},
        {"/**", "/a/b/c", true},
        {"/**", "*", false},
        {"/a/**", "/a", true},
        {"/a/**", "/a/", true},
        {"/a/**", "/a/b/c", true},
        {"/a/**", "/ab", false},
        {"/**/x", "/x", true},
        {"/**/x", "/a/b/x", true},
        {"/**/x", "/a/b/x/y", false},
        {"/**/x", "/ax", false},
        {"/**/*.css", "/a.css", true},
        {"/**/*.css", "/a/b/c.css", true},
        {"/**/*.css", "/a/b/c.js", false},
        {"/a/**/b/**/c", "/a/b/c", true},
        {"/a/**/b/**/c", "/a/1/2/b/3/c", true},
        {"/a/**/b/**/c", "/a/b/b/c/c", true},
        {"/a/**/b/**/c", "/a/1/2/3/c", false},
        {"/**/a/b", "/a/a/b", true},
        {"/**/a/*/c", "/a/a/b/c", true},
        {"/**/**/x", "/x", true},
        {"/**/", "/a/", true},
        {"/**/", "/a", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.pattern) + " and " + c.path);
        ASSERT_EQ(path_pattern::problem(c.pattern), std::nullopt);
        EXPECT_EQ(path_pattern(c.pattern).matches(c.path), c.matches);
    }
}

// The same question answered by plain recursion: slow, and short enough to be seen to be right.
bool slow_segment(std::string_view p, std::string_view s)
{
    if (p.empty()) {
        return s.empty();
    }
    if (p[0] == '*') {
        return slow_segment(p.substr(1), s) || (!s.empty() && slow_segment(p, s.substr(1)));
    }
    return !s.empty() && p[0] == s[0] && slow_segment(p.substr(1), s.substr(1));
}

bool slow_match(std::string_view p, std::string_view s)   // both empty or beginning with a slash
{
    if (p.empty()) {
        return s.empty();
    }
    const auto head = p.substr(1, p.find('/', 1) - 1);
    const auto rest = p.substr(1 + head.size());
    const auto segment = s.empty() ? s : s.substr(1, s.find('/', 1) - 1);
    const auto below = s.empty() ? s : s.substr(1 + segment.size());
    if (head == "**") {
        return slow_match(rest, s) || (!s.empty() && slow_match(p, below));
    }
    return !s.empty() && (head != "*" || !segment.empty()) && slow_segment(head, segment) && slow_match(rest, below);
}

TEST(PathPattern, AgreesWithPlainRecursionOnAllShortCases)
{
    const std::string_view pieces[] = {"", "a", "ab", "*", "a*", "*b", "a*b", "**"};
    const std::string_view words[] = {"", "a", "b", "ab", "aab"};
    std::vector<std::string> patterns;
    std::vector<std::string> paths;
    for (const auto a : pieces) {
        for (const auto b : pieces) {
            for (const auto c : pieces) {
                patterns.push_back("/" + std::string(a) + "/" + std::string(b) + "/" + std::string(c));
            }
        }
    }
    for (const auto a : words) {
        paths.push_back("/" + std::string(a));
        for (const auto b : words) {
            paths.push_back("/" + std::string(a) + "/" + std::string(b));
            for (const auto c : words) {
                paths.push_back(paths.back() + "/" + std::string(c));
                paths.push_back(paths.back() + "/a/ab");
                paths.pop_back();
                paths.push_back("/" + std::string(a) + "/" + std::string(b) + "/" + std::string(c));
            }
        }
    }
    for (const auto& p : patterns) {
        if (p.find('*') == p.npos) {
            continue;
        }
        const path_pattern compiled(p);
        for (const auto& s : paths) {
            ASSERT_EQ(compiled.matches(s), slow_match(p, s)) << p << " and " << s;
        }
    }
}

std::string repeated(int n, std::string_view s)
{
    std::string all;
    for (int i = 0; i < n; ++i) {
        all += s;
    }
    return all;
}

TEST(PathPattern, TellsWhichPatternTakesAllThatAnotherTakes)
{
    struct {
        const char* wide;
        const char* narrow;
        bool covers;
    } const cases[] = {
        {"/", "/", true},          {"/", "/a/b", true},          {"/", "/**/*.css", true},   {"/", "/*", true},
        {"/a", "/a/", true},       {"/a/", "/a", true},          {"/a", "/a/b", true},       {"/a", "/ab", false},
        {"/a/b", "/a", false},     {"/a", "/a/**", true},        {"/a", "/a/*", true},       {"/a", "/a/b*/c", true},
        {"/a", "/a*", false},      {"/a/b", "/a/*", false},      {"/a/**", "/a", true},      {"/a/**", "/a/b/*", true},
        {"/**", "/", true},        {"/**", "/x", true},          {"/a/*", "/a/*", true},     {"/a/*", "/a/b", false},
        {"/a*/**", "/ab", false},  {"/a/**/c", "/a/c", false},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(path_pattern::covers(c.wide, c.narrow), c.covers) << c.wide << " " << c.narrow;
    }
}

// Whatever covers() says yes to must hold for each path; it is tried on all short ones.
TEST(PathPattern, NeverClaimsToCoverWhatItDoesNotMatch)
{
    const auto all_of = [](std::string_view letters, std::size_t longest) {
        std::vector<std::string> texts{"/"};
        for (std::size_t i = 0; i < texts.size(); ++i) {
            if (texts[i].size() < longest) {
                for (const char c : letters) {
                    texts.push_back(texts[i] + c);
                }
            }
        }
        return texts;
    };
    std::vector<std::string> patterns = all_of("a*/", 5);
    std::erase_if(patterns, [](const auto& p) { return path_pattern::problem(p).has_value(); });
    const std::vector<std::string> paths = all_of("ab/", 5);
    std::size_t claims = 0;
    for (const auto& w : patterns) {
        const path_pattern wide(w);
        for (const auto& n : patterns) {
            if (path_pattern::covers(w, n)) {
                ++claims;
                const path_pattern narrow(n);
                for (const auto& path : paths) {
                    ASSERT_TRUE(!narrow.matches(path) || wide.matches(path)) << w << " " << n << " " << path;
                }
            }
        }
    }
    EXPECT_GT(claims, patterns.size());
}

TEST(PathPattern, HostilePathsCostNoMoreThanLengthTimesLength)
{
    // Backtracking over every star would not come to an end here; the test would run into its time limit.
    const path_pattern in_segment("/" + repeated(30, "a*") + "b");
    EXPECT_FALSE(in_segment.matches("/" + repeated(8'000, "a")));
    const path_pattern over_segments(repeated(15, "/**/a") + "/b");
    EXPECT_FALSE(over_segments.matches(repeated(4'000, "/a")));
    const path_pattern both(repeated(10, "/**/" + repeated(5, "a*") + "c") + "/b");
    EXPECT_FALSE(both.matches(repeated(400, "/" + repeated(20, "a") + "c")));
}

struct problem_case {
    std::string pattern;
    const char* says;   // null: no problem
};

TEST(PathPattern, SaysWhatIsWrongWithAPattern)
{
    using namespace std::string_literals;
    const problem_case cases[] = {
        {"/", nullptr},
        {"/a/b", nullptr},
        {"/a%2Fb/%C3%BC", nullptr},
        {"/a+b;c=d/@:!$&'()", nullptr},
        {"", "must begin"},
        {"a", "must begin"},
        {"*", "must begin"},
        {"**/x", "must begin"},
        {"/a b", "character"},
        {"/a?b", "character"},
        {"/a#b", "character"},
        {"/a\x01", "character"},
        {"/a\0b"s, "character"},
        {"/\xc3\xbc", "character"},
        {"/a\x7f", "character"},
        {"/%7Eu", "never match"},
        {"/a%2fb", "never match"},
        {"/a%", "never match"},
        {"/a%2", "never match"},
        {"/a%zz", "never match"},
        {"/a/../b", "dot segments"},
        {"/.", "dot segments"},
        {"/a**", "whole segment"},
        {"/***", "whole segment"},
        {"/a/b**/c", "whole segment"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.pattern);
        const auto p = path_pattern::problem(c.pattern);
        ASSERT_EQ(p.has_value(), c.says != nullptr) << p.value_or("");
        if (p) {
            EXPECT_NE(p->find(c.says), p->npos) << *p;
        }
    }
}

}  // namespace
}  // namespace tiercel::routing
