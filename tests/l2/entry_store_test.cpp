#include "l2/entry_store.hpp"

#include "cache/entry_codec.hpp"
#include "cache/entry_copy.hpp"
#include "l2/fixtures.hpp"
#include "l2/redis_name.hpp"
#include "redis/run_task.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace tiercel::l2 {
namespace {

// A tier that the test looks into, and that fails as the test wants.
class fake_tier final : public tier {
public:
    void start() override { ++started; }
    async::task<> stop() override
    {
        ++stopped;
        co_return;
    }
    std::optional<errc> read_refusal() const override { return refusal; }
    std::optional<errc> write_refusal() const override { return refusal; }
    async::task<result<std::optional<std::string>>> read(std::string name) override
    {
        ++reads;
        if (during_read) { during_read(); }
        if (failure) { co_return *failure; }
        const auto i = held.find(name);
        if (i == held.end()) { co_return std::optional<std::string>(); }
        co_return std::optional<std::string>(i->second);
    }
    async::task<std::vector<result<std::optional<std::string>>>> read_all(std::vector<std::string> names) override
    {
        std::vector<result<std::optional<std::string>>> all;
        for (const std::string& name : names) {
            result<std::optional<std::string>> one = co_await read(name);
            all.push_back(std::move(one));
        }
        co_return all;
    }
    async::task<result<lookup>> look_up(std::span<const scope_hash>, validity&) override
    {
        ++lookups;
        co_return lookup_says;
    }
    void write(std::string name, std::string bytes, milliseconds life, write_handler done) override
    {
        ++writes;
        last_life = life;
        if (!failure) { held[name] = std::move(bytes); }
        if (before_answer) { before_answer(); }
        done(failure);
    }
    void erase(std::string name, write_handler done) override
    {
        ++erases;
        held.erase(name);
        done(failure);
    }
    std::optional<milliseconds> shared_minus_local() const override { return offset; }
    state current() const override { return state::up; }
    void set_timeout(milliseconds t) override { timeout = t; }

    std::map<std::string, std::string> held;
    std::function<void()> before_answer;   // of a write
    std::function<void()> during_read;
    result<lookup> lookup_says = lookup::known;
    int lookups = 0;
    std::optional<errc> refusal;
    std::optional<errc> failure;
    std::optional<milliseconds> offset = milliseconds(12'345);
    milliseconds last_life{0};
    milliseconds timeout{0};
    int started = 0, stopped = 0, reads = 0, writes = 0, erases = 0;
};

class EntryStore : public testing::Test {
protected:
    EntryStore()
    {
        auto t = std::make_unique<fake_tier>();
        tier_ = t.get();
        l2_options o;
        o.max_value = 100'000;
        store_.emplace(o, store_context{.loop = loop_, .time = time_, .counts = counts_, .memory = nullptr, .valid = &valid_}, std::move(t));
    }
    entry_ptr get(std::string_view path)
    {
        const std::string key = key_of(path);
        found_entry found = redis::run(loop_, store_->get("t", key, seeded_hash(key, seed)));
        failed_ = found.failed;
        return std::move(found.stored);
    }
    int failures(op o, reason why) { return counts_.failures[{o, why}]; }
    std::string name_of_path(std::string_view path) { return entry_name("tcl", "t", key_of(path)); }

    bool failed_ = false;   // the last get()
    async::loop loop_;
    manual_clock time_;
    recorder counts_;
    validity valid_;
    fake_tier* tier_ = nullptr;
    std::optional<entry_store> store_;
};

TEST_F(EntryStore, WhatWasPutComesBackWithItsStamp)
{
    store_->put("t", make_entry("/a"));
    const entry_ptr e = get("/a");
    ASSERT_NE(e, nullptr);
    EXPECT_EQ(e->key(), key_of("/a"));
    EXPECT_EQ(e->small_body(), "body");
    EXPECT_EQ(e->times().fresh_until, start + seconds(60));
    EXPECT_EQ(e->hash(), seeded_hash(key_of("/a"), seed));
    EXPECT_EQ(e->stamp(), 3u) << "the writer's";
    EXPECT_EQ(tier_->last_life, seconds(120));
    EXPECT_EQ(get("/b"), nullptr);
    EXPECT_FALSE(failed_);
    EXPECT_EQ(counts_.calls[op::get], 2);
    EXPECT_EQ(counts_.calls[op::set], 1);
    EXPECT_EQ(counts_.total_failures(), 0) << "a miss is no failure";
}

// The log has not been read up yet when contact is back.
TEST_F(EntryStore, WhatIsReadBlindlyIsLookedUpAlthoughContactComesBackMeanwhile)
{
    const entry_ptr plain = make_entry("/a");
    const scope_hash scopes[] = {7};
    entry_parts parts = parts_of(*plain);
    parts.scopes = scopes;
    store_->put("t", entry::make(parts));
    valid_.set_contact(contact::blind);
    tier_->during_read = [&] { valid_.set_contact(contact::resumed); };
    EXPECT_NE(get("/a"), nullptr);
    EXPECT_EQ(tier_->lookups, 1);
    valid_.set_contact(contact::blind);
    const std::string key = key_of("/a");
    const wanted both[] = {{key, seeded_hash(key, seed)}, {key, seeded_hash(key, seed)}};
    EXPECT_NE(redis::run(loop_, store_->get_all("t", both)).stored[1], nullptr);
    EXPECT_EQ(tier_->lookups, 2);
}

TEST_F(EntryStore, ALookUpHasCountsOfItsOwnAndSaysWhyItWasOfNoUse)
{
    store_->put("t", make_entry("/a"));
    valid_.set_contact(contact::blind);
    EXPECT_NE(get("/a"), nullptr);
    EXPECT_EQ(counts_.calls[op::get], 1);
    EXPECT_EQ(counts_.calls[op::lookup], 1);
    EXPECT_EQ(counts_.total_failures(), 0);
    const scope_hash scopes[] = {7};
    tier_->lookup_says = lookup::unreliable;
    EXPECT_EQ(redis::run(loop_, store_->look_up(scopes)), lookup::unreliable);
    EXPECT_EQ(failures(op::lookup, reason::table), 1);
    tier_->lookup_says = errc::redis_timeout;
    EXPECT_EQ(redis::run(loop_, store_->look_up(scopes)), lookup::unreachable);
    EXPECT_EQ(failures(op::lookup, reason::timeout), 1);
    EXPECT_EQ(get("/a"), nullptr);
    EXPECT_TRUE(failed_);
    EXPECT_EQ(counts_.total_failures(), 3);
    EXPECT_EQ(failures(op::get, reason::down), 0);
}

TEST_F(EntryStore, TimesAreOnTheSharedClock)
{
    store_->put("t", make_entry("/a"));
    tier_->offset = milliseconds(12'345 - 5'000);   // an instance whose clock runs five seconds ahead of the writer's
    const entry_ptr e = get("/a");
    ASSERT_NE(e, nullptr);
    EXPECT_EQ(e->times().fresh_until, start + seconds(65));
}

TEST_F(EntryStore, TenantsDoNotShare)
{
    store_->put("t", make_entry("/a"));
    const std::string key = key_of("/a");
    EXPECT_EQ(redis::run(loop_, store_->get("u", key, seeded_hash(key, seed))).stored, nullptr);
}

TEST_F(EntryStore, RemovedIsGone)
{
    store_->put("t", make_entry("/a"));
    store_->remove("t", key_of("/a"));
    EXPECT_EQ(get("/a"), nullptr);
    EXPECT_EQ(counts_.calls[op::del], 1);
}

TEST_F(EntryStore, WhatWasInvalidatedWhileItWasWrittenIsRemovedAgain)
{
    const scope_hash scope = 5;
    entry_parts p;
    const std::string key = key_of("/a");
    p.key = key;
    p.times.received = start;
    p.times.fresh_until = start + seconds(60);
    p.stamp = valid_.applied();
    p.scopes = std::span(&scope, 1);
    p.head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    const entry_ptr e = entry::make(p);
    store_->put("t", e);
    EXPECT_NE(get("/a"), nullptr);
    tier_->before_answer = [&] { valid_.raise(scope); };
    store_->put("t", e);
    EXPECT_EQ(get("/a"), nullptr);
    EXPECT_EQ(tier_->erases, 1);
}

TEST_F(EntryStore, EachRefusalCostsNothingAndIsCounted)
{
    struct row {
        errc e;
        reason why;
    };
    for (const row& t : {row{errc::redis_breaker, reason::breaker}, row{errc::redis_down, reason::down},
                         row{errc::redis_overload, reason::overload}, row{errc::draining, reason::down}}) {
        tier_->refusal = t.e;
        counts_.failures.clear();
        EXPECT_EQ(get("/a"), nullptr);
        EXPECT_TRUE(failed_);
        store_->put("t", make_entry("/a"));
        store_->remove("t", key_of("/a"));
        for (const op o : {op::get, op::set, op::del}) { EXPECT_EQ(failures(o, t.why), 1); }
        EXPECT_EQ(counts_.total_failures(), 3);
    }
    EXPECT_EQ(tier_->reads + tier_->writes + tier_->erases, 0);
}

TEST_F(EntryStore, EachFailureIsAMissOrALostWriteAndIsCounted)
{
    struct row {
        errc e;
        reason why;
    };
    for (const row& t : {row{errc::redis_timeout, reason::timeout}, row{errc::redis_down, reason::down},
                         row{errc::redis_reply, reason::reply}}) {
        tier_->failure = t.e;
        counts_.failures.clear();
        EXPECT_EQ(get("/a"), nullptr);
        store_->put("t", make_entry("/a"));
        store_->remove("t", key_of("/a"));
        for (const op o : {op::get, op::set, op::del}) { EXPECT_EQ(failures(o, t.why), 1); }
        EXPECT_EQ(counts_.total_failures(), 3);
    }
}

TEST_F(EntryStore, WithoutACommonClockNothingGoesInOrOut)
{
    store_->put("t", make_entry("/a"));
    tier_->offset.reset();
    EXPECT_EQ(get("/a"), nullptr);
    store_->put("t", make_entry("/b"));
    EXPECT_EQ(tier_->writes, 1);
    EXPECT_EQ(failures(op::get, reason::down), 1);
    EXPECT_EQ(failures(op::set, reason::down), 1);
}

TEST_F(EntryStore, AnyDamagedByteIsAMissCountedAndDeleted)
{
    store_->put("t", make_entry("/a"));
    const std::string name = name_of_path("/a");
    const std::string good = tier_->held.at(name);
    int kept = 0;
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x10);
        tier_->held[name] = bad;
        counts_.failures.clear();
        ASSERT_EQ(get("/a"), nullptr) << i;
        EXPECT_EQ(counts_.total_failures(), 1);
        if (tier_->held.contains(name)) {
            ++kept;
            EXPECT_EQ(failures(op::get, reason::version), 1) << "only another release's value is kept";
        } else {
            EXPECT_EQ(failures(op::get, reason::checksum), 1) << i;
        }
    }
    EXPECT_EQ(kept, 1) << "the byte of the major version";
}

TEST_F(EntryStore, OddValuesAreJudgedByWhatTheyAre)
{
    store_->put("t", make_entry("/a"));
    const std::string name = name_of_path("/a");
    const std::string good = tier_->held.at(name);
    std::string next_major = good;
    next_major[2] = static_cast<char>(next_major[2] + 1);
    struct row {
        std::string bytes;
        reason why;
        bool kept;
    };
    for (const row& t : {row{"", reason::checksum, false}, row{"garbage", reason::checksum, false},
                         row{std::string(1000, 'g'), reason::checksum, false},
                         row{good.substr(0, good.size() - 1), reason::checksum, false}, row{good + "x", reason::checksum, false},
                         row{next_major, reason::version, true},
                         row{encode(*make_entry("/other"), *tier_->offset), reason::key, true}}) {
        tier_->held[name] = t.bytes;
        counts_.failures.clear();
        EXPECT_EQ(get("/a"), nullptr);
        EXPECT_EQ(failures(op::get, t.why), 1) << name_of(t.why);
        EXPECT_EQ(tier_->held.contains(name), t.kept) << name_of(t.why);
    }
    store_->put("t", make_entry("/a", "again"));
    ASSERT_NE(get("/a"), nullptr) << "the next fill overwrites whatever was there";
}

TEST_F(EntryStore, WhatIsTooLargeOrUselessIsNotSent)
{
    store_->put("t", make_entry("/a", std::string(20'000, 'b'), seconds(-60)));
    EXPECT_EQ(counts_.total_failures(), 0) << "nothing left to keep it for";
    store_->put("t", make_entry("/a", std::string(100'001, 'b')));
    store_->put("t", make_entry("/a", std::string(99'990, 'b')));
    EXPECT_EQ(tier_->writes, 0);
    EXPECT_EQ(failures(op::set, reason::too_large), 2) << "the limit is for the encoded value";
    store_->put("t", make_entry("/a", std::string(99'000, 'b')));
    EXPECT_EQ(tier_->writes, 1);
}

TEST_F(EntryStore, LifeIsCapped)
{
    store_->put("t", make_entry("/a", "body", seconds(30 * 86400)));
    EXPECT_EQ(tier_->last_life, seconds(86400));
}

TEST_F(EntryStore, StartStopAndTimeoutReachTheTier)
{
    store_->start();
    store_->set_timeout(milliseconds(7));
    redis::run(loop_, store_->stop());
    EXPECT_EQ(tier_->started, 1);
    EXPECT_EQ(tier_->stopped, 1);
    EXPECT_EQ(tier_->timeout, milliseconds(7));
}

TEST(MakeStore, NoneIsAlwaysAMiss)
{
    async::loop loop;
    manual_clock time;
    recorder counts;
    l2_options o;
    o.kind = kind::none;
    const auto s = make_store(o, {.loop = loop, .time = time, .counts = counts, .memory = make_shared_memory(o)});
    s->start();
    s->put("t", make_entry("/a"));
    const std::string key = key_of("/a");
    EXPECT_EQ(redis::run(loop, s->get("t", key, seeded_hash(key, seed))).stored, nullptr);
    EXPECT_EQ(s->current(), state::off);
    redis::run(loop, s->stop());
    EXPECT_EQ(counts.total_failures(), 0);
}

TEST(MakeStore, ABadUrlIsRefusedAtStart)
{
    async::loop loop;
    manual_clock time;
    recorder counts;
    l2_options o;
    o.url = "rediss://cache";
    EXPECT_THROW(make_store(o, {.loop = loop, .time = time, .counts = counts, .memory = nullptr}), std::invalid_argument);
}

TEST(Names, AreAllThereAndDistinct)
{
    std::map<std::string_view, int> seen;
    for (int i = 0; i < static_cast<int>(reason::last_); ++i) { ++seen[name_of(static_cast<reason>(i))]; }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(reason::last_));
    EXPECT_EQ(name_of(reason::checksum), "checksum");
    EXPECT_EQ(name_of(reason::too_large), "too_large");
    EXPECT_EQ(name_of(op::del), "del");
    EXPECT_EQ(name_of(state::open), "open");
}

}  // namespace
}  // namespace tiercel::l2
