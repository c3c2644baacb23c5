// Scripts against a real redis-server: it alone decides whether a hash is that of a text.

#include "redis/script.hpp"

#include "redis/run_task.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;

TEST(Script, IsNamedByTheSha1OfItsText)
{
    EXPECT_EQ(script("").sha1(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(script("abc").sha1(), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

class RealScript : public testing::Test {
protected:
    RealScript()
    {
        client_options o;
        o.connection.address = parse_server_url(server_.url()).address;
        o.timeout = 5s;
        client_.emplace(loop_, clock_, o, nullptr);
        client_->start();
    }
    ~RealScript() override { run(loop_, client_->stop()); }

    result<reply> run_on_write_lane(script_call c)
    {
        std::optional<result<reply>> got;
        run_script(*client_, lane::write, std::move(c), [&](result<reply> r) { got = std::move(r); });
        EXPECT_FALSE(got) << "never inside the call";
        EXPECT_TRUE(run_until(loop_, [&] { return got.has_value(); }));
        return *got;
    }
    std::int64_t calls_of(const std::string& command)
    {
        const std::string all = server_.command({"INFO", "commandstats"}).text;
        const std::size_t at = all.find("cmdstat_" + command + ":calls=");
        return at == std::string::npos ? 0 : std::stoll(all.substr(all.find('=', at) + 1));
    }

    test::redis_server server_;
    async::loop loop_;
    system_clock clock_;
    std::optional<client> client_;
};

TEST_F(RealScript, TheTextIsSentOnceAndAgainWhenTheServerHasLostIt)
{
    ASSERT_TRUE(run_until(loop_, [&] { return client_->current() == state::up; }));
    const script put("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('STRLEN', KEYS[1])");
    const std::string value("with\0zero\r\n", 11);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 3; ++i) {
            const auto r = run_on_write_lane({.what = &put, .keys = {"k"}, .arguments = {value}});
            ASSERT_TRUE(r);
            EXPECT_EQ(r->integer, 11) << r->text;
        }
        EXPECT_EQ(calls_of("eval"), round + 1);
        server_.command({"SCRIPT", "FLUSH"});
    }
    EXPECT_EQ(server_.command({"GET", "k"}).text, value);
}

TEST_F(RealScript, AnErrorOfTheScriptIsItsReply)
{
    ASSERT_TRUE(run_until(loop_, [&] { return client_->current() == state::up; }));
    const script bad("return redis.call('LPUSH', KEYS[1], 'x')");
    server_.command({"SET", "k", "text"});
    const auto r = run_on_write_lane({.what = &bad, .keys = {"k"}});
    ASSERT_TRUE(r);
    EXPECT_EQ(r->error_code(), "WRONGTYPE");
}

TEST_F(RealScript, WithoutAConnectionItFailsAsAnyCommandDoes)
{
    ASSERT_TRUE(run_until(loop_, [&] { return client_->current() == state::up; }));
    server_.kill();
    ASSERT_TRUE(run_until(loop_, [&] { return client_->current() != state::up; }));
    const script nothing("return 1");
    const auto r = run_on_write_lane({.what = &nothing});
    EXPECT_FALSE(r);
}

}  // namespace
}  // namespace tiercel::redis
