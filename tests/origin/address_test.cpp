#include "origin/address.hpp"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>

namespace tiercel::origin {
namespace {

TEST(Address, TakesSchemeHostAndPort)
{
    struct row {
        std::string_view url, host;
        unsigned port;
        std::string_view path;
    };
    for (const row& r : {row{"http://127.0.0.1:3000", "127.0.0.1", 3000, ""}, row{"http://shop", "shop", 80, ""},
                         row{"http://shop.example:8080/", "shop.example", 8080, ""}, row{"http://[::1]:81", "::1", 81, ""},
                         row{"http://[::1]", "::1", 80, ""}, row{"https://shop", "shop", 443, ""}, row{"https://shop:8443", "shop", 8443, ""},
                         row{"unix:/run/app.sock", "", 80, "/run/app.sock"}}) {
        const auto p = parse_address(r.url);
        EXPECT_EQ(p.problem, "") << r.url;
        EXPECT_EQ(p.where.host, r.host) << r.url;
        EXPECT_EQ(p.where.port, r.port) << r.url;
        EXPECT_EQ(p.where.path, r.path) << r.url;
        EXPECT_EQ(p.where.secure, r.url.starts_with("https")) << r.url;
    }
}

TEST(Address, SaysWhatIsWrong)
{
    struct row {
        std::string_view url, why;
    };
    const std::string long_path = "unix:/" + std::string(200, 'x');
    for (const row& r : {row{"ftp://shop", "must begin with"}, row{"shop:80", "must begin with"}, row{"", "must begin with"},
                         row{"http://", "host name"}, row{"http://a b", "host name"}, row{"http://shop/path", "only"},
                         row{"http://user@shop", "only"}, row{"http://shop?x", "only"}, row{"http://shop:", "port"},
                         row{"http://shop:0", "port"}, row{"http://shop:65536", "port"}, row{"http://shop:80x", "port"},
                         row{"http://shop:-1", "port"}, row{"http://[::1", "']'"}, row{"http://[::1]x", "something other"},
                         row{"http://[shop]:80", "IPv6"}, row{"unix:run/app.sock", "absolute"}, row{long_path, "too long"}}) {
        const auto p = parse_address(r.url);
        EXPECT_NE(p.problem.find(r.why), std::string::npos) << r.url << " -> " << p.problem;
        EXPECT_NE(p.problem.find(r.url), std::string::npos) << "the problem names the endpoint";
    }
}

TEST(Address, ResolvesLiteralsSocketsAndNames)
{
    EXPECT_EQ(resolve({.host = "127.0.0.1", .port = 81, .path = ""}).value().size(), 1u);
    EXPECT_EQ(resolve({.host = "::1", .port = 81, .path = ""}).value()[0].protocol().family(), AF_INET6);
    EXPECT_EQ(resolve({.host = "", .port = 0, .path = "/run/x"}).value()[0].protocol().family(), AF_UNIX);
    EXPECT_FALSE(resolve({.host = "localhost", .port = 81, .path = ""}).value().empty());
    EXPECT_EQ(resolve({.host = "no-such-host.invalid", .port = 81, .path = ""}).error(), errc::origin_unresolved);
}

}  // namespace
}  // namespace tiercel::origin
