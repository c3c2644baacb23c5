#include "http/heads.hpp"

#include <tiercel/message.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace tiercel {
namespace {

TEST(Header, FindsEachNameInAnyCaseOfLetters)
{
    for (unsigned i = 1; i < static_cast<unsigned>(header::last_); ++i) {
        const auto h = static_cast<header>(i);
        std::string name(name_of(h));
        EXPECT_EQ(header_of(name), h) << name;
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        EXPECT_EQ(header_of(name), h) << name;
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        EXPECT_EQ(header_of(name), h) << name;
    }
}

TEST(Header, KnowsNoNameThatIsOnlyAlike)
{
    for (unsigned i = 1; i < static_cast<unsigned>(header::last_); ++i) {
        const std::string name(name_of(static_cast<header>(i)));
        EXPECT_EQ(header_of(name + "x"), header::other);
        EXPECT_EQ(header_of(name + name.back()), header::other);
        EXPECT_EQ(header_of(std::string_view(name).substr(1)), header::other) << name;
        for (std::size_t at = 0; at < name.size(); ++at) {
            std::string changed = name;
            changed[at] = '!';
            EXPECT_EQ(header_of(changed), header::other) << changed;
            changed[at] = static_cast<char>(name[at] ^ 0x40);   // '@' and '`' are no letters of another case
            if (std::isalpha(static_cast<unsigned char>(name[at])) == 0) {
                EXPECT_EQ(header_of(changed), header::other) << changed;
            }
        }
    }
    EXPECT_EQ(header_of(""), header::other);
    EXPECT_EQ(header_of("X-Anything"), header::other);
    EXPECT_EQ(header_of("Content_Length"), header::other);
    EXPECT_EQ(header_of(std::string("Host\0", 5)), header::other);
}

TEST(HeaderDeathTest, NamesOnlyRealOnes)
{
    EXPECT_DEATH(name_of(header::other), "");
    EXPECT_DEATH(name_of(header::last_), "");
}

TEST(Method, IsKnownByItsExactName)
{
    EXPECT_EQ(method_of("GET"), method::get);
    EXPECT_EQ(method_of("HEAD"), method::head);
    EXPECT_EQ(method_of("POST"), method::post);
    EXPECT_EQ(method_of("PUT"), method::put);
    EXPECT_EQ(method_of("DELETE"), method::delete_);
    EXPECT_EQ(method_of("OPTIONS"), method::options);
    EXPECT_EQ(method_of("TRACE"), method::trace);
    EXPECT_EQ(method_of("CONNECT"), method::connect);
    EXPECT_EQ(method_of("PATCH"), method::patch);
    for (const char* text : {"", "get", "Get", "GETT", "GE", "M-SEARCH", "QUERY", "PROPFIND"}) {
        EXPECT_EQ(method_of(text), method::other) << text;
    }
}

TEST(Method, IsUnsafeUnlessKnownToBeSafe)
{
    for (const method m : {method::get, method::head, method::options, method::trace}) {
        EXPECT_TRUE(is_safe(m));
        EXPECT_TRUE(is_idempotent(m));
    }
    for (const method m : {method::post, method::put, method::delete_, method::connect, method::patch, method::other}) {
        EXPECT_FALSE(is_safe(m));
        EXPECT_EQ(is_idempotent(m), m == method::put || m == method::delete_);
    }
}

TEST(MessageHead, FindsTheFirstLineAndCountsAll)
{
    const made_response made{{"Age", "1"}, {"X-A", "2"}, {"age", "3"}, {"Date", ""}};
    const response_head& head = made;
    EXPECT_EQ(head.first(header::age), "1");
    EXPECT_EQ(head.count(header::age), 2u);
    EXPECT_TRUE(head.has(header::date));
    EXPECT_EQ(head.first(header::date), "");
    EXPECT_EQ(head.count(header::date), 1u);
    EXPECT_FALSE(head.has(header::vary));
    EXPECT_EQ(head.first(header::vary), "");
    EXPECT_EQ(head.count(header::vary), 0u);
}

}  // namespace
}  // namespace tiercel
