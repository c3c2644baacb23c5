#include "redis/connection.hpp"

#include "redis/run_task.hpp"
#include "redis/scripted_peer.hpp"

#include <gtest/gtest.h>

#include <future>

namespace tiercel::redis {
namespace {

using namespace std::chrono_literals;
using test::byte_stream;

class Connection : public testing::Test, public connection_observer {
protected:
    void on_call_ended(bool failed) override { ++(failed ? failed_ : good_); }
    void on_closed() override { ++closed_; }

    connection_options to(const scripted_peer& p)
    {
        connection_options o;
        o.address.host = "127.0.0.1";
        o.address.port = p.port();
        o.connect_timeout = 10s;   // tests that wait for it say so
        return o;
    }

    result<void> open(connection& c) { return run(loop_, c.open()); }
    result<reply> ask(connection& c, std::string_view key, milliseconds limit = 10s)
    {
        command get{"GET", key};
        return run(loop_, c.call(std::move(get), limit));
    }
    void end(connection& c)
    {
        c.close(errc::draining, "end of test");
        run(loop_, c.drained());
    }

    async::loop loop_;
    int good_ = 0;
    int failed_ = 0;
    int closed_ = 0;
};

TEST_F(Connection, IntroducesItselfBeforeAnythingElse)
{
    std::promise<std::vector<words>> heard;
    scripted_peer peer([&](byte_stream& s) {
        std::vector<words> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(read_command(s));
            s.send(good_reply(all.back()));
        }
        heard.set_value(all);
        serve_well(s);
    });
    connection_options o = to(peer);
    o.address.user = "me";
    o.address.password = "secret";
    o.address.database = 3;
    o.name = "tiercel-7";
    connection c(loop_, o, *this);
    ASSERT_TRUE(open(c)) << c.problem();
    EXPECT_TRUE(c.is_open());
    EXPECT_EQ(heard.get_future().get(), (std::vector<words>{{"AUTH", "me", "secret"},
                                                            {"SELECT", "3"},
                                                            {"CLIENT", "SETNAME", "tiercel-7"},
                                                            {"ROLE"}}));
    EXPECT_EQ(good_ + failed_, 0) << "the handshake is no call";
    const auto r = ask(c, "key");
    ASSERT_TRUE(r);
    EXPECT_EQ(r->text, "key");
    EXPECT_EQ(good_, 1);
    end(c);
}

TEST_F(Connection, ANameIsResolvedAndNeedsNoPassword)
{
    scripted_peer peer(serve_well);
    connection_options o = to(peer);
    o.address.host = "localhost";   // perhaps ::1 first, where nobody listens
    connection c(loop_, o, *this);
    EXPECT_TRUE(open(c)) << c.problem();
    end(c);
}

TEST_F(Connection, SurvivesAnyFaultAtAnyStep)
{
    struct fault {
        const char* name;
        std::function<void(byte_stream&, const std::string& good)> act;
        bool is_slow = false;   // seen by a deadline only
        bool is_answer = false; // a well-formed reply that is wrong: not an error of the connection
    };
    const std::vector<fault> faults = {
        {"closes", [](byte_stream&, const std::string&) {}},
        {"resets", [](byte_stream& s, const std::string&) { s.reset(); }},
        {"garbage", [](byte_stream& s, const std::string&) { s.send("HTTP/1.1 400 Bad Request\r\n\r\n"); }},
        {"silence", [](byte_stream& s, const std::string&) { s.read_to_end(); }, true},
        {"half a reply, then closes", [](byte_stream& s, const std::string& good) { s.send(good.substr(0, good.size() / 2)); }},
        {"half a reply, then silence",
         [](byte_stream& s, const std::string& good) {
             s.send(good.substr(0, good.size() / 2));
             s.read_to_end();
         },
         true},
        {"an error reply",
         [](byte_stream& s, const std::string&) {
             s.send("-ERR unknown\r\n");
             serve_well(s);
         },
         false, true},
        {"another type",
         [](byte_stream& s, const std::string&) {
             s.send(":17\r\n");
             serve_well(s);
         },
         false, true},
        {"a reply nobody asked for",
         [](byte_stream& s, const std::string& good) {
             s.send(good + "+OK\r\n");
             s.read_to_end();
         },
         false, true},
    };
    // AUTH, SELECT, CLIENT SETNAME, ROLE, GET
    for (int bad_step = 0; bad_step < 5; ++bad_step) {
        for (const fault& f : faults) {
            SCOPED_TRACE(std::string(f.name) + " at step " + std::to_string(bad_step));
            scripted_peer peer([&](byte_stream& s) {
                for (int i = 0; i < bad_step; ++i) { s.send(good_reply(read_command(s))); }
                const words last = read_command(s);
                f.act(s, good_reply(last));
            });
            connection_options o = to(peer);
            o.address.password = "secret";
            o.address.database = 1;
            if (f.is_slow) { o.connect_timeout = 100ms; }
            o.stall_timeout = 100ms;
            connection c(loop_, o, *this);
            const auto opened = open(c);
            if (bad_step < 4 && !f.is_answer) {
                ASSERT_FALSE(opened);
                EXPECT_FALSE(c.is_open());
                EXPECT_NE(c.problem(), "");
                EXPECT_EQ(c.problem().find("secret"), std::string::npos);
                if (f.is_slow) { EXPECT_EQ(opened.error(), errc::redis_timeout); }
            }
            const auto answer = ask(c, "key", 50ms);
            if (!f.is_answer) {
                ASSERT_FALSE(answer);
                if (bad_step == 4 && f.is_slow) { EXPECT_EQ(answer.error(), errc::redis_timeout); }
            }
            end(c);
        }
    }
}

TEST_F(Connection, IsRefusedByWhoRefusesUs)
{
    struct row {
        std::string at;
        std::string reply;
        std::string says;
    };
    for (const row& t : {row{"AUTH", "-WRONGPASS invalid\r\n", "AUTH: WRONGPASS"},
                         row{"SELECT", "-ERR DB index is out of range\r\n", "SELECT: ERR DB"},
                         row{"ROLE", "*1\r\n$5\r\nslave\r\n", "not a master"},
                         row{"ROLE", "-LOADING Redis is loading\r\n", "ROLE: LOADING"},
                         row{"ROLE", "*0\r\n", "not a master"}}) {
        scripted_peer peer([&](byte_stream& s) {
            for (;;) {
                const words w = read_command(s);
                s.send(w[0] == t.at ? t.reply : good_reply(w));
            }
        });
        connection_options o = to(peer);
        o.address.password = "secret";
        o.address.database = 1;
        connection c(loop_, o, *this);
        EXPECT_FALSE(open(c));
        EXPECT_NE(c.problem().find(t.says), std::string::npos) << c.problem();
        EXPECT_EQ(c.refusal(), errc::redis_down);
        end(c);
    }
    EXPECT_EQ(closed_, 0) << "what never was open does not close";
}

TEST_F(Connection, NobodyThereIsDown)
{
    connection_options o;
    o.address.host = "127.0.0.1";
    o.address.port = test::free_port();
    connection c(loop_, o, *this);
    const auto opened = open(c);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), errc::redis_down);
    end(c);

    o.address.unix_path = "/nonexistent/redis.sock";
    connection u(loop_, o, *this);
    EXPECT_FALSE(open(u));
    EXPECT_NE(u.problem().find("/nonexistent/redis.sock"), std::string::npos);
    end(u);
}

TEST_F(Connection, CommandsOfOneTurnLeaveInOneWriteAndRepliesComeInOrder)
{
    std::promise<std::size_t> first_read;
    scripted_peer peer([&](byte_stream& s) {
        greet(s);
        const std::string all = s.read_some();
        first_read.set_value(all.size());
        std::string replies;
        for (int i = 0; i < 100; ++i) { replies += ":" + std::to_string(i) + "\r\n"; }
        s.send(replies);
        s.read_to_end();
    });
    connection c(loop_, to(peer), *this);
    ASSERT_TRUE(open(c));
    std::vector<std::int64_t> got;
    std::size_t size = 0;
    for (int i = 0; i < 100; ++i) {
        command get{"GET", std::to_string(i)};
        size += get.bytes().size();
        c.send(std::move(get), 10s, [&](result<reply> r) { got.push_back(r ? r->integer : -1); });
    }
    EXPECT_TRUE(got.empty());
    ASSERT_TRUE(run_until(loop_, [&] { return got.size() == 100; }));
    for (int i = 0; i < 100; ++i) { EXPECT_EQ(got[static_cast<std::size_t>(i)], i); }
    EXPECT_EQ(first_read.get_future().get(), size);
    end(c);
}

TEST_F(Connection, ALateReplyIsDroppedByItsPlace)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        const words late = read_command(s);
        const words next = read_command(s);
        s.send(good_reply(late) + good_reply(next));
        serve_well(s);
    });
    connection c(loop_, to(peer), *this);
    ASSERT_TRUE(open(c));
    const auto late = ask(c, "late", 30ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::redis_timeout);
    EXPECT_TRUE(c.is_open());
    const auto next = ask(c, "next");
    ASSERT_TRUE(next);
    EXPECT_EQ(next->text, "next");
    EXPECT_EQ(ask(c, "third")->text, "third");
    EXPECT_EQ(failed_, 1);
    EXPECT_EQ(good_, 2);
    end(c);
}

TEST_F(Connection, LimitsDifferPerCommand)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        s.read_to_end();
    });
    connection c(loop_, to(peer), *this);
    ASSERT_TRUE(open(c));
    std::vector<int> order;
    int i = 0;
    for (const milliseconds limit : {300ms, 30ms, 150ms}) {
        command get{"GET", "key"};
        c.send(std::move(get), limit, [&order, i](const result<reply>& r) {
            if (!r && r.error() == errc::redis_timeout) { order.push_back(i); }
        });
        ++i;
    }
    ASSERT_TRUE(run_until(loop_, [&] { return order.size() == 3; }));
    EXPECT_EQ(order, (std::vector<int>{1, 2, 0}));
    end(c);
}

TEST_F(Connection, NoProgressEndsIt)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        s.read_to_end();
    });
    connection_options o = to(peer);
    o.stall_timeout = 100ms;
    connection c(loop_, o, *this);
    ASSERT_TRUE(open(c));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(ask(c, "key", 20ms).error(), errc::redis_timeout);
    ASSERT_TRUE(run_until(loop_, [&] { return !c.is_open(); }));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
    EXPECT_EQ(closed_, 1);
    EXPECT_NE(c.problem().find("no answer"), std::string::npos);
    EXPECT_EQ(failed_, 1) << "a call fails once";
    EXPECT_EQ(ask(c, "key").error(), errc::redis_timeout) << "what ended it";
    end(c);
}

TEST_F(Connection, AnIdleConnectionDoesNotStall)
{
    scripted_peer peer(serve_well);
    connection_options o = to(peer);
    o.stall_timeout = 50ms;
    connection c(loop_, o, *this);
    ASSERT_TRUE(open(c));
    ASSERT_TRUE(ask(c, "key"));
    const auto until = std::chrono::steady_clock::now() + 200ms;
    ASSERT_TRUE(run_until(loop_, [&] { return std::chrono::steady_clock::now() >= until; }));
    EXPECT_TRUE(c.is_open()) << c.problem();
    end(c);
}

TEST_F(Connection, RefusesWhatIsTooMuchAtOnce)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        for (int i = 0; i < 4; ++i) { read_command(s); }
        s.send(":1\r\n");
        s.read_to_end();
    });
    connection_options o = to(peer);
    o.max_in_flight = 4;
    connection c(loop_, o, *this);
    ASSERT_TRUE(open(c));
    int done = 0;
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(c.refusal(), std::nullopt);
        command get{"GET", "key"};
        c.send(std::move(get), 10s, [&](const result<reply>&) { ++done; });
    }
    EXPECT_EQ(c.refusal(), errc::redis_overload);
    EXPECT_EQ(ask(c, "key").error(), errc::redis_overload);
    ASSERT_TRUE(run_until(loop_, [&] { return done == 1; }));
    EXPECT_EQ(c.refusal(), std::nullopt) << "one place is free again";
    end(c);
    EXPECT_EQ(done, 4);
}

TEST_F(Connection, HoldsNoMoreThanItsShareForAServerThatDoesNotRead)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        s.read_to_end();
    });
    connection_options o = to(peer);
    o.max_unsent = 1_MiB;
    connection c(loop_, o, *this);
    ASSERT_TRUE(open(c));
    const std::string big(400'000, 'b');
    int sent = 0;
    int done = 0;
    while (!c.refusal()) {
        command set{"SET", "key", big};
        c.send(std::move(set), 10s, [&](const result<reply>&) { ++done; });
        ++sent;
        ASSERT_LT(sent, 10);
    }
    EXPECT_EQ(c.refusal(), errc::redis_overload);
    end(c);
    EXPECT_EQ(done, sent);
}

TEST_F(Connection, BigCommandsAndSmallOnesKeepTheirOrder)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        for (;;) {
            const words w = read_command(s);
            s.send(":" + std::to_string(w[1].size()) + "\r\n");
        }
    });
    connection c(loop_, to(peer), *this);
    ASSERT_TRUE(open(c));
    std::vector<std::int64_t> expected;
    std::vector<std::int64_t> got;
    for (int round = 0; round < 40; ++round) {
        expected.push_back(round % 7 == 3 ? 100'000 + round : round);
        const std::string word(static_cast<std::size_t>(expected.back()), 'w');
        command set{"LENGTH", word};
        c.send(std::move(set), 10s, [&](const result<reply>& r) { got.push_back(r ? r->integer : -1); });
        if (round % 5 == 0) { loop_.context().poll(); }
    }
    ASSERT_TRUE(run_until(loop_, [&] { return got.size() == expected.size(); }));
    EXPECT_EQ(got, expected);
    end(c);
}

TEST_F(Connection, ClosingFailsAllThatIsOutstandingOnce)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        s.read_to_end();
    });
    connection c(loop_, to(peer), *this);
    ASSERT_TRUE(open(c));
    int done = 0;
    for (int i = 0; i < 10; ++i) {
        command get{"GET", "key"};
        c.send(std::move(get), 10s, [&](const result<reply>& r) { done += !r && r.error() == errc::draining; });
    }
    c.close(errc::draining, "enough");
    c.close(errc::redis_down, "twice");
    EXPECT_EQ(done, 0) << "never inside close()";
    run(loop_, c.drained());
    EXPECT_EQ(done, 10);
    EXPECT_EQ(closed_, 1);
    EXPECT_EQ(c.problem(), "enough");
    EXPECT_EQ(failed_, 0) << "our own going is no fault of Redis";
}

TEST_F(Connection, ServersThatCannotServeCountAsFailures)
{
    struct row {
        std::string reply;
        bool failed;
        bool closes;
    };
    for (const row& t : {row{"-LOADING Redis is loading the dataset in memory\r\n", true, false},
                         row{"-MASTERDOWN Link with MASTER is down\r\n", true, false}, row{"-BUSY Redis is busy\r\n", true, false},
                         row{"-READONLY You can't write against a read only replica.\r\n", true, true},
                         row{"-OOM command not allowed when used memory > 'maxmemory'.\r\n", false, false},
                         row{"-WRONGTYPE Operation against a key\r\n", false, false}, row{"$-1\r\n", false, false}}) {
        scripted_peer peer([&](byte_stream& s) {
            greet(s);
            read_command(s);
            s.send(t.reply);
            s.read_to_end();
        });
        good_ = failed_ = 0;
        connection c(loop_, to(peer), *this);
        ASSERT_TRUE(open(c));
        EXPECT_TRUE(ask(c, "key")) << "an error reply is a reply";
        EXPECT_EQ(failed_, t.failed ? 1 : 0) << t.reply;
        EXPECT_EQ(good_, t.failed ? 0 : 1) << t.reply;
        EXPECT_EQ(c.is_open(), !t.closes) << t.reply;
        end(c);
    }
}

async::task<> ask_and_close(connection& c, int& seen)
{
    command get{"GET", "key"};
    const result<reply> r = co_await c.call(std::move(get), 10s);
    seen += r.has_value();
    c.close(errc::draining, "by a waiter");
}

TEST_F(Connection, AWaiterMayCloseItFromWithinItsReply)
{
    scripted_peer peer([](byte_stream& s) {
        greet(s);
        std::string replies;
        for (int i = 0; i < 4; ++i) { replies += good_reply(read_command(s)); }
        s.send(replies);
        s.read_to_end();
    });
    connection c(loop_, to(peer), *this);
    ASSERT_TRUE(open(c));
    int seen = 0;
    int rest = 0;
    async::asio::co_spawn(loop_.context(), ask_and_close(c, seen), [](std::exception_ptr) {});
    loop_.context().poll();
    for (int i = 0; i < 3; ++i) {
        command get{"GET", "key"};
        c.send(std::move(get), 10s, [&](const result<reply>& r) { rest += !r && r.error() == errc::draining; });
    }
    ASSERT_TRUE(run_until(loop_, [&] { return seen == 1 && rest == 3; }));
    run(loop_, c.drained());
}

}  // namespace
}  // namespace tiercel::redis
