#pragma once

// The server with a Redis of its own, on one worker.

#include "scenario.hpp"
#include "support/redis_server.hpp"

#include <memory>
#include <optional>

namespace tiercel::test {

class l2_fixture : public ::testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) {
            GTEST_SKIP() << "redis-server is not installed";
        }
        redis.emplace();
        // Generous, so that a busy machine does not look like a dead Redis.
        s.configure("{ cache: { l2: { kind: redis, url: '" + redis->url() + "', timeout: 5s } } }");
        s.set("server.threads", "1");   // each has connections of its own
    }

    void start()
    {
        s.start();
        wait_until_connected();
    }
    void restart()
    {
        s.restart();
        wait_until_connected();
    }
    void wait_until_connected() const { wait_until_connected(s); }
    static void wait_until_connected(const scenario& one) { ASSERT_TRUE(eventually([&] { return redis_is("ok", one); })); }
    bool redis_is(std::string_view state) const { return redis_is(state, s); }
    static bool redis_is(std::string_view state, const scenario& one)
    {
        const std::string body = one.admin("GET", "/readyz").body;
        const std::size_t at = body.find("\"redis\"");
        return at != std::string::npos && body.substr(at, 60).find("\"" + std::string(state) + "\"") != std::string::npos;
    }
    // Another instance in front of the same origin, with the same Redis.
    std::unique_ptr<scenario> another() { return another([](scenario&) {}); }
    template <class Configure>
    std::unique_ptr<scenario> another(Configure configure)
    {
        auto other = std::make_unique<scenario>();
        other->configure("{ server: { threads: 1 }, cache: { l2: { kind: redis, url: '" + redis->url() + "', timeout: 5s } } }");
        other->set("origins.shop.endpoints", "[ '" + s.origin().url() + "' ]");
        configure(*other);
        other->start();
        wait_until_connected(*other);
        return other;
    }
    // Entries are written behind the answer.
    void wait_for_entries(std::size_t n) { ASSERT_TRUE(eventually([&] { return redis->keys("tcl:*:e").size() >= n; })); }

    scenario s;
    std::optional<redis_server> redis;
};

}  // namespace tiercel::test
