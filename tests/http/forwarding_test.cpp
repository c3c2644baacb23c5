#include "http/forwarding.hpp"

#include "http/heads.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tiercel {
namespace {

TEST(HopByHop, IsWhatEndsHereAndNothingElse)
{
    const std::set<header> expected{header::connection, header::keep_alive, header::proxy_authenticate, header::proxy_authentication_info,
                                    header::proxy_authorization, header::proxy_connection, header::te, header::trailer,
                                    header::transfer_encoding, header::upgrade};   // 11.3
    for (unsigned i = 0; i < static_cast<unsigned>(header::last_); ++i) {
        const auto h = static_cast<header>(i);
        EXPECT_EQ(is_hop_by_hop(h), expected.contains(h)) << i;
    }
}

bool strips(const request_head& head, const char* name)
{
    return connection_options(head).strips({name, "value", header_of(name)});
}

TEST(ConnectionOptions, NameWhatEndsHereToo)
{
    const made_request rq{{"Connection", "a, B\t,,c "}, {"X", "y"}, {"connection", "keep-alive, d"}};
    for (const char* name : {"a", "A", "b", "c", "d", "Keep-Alive"}) {
        EXPECT_TRUE(strips(rq, name)) << name;
    }
    for (const char* name : {"x", "ab", "", "a, B"}) {
        EXPECT_FALSE(strips(rq, name)) << name;
    }
    const made_request without{{"X", "Connection: a"}};
    EXPECT_FALSE(strips(without, "a"));
    const made_request empty{{"Connection", " , ,"}};
    EXPECT_FALSE(strips(empty, ""));
}

TEST(ConnectionOptions, CannotTakeAwayWhatTheMessageNeeds)
{
    // HARDENING 12: nobody removes these from somebody else's message.
    const std::vector<std::string> needed{"Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Content-Encoding", "Content-Range",
                                          "Authorization", "Cookie", "Set-Cookie", "Cache-Control", "CDN-Cache-Control", "Expires", "Date", "Age",
                                          "Vary", "Accept-Encoding", "Accept-Language"};
    std::string all;
    for (const std::string& name : needed) {
        all += name + ", ";
    }
    const made_request rq{{"Connection", all + "X-A, ETag"}};
    for (const std::string& name : needed) {
        EXPECT_FALSE(strips(rq, name.c_str())) << name;
    }
    EXPECT_TRUE(strips(rq, "X-A"));
    EXPECT_TRUE(strips(rq, "ETag"));
}

struct close_case {
    const char* connection;   // null: no such field
    bool closes_new;          // HTTP/1.1
    bool closes_old;          // HTTP/1.0
};

TEST(WantsClose, FollowsVersionAndOptions)
{
    for (const close_case& c : std::vector<close_case>{{nullptr, false, true},
                                                       {"close", true, true},
                                                       {"Close", true, true},
                                                       {"keep-alive", false, false},
                                                       {"Keep-Alive", false, false},
                                                       {"keep-alive, close", true, true},
                                                       {"close, keep-alive", true, true},
                                                       {"x, close", true, true},
                                                       {"x", false, true},
                                                       {"closed", false, true},
                                                       {"", false, true}}) {
        for (const int minor : {0, 1}) {
            message_head head;
            const field f{"Connection", c.connection != nullptr ? c.connection : "", header::connection};
            if (c.connection != nullptr) {
                head.fields = {&f, 1};
                head.present = std::uint64_t{1} << static_cast<unsigned>(header::connection);
            }
            head.minor_version = minor;
            EXPECT_EQ(wants_close(head), minor == 1 ? c.closes_new : c.closes_old) << (c.connection != nullptr ? c.connection : "none");
        }
    }
}

TEST(HopsLeft, AreSaidByANumberInOptionsAlone)
{
    const auto left = [](method verb, const char* value) {
        const made_request made{{"Max-Forwards", value}};
        request_head head = made;
        head.verb = verb;
        return hops_left(head);
    };
    EXPECT_EQ(left(method::options, "0"), 0U);   // 9.4
    EXPECT_EQ(left(method::options, "12"), 12U);
    for (const char* none : {"", "x", "-1", "1 2", "1.0", "99999999999999999999999"}) {
        EXPECT_FALSE(left(method::options, none)) << none;
    }
    EXPECT_FALSE(left(method::get, "0"));
    request_head bare;
    bare.verb = method::options;
    EXPECT_FALSE(hops_left(bare));
}

TEST(UnkeyedInfluence, IsEveryFieldThatRewritesTheRequestBehindOurBack)
{
    for (const char* name :
         {"X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-Port", "X-Forwarded-Scheme", "X-Forwarded-Server",
          "X-Forwarded-SSL", "X-Forwarded-By", "X-Forwarded-Uri", "X-Original-URL", "X-Original-Host", "X-Original-Method", "X-Original-URI",
          "X-Rewrite-URL", "X-Host", "X-HTTP-Host-Override", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Override-URL",
          "X-Real-IP", "X-URL-Scheme", "Front-End-Https", "Proxy", "x-forwarded-host", "X-ORIGINAL-URL",
          // written by us, so what came is not passed on
          "X-Forwarded-For", "X-Forwarded-Proto",
          // twins
          "X_Forwarded_Host", "X_Forwarded-For", "x_http_method_override", "X-Original_URL", "Front_End_Https", "X_Host",
          "Accept_Language", "Accept_Encoding", "Content_Length", "Transfer_Encoding", "Cache_Control", "User_Agent", "If_None_Match",
          "Proxy_Connection", "X_Request_ID", "my_field", "a_b", "X-Custom_Thing", "_"}) {
        EXPECT_TRUE(is_unkeyed_influence(name)) << name;
    }
}

// Whoever composes a request asks by name only about fields that have no id.
TEST(UnkeyedInfluence, HasNoIdUnlessItIsWrittenByUs)
{
    for (unsigned i = 1; i < static_cast<unsigned>(header::last_); ++i) {
        const auto h = static_cast<header>(i);
        const bool ours = h == header::x_forwarded_for || h == header::x_forwarded_host || h == header::x_forwarded_proto;
        EXPECT_EQ(is_unkeyed_influence(name_of(h)), ours) << name_of(h);
    }
}

TEST(UnkeyedInfluence, IsNothingElse)
{
    for (const char* name : {"", "X", "X-", "X-Original", "X-Hostname", "X-Requested-With", "X-Api-Key", "Accept", "Accept-Language",
                             "Host", "Cookie", "User-Agent", "Proxy-Thing", "Proxies", "From", "Front-End", "Forwarded",
                             "X-Real-IPs", "a-name-that-is-longer-than-any-that-is-known-here-at-all"}) {
        EXPECT_FALSE(is_unkeyed_influence(name)) << name;
    }
}

TEST(ForwardedScheme, IsTheLastOneThatIsSaid)
{
    struct {
        std::vector<std::string> lines;
        std::optional<std::string_view> expected;
    } const cases[] = {
        {{}, std::nullopt}, {{"https"}, "https"}, {{"http"}, "http"}, {{"HTTPS"}, "https"}, {{"https, http"}, "http"}, {{"http ,\thttps"}, "https"},
        {{"http", "https"}, "https"}, {{"https", "wss"}, std::nullopt}, {{"https,"}, std::nullopt}, {{""}, std::nullopt},
        {{"httpsx"}, std::nullopt}, {{"ftp"}, std::nullopt}, {{"https;q=1"}, std::nullopt},
    };
    for (const auto& c : cases) {
        made_request::lines lines;
        for (const std::string& value : c.lines) {
            lines.emplace_back("X-Forwarded-Proto", value);
        }
        EXPECT_EQ(forwarded_scheme(made_request(lines)), c.expected) << (c.lines.empty() ? "" : c.lines.back());
    }
}

}  // namespace
}  // namespace tiercel
