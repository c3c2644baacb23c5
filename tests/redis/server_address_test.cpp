#include "redis/server_address.hpp"

#include <gtest/gtest.h>

namespace tiercel::redis {
namespace {

server_address tcp(std::string host, std::uint16_t port, unsigned database = 0, std::string user = "", std::string password = "")
{
    server_address a;
    a.host = std::move(host);
    a.port = port;
    a.database = database;
    a.user = std::move(user);
    a.password = std::move(password);
    return a;
}

server_address local(std::string path, unsigned database = 0, std::string password = "")
{
    server_address a;
    a.unix_path = std::move(path);
    a.database = database;
    a.password = std::move(password);
    return a;
}

TEST(ServerUrl, GoodOnesAreTakenApart)
{
    struct row {
        std::string_view url;
        server_address expected;
        std::string_view text;
    };
    for (const row& t : {
             row{"redis://127.0.0.1:6379/0", tcp("127.0.0.1", 6379), "127.0.0.1:6379"},
             row{"redis://cache", tcp("cache", 6379), "cache:6379"},
             row{"redis://cache:/", tcp("cache", 6379), "cache:6379"},
             row{"REDIS://cache:7000/15", tcp("cache", 7000, 15), "cache:7000"},
             row{"redis://[::1]:7000", tcp("::1", 7000), "[::1]:7000"},
             row{"redis://:secret@cache", tcp("cache", 6379, 0, "", "secret"), "cache:6379"},
             row{"redis://me:p%40ss%2Fword@cache/2", tcp("cache", 6379, 2, "me", "p@ss/word"), "cache:6379"},
             row{"unix:///run/redis.sock", local("/run/redis.sock"), "/run/redis.sock"},
             row{"unix:/run/redis.sock", local("/run/redis.sock"), "/run/redis.sock"},
             row{"unix:///run/redis.sock?db=3", local("/run/redis.sock", 3), "/run/redis.sock"},
             row{"unix://:secret@/run/a%20b.sock", local("/run/a b.sock", 0, "secret"), "/run/a b.sock"},
         }) {
        const parsed_server_url parsed = parse_server_url(t.url);
        EXPECT_EQ(parsed.problem, "") << t.url;
        EXPECT_EQ(parsed.address, t.expected) << t.url;
        EXPECT_EQ(parsed.address.text(), t.text);
    }
}

TEST(ServerUrl, BadOnesAreRefusedWithTheReason)
{
    struct row {
        std::string_view url;
        std::string_view says;
    };
    for (const row& t : {
             row{"", "not a URL"},
             row{"127.0.0.1:6379", "URL"},
             row{"http://cache", "begins with redis://"},
             row{"rediss://cache", "TLS"},
             row{"redis+sentinel://a,b/master", "Sentinel"},
             row{"redis+cluster://a,b", "Cluster"},
             row{"redis:cache", "two slashes"},
             row{"redis://", "host"},
             row{"redis://:6379", "host"},
             row{"redis://cache:0", "port"},
             row{"redis://cache:65536", "port"},
             row{"redis://cache/one", "database"},
             row{"redis://cache/-1", "database"},
             row{"redis://cache/1/2", "database"},
             row{"redis://cache/0?timeout=1", "query"},
             row{"redis://cache/0#x", "fragment"},
             row{"redis://me@cache", "password"},
             row{"unix://host/run/redis.sock", "no host"},
             row{"unix://", "path"},
             row{"unix:///", "path"},
             row{"unix:redis.sock", "path"},
             row{"unix:///run/redis.sock?db=x", "database"},
             row{"unix:///run/redis.sock?database=1", "parameter"},
         }) {
        EXPECT_NE(parse_server_url(t.url).problem.find(t.says), std::string::npos)
            << t.url << ": " << parse_server_url(t.url).problem;
    }
    EXPECT_NE(parse_server_url("unix:///" + std::string(107, 'a')).problem, "");
    EXPECT_EQ(parse_server_url("redis://me:secret@cache/x").problem.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace tiercel::redis
