#include "support/nginx_server.hpp"
#include "support/raw_client.hpp"
#include "support/redis_server.hpp"

#include <gmock/gmock.h>

#include <system_error>

using namespace tiercel::test;
using testing::ElementsAre;

TEST(RedisServer, AnswersAndForgetsOnRestart)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    redis_server redis;
    EXPECT_EQ(redis.command({"PING"}).text, "PONG");
    redis.command({"SET", "b", std::string("x\0y", 3)});
    redis.command({"SET", "a", "1"});
    EXPECT_EQ(redis.command({"GET", "b"}).text.size(), 3u);
    EXPECT_EQ(redis.command({"INCR", "a"}).integer, 2);
    EXPECT_EQ(redis.command({"LPUSH", "a", "1"}).type, redis_reply::kind::error);
    EXPECT_THAT(redis.keys(), ElementsAre("a", "b"));
    redis.restart();
    EXPECT_TRUE(redis.keys().empty());
}

TEST(RedisServer, RefusesConnectionsWhenKilledAndIsSilentWhenFrozen)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    redis_server redis({"--requirepass", "secret"});
    EXPECT_EQ(redis.command({"PING"}).text, "PONG");
    redis.freeze();
    raw_client frozen(redis.port());
    frozen.send("PING\r\n");
    EXPECT_TRUE(frozen.is_silent_for(std::chrono::milliseconds(30)));
    redis.thaw();
    EXPECT_THAT(frozen.read_some(), testing::HasSubstr("NOAUTH"));
    redis.kill();
    EXPECT_THROW(raw_client(redis.port()).connect(), std::system_error);
    redis.restart();
    EXPECT_EQ(redis.command({"PING"}).text, "PONG");
}

TEST(NginxServer, ServesItsDocumentTree)
{
    if (!nginx_server::available()) { GTEST_SKIP() << "nginx is not installed"; }
    nginx_server nginx({.location_directives = "expires 1h;"});
    nginx.write("a/b.html", "<p>hello");
    raw_client client(nginx.port());
    const http_response r = client.get("/a/b.html");
    EXPECT_EQ(r.body, "<p>hello");
    EXPECT_EQ(r.header("Cache-Control"), "max-age=3600");
    EXPECT_EQ(client.get("/a/b.html", {{"If-None-Match", r.header("ETag").value_or("")}}).status, 304);
    EXPECT_EQ(client.get("/none").status, 404);
    nginx.restart();
    EXPECT_EQ(client.get("/a/b.html").status, 200);
}
