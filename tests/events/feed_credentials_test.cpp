#include "events/feed_credentials.hpp"

#include <gtest/gtest.h>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;

TEST(IssuedToken, IsABearerTokenThatMayStandInAField)
{
    const issued_token t = read_issued_token(R"({"access_token":"a.b-c_d","token_type":"bearer","expires_in":300,"x":1})");
    EXPECT_EQ(t.token, "a.b-c_d");
    EXPECT_EQ(t.lasts, 300s);
    EXPECT_EQ(t.problem, "");
    EXPECT_EQ(read_issued_token(R"({"access_token":"a"})").lasts, std::nullopt);
    EXPECT_EQ(read_issued_token(R"({"access_token":"a","expires_in":-5})").lasts, 0s);
    EXPECT_EQ(read_issued_token(R"({"access_token":"a","expires_in":1e999})").lasts, 0s);
    EXPECT_EQ(read_issued_token(R"({"access_token":"a","expires_in":"60"})").lasts, std::nullopt);
    for (const char* const body : {"", "[]", "{}", R"({"access_token":7})", R"({"access_token":""})", R"({"access_token":"a\r\nX: y"})", R"({"access_token":"a b"})",
                                   R"({"access_token":"a","token_type":"mac"})", R"({"access_token":"a","token_type":1})"}) {
        const issued_token none = read_issued_token(body);
        EXPECT_NE(none.problem, "") << body;
        EXPECT_EQ(none.token, "") << body;
    }
}

// RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
TEST(TokenRequest, SaysWhoAsksAsTheRfcHasIt)
{
    auth_options o;
    o.client_id = "tier:cel";
    o.client_secret = "s/1 ";
    EXPECT_EQ(basic_credentials_of(o), "dGllciUzQWNlbDpzJTJGMSUyMA==");
    EXPECT_EQ(token_request_of(o), "grant_type=client_credentials");
    o.scope = "feeds:read a";
    EXPECT_EQ(token_request_of(o), "grant_type=client_credentials&scope=feeds%3Aread%20a");
    o.client_id = "a";
    o.client_secret = "bc";
    EXPECT_EQ(basic_credentials_of(o), "YTpiYw==");
    o.client_secret = "b";
    EXPECT_EQ(basic_credentials_of(o), "YTpi");
}

}  // namespace
}  // namespace tiercel::events
