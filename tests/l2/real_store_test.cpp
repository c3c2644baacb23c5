// The store over a real redis-server.

#include "l2/l2_store.hpp"

#include "l2/fixtures.hpp"
#include "l2/redis_name.hpp"
#include "redis/run_task.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tiercel::l2 {
namespace {

using namespace std::chrono_literals;

class RealStore : public testing::Test {
protected:
    RealStore()
    {
        options_.timeout = 2s;   // for slow builds; tests of lateness set their own
        options_.prefix = "test";
    }
    ~RealStore() override { stop(); }

    void connect()
    {
        options_.url = server_.url();
        store_ = make_store(options_, {.loop = loop_, .time = time_, .counts = counts_, .memory = nullptr});
        store_->start();
        ASSERT_TRUE(reach(state::up)) << counts_.last_reason;
        // Nothing is accepted before the clock of Redis was read; one write at a time, so that none is under way afterwards.
        while (counts_.calls[op::set] == 0) {
            counts_.failures.clear();
            store_->put("probe", make_entry("/probe"));
            ASSERT_TRUE(redis::run_until(loop_, [&] { return counts_.calls[op::set] > 0 || counts_.total_failures() > 0; }));
            loop_.context().restart();
            loop_.context().poll();
        }
        counts_.failures.clear();
        counts_.calls.clear();
    }
    void stop()
    {
        if (store_) {
            redis::run(loop_, store_->stop());
            store_.reset();
        }
    }
    bool reach(state s)
    {
        return redis::run_until(loop_, [&] { return store_->current() == s; });
    }
    entry_ptr get(std::string_view path)
    {
        const std::string key = key_of(path);
        return redis::run(loop_, store_->get("t", key, seeded_hash(key, seed))).stored;
    }
    // Puts, and waits until Redis has answered.
    void put(const entry_ptr& e)
    {
        const int before = counts_.calls[op::set];
        store_->put("t", e);
        ASSERT_TRUE(redis::run_until(loop_, [&] { return counts_.calls[op::set] > before; }));
    }
    std::string name_of_path(std::string_view path) { return entry_name("test", "t", key_of(path)); }
    int failures(op o, reason why) { return counts_.failures[{o, why}]; }

    test::redis_server server_;
    async::loop loop_;
    manual_clock time_;
    recorder counts_;
    l2_options options_;
    std::unique_ptr<store> store_;
};

TEST_F(RealStore, RoundTripUnderTheDocumentedNameWithALifetime)
{
    connect();
    put(make_entry("/a", std::string(30'000, 'x')));
    const entry_ptr e = get("/a");
    ASSERT_NE(e, nullptr);
    EXPECT_EQ(e->small_body(), std::string(30'000, 'x'));
    EXPECT_EQ(e->stamp(), 3u);
    const auto ttl = server_.command({"PTTL", name_of_path("/a")}).integer;
    EXPECT_GT(ttl, 100'000);
    EXPECT_LE(ttl, 120'000);
    store_->remove("t", key_of("/a"));
    ASSERT_TRUE(redis::run_until(loop_, [&] { return counts_.calls[op::del] == 1; }));
    EXPECT_EQ(server_.command({"EXISTS", name_of_path("/a")}).integer, 0);
    EXPECT_EQ(get("/a"), nullptr);
    EXPECT_EQ(counts_.total_failures(), 0);
}

TEST_F(RealStore, SeveralAreAskedForAtOnceAndMayTakeNoLongerThanOne)
{
    connect();
    put(make_entry("/1", "one"));
    put(make_entry("/3", "three"));
    server_.command({"SET", name_of_path("/4"), "no entry"});
    server_.command({"LPUSH", name_of_path("/5"), "no value"});
    std::vector<wanted> keys;
    for (const char* path : {"/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"}) {
        const std::string key = key_of(path);
        keys.push_back({key, seeded_hash(key, seed)});
    }
    const auto found = redis::run(loop_, store_->get_all("t", keys)).stored;
    ASSERT_EQ(found.size(), 8u);
    ASSERT_NE(found[0], nullptr);
    ASSERT_NE(found[2], nullptr);
    EXPECT_EQ(found[0]->small_body(), "one");
    EXPECT_EQ(found[2]->small_body(), "three");
    EXPECT_EQ(found[2]->stamp(), 3u);
    EXPECT_EQ(std::count(found.begin(), found.end(), nullptr), 6);
    EXPECT_EQ(counts_.calls[op::get], 7);
    EXPECT_EQ(failures(op::get, reason::checksum), 1);
    EXPECT_EQ(failures(op::get, reason::reply), 1);
    EXPECT_TRUE(redis::run(loop_, store_->get_all("t", {})).stored.empty());

    store_->set_timeout(200ms);
    server_.freeze();
    const auto began = async::steady::now();
    EXPECT_EQ(redis::run(loop_, store_->get_all("t", keys)).stored, std::vector<entry_ptr>(8));
    EXPECT_LT(async::steady::now() - began, 800ms) << "one timeout, not eight";
    EXPECT_EQ(failures(op::get, reason::timeout), 8);
    server_.thaw();
}

TEST_F(RealStore, TimesSurviveAnotherProcessClock)
{
    connect();
    put(make_entry("/a"));
    async::loop other_loop;
    manual_clock other_time;
    other_time.advance(90'000ms);   // the same moment on a clock that is a minute and a half ahead
    recorder other_counts;
    const auto other = make_store(options_, {.loop = other_loop, .time = other_time, .counts = other_counts, .memory = nullptr});
    other->start();
    const std::string key = key_of("/a");
    entry_ptr e;
    ASSERT_TRUE(redis::run_until(other_loop, [&] {
        e = redis::run(other_loop, other->get("t", key, seeded_hash(key, seed))).stored;
        return e != nullptr;
    }));
    const auto fresh_for = e->times().fresh_until - other_time.now();
    // The manual clocks stand still while the one of Redis runs: what the test took is gone from the freshness.
    EXPECT_LE(fresh_for, 60'200ms);
    EXPECT_GT(fresh_for, 40'000ms);
    redis::run(other_loop, other->stop());
}

TEST_F(RealStore, OneFlippedByteIsAMissCountedAndDeleted)
{
    connect();
    put(make_entry("/a"));
    const auto size = server_.command({"STRLEN", name_of_path("/a")}).integer;
    server_.command({"SETRANGE", name_of_path("/a"), std::to_string(size - 1), "Y"});
    EXPECT_EQ(get("/a"), nullptr);
    EXPECT_EQ(failures(op::get, reason::checksum), 1);
    ASSERT_TRUE(redis::run_until(loop_, [&] { return counts_.calls[op::del] == 1; }));
    EXPECT_EQ(server_.command({"EXISTS", name_of_path("/a")}).integer, 0);
    put(make_entry("/a"));
    EXPECT_NE(get("/a"), nullptr);
}

TEST_F(RealStore, AnotherTypeUnderOurNameIsAMissAndIsOverwritten)
{
    connect();
    server_.command({"LPUSH", name_of_path("/a"), "x"});
    EXPECT_EQ(get("/a"), nullptr);
    EXPECT_EQ(failures(op::get, reason::reply), 1);
    put(make_entry("/a"));
    EXPECT_NE(get("/a"), nullptr);
}

TEST_F(RealStore, AFullRedisLosesTheWriteOnly)
{
    connect();
    put(make_entry("/a"));
    server_.command({"CONFIG", "SET", "maxmemory", "1"});
    store_->put("t", make_entry("/b"));
    ASSERT_TRUE(redis::run_until(loop_, [&] { return failures(op::set, reason::reply) == 1; }));
    EXPECT_NE(get("/a"), nullptr);
    EXPECT_EQ(store_->current(), state::up);
}

TEST_F(RealStore, FrozenItCostsOneDeadlineEachThenNothing)
{
    options_.timeout = 50ms;
    connect();
    put(make_entry("/a"));
    server_.freeze();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(get("/a"), nullptr);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
    EXPECT_EQ(failures(op::get, reason::timeout), 1);
    for (int i = 0; i < 1000; ++i) { store_->put("t", make_entry("/b")); }
    EXPECT_GT(failures(op::set, reason::overload), 400) << "never queued without bound";
    ASSERT_TRUE(reach(state::open));
    counts_.failures.clear();
    EXPECT_EQ(get("/a"), nullptr);
    store_->put("t", make_entry("/b"));
    EXPECT_EQ(failures(op::get, reason::breaker), 1);
    EXPECT_EQ(failures(op::set, reason::breaker), 1);
    server_.thaw();
    ASSERT_TRUE(reach(state::up));
    EXPECT_NE(get("/a"), nullptr);
    EXPECT_EQ(counts_.states.back(), state::up);
}

}  // namespace
}  // namespace tiercel::l2
