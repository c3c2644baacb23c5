#include "redis/subscriber.hpp"

#include "redis/run_task.hpp"
#include "redis/scripted_peer.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;
using test::byte_stream;

class Subscriber : public testing::Test {
protected:
    ~Subscriber() override { stop(); }

    void listen_to(const server_address& where, const std::string& beside = {})
    {
        options_.connection.address = where;
        options_.connection.connect_timeout = 10s;
        options_.channel = "news";
        subscriber_.emplace(
            loop_, options_, [this](std::string_view m) { heard_.emplace_back(m); },
            [this](bool listens, std::string_view why) {
                states_.push_back(listens);
                why_ = why;
            });
        if (!beside.empty()) {
            subscriber_->hear_beside(beside, [this](std::string_view m) { heard_.push_back("beside: " + std::string(m)); });
        }
        subscriber_->start();
    }
    void listen_to(std::uint16_t port)
    {
        server_address where;
        where.host = "127.0.0.1";
        where.port = port;
        listen_to(where);
    }
    void listen_to(const test::redis_server& server) { listen_to(parse_server_url(server.url()).address); }
    void stop()
    {
        if (subscriber_) {
            run(loop_, subscriber_->stop());
            subscriber_.reset();
        }
    }
    bool reach(bool listening)
    {
        return run_until(loop_, [&] { return subscriber_->listens() == listening; });
    }
    bool hear(std::size_t n)
    {
        return run_until(loop_, [&] { return heard_.size() >= n; });
    }

    async::loop loop_;
    subscriber_options options_;
    std::optional<subscriber> subscriber_;
    std::vector<std::string> heard_;
    std::vector<bool> states_;
    std::string why_;
};

std::string message(const std::string& channel, const std::string& text)
{
    return "*3\r\n$7\r\nmessage\r\n$" + std::to_string(channel.size()) + "\r\n" + channel + "\r\n$" + std::to_string(text.size()) +
           "\r\n" + text + "\r\n";
}

const std::string subscribed = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
const std::string pong = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";

TEST_F(Subscriber, HearsWhatIsPublishedAndComesBackAfterALoss)
{
    test::redis_server server;
    listen_to(server);
    ASSERT_TRUE(reach(true)) << why_;
    server.command({"PUBLISH", "other", "no"});
    const std::string odd("a\r\n\0b", 5);
    EXPECT_EQ(server.command({"PUBLISH", "news", odd}).integer, 1);
    ASSERT_TRUE(hear(1));
    EXPECT_EQ(server.command({"CLIENT", "KILL", "TYPE", "pubsub"}).integer, 1);
    ASSERT_TRUE(reach(false));
    ASSERT_TRUE(reach(true));
    server.command({"PUBLISH", "news", "two"});
    ASSERT_TRUE(hear(2));
    EXPECT_EQ(heard_, (std::vector<std::string>{odd, "two"}));
    EXPECT_EQ(states_, (std::vector{true, false, true}));
}

TEST_F(Subscriber, ARefusalIsToldAndTriedAgain)
{
    test::redis_server server;
    server.command({"ACL", "SETUSER", "default", "resetchannels"});
    listen_to(server);
    ASSERT_TRUE(run_until(loop_, [&] { return states_.size() >= 2; }));
    EXPECT_NE(why_.find("NOPERM"), std::string::npos) << why_;
    server.command({"ACL", "SETUSER", "default", "allchannels"});
    ASSERT_TRUE(reach(true));
    EXPECT_TRUE(states_.back());
}

TEST_F(Subscriber, HearsAnotherChannelInTheSameOrder)
{
    test::redis_server server;
    listen_to(parse_server_url(server.url()).address, "other");
    ASSERT_TRUE(reach(true)) << why_;
    EXPECT_EQ(subscriber_->refusal_beside(), "");
    server.command({"EVAL", "for _, c in ipairs({'news', 'other', 'third', 'news', 'other'}) do redis.call('PUBLISH', c, 'm') end return 1", "0"});
    ASSERT_TRUE(hear(4));
    EXPECT_EQ(heard_, (std::vector<std::string>{"m", "beside: m", "m", "beside: m"}));
}

TEST_F(Subscriber, WithoutTheRightToTheOtherChannelItHearsTheOne)
{
    test::redis_server server;
    server.command({"ACL", "SETUSER", "default", "resetchannels", "&news"});
    listen_to(parse_server_url(server.url()).address, "other");
    ASSERT_TRUE(reach(true)) << why_;
    EXPECT_EQ(subscriber_->refusal_beside().substr(0, 6), "NOPERM");
    server.command({"PUBLISH", "news", "m"});
    ASSERT_TRUE(hear(1));
    server.command({"ACL", "SETUSER", "default", "allchannels"});
    server.command({"CLIENT", "KILL", "TYPE", "pubsub"});
    ASSERT_TRUE(reach(false));
    ASSERT_TRUE(reach(true));
    EXPECT_EQ(subscriber_->refusal_beside(), "");
}

TEST_F(Subscriber, MessagesMayComeBetweenAPingAndItsAnswer)
{
    std::atomic<int> pings = 0;
    scripted_peer peer([&](byte_stream& s) {
        greet(s);
        read_command(s);
        s.send(subscribed + message("news", "one"));
        for (;;) {
            const words w = read_command(s);
            EXPECT_EQ(w, words{"PING"});
            ++pings;
            s.send(message("news", "two") + pong + message("news", "three"));
        }
    });
    options_.ping_every = 20ms;
    listen_to(peer.port());
    ASSERT_TRUE(run_until(loop_, [&] { return pings >= 2; }));
    ASSERT_TRUE(hear(4));
    EXPECT_EQ(heard_[0], "one");
    EXPECT_EQ(heard_[1], "two");
    EXPECT_EQ(heard_[2], "three");
    EXPECT_EQ(peer.accepted(), 1);
}

TEST_F(Subscriber, ALinkWithoutAnswersIsGivenUp)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        read_command(s);
        s.send(subscribed);
        s.read_to_end();
    });
    options_.ping_every = 20ms;
    options_.connection.stall_timeout = 50ms;
    listen_to(peer.port());
    ASSERT_TRUE(run_until(loop_, [&] { return peer.accepted() >= 2; }));
}

TEST_F(Subscriber, StopsAtAnyMoment)
{
    scripted_peer good([](byte_stream& s) {
        greet(s);
        read_command(s);
        s.send(subscribed);
        s.read_to_end();
    });
    scripted_peer silent([](byte_stream& s) { s.read_to_end(); });
    for (const std::uint16_t port : {good.port(), silent.port(), test::free_port()}) {
        for (int turns = 0; turns < 30; ++turns) {
            listen_to(port);
            for (int i = 0; i < turns; ++i) {
                loop_.context().restart();
                loop_.context().poll_one();
            }
            stop();
        }
    }
}

}  // namespace
}  // namespace tiercel::redis
