#include "redis/client.hpp"

#include "redis/run_task.hpp"
#include "redis/scripted_peer.hpp"

#include <gtest/gtest.h>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;
using test::byte_stream;

class fixed_clock final : public clock {
public:
    instant now() const override { return instant(900'000ms); }
    wall_time wall() const override { return wall_time(900'000ms); }
};

class Client : public testing::Test {
protected:
    ~Client() override { stop(); }

    client& make(std::uint16_t port)
    {
        options_.connection.address.host = "127.0.0.1";
        options_.connection.address.port = port;
        client_.emplace(loop_, clock_, options_, [this](state s, std::string_view why) {
            states_.push_back(s);
            why_ = why;
        });
        client_->start();
        return *client_;
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
    result<reply> get(std::string_view key, lane l = lane::read)
    {
        command c{"GET", key};
        return run(loop_, client_->call(l, std::move(c)));
    }

    async::loop loop_;
    fixed_clock clock_;
    client_options options_;
    std::vector<state> states_;
    std::string why_;
    std::optional<client> client_;
};

TEST_F(Client, ComesUpWithTwoConnectionsAndTheClockRead)
{
    scripted_peer peer(serve_well);
    client& c = make(peer.port());
    EXPECT_EQ(c.current(), state::connecting);
    EXPECT_EQ(c.refusal(lane::read), errc::redis_down) << "calls do not wait for a connection";
    EXPECT_EQ(c.shared_minus_local(), std::nullopt);
    ASSERT_TRUE(run_until(loop_, [&] { return c.shared_minus_local().has_value(); }));
    EXPECT_EQ(c.current(), state::up);
    EXPECT_EQ(peer.accepted(), 2);
    // The peer's clock shows 1000.5 s, ours 900 s; half of the trip is added, a busy machine makes it some milliseconds.
    EXPECT_GE(*c.shared_minus_local(), 100'500ms);
    EXPECT_LE(*c.shared_minus_local(), 100'600ms);
    EXPECT_EQ(get("key")->text, "key");
    EXPECT_EQ(get("key", lane::write)->text, "key");
    EXPECT_EQ(states_, (std::vector{state::connecting, state::up}));
}

TEST_F(Client, AFailedConnectOpensTheBreakerAndAProbeClosesIt)
{
    const std::uint16_t port = test::free_port();
    options_.probe_every = 100ms;
    client& c = make(port);
    ASSERT_TRUE(reach(state::open));
    EXPECT_EQ(get("key").error(), errc::redis_breaker);
    EXPECT_NE(why_.find("connect to 127.0.0.1"), std::string::npos) << why_;

    bool refused = false;
    command set{"SET", "a", "b"};
    c.send(lane::write, std::move(set), [&](const result<reply>& r) { refused = !r && r.error() == errc::redis_breaker; });
    EXPECT_FALSE(refused) << "never inside send()";
    ASSERT_TRUE(run_until(loop_, [&] { return refused; }));

    const test::unique_fd listener = test::listen_on_loopback(port);
    std::atomic<bool> stopping = false;
    std::vector<std::thread> threads;
    std::thread acceptor([&] {
        while (!stopping) {
            if (!test::wait_readable(listener.get(), test::after(10ms))) { continue; }
            threads.emplace_back([fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)] {
                byte_stream s{test::unique_fd(fd)};
                try {
                    serve_well(s);
                } catch (const std::exception&) {
                    // the client left
                }
            });
        }
    });
    EXPECT_TRUE(reach(state::up));
    EXPECT_TRUE(get("key"));
    EXPECT_EQ(states_, (std::vector{state::connecting, state::open, state::up}));
    stop();
    stopping = true;
    acceptor.join();
    for (std::thread& t : threads) { t.join(); }
}

TEST_F(Client, FailingCallsOpenTheBreaker)
{
    std::atomic<bool> loading = false;
    scripted_peer peer([&](byte_stream& s) {
        for (;;) {
            const words w = read_command(s);
            const bool refuse = loading && (w[0] == "GET" || w[0] == "PING");
            s.send(refuse ? "-LOADING Redis is loading\r\n" : good_reply(w));
        }
    });
    options_.probe_every = 50ms;
    make(peer.port());
    ASSERT_TRUE(reach(state::up));
    loading = true;
    int calls = 0;
    while (client_->current() == state::up && calls < 100) {
        get("key");
        ++calls;
    }
    EXPECT_GE(calls, 15) << "the samples of the clock count too";
    EXPECT_LE(calls, 30);
    EXPECT_EQ(client_->current(), state::open);
    EXPECT_EQ(get("key").error(), errc::redis_breaker);
    // Probed several times meanwhile, and not fooled by a connection that stands.
    const auto until = std::chrono::steady_clock::now() + 300ms;
    ASSERT_TRUE(run_until(loop_, [&] { return std::chrono::steady_clock::now() >= until; }));
    EXPECT_EQ(client_->current(), state::open);
    loading = false;
    EXPECT_TRUE(reach(state::up));
    EXPECT_TRUE(get("key")->is_bulk());
    EXPECT_EQ(peer.accepted(), 2) << "the connections were good all the time";
}

TEST_F(Client, LostConnectionsAreMadeAgainWithoutTheBreaker)
{
    std::atomic<int> greeted = 0;
    scripted_peer peer([&](byte_stream& s) {
        greet(s);
        if (++greeted > 2) { serve_well(s); }
        for (;;) {
            const words w = read_command(s);
            if (w[0] == "GET") { return; }
            s.send(good_reply(w));
        }
    });
    make(peer.port());
    ASSERT_TRUE(reach(state::up));
    EXPECT_EQ(get("key").error(), errc::redis_down);
    EXPECT_EQ(client_->current(), state::connecting);
    EXPECT_TRUE(reach(state::up));
    EXPECT_TRUE(get("key"));
    EXPECT_EQ(peer.accepted(), 3) << "only what was lost";
    EXPECT_EQ(states_, (std::vector{state::connecting, state::up, state::connecting, state::up}));
}

TEST_F(Client, AServerThatIsNoMasterIsNotUsed)
{
    scripted_peer peer([&](byte_stream& s) {
        for (;;) {
            const words w = read_command(s);
            s.send(w[0] == "ROLE" ? "*1\r\n$5\r\nslave\r\n" : good_reply(w));
        }
    });
    make(peer.port());
    ASSERT_TRUE(reach(state::open));
    EXPECT_NE(why_.find("not a master"), std::string::npos);
}

TEST_F(Client, TimeThatIsNoTimeIsNoConnection)
{
    for (const std::string bad : {"+OK\r\n", "*1\r\n$1\r\n1\r\n", "*2\r\n$1\r\n1\r\n$1\r\nx\r\n", "*2\r\n$2\r\n-1\r\n$1\r\n0\r\n",
                                  "*2\r\n$19\r\n9223372036854775807\r\n$1\r\n0\r\n", "-ERR no\r\n"}) {
        scripted_peer peer([&](byte_stream& s) {
            for (;;) {
                const words w = read_command(s);
                s.send(w[0] == "TIME" ? bad : good_reply(w));
            }
        });
        make(peer.port());
        ASSERT_TRUE(reach(state::open)) << bad;
        EXPECT_EQ(client_->shared_minus_local(), std::nullopt);
        stop();
    }
}

TEST_F(Client, StopsAtAnyMoment)
{
    scripted_peer good(serve_well);
    scripted_peer silent([](byte_stream& s) { s.read_to_end(); });
    for (const std::uint16_t port : {good.port(), silent.port(), test::free_port()}) {
        for (int turns = 0; turns < 40; ++turns) {
            make(port);
            for (int i = 0; i < turns; ++i) {
                loop_.context().restart();
                loop_.context().poll_one();
            }
            stop();
        }
    }
}

async::task<> count_answer(client& c, int& draining)
{
    command get{"GET", "key"};
    const result<reply> r = co_await c.call(lane::read, std::move(get));
    draining += !r && r.error() == errc::draining;
}

TEST_F(Client, StoppingFailsWhatIsOutstanding)
{
    scripted_peer peer([](byte_stream& s) {
        for (;;) {
            const words w = read_command(s);
            if (w[0] != "GET") { s.send(good_reply(w)); }
        }
    });
    options_.timeout = 10s;
    client& c = make(peer.port());
    ASSERT_TRUE(reach(state::up));
    int draining = 0;
    for (int i = 0; i < 5; ++i) { async::asio::co_spawn(loop_.context(), count_answer(c, draining), [](std::exception_ptr) {}); }
    loop_.context().restart();
    loop_.context().poll();
    run(loop_, c.stop());
    EXPECT_EQ(draining, 5);
    EXPECT_EQ(get("key").error(), errc::draining);
    client_.reset();
}

TEST_F(Client, NeverStartedItMayDie)
{
    client c(loop_, clock_, client_options(), nullptr);
    EXPECT_EQ(c.current(), state::connecting);
}

}  // namespace
}  // namespace tiercel::redis
