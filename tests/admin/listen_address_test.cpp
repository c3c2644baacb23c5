#include "admin/listen_address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tiercel::admin {
namespace {

TEST(ListenAddress, TakesHostWithPortBracketedIpv6AndUnixPath)
{
    struct {
        const char* text;
        const char* host;
        std::uint16_t port;
        const char* path;
        bool local;
    } const cases[] = {
        {"127.0.0.1:9080", "127.0.0.1", 9080, "", true},
        {"127.9.9.9:1", "127.9.9.9", 1, "", true},
        {"0.0.0.0:0", "0.0.0.0", 0, "", false},
        {"10.0.0.7:65535", "10.0.0.7", 65535, "", false},
        {"localhost:80", "127.0.0.1", 80, "", true},
        {"[::1]:8080", "::1", 8080, "", true},
        {"[::]:8080", "::", 8080, "", false},
        {"[2001:DB8::1]:80", "2001:db8::1", 80, "", false},
        {"unix:/run/tiercel.sock", "", 0, "/run/tiercel.sock", true},
    };
    for (const auto& c : cases) {
        const auto a = parse_listen_address(c.text);
        ASSERT_TRUE(a.has_value()) << c.text;
        EXPECT_EQ(a->host, c.host) << c.text;
        EXPECT_EQ(a->port, c.port) << c.text;
        EXPECT_EQ(a->path, c.path) << c.text;
        EXPECT_EQ(is_local(*a), c.local) << c.text;
        EXPECT_EQ(a->is_unix(), *c.path != '\0') << c.text;
    }
}

TEST(ListenAddress, SaysWhatIsWrongWithEverythingElse)
{
    const std::string long_path(200, 'x');
    for (const auto& text : {std::string(), std::string("8080"), std::string(":8080"), std::string("example.org:80"),
                             std::string("127.0.0.1"), std::string("127.0.0.1:"), std::string("127.0.0.1:65536"),
                             std::string("127.0.0.1:-1"), std::string("127.0.0.1:80x"), std::string("127.0.0.1: 80"),
                             std::string("[::1]"), std::string("::1:80"), std::string("[127.0.0.1]:80"),
                             std::string("[]:80"), std::string("unix:"), std::string("unix:relative"),
                             "unix:/" + long_path, std::string("unix:/a\0b", 9)}) {
        EXPECT_TRUE(problem_of_listen_address(text)) << text;
        EXPECT_FALSE(parse_listen_address(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace tiercel::admin
