// The client against a real redis-server: what a fake can only imitate.

#include "redis/client.hpp"

#include "redis/run_task.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;

class RealRedis : public testing::Test {
protected:
    ~RealRedis() override { stop(); }

    void connect(std::string_view url)
    {
        const parsed_server_url parsed = parse_server_url(url);
        ASSERT_EQ(parsed.problem, "");
        options_.connection.address = parsed.address;
        client_.emplace(loop_, clock_, options_, [this](state s, std::string_view why) {
            states_.push_back(s);
            why_ = why;
        });
        client_->start();
    }
    void stop()
    {
        if (client_) {
            run(loop_, client_->stop());
            client_.reset();
        }
    }
    bool reach(state s)
    {
        return run_until(loop_, [&] { return client_->current() == s; });
    }
    result<reply> ask(lane l, std::initializer_list<std::string_view> words)
    {
        command c(words);
        return run(loop_, client_->call(l, std::move(c)));
    }

    async::loop loop_;
    system_clock clock_;
    client_options options_;
    std::vector<state> states_;
    std::string why_;
    std::optional<client> client_;
};

TEST_F(RealRedis, RoundTripOfBinaryValues)
{
    test::redis_server server;
    options_.timeout = 5s;   // for slow builds: values of a megabyte
    connect(server.url(3));
    ASSERT_TRUE(reach(state::up)) << why_;
    std::mt19937 random(5);
    for (const std::size_t size : {0u, 1u, 1000u, 16'384u, 65'536u, 1'048'576u}) {
        std::string value(size, '\0');
        for (char& c : value) { c = static_cast<char>(random()); }
        const auto set = ask(lane::write, {"SET", "k\r\n\0ey", value, "PX", "60000"});
        ASSERT_TRUE(set);
        EXPECT_TRUE(set->is_status("OK"));
        const auto get = ask(lane::read, {"GET", "k\r\n\0ey"});
        ASSERT_TRUE(get);
        EXPECT_TRUE(get->is_bulk());
        EXPECT_TRUE(get->text == value) << size;
    }
    EXPECT_TRUE(ask(lane::read, {"GET", "absent"})->is_nil());
    EXPECT_EQ(ask(lane::read, {"LPUSH", "list", "x"})->integer, 1);
    EXPECT_EQ(ask(lane::read, {"GET", "list"})->error_code(), "WRONGTYPE");
    EXPECT_EQ(ask(lane::read, {"NONSENSE"})->error_code(), "ERR");
    EXPECT_EQ(client_->current(), state::up);
    const auto difference = client_->shared_minus_local();
    ASSERT_TRUE(difference);
    EXPECT_LT(std::chrono::abs(*difference), 1s) << "the same machine";
}

TEST_F(RealRedis, OverAUnixSocketWithAPasswordAndAName)
{
    test::redis_server server({"--requirepass", "s%cret"});
    std::string url = server.unix_url();
    url.replace(0, 5, "unix://:s%25cret@");
    options_.connection.name = "tiercel-test";
    connect(url);
    ASSERT_TRUE(reach(state::up)) << why_;
    const auto clients = ask(lane::read, {"CLIENT", "LIST"});
    ASSERT_TRUE(clients);
    EXPECT_NE(clients->text.find("name=tiercel-test"), std::string::npos);
}

TEST_F(RealRedis, AWrongPasswordKeepsItOpenAndSaysSo)
{
    test::redis_server server({"--requirepass", "secret"});
    connect("redis://:wrong@127.0.0.1:" + std::to_string(server.port()));
    ASSERT_TRUE(reach(state::open));
    EXPECT_NE(why_.find("AUTH: WRONGPASS"), std::string::npos) << why_;
}

TEST_F(RealRedis, TenThousandPipelinedGets)
{
    test::redis_server server;
    options_.timeout = 10s;
    connect(server.url());
    ASSERT_TRUE(reach(state::up)) << why_;
    constexpr std::size_t keys = 500;
    for (std::size_t i = 0; i < keys; ++i) {
        command set{"SET", "key" + std::to_string(i), "value" + std::to_string(i)};
        client_->send(lane::read, std::move(set), [](const result<reply>& r) { ASSERT_TRUE(r); });
        if (i % 100 == 99) { ASSERT_TRUE(ask(lane::read, {"PING"})); }
    }
    std::size_t issued = 0;
    std::size_t right = 0;
    std::size_t wrong = 0;
    while (right + wrong < 10'000) {
        while (issued < 10'000 && !client_->refusal(lane::read)) {
            command get{"GET", "key" + std::to_string(issued % keys)};
            client_->send(lane::read, std::move(get), [&, expected = "value" + std::to_string(issued % keys)](const result<reply>& r) {
                ++(r && r->text == expected ? right : wrong);
            });
            ++issued;
        }
        const std::size_t before = right + wrong;
        ASSERT_TRUE(run_until(loop_, [&] { return right + wrong > before; }));
    }
    EXPECT_EQ(right, 10'000u);
    EXPECT_EQ(client_->current(), state::up);
}

TEST_F(RealRedis, FrozenItCostsTimeoutsThenNothingAndThawedItComesBack)
{
    test::redis_server server;
    options_.probe_every = 200ms;
    connect(server.url());
    ASSERT_TRUE(reach(state::up)) << why_;
    ASSERT_TRUE(ask(lane::write, {"SET", "key", "value"}));
    server.freeze();
    int timeouts = 0;
    for (int i = 0; i < 20; ++i) {
        command get{"GET", "key"};
        client_->send(lane::read, std::move(get), [&](const result<reply>& r) { timeouts += !r && r.error() == errc::redis_timeout; });
    }
    ASSERT_TRUE(reach(state::open));
    EXPECT_NE(why_.find("came late"), std::string::npos) << why_;
    ASSERT_TRUE(run_until(loop_, [&] { return timeouts == 20; }));
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) { ASSERT_EQ(ask(lane::read, {"GET", "key"}).error(), errc::redis_breaker); }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s) << "no waiting while open";
    const auto stalled = std::chrono::steady_clock::now() + 1500ms;   // the connections are given up meanwhile, probes fail
    ASSERT_TRUE(run_until(loop_, [&] { return std::chrono::steady_clock::now() >= stalled; }));
    EXPECT_EQ(client_->current(), state::open);
    server.thaw();
    const auto thawed = std::chrono::steady_clock::now();
    ASSERT_TRUE(reach(state::up));
    EXPECT_LT(std::chrono::steady_clock::now() - thawed, 5s);
    EXPECT_EQ(ask(lane::read, {"GET", "key"})->text, "value") << "and not one of the late replies";
}

TEST_F(RealRedis, FrozenWhileIdleIsNoticedToo)
{
    test::redis_server server;
    options_.sample_every = 100ms;
    options_.connection.stall_timeout = 300ms;
    connect(server.url());
    ASSERT_TRUE(reach(state::up)) << why_;
    server.freeze();
    EXPECT_TRUE(reach(state::open)) << "the samples of the clock find it out";
    server.thaw();
    EXPECT_TRUE(reach(state::up));
}

TEST_F(RealRedis, KilledAndRestartedItIsUsedAgain)
{
    test::redis_server server;
    connect(server.url());
    ASSERT_TRUE(reach(state::up)) << why_;
    ASSERT_TRUE(ask(lane::write, {"SET", "key", "value"}));
    server.kill();
    ASSERT_TRUE(reach(state::open));
    EXPECT_EQ(ask(lane::read, {"GET", "key"}).error(), errc::redis_breaker);
    server.restart();
    const auto restarted = std::chrono::steady_clock::now();
    ASSERT_TRUE(reach(state::up));
    EXPECT_LT(std::chrono::steady_clock::now() - restarted, 3s);
    EXPECT_TRUE(ask(lane::read, {"GET", "key"})->is_nil());
    EXPECT_EQ(states_.back(), state::up);
}

}  // namespace
}  // namespace tiercel::redis
