// A server, or something in front of it, that answers what nobody here can have caused. The log is not believed then, and goes on.

#include "coherence/invalidation_log.hpp"

#include "support/net.hpp"
#include "support/redis_server.hpp"
#include "support/relay.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;
using test::byte_stream;
using test::eventually;
using test::redis_server;

// Stands between a log and Redis, and answers one command itself when it is told to.
class lying_link {
public:
    explicit lying_link(std::uint16_t to)
        : relay_(to, [this](test::relay::connection& c, bool from_client, const std::string& bytes) { carry(c, from_client, bytes); })
    {
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(relay_.port()); }
    // The next command of that name gets this reply. Redis does not see it.
    void answer_next(const std::string& command, std::string reply)
    {
        const std::lock_guard hold(mutex_);
        lie_ = lie{"\r\n" + command + "\r\n", std::move(reply)};
    }
    bool has_lied() const
    {
        const std::lock_guard hold(mutex_);
        return !lie_;
    }

private:
    struct lie {
        std::string command;
        std::string reply;
    };

    std::optional<std::string> lie_for(const std::string& bytes)
    {
        const std::lock_guard hold(mutex_);
        if (!lie_ || bytes.find(lie_->command) == std::string::npos) { return std::nullopt; }
        std::string reply = std::move(lie_->reply);
        lie_.reset();
        return reply;
    }

    void carry(test::relay::connection& c, bool from_client, const std::string& bytes)
    {
        const auto reply = from_client ? lie_for(bytes) : std::nullopt;
        if (reply) {
            c.client.send(*reply);
        } else {
            (from_client ? c.server : c.client).send(bytes);
        }
    }

    mutable std::mutex mutex_;
    std::optional<lie> lie_;
    test::relay relay_;   // last: its threads use the rest
};

class silent_observer final : public log_observer {
public:
    void on_invalidation(const invalidation&) override {}
    void on_logged(const invalidation&, sequence, std::optional<std::chrono::microseconds>) override {}
    void on_repetitions_lost(std::size_t) override {}
    void on_contact(contact, std::string_view) override {}
    void on_lag(std::chrono::microseconds) override {}
    void on_repair(std::string_view, std::size_t) override {}
    void on_malformed(std::string_view) override { ++malformed; }

    std::atomic<int> malformed = 0;
};

struct node {
    explicit node(log_options o) : log(std::move(o), time, valid, rows, seen) { log.start(); }
    bool follows() const { return valid.contact() == contact::following; }
    void invalidate(scope_hash s)
    {
        invalidation i;
        i.scopes = {s};
        log.submit(std::move(i), {});
    }
    bool knows(scope_hash s) const { return valid.raised(s, purge_mode::hard) != 0; }

    system_clock time;
    validity valid;
    audit rows;
    silent_observer seen;
    invalidation_log log;
};

TEST(MalformedAnswers, AreNotBelievedAndNothingThatWasInvalidatedIsMissed)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    redis_server redis;
    lying_link link(redis.port());
    log_options o;
    o.url = redis.url();
    node tells(o);
    o.url = link.url();
    node hears(o);
    ASSERT_TRUE(eventually([&] { return tells.follows() && hears.follows(); }));
    const std::string replies[] = {
        ":7\r\n", "+OK\r\n", "$3\r\nabc\r\n", "*1\r\n:1\r\n", "*2\r\n$1\r\nx\r\n$2\r\n-1\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n",
        "*1\r\n*2\r\n$3\r\nlog\r\n:5\r\n",                                                           // no list of entries
        "*1\r\n*2\r\n$3\r\nlog\r\n*1\r\n:5\r\n",                                                     // no entry
        "*1\r\n*2\r\n$3\r\nlog\r\n*1\r\n*2\r\n$3\r\n9-0\r\n*-1\r\n",                                 // one that was deleted
        "*1\r\n*2\r\n$3\r\nlog\r\n*1\r\n*2\r\n$18\r\n9999999999999999-0\r\n*2\r\n$1\r\np\r\n$1\r\n1\r\n",   // one that follows another
        "%nonsense\r\n"};
    scope_hash scope = 100;
    for (const std::string command : {"XREAD", "TIME", "ZSCORE", "ZMSCORE", "ZRANGEBYSCORE"}) {
        for (const std::string& reply : replies) {
            if (command != "XREAD" && reply != replies[0] && reply != replies[5]) { continue; }   // the rest has the form of entries
            SCOPED_TRACE(command + " " + reply);
            link.answer_next(command, reply);
            if (command.starts_with("Z") && command != "ZSCORE") { redis.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); }   // it repairs
            ASSERT_TRUE(eventually([&] { return link.has_lied(); }));
            tells.invalidate(++scope);
            ASSERT_TRUE(eventually([&] { return hears.knows(scope); }));
        }
    }
    EXPECT_TRUE(eventually([&] { return hears.follows(); }));
    EXPECT_GE(hears.seen.malformed, 12);
    EXPECT_LT(hears.valid.position(), sequence{9'999'999'999'999'999}) << "it did not follow what nobody wrote";
}

// Of the log only the table is read while Redis refuses the stream, and not while a connection is lost.
TEST(MissingAnswers, AreNoRefusal)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    redis_server redis;
    lying_link link(redis.port());
    log_options o;
    o.url = link.url();
    node n(o);
    ASSERT_TRUE(eventually([&] { return n.follows(); }));
    link.answer_next("XREAD", "");
    ASSERT_TRUE(eventually([&] { return link.has_lied(); }));
    link.answer_next("XREAD", "");   // nor the next one, on another connection
    redis.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    ASSERT_TRUE(eventually([&] { return link.has_lied(); }));
    EXPECT_NE(n.log.status().problem, "");
    EXPECT_EQ(n.log.status().refused, "");
    link.answer_next("XREAD", "-NOPERM not for you\r\n");
    EXPECT_TRUE(eventually([&] { return n.log.status().refused == "NOPERM not for you"; }));
    EXPECT_TRUE(eventually([&] { return n.log.status().problem.empty() && n.log.status().refused.empty(); }));
}

// Deleted by hand, or trimmed: the numbers before and after show it.
TEST(MalformedAnswers, AnEntryThatIsMissingInTheMiddleIsMadeUpForByTheTable)
{
    if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
    redis_server redis;
    lying_link link(redis.port());
    log_options o;
    o.url = redis.url();
    node tells(o);
    o.url = link.url();
    node hears(o);
    ASSERT_TRUE(eventually([&] { return tells.follows() && hears.follows(); }));
    for (int round = 0; round < 10; ++round) {
        const auto scope = static_cast<scope_hash>(100 + 10 * round);
        // All in one step, so that the reader never sees the one that goes.
        const std::string head = redis.command({"ZSCORE", "tcl:{inv}:table", "!head"}).text;
        const auto before = static_cast<std::uint64_t>(std::stod(head));
        std::vector<std::string> words{"EVAL", R"lua(
local before = ARGV[1]
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], ARGV[i], '!head', ARGV[i], ARGV[i + 1])
  redis.call('XADD', KEYS[2], ARGV[i] .. '-0', 'p', before, 'n', 'other', 's', ARGV[i + 1])
  before = ARGV[i]
end
redis.call('XDEL', KEYS[2], ARGV[4] .. '-0')
return 1)lua", "2", "tcl:{inv}:table", "tcl:{inv}:log", std::to_string(before)};
        for (std::uint64_t i = 1; i <= 3; ++i) {
            words.push_back(std::to_string(before + i * validity::spacing));
            words.push_back(member_of(scope + i, purge_mode::hard));
        }
        ASSERT_EQ(redis.command(words).integer, 1);
        for (std::uint64_t i = 1; i <= 3; ++i) { EXPECT_TRUE(eventually([&] { return hears.knows(scope + i); })) << i; }
        EXPECT_TRUE(eventually([&] { return hears.valid.position() == before + 3 * validity::spacing; }));
    }
    EXPECT_TRUE(hears.follows());
}

}  // namespace
}  // namespace tiercel::coherence
