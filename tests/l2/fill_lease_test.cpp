// Locks of fills, over a real redis-server: two instances, and what happens to a holder that stalls, dies or is robbed.

#include "l2/fill_lease.hpp"

#include "l2/fixtures.hpp"
#include "l2/redis_name.hpp"
#include "redis/run_task.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tiercel::l2 {
namespace {

using namespace std::chrono_literals;
using attempt = lock_attempt::state;
using async::steady;

class FillLease : public testing::Test {
protected:
    // One process with one loop.
    struct instance {
        explicit instance(const l2_options& o)
        {
            store = make_store(o, {.loop = loop, .time = time, .counts = counts, .memory = nullptr});
            store->start();
        }
        ~instance() { stop(); }
        void stop()
        {
            if (store) {
                redis::run(loop, store->stop());
                store.reset();
            }
        }
        bool until(std::function<bool()> done) { return redis::run_until(loop, std::move(done)); }
        lock_attempt try_lock(milliseconds lease = 10s)
        {
            const std::string key = key_of("/a");
            return redis::run(loop, store->try_lock("t", key, seeded_hash(key, seed), lease));
        }
        void commit(fill_lease& l, std::initializer_list<entry_ptr> entries)
        {
            const int before = counts.calls[op::commit];
            store->commit(l, "t", std::span(entries.begin(), entries.size()));
            ASSERT_TRUE(until([&] { return counts.calls[op::commit] > before; }));
        }
        void release(fill_lease& l, const fill_news& news)
        {
            const int before = counts.calls[op::release];
            l.release(news);
            ASSERT_TRUE(until([&] { return counts.calls[op::release] > before; }));
        }
        std::optional<fill_news> hear(wake_board::seat& s, std::string token) { return redis::run(loop, s.wait_until(steady::now() + 10s, std::move(token))); }
        entry_ptr get(std::string_view path)
        {
            const std::string key = key_of(path);
            return redis::run(loop, store->get("t", key, seeded_hash(key, seed))).stored;
        }

        async::loop loop;
        manual_clock time;
        recorder counts;
        std::unique_ptr<l2::store> store;
    };

    FillLease()
    {
        options_.timeout = 2s;   // for slow builds; tests of lateness set their own
        options_.prefix = "test";
        options_.url = server_.url();
    }

    std::unique_ptr<instance> join()
    {
        auto one = std::make_unique<instance>(options_);
        EXPECT_TRUE(one->until([&] { return one->store->current() == state::up && one->counts.hears; }));
        // Whoever cannot tell the time cannot store.
        EXPECT_TRUE(one->until([&] {
            one->store->put("t", make_entry("/probe"));
            one->loop.context().poll();
            return one->counts.calls[op::set] > 0;
        }));
        one->loop.context().restart();
        one->loop.context().poll();
        one->counts.calls.clear();
        one->counts.failures.clear();
        return one;
    }

    std::string lock() { return lock_name("test", "t", key_of("/a")); }
    std::string waiters() { return waiters_name("test", "t", key_of("/a")); }
    std::string holder() { return server_.command({"GET", lock()}).text; }
    std::int64_t count(const std::string& name) { return server_.command({"EXISTS", name}).integer; }

    test::redis_server server_;
    l2_options options_;
};

TEST_F(FillLease, OneHoldsItAndTheOtherLearnsForHowLong)
{
    const auto a = join();
    const auto b = join();
    const lock_attempt mine = a->try_lock();
    ASSERT_EQ(mine.is, attempt::acquired);
    EXPECT_EQ(mine.found, nullptr);
    EXPECT_EQ(holder().size(), 32u) << "128 bits";
    EXPECT_EQ(count(waiters()), 0) << "nobody waits yet";
    const lock_attempt theirs = b->try_lock();
    EXPECT_EQ(theirs.is, attempt::busy);
    EXPECT_EQ(theirs.lease, nullptr);
    EXPECT_EQ(theirs.holder, holder());
    EXPECT_EQ(mine.holder, "");
    EXPECT_GT(theirs.remaining, 5s);
    EXPECT_LE(theirs.remaining, 10s);
    EXPECT_EQ(count(waiters()), 1);
    EXPECT_GT(server_.command({"PTTL", waiters()}).integer, 5'000) << "it does not stay for ever";
}

TEST_F(FillLease, NoTwoAttemptsHaveTheSameToken)
{
    std::set<std::string> tokens;
    for (int i = 0; i < 1000; ++i) { tokens.insert(new_token()); }
    EXPECT_EQ(tokens.size(), 1000u);
    const auto a = join();
    std::set<std::string> holders;
    for (int i = 0; i < 5; ++i) {
        const lock_attempt l = a->try_lock();
        holders.insert(holder());
        a->release(*l.lease, {});
    }
    EXPECT_EQ(holders.size(), 5u);
}

TEST_F(FillLease, WhatIsThereAlreadyComesWithTheAttempt)
{
    const auto a = join();
    const auto b = join();
    a->store->put("t", make_entry("/a", "first"));
    ASSERT_TRUE(a->until([&] { return count(entry_name("test", "t", key_of("/a"))) == 1; }));
    const lock_attempt mine = b->try_lock();
    ASSERT_EQ(mine.is, attempt::acquired);
    ASSERT_NE(mine.found, nullptr);
    EXPECT_EQ(mine.found->small_body(), "first");
    EXPECT_EQ(mine.found->stamp(), 3u);
    const lock_attempt busy = a->try_lock();
    ASSERT_NE(busy.found, nullptr) << "for who has to wait, too";
}

TEST_F(FillLease, SomethingElseUnderTheNameOfTheEntryIsNoEntry)
{
    const auto a = join();
    server_.command({"LPUSH", entry_name("test", "t", key_of("/a")), "x"});
    const lock_attempt mine = a->try_lock();
    EXPECT_EQ(mine.is, attempt::acquired);
    EXPECT_EQ(mine.found, nullptr);
}

TEST_F(FillLease, ACommitWritesGivesBackAndWakes)
{
    const auto a = join();
    const auto b = join();
    const lock_attempt mine = a->try_lock();
    const hash128 key = stable_hash(key_of("/a"));
    wake_board::seat waiting(b->store->wakes(), key, b->loop);
    const std::string token = holder();
    ASSERT_EQ(b->try_lock().is, attempt::busy);
    a->commit(*mine.lease, {make_entry("/a/descriptor"), make_entry("/a", std::string(50'000, 'x'))});
    const auto news = b->hear(waiting, token);
    ASSERT_TRUE(news);
    EXPECT_EQ(news->what, fill_outcome::stored);
    EXPECT_EQ(b->get("/a")->small_body().size() + (b->get("/a")->content() ? b->get("/a")->body_size() : 0), 50'000u);
    EXPECT_NE(b->get("/a/descriptor"), nullptr);
    EXPECT_EQ(count(lock()) + count(waiters()), 0);
    const auto ttl = server_.command({"PTTL", entry_name("test", "t", key_of("/a"))}).integer;
    EXPECT_GT(ttl, 100'000);
    EXPECT_LE(ttl, 120'000);
    EXPECT_EQ(a->counts.leases_lost, 0);
    EXPECT_EQ(a->counts.total_failures(), 0);
}

TEST_F(FillLease, NobodyIsToldWhenNobodyWaits)
{
    const auto a = join();
    const lock_attempt mine = a->try_lock();
    a->commit(*mine.lease, {make_entry("/a")});
    const std::string stats = server_.command({"INFO", "commandstats"}).text;
    EXPECT_EQ(stats.find("cmdstat_publish"), std::string::npos);
}

TEST_F(FillLease, EachWayToGiveItBackIsTold)
{
    const auto a = join();
    const auto b = join();
    wake_board::seat waiting(b->store->wakes(), stable_hash(key_of("/a")), b->loop);
    for (const fill_outcome o : {fill_outcome::uncacheable, fill_outcome::alone, fill_outcome::unshared, fill_outcome::released}) {
        const lock_attempt mine = a->try_lock();
        ASSERT_EQ(mine.is, attempt::acquired) << name_of(o);
        const std::string token = b->try_lock().holder;
        a->release(*mine.lease, {.what = o});
        mine.lease->release({.what = fill_outcome::failed, .why = errc::origin_reset});   // the first one counts
        const auto news = b->hear(waiting, token);
        ASSERT_TRUE(news) << name_of(o);
        EXPECT_EQ(news->what, o);
        EXPECT_EQ(count(lock()), 0);
    }
    const lock_attempt mine = a->try_lock();
    const std::string token = b->try_lock().holder;
    a->release(*mine.lease, {.what = fill_outcome::failed, .why = errc::origin_error, .status = 503});
    const auto news = b->hear(waiting, token);
    ASSERT_TRUE(news);
    EXPECT_EQ(news->why, errc::origin_error);
    EXPECT_EQ(news->status, 503);
}

TEST_F(FillLease, ForgottenItIsGivenBack)
{
    const auto a = join();
    {
        const lock_attempt mine = a->try_lock();
        ASSERT_EQ(count(lock()), 1);
    }
    ASSERT_TRUE(a->until([&] { return count(lock()) == 0; }));
}

TEST_F(FillLease, IsRenewedForAsLongAsItIsHeld)
{
    const auto a = join();
    lock_attempt mine = a->try_lock(300ms);
    const std::string token = holder();
    const auto until = steady::now() + 1s;
    ASSERT_TRUE(a->until([&] { return steady::now() >= until; }));
    EXPECT_EQ(holder(), token);
    EXPECT_GE(a->counts.calls[op::renew], 5);
    mine = lock_attempt();
    ASSERT_TRUE(a->until([&] { return count(lock()) == 0; }));
    const int renewed = a->counts.calls[op::renew];
    const auto later = steady::now() + 300ms;
    ASSERT_TRUE(a->until([&] { return steady::now() >= later; }));
    EXPECT_EQ(a->counts.calls[op::renew], renewed);
}

TEST_F(FillLease, AForeignValueSurvivesASlowHolder)
{
    const auto a = join();
    for (const bool writes : {false, true}) {
        lock_attempt mine = a->try_lock(300ms);
        ASSERT_EQ(mine.is, attempt::acquired);
        server_.command({"SET", lock(), "somebody else", "PX", "20000"});   // as if it had expired here, and been taken
        const int before = a->counts.calls[op::renew];
        ASSERT_TRUE(a->until([&] { return a->counts.calls[op::renew] > before; }));
        EXPECT_EQ(holder(), "somebody else");
        EXPECT_GT(server_.command({"PTTL", lock()}).integer, 10'000) << "not even its life was touched";
        if (writes) {
            a->store->commit(*mine.lease, "t", std::vector{make_entry("/a")});
        } else {
            mine.lease->release({.what = fill_outcome::uncacheable});
        }
        EXPECT_EQ(a->get("/b"), nullptr);   // by then it would have arrived
        EXPECT_EQ(holder(), "somebody else");
        EXPECT_EQ(a->get("/a"), nullptr);
        server_.command({"DEL", lock()});
    }
    EXPECT_EQ(a->counts.leases_lost, 2);
}

TEST_F(FillLease, ALostLeaseWritesNothingEvenBeforeItIsNoticed)
{
    const auto a = join();
    const auto b = join();
    const lock_attempt slow = a->try_lock(20s);
    server_.command({"DEL", lock()});
    const lock_attempt next = b->try_lock();
    ASSERT_EQ(next.is, attempt::acquired);
    const std::string token = holder();
    a->commit(*slow.lease, {make_entry("/a/descriptor"), make_entry("/a", "late")});
    EXPECT_EQ(a->counts.leases_lost, 1);
    EXPECT_EQ(a->get("/a"), nullptr);
    EXPECT_EQ(a->get("/a/descriptor"), nullptr);
    EXPECT_EQ(holder(), token);
    b->commit(*next.lease, {make_entry("/a", "in time")});
    EXPECT_EQ(a->get("/a")->small_body(), "in time");
}

TEST_F(FillLease, AForgetfulRedisLosesIt)
{
    const auto a = join();
    const lock_attempt mine = a->try_lock(300ms);
    server_.command({"FLUSHALL"});
    ASSERT_TRUE(a->until([&] { return a->counts.calls[op::renew] > 0; }));
    EXPECT_EQ(count(lock()), 0) << "not taken again by renewing";
    server_.command({"SCRIPT", "FLUSH"});
    EXPECT_EQ(a->try_lock().is, attempt::acquired) << "its text is sent again";
}

TEST_F(FillLease, WhatIsTooLargeIsSaidToBeNoSharedAnswer)
{
    options_.max_value = 10'000;
    const auto a = join();
    const auto b = join();
    wake_board::seat waiting(b->store->wakes(), stable_hash(key_of("/a")), b->loop);
    const lock_attempt mine = a->try_lock();
    const std::string token = b->try_lock().holder;
    a->store->commit(*mine.lease, "t", std::vector{make_entry("/a/descriptor"), make_entry("/a", std::string(20'000, 'x'))});
    ASSERT_TRUE(a->until([&] { return a->counts.calls[op::release] == 1; }));
    const auto news = b->hear(waiting, token);
    ASSERT_TRUE(news);
    EXPECT_EQ(news->what, fill_outcome::unshared);
    EXPECT_EQ(b->get("/a/descriptor"), nullptr) << "all or nothing";
}

TEST_F(FillLease, AFullRedisGetsItsLockBackAllTheSame)
{
    const auto a = join();
    const auto b = join();
    wake_board::seat waiting(b->store->wakes(), stable_hash(key_of("/a")), b->loop);
    const lock_attempt mine = a->try_lock();
    const std::string token = b->try_lock().holder;
    server_.command({"CONFIG", "SET", "maxmemory", "1"});
    a->commit(*mine.lease, {make_entry("/a")});
    const int failed = a->counts.failures[{op::commit, reason::reply}];
    EXPECT_EQ(failed, 1);
    EXPECT_EQ(count(lock()), 0);
    const auto news = b->hear(waiting, token);
    ASSERT_TRUE(news);
    EXPECT_EQ(news->what, fill_outcome::unshared);
}

TEST_F(FillLease, WhoMayNotPublishStoresAllTheSame)
{
    const auto a = join();
    const auto b = join();
    const lock_attempt mine = a->try_lock();
    const std::string token = b->try_lock().holder;
    server_.command({"ACL", "SETUSER", "default", "resetchannels"});
    a->commit(*mine.lease, {make_entry("/a")});
    EXPECT_NE(b->get("/a"), nullptr);
    EXPECT_EQ(count(lock()), 0);
    EXPECT_EQ(a->counts.total_failures(), 0);
}

TEST_F(FillLease, AReadThatFailsIsOfNoConcernToTheLockOfAnother)
{
    const auto a = join();
    server_.command({"ACL", "SETUSER", "default", "-get"});
    EXPECT_EQ(a->get("/b"), nullptr);
    EXPECT_EQ((a->counts.failures[{op::get, reason::reply}]), 1);
    server_.command({"ACL", "SETUSER", "default", "+get"});
    EXPECT_EQ(a->try_lock().is, attempt::acquired);
}

TEST_F(FillLease, WithoutTheRightToRunScriptsEverybodyIsAlone)
{
    const auto a = join();
    server_.command({"ACL", "SETUSER", "default", "-@scripting"});
    EXPECT_EQ(a->try_lock().is, attempt::unavailable);
    const int refused = a->counts.failures[{op::lock, reason::reply}];
    EXPECT_EQ(refused, 1);
}

TEST_F(FillLease, TheRightsThatAreDocumentedAreEnough)
{
    std::vector<std::string> user{"ACL", "SETUSER", "proxy", "on", ">secret", "~test:*", "&test:wake"};
    for (const char* const command : {"get", "set", "unlink", "del", "pexpire", "pttl", "evalsha", "eval", "publish", "subscribe", "ping",
                                      "time", "role", "client|setname"}) {
        user.push_back("+" + std::string(command));
    }
    ASSERT_EQ(server_.command(user).text, "OK");
    options_.user = "proxy";
    options_.password = "secret";
    const auto a = join();
    const auto b = join();
    wake_board::seat waiting(b->store->wakes(), stable_hash(key_of("/a")), b->loop);
    const lock_attempt mine = a->try_lock(300ms);
    ASSERT_EQ(mine.is, attempt::acquired);
    const std::string token = b->try_lock(300ms).holder;
    EXPECT_EQ(token.size(), 32u);
    ASSERT_TRUE(a->until([&] { return a->counts.calls[op::renew] > 0; }));
    a->commit(*mine.lease, {make_entry("/a")});
    const auto news = b->hear(waiting, token);
    EXPECT_TRUE(news);
    EXPECT_NE(b->get("/a"), nullptr);
    b->store->remove("t", key_of("/a"));
    EXPECT_TRUE(b->until([&] { return b->counts.calls[op::del] == 1; }));
    EXPECT_EQ(a->counts.total_failures() + b->counts.total_failures(), 0);
}

TEST_F(FillLease, AValueThatNeverExpiresIsNotWaitedFor)
{
    const auto a = join();
    server_.command({"SET", lock(), "x"});
    EXPECT_EQ(a->try_lock().is, attempt::unavailable);
    EXPECT_EQ(holder(), "x");
}

TEST_F(FillLease, AnAttemptThatCameTooLateIsTakenBack)
{
    const auto a = join();
    a->release(*a->try_lock().lease, {});   // from now on the server knows the scripts
    a->store->set_timeout(50ms);
    server_.command({"CONFIG", "RESETSTAT"});
    server_.freeze();
    EXPECT_EQ(a->try_lock().is, attempt::unavailable);
    const int late = a->counts.failures[{op::lock, reason::timeout}];
    EXPECT_EQ(late, 1);
    server_.thaw();
    ASSERT_TRUE(a->until([&] { return server_.command({"INFO", "commandstats"}).text.find("cmdstat_del:") != std::string::npos; }))
        << "it was taken, and given back";
    EXPECT_EQ(count(lock()), 0);
}

TEST_F(FillLease, AwayThereIsNoLockAndNoWait)
{
    const auto a = join();
    lock_attempt mine = a->try_lock(300ms);
    server_.kill();
    ASSERT_TRUE(a->until([&] { return a->store->current() != state::up; }));
    const auto began = steady::now();
    EXPECT_EQ(a->try_lock().is, attempt::unavailable);
    EXPECT_LT(steady::now() - began, 1s);
    a->store->commit(*mine.lease, "t", std::vector{make_entry("/a")});
    mine = lock_attempt();
    a->stop();
    EXPECT_EQ(a->counts.leases_lost, 0) << "nobody knows";
}

TEST_F(FillLease, StoppingWaitsForWhatWasJustGivenBack)
{
    const auto a = join();
    {
        const lock_attempt mine = a->try_lock();
        mine.lease->release({});
    }
    a->stop();
    EXPECT_EQ(count(lock()), 0);
}

TEST(FillLeaseWithoutRedis, ThereIsNothingToLock)
{
    async::loop loop;
    const manual_clock time;
    recorder counts;
    for (const kind k : {kind::memory, kind::none}) {
        l2_options o;
        o.kind = k;
        const auto s = make_store(o, {.loop = loop, .time = time, .counts = counts, .memory = nullptr});
        EXPECT_FALSE(s->has_locks());
        const std::string key = key_of("/a");
        EXPECT_EQ(redis::run(loop, s->try_lock("t", key, seeded_hash(key, seed), 3s)).is, attempt::unavailable);
    }
    EXPECT_EQ(counts.total_failures(), 0);
}

}  // namespace
}  // namespace tiercel::l2
