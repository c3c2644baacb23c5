// Logs of several nodes over one real redis-server, and what happens to it.

#include "coherence/invalidation_log.hpp"

#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::redis_server;

class counting_observer final : public log_observer {
public:
    void on_invalidation(const invalidation&) override {}
    void on_logged(const invalidation& i, sequence, std::optional<std::chrono::microseconds>) override
    {
        const std::lock_guard hold(mutex_);
        ++logged_[i.id];
    }
    void on_repetitions_lost(std::size_t n) override { repetitions_lost += n; }
    void on_contact(contact, std::string_view) override {}
    void on_lag(std::chrono::microseconds) override {}
    void on_repair(std::string_view why, std::size_t) override
    {
        const std::lock_guard hold(mutex_);
        ++repairs_[std::string(why)];
    }
    void on_malformed(std::string_view what) override
    {
        const std::lock_guard hold(mutex_);
        ++malformed_[std::string(what)];
    }
    int malformed(const std::string& what)
    {
        const std::lock_guard hold(mutex_);
        return malformed_[what];
    }
    int logged(const std::string& id)
    {
        const std::lock_guard hold(mutex_);
        return logged_[id];
    }
    int repairs(const std::string& why)
    {
        const std::lock_guard hold(mutex_);
        return repairs_[why];
    }

    std::atomic<std::size_t> repetitions_lost = 0;

private:
    std::mutex mutex_;
    std::map<std::string, int> repairs_;
    std::map<std::string, int> malformed_;
    std::map<std::string, int> logged_;
};

struct node {
    explicit node(log_options o) : log(std::move(o), time, valid, rows, seen) {}

    bool follows() const { return valid.contact() == contact::following; }
    receipt submit(scope_hash s, purge_mode mode = purge_mode::hard, std::string event = {}, std::vector<std::string> also = {})
    {
        invalidation i;
        i.scopes = {s};
        i.mode = mode;
        i.event = std::move(event);
        i.also = std::move(also);
        const auto answer = std::make_shared<std::promise<receipt>>();
        log.submit(std::move(i), [answer](receipt r) { answer->set_value(std::move(r)); });
        auto future = answer->get_future();
        return future.wait_for(20s) == std::future_status::ready ? future.get() : receipt();
    }
    bool is_good(scope_hash s, sequence stamp) const
    {
        const scope_hash scopes[] = {s};
        return valid.is_valid(scopes, stamp);
    }

    system_clock time;
    validity valid;
    audit rows;
    counting_observer seen;
    invalidation_log log;
};

class InvalidationLog : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_.emplace(std::vector<std::string>{"--maxmemory-policy", "noeviction"});
        options_.url = redis_->url();
    }
    std::unique_ptr<node> start()
    {
        auto n = std::make_unique<node>(options_);
        n->log.start();
        EXPECT_TRUE(eventually([&] { return n->follows(); }));
        return n;
    }
    std::int64_t log_length() { return redis_->command({"XLEN", "tcl:{inv}:log"}).integer; }

    std::optional<redis_server> redis_;
    log_options options_;
};

TEST_F(InvalidationLog, WhatOneNodeInvalidatesIsInvalidOnAllAndWhatIsFetchedAfterIsGood)
{
    const auto a = start();
    const auto b = start();
    const sequence before = b->valid.applied();
    EXPECT_TRUE(b->is_good(7, before));
    const receipt r = a->submit(7);
    EXPECT_EQ(r.state, append_state::applied);
    EXPECT_FALSE(a->is_good(7, before));
    ASSERT_TRUE(eventually([&] { return b->valid.applied() >= r.at; }));
    EXPECT_FALSE(b->is_good(7, before));
    EXPECT_TRUE(b->is_good(8, before));
    EXPECT_TRUE(b->is_good(7, b->valid.applied()));
    EXPECT_TRUE(a->is_good(7, b->valid.applied())) << "what b has fetched since, a may use";
}

TEST_F(InvalidationLog, WaitsUntilEveryLiveNodeHasAppliedIt)
{
    const auto a = start();
    const auto b = start();
    const receipt r = a->submit(7);
    std::promise<std::size_t> answer;
    a->log.wait_applied(r.at, async::steady::now() + 10s, [&](bool all, std::vector<node_state> nodes) {
        answer.set_value(all ? nodes.size() : 0);
    });
    EXPECT_EQ(answer.get_future().get(), 2u);
    EXPECT_GE(b->valid.applied(), r.at);
}

TEST_F(InvalidationLog, SoftOnesOutdateOnEveryNode)
{
    const auto a = start();
    const auto b = start();
    const sequence before = b->valid.applied();
    const receipt r = a->submit(7, purge_mode::soft);
    ASSERT_TRUE(eventually([&] { return b->valid.applied() >= r.at; }));
    const scope_hash scopes[] = {7};
    EXPECT_EQ(b->valid.judge(scopes, before).what, standing::is::outdated);
}

TEST_F(InvalidationLog, AnEventIsAppendedOnce)
{
    const auto a = start();
    const auto b = start();
    EXPECT_EQ(a->submit(7, purge_mode::hard, "feed/1").state, append_state::applied);
    EXPECT_EQ(b->submit(7, purge_mode::hard, "feed/1").state, append_state::duplicate);
    EXPECT_EQ(a->submit(7, purge_mode::hard, "feed/1").state, append_state::duplicate);
    EXPECT_EQ(log_length(), 2) << "the floor, and the event";
}

// Reading on from an id that was trimmed away fails silently: the entry's predecessor tells.
TEST_F(InvalidationLog, WhoIsFurtherBehindThanTheStreamReachesReadsTheTable)
{
    const auto a = start();
    const auto b = start();
    const sequence before = b->valid.applied();
    redis_->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    // While nobody listens: entries come and go.
    for (scope_hash s = 100; s < 120; ++s) { a->submit(s); }
    redis_->command({"XTRIM", "tcl:{inv}:log", "MAXLEN", "1"});
    const receipt last = a->submit(500);
    EXPECT_NE(last.state, append_state::refused);
    ASSERT_TRUE(eventually([&] { return !b->is_good(500, before); }));
    for (scope_hash s = 100; s < 120; ++s) { EXPECT_FALSE(b->is_good(s, before)) << s; }
    EXPECT_TRUE(b->is_good(1, before)) << "what was not invalidated stays";
}

TEST_F(InvalidationLog, TheTableHoldsAllScopesThatItMayAndBeyondTheOldestAreCoveredByTheFloor)
{
    options_.max_scopes = 5;
    const auto a = start();
    const auto floor = [&] { return std::stod(redis_->command({"ZSCORE", "tcl:{inv}:table", "!floor"}).text); };
    const double from_the_start = floor();
    const receipt first = a->submit(1);
    for (const scope_hash s : {2, 3, 4, 5}) { a->submit(s); }
    EXPECT_EQ(redis_->command({"ZCARD", "tcl:{inv}:table"}).integer, 5 + 2) << "and the two marks";
    EXPECT_EQ(floor(), from_the_start) << "nothing was forgotten";
    for (const scope_hash s : {6, 7}) { a->submit(s); }
    EXPECT_GE(floor(), static_cast<double>(first.at));
    const auto b = start();
    EXPECT_FALSE(b->is_good(1, first.at - 1)) << "it does not know of this one, but that it does not know";
}

TEST_F(InvalidationLog, AStartingNodeKnowsWhatWasInvalidatedBefore)
{
    const auto a = start();
    const sequence before = a->valid.applied();
    const receipt r = a->submit(7);
    const auto late = start();
    EXPECT_FALSE(late->is_good(7, before));
    EXPECT_TRUE(late->is_good(8, before));
    EXPECT_GE(late->valid.applied(), r.at);
}

TEST_F(InvalidationLog, AfterAFlushEverythingOlderIsInvalidAndNumbersGrowOn)
{
    const auto a = start();
    const auto b = start();
    const receipt first = a->submit(7);
    ASSERT_TRUE(eventually([&] { return b->valid.applied() >= first.at; }));
    const sequence before = b->valid.applied();
    redis_->command({"FLUSHALL"});
    EXPECT_TRUE(eventually([&] { return !a->is_good(99, before) && !b->is_good(99, before); }));
    ASSERT_TRUE(eventually([&] { return b->is_good(99, b->valid.applied()); }));
    const receipt second = a->submit(7);
    EXPECT_GT(second.at, first.at);
    EXPECT_TRUE(eventually([&] { return b->valid.applied() >= second.at; }));
}

TEST_F(InvalidationLog, WhatAnOlderCopyOfTheDataLacksIsAppendedAgainByASurvivor)
{
    const auto a = start();
    a->submit(1);
    const std::string dump = redis_->command({"DUMP", "tcl:{inv}:table"}).text;
    const std::string log = redis_->command({"DUMP", "tcl:{inv}:log"}).text;
    const sequence before = a->valid.applied();
    a->submit(2);
    a->submit(3, purge_mode::soft);
    redis_->command({"RESTORE", "tcl:{inv}:table", "0", dump, "REPLACE"});
    redis_->command({"RESTORE", "tcl:{inv}:log", "0", log, "REPLACE"});
    ASSERT_TRUE(eventually([&] { return a->seen.repairs("rolled back") > 0; }));
    EXPECT_TRUE(a->is_good(50, before)) << "nothing else is invalid";
    const auto late = start();
    EXPECT_FALSE(late->is_good(2, before));
    EXPECT_FALSE(late->is_good(3, before));
    EXPECT_TRUE(late->is_good(50, before));
}

TEST_F(InvalidationLog, WithoutRedisItHoldsHereAtOnceAndForTheOthersWhenRedisIsBack)
{
    const auto a = start();
    const auto b = start();
    const sequence before = a->valid.applied();
    redis_->freeze();
    const receipt r = a->submit(7);
    EXPECT_EQ(r.state, append_state::pending);
    EXPECT_FALSE(a->is_good(7, before));
    EXPECT_EQ(a->log.status().waiting, 1u);
    redis_->thaw();
    EXPECT_TRUE(eventually([&] { return !b->is_good(7, before); }));
    EXPECT_TRUE(eventually([&] { return a->log.status().waiting == 0; }));
    EXPECT_TRUE(eventually([&] { return a->rows.find(r.id)->state == append_state::applied; }));
}

TEST_F(InvalidationLog, WhatSharesAnInvalidationWithAKnownEventIsNotTakenForKnown)
{
    const auto a = start();
    const auto b = start();
    ASSERT_EQ(a->submit(7, purge_mode::hard, "x").state, append_state::applied);
    const receipt known = a->submit(7, purge_mode::hard, "y");
    ASSERT_EQ(known.state, append_state::applied);
    redis_->freeze();
    a->submit(8);   // what is under way when Redis stops may reach it later; what comes behind what waits does not
    ASSERT_EQ(a->log.status().waiting, 1u);
    ASSERT_EQ(a->submit(7, purge_mode::hard, "x", {"y"}).state, append_state::pending);
    ASSERT_EQ(a->submit(7, purge_mode::hard, "x", {"z"}).state, append_state::pending);   // alike, and news
    redis_->thaw();
    EXPECT_TRUE(eventually([&] { return b->valid.raised(7, purge_mode::hard) > known.at; }));
}

TEST_F(InvalidationLog, WhatWaitsGoesThroughARestartOfTheNodeAndOfRedis)
{
    test::temp_dir dir;
    const auto b = start();
    options_.journal.path = dir.path() / "journal";
    auto a = start();
    redis_->kill();
    ASSERT_TRUE(eventually([&] { return a->log.status().state == contact::lost; }));
    EXPECT_EQ(a->submit(7).state, append_state::pending);
    a.reset();
    a = std::make_unique<node>(options_);
    EXPECT_EQ(a->log.status().waiting, 1u);
    a->log.start();
    redis_->restart();
    EXPECT_TRUE(eventually([&] { return b->valid.raised(7, purge_mode::hard) != 0; }));
    EXPECT_TRUE(eventually([&] { return a->log.status().waiting == 0; }));
}

TEST_F(InvalidationLog, WhatWasMergedIntoOneThatWaitedEndsWithIt)
{
    const auto a = start();
    redis_->kill();
    ASSERT_TRUE(eventually([&] { return a->log.status().state == contact::lost; }));
    const receipt first = a->submit(7);
    const receipt second = a->submit(7);
    const receipt third = a->submit(7);
    EXPECT_EQ(second.state, append_state::pending);
    EXPECT_EQ(a->log.status().waiting, 1u);
    redis_->restart();
    for (const std::string& id : {first.id, second.id, third.id}) {
        EXPECT_TRUE(eventually([&] { return a->rows.find(id)->state == append_state::applied; })) << id;
    }
    const audit_row row = *a->rows.find(third.id);
    EXPECT_EQ(row.at, a->rows.find(first.id)->at);
    EXPECT_EQ(row.merged_into, first.id);
    EXPECT_EQ(row.nodes, std::vector<std::string>{a->log.node()});
    EXPECT_EQ(a->rows.find(first.id)->coalesced, 2u);
    EXPECT_EQ(log_length(), 1) << "one for all three, which is the first of a new table";
}

TEST_F(InvalidationLog, WhatWasMergedEndsAlsoWhenTheProcessWasRestartedMeanwhile)
{
    test::temp_dir dir;
    options_.journal.path = dir.path() / "journal";
    auto a = start();
    redis_->kill();
    ASSERT_TRUE(eventually([&] { return a->log.status().state == contact::lost; }));
    const receipt first = a->submit(7);
    const receipt second = a->submit(7);
    a = std::make_unique<node>(options_);
    ASSERT_TRUE(a->rows.find(second.id)) << "who asks after the restart finds it";
    EXPECT_EQ(a->rows.find(second.id)->state, append_state::pending);
    a->log.start();
    redis_->restart();
    EXPECT_TRUE(eventually([&] { return a->rows.find(first.id)->state == append_state::applied; }));
    EXPECT_EQ(a->rows.find(second.id)->state, append_state::applied);
}

TEST_F(InvalidationLog, WhatIsToBeRepeatedIsAppendedOnceMoreAndUnderANumberOfItsOwn)
{
    const auto b = start();
    options_.repeat_after = 300ms;
    const auto a = start();
    const receipt first = a->submit(7, purge_mode::soft, "feed/1");
    ASSERT_TRUE(eventually([&] { return b->valid.raised(7, purge_mode::soft) > first.at; }));
    EXPECT_GE(b->valid.raised(7, purge_mode::soft) - first.at, 300'000u) << "microseconds";
    EXPECT_EQ(log_length(), 3) << "the floor, the first, the second";
    const receipt other = a->submit(8);
    ASSERT_TRUE(eventually([&] { return b->valid.raised(8, purge_mode::hard) > other.at; }));
    EXPECT_EQ(log_length(), 5) << "a repetition is not repeated";
}

TEST_F(InvalidationLog, ANodeThatIsStoppedLeavesWhatIsToBeRepeatedToItsSuccessor)
{
    test::temp_dir dir;
    const auto b = start();
    options_.repeat_after = 1h;
    options_.journal.path = dir.path() / "journal";
    auto a = start();
    const receipt first = a->submit(7);
    a.reset();
    a = start();
    EXPECT_TRUE(eventually([&] { return b->valid.raised(7, purge_mode::hard) > first.at; }));
    a.reset();
    a = start();
    EXPECT_TRUE(eventually([&] { return a->log.status().waiting == 0; }));
    EXPECT_EQ(log_length(), 3) << "the floor, the first, the second";
}

TEST_F(InvalidationLog, WhatIsBeingAppendedAsTheNodeStopsIsRepeatedToo)
{
    constexpr scope_hash n = 20;   // few enough that none is refused and waits in the journal anyway
    test::temp_dir dir;
    options_.repeat_after = 1h;
    options_.journal.path = dir.path() / "journal";
    auto a = start();
    for (scope_hash s = 1; s <= n; ++s) {
        invalidation i;
        i.scopes = {s};
        a->log.submit(std::move(i), {});
    }
    a->log.stop();
    EXPECT_EQ(a->seen.repetitions_lost, 0u);
    const node successor(options_);
    EXPECT_EQ(successor.log.status().waiting, n) << "each of them, or its repetition";
}

TEST_F(InvalidationLog, RepetitionsThatTheJournalHasNoRoomForAreTold)
{
    test::temp_dir dir;
    options_.repeat_after = 1h;
    options_.journal.path = dir.path() / "journal";
    options_.journal.max_bytes = 500;
    const auto a = start();
    for (scope_hash s = 1; s <= 10; ++s) { a->submit(s); }
    a->log.stop();
    EXPECT_GT(a->seen.repetitions_lost, 0u);
    EXPECT_EQ(node(options_).log.status().waiting + a->seen.repetitions_lost, 10u);
}

TEST_F(InvalidationLog, ItsOwnNodeIsToldOfWhatHadToWaitWhenItIsInTheLog)
{
    const auto a = start();
    redis_->kill();
    ASSERT_TRUE(eventually([&] { return a->log.status().state == contact::lost; }));
    const receipt r = a->submit(7);
    ASSERT_EQ(r.state, append_state::pending);
    EXPECT_EQ(a->seen.logged(r.id), 0);
    redis_->restart();
    EXPECT_TRUE(eventually([&] { return a->log.status().waiting == 0; }));
    EXPECT_EQ(a->seen.logged(r.id), 1);
}

TEST_F(InvalidationLog, ANodeWithoutAJournalThatIsStoppedRepeatsAtOnce)
{
    const auto b = start();
    options_.repeat_after = 1h;
    auto a = start();
    const receipt first = a->submit(7);
    a.reset();
    EXPECT_TRUE(eventually([&] { return b->valid.raised(7, purge_mode::hard) > first.at; }));
}

TEST_F(InvalidationLog, BeyondTheBoundItIsRefused)
{
    options_.max_waiting = 3;
    const auto a = start();
    redis_->kill();
    ASSERT_TRUE(eventually([&] { return a->log.status().state == contact::lost; }));
    for (scope_hash s = 1; s <= 3; ++s) { EXPECT_EQ(a->submit(s).state, append_state::pending); }
    EXPECT_EQ(a->submit(3).state, append_state::pending) << "it waits already";
    EXPECT_EQ(a->submit(4).state, append_state::refused);
}

TEST_F(InvalidationLog, WhatIsFetchedLongAfterAPurgeWithoutRedisIsGoodHere)
{
    const auto a = start();
    redis_->kill();
    ASSERT_TRUE(eventually([&] { return a->log.status().state == contact::lost; }));
    for (scope_hash s = 1; s <= 40; ++s) { a->submit(s); }   // more than there is room for above what was read
    EXPECT_FALSE(a->is_good(40, 1));
    EXPECT_TRUE(eventually([&] { return a->is_good(40, a->valid.applied()); }));
}

// ---- what nobody here has written ----

TEST_F(InvalidationLog, AMemberThatSaysNothingMakesEverythingOlderInvalid)
{
    const auto a = start();
    const sequence before = a->valid.applied();
    const receipt r = a->submit(7);
    redis_->command({"ZADD", "tcl:{inv}:table", std::to_string(r.at), "h00nonsense"});
    redis_->command({"ZADD", "tcl:{inv}:table", std::to_string(r.at), "!later"});   // a mark of another release
    const auto late = start();
    EXPECT_EQ(late->seen.malformed("member of the table"), 1);
    EXPECT_FALSE(late->is_good(99, before));
    EXPECT_TRUE(late->is_good(99, late->valid.applied()));
    EXPECT_TRUE(a->follows());
}

TEST_F(InvalidationLog, AnEntryThatSaysNothingIsMadeUpForByTheTable)
{
    const auto a = start();
    const sequence before = a->valid.applied();
    const std::string head = redis_->command({"ZSCORE", "tcl:{inv}:table", "!head"}).text;
    const std::string at = std::to_string(a->submit(6).at + 1'000);
    redis_->command({"ZADD", "tcl:{inv}:table", at, "!head", at, member_of(7, purge_mode::hard)});
    redis_->command({"XADD", "tcl:{inv}:log", at + "-0", "p", head + "x", "n", "other", "s", member_of(7, purge_mode::hard)});
    EXPECT_TRUE(eventually([&] { return !a->is_good(7, before); }));
    EXPECT_EQ(a->seen.malformed("entry of the log"), 1);
    EXPECT_TRUE(a->is_good(99, before));
    EXPECT_TRUE(eventually([&] { return a->follows(); }));
}

TEST_F(InvalidationLog, ARowThatSaysNothingIsNoNodeThatHasAppliedIt)
{
    const auto a = start();
    redis_->command({"HSET", "tcl:{inv}:nodes", "other", "12 34x"});
    const receipt r = a->submit(7);
    std::promise<bool> answer;
    a->log.wait_applied(r.at, async::steady::now(), [&](bool all, std::vector<node_state>) { answer.set_value(all); });
    EXPECT_FALSE(answer.get_future().get());
    EXPECT_EQ(a->seen.malformed("row of a node"), 1);
    EXPECT_TRUE(eventually([&] { return redis_->command({"HGET", "tcl:{inv}:nodes", "other"}).text.empty(); })) << "who lives writes it again";
}

TEST_F(InvalidationLog, ATableOfAnotherTypeIsNoContact)
{
    redis_->command({"SET", "tcl:{inv}:table", "x"});
    node a(options_);
    a.log.start();
    EXPECT_TRUE(eventually([&] { return a.log.status().problem.find("WRONGTYPE") != std::string::npos; }));
    EXPECT_FALSE(a.follows());
    redis_->command({"DEL", "tcl:{inv}:table"});
    EXPECT_TRUE(eventually([&] { return a.follows(); }));
}

// Nobody sees the raise without the entry, or the entry without the raise.
TEST_F(InvalidationLog, TableAndStreamAgreeAfterConnectionsWereCut)
{
    const auto a = start();
    std::atomic<bool> done{false};
    std::thread cutter([&] {
        while (!done) {
            try {
                redis_->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
            } catch (const std::runtime_error&) {   // busy: no answer in time
            }
        }
    });
    std::atomic<int> answered{0};
    for (scope_hash s = 1; s <= 2'000; ++s) {
        invalidation i;
        i.scopes = {s};
        a->log.submit(std::move(i), [&](const receipt& r) { answered += r.state != append_state::refused; });
    }
    EXPECT_TRUE(eventually([&] { return answered == 2'000; }, 60s));
    done = true;
    cutter.join();
    // Most of them wait by now, and go one after the other.
    ASSERT_TRUE(eventually([&] { return a->log.status().waiting == 0 && a->follows(); }, 60s))
        << a->log.status().waiting << " wait, " << a->log.status().under_way << " are under way, state "
        << static_cast<int>(a->log.status().state) << ", " << a->log.status().problem;
    std::map<std::string, std::string> by_log;
    for (const auto& e : redis_->command({"XRANGE", "tcl:{inv}:log", "-", "+"}).elements) {
        by_log[e.elements[1].elements[5].text] = e.elements[0].text.substr(0, e.elements[0].text.find('-'));
    }
    for (scope_hash s = 1; s <= 2'000; ++s) {
        const std::string member = member_of(s, purge_mode::hard);
        ASSERT_EQ(redis_->command({"ZSCORE", "tcl:{inv}:table", member}).text, by_log[member]) << s;
    }
}

}  // namespace
}  // namespace tiercel::coherence
