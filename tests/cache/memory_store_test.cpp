#include <tiercel/memory_store.hpp>

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiercel {
namespace {

using test::hash_of;
using test::key_of;
using test::make_entry;
using test::path_of;
using test::start;

// A store, and the checks after each test.
struct store_fixture : testing::Test {
    std::unique_ptr<memory_store> store;
    instant now = start;

    void make(memory_store_options o) { store = std::make_unique<memory_store>(o); }
    // One shard, with room for `count` entries of the default size.
    void make_small(std::size_t count) { make({.max_bytes = count * make_entry("/0")->footprint(), .shards = 1}); }

    bool put(std::string_view path, test::entry_options o = {}) { return store->put(make_entry(path, o), now); }
    entry_ptr find(std::string_view path)
    {
        const std::string key = key_of(path);
        return store->find(key, hash_of(key), now);
    }
    bool has(std::string_view path) { return find(path) != nullptr; }
    std::uint64_t removed(cause c) const { return store->usage().removed[static_cast<std::size_t>(c)]; }

    void TearDown() override
    {
        if (store) { store->check_invariants(); }
    }
};
using MemoryStore = store_fixture;

TEST_F(MemoryStore, FindsWhatWasPut)
{
    make({});
    EXPECT_FALSE(has("/a"));
    const entry_ptr e = make_entry("/a");
    EXPECT_TRUE(store->put(e, now));
    EXPECT_EQ(find("/a"), e);
    EXPECT_FALSE(has("/b"));
    EXPECT_EQ(store->usage().bytes, e->footprint());
    EXPECT_EQ(store->usage().entries, 1u);
}

TEST_F(MemoryStore, ComparesTheKeyAndNotOnlyTheHash)
{
    make({});
    const entry_ptr e = make_entry("/a");
    store->put(e, now);
    EXPECT_EQ(store->find(key_of("/b"), e->hash(), now), nullptr);
}

TEST_F(MemoryStore, ReturnsExpiredEntriesForTheRulesToJudge)
{
    make({});
    put("/a", {.fresh_until = start + seconds{1}});
    now += seconds{100};
    EXPECT_TRUE(has("/a"));
}

TEST_F(MemoryStore, EvictsTheLeastRecentlyUsed)
{
    make_small(3);
    for (const std::string_view path : {"/a", "/b", "/c"}) {
        put(path);
        now += seconds{10};
    }
    EXPECT_TRUE(has("/a"));
    put("/d");
    EXPECT_TRUE(has("/a"));
    EXPECT_FALSE(has("/b"));
    EXPECT_TRUE(has("/c"));
    EXPECT_TRUE(has("/d"));
    EXPECT_EQ(removed(cause::capacity), 1u);
}

TEST_F(MemoryStore, EvictsAsManyAsALargerOneNeeds)
{
    make_small(10);
    for (unsigned i = 0; i < 10; ++i) {
        put(path_of(i));
        now += seconds{1};
    }
    put("/big", {.body = 1500});
    EXPECT_TRUE(has("/big"));
    EXPECT_FALSE(has("/0"));
    EXPECT_FALSE(has("/2"));
    EXPECT_TRUE(has("/9"));
    EXPECT_LE(store->usage().bytes, store->usage().limit);
}

TEST_F(MemoryStore, ReplacesTheEntryOfTheSameKeyWhileReadersKeepTheOld)
{
    make({});
    put("/a", {.body = 10});
    const entry_ptr old = find("/a");
    put("/a", {.body = 20});
    EXPECT_EQ(find("/a")->body_size(), 20u);
    EXPECT_EQ(old->body_size(), 10u);
    EXPECT_EQ(store->usage().entries, 1u);
    EXPECT_EQ(removed(cause::replaced), 1u);
}

TEST_F(MemoryStore, PuttingTheSameEntryTwiceChangesNothing)
{
    make({});
    const entry_ptr e = make_entry("/a");
    EXPECT_TRUE(store->put(e, now));
    EXPECT_TRUE(store->put(e, now));
    EXPECT_EQ(store->usage().entries, 1u);
    EXPECT_EQ(removed(cause::replaced), 0u);
}

TEST_F(MemoryStore, AnEntryLivesInOneStoreAtATime)
{
    make({});
    memory_store other({});
    const entry_ptr e = make_entry("/a");
    EXPECT_TRUE(store->put(e, now));
    EXPECT_FALSE(other.put(e, now));
    EXPECT_TRUE(store->remove(*e, cause::invalidated));
    EXPECT_TRUE(other.put(e, now));
}

TEST_F(MemoryStore, RemovesByKeyAndByIdentity)
{
    make({});
    put("/a");
    const std::string key = key_of("/a");
    EXPECT_TRUE(store->remove(key, hash_of(key), cause::invalidated));
    EXPECT_FALSE(store->remove(key, hash_of(key), cause::invalidated));

    put("/a");
    const entry_ptr old = find("/a");
    put("/a");
    EXPECT_FALSE(store->remove(*old, cause::invalidated));
    EXPECT_TRUE(has("/a"));
    EXPECT_TRUE(store->remove(*find("/a"), cause::invalidated));
    EXPECT_FALSE(has("/a"));
    EXPECT_EQ(removed(cause::invalidated), 2u);
}

TEST_F(MemoryStore, StoresNothingWhenTurnedOff)
{
    make({.max_bytes = 0});
    EXPECT_FALSE(put("/a"));
    EXPECT_FALSE(has("/a"));
    EXPECT_EQ(store->expire(now, 100), 0u);
    EXPECT_TRUE(store->try_reserve(1 << 20));
    store->unreserve(1 << 20);
    EXPECT_EQ(store->usage().entries, 0u);
}

TEST_F(MemoryStore, RefusesWhatIsTooLargeAndKeepsWhatItHas)
{
    make({.max_bytes = 1_MiB, .max_object = 1000});
    EXPECT_TRUE(put("/a", {.body = 1000}));
    EXPECT_FALSE(put("/a", {.body = 1001}));
    EXPECT_EQ(find("/a")->body_size(), 1000u);
    make({.max_bytes = 10_KiB, .max_object = 1_MiB});
    EXPECT_FALSE(put("/a", {.body = 20'000}));
}

TEST_F(MemoryStore, FreesUselessEntries)
{
    make({});
    for (unsigned i = 0; i < 100; ++i) {
        put(path_of(i), {.fresh_until = start + seconds{i < 50 ? 5 : 50}});
    }
    EXPECT_EQ(store->expire(now, 1000), 0u);
    now += seconds{6};
    EXPECT_EQ(store->expire(now, 20), 20u);
    EXPECT_EQ(store->expire(now, 1000), 30u);
    EXPECT_EQ(store->usage().entries, 50u);
    EXPECT_EQ(removed(cause::expired), 50u);
    now += seconds{3600};
    EXPECT_EQ(store->expire(now, 1000), 50u);
    EXPECT_EQ(store->usage().bytes, 0u);
}

TEST_F(MemoryStore, LargeObjectsDoNotDrainTheShards)
{
    make({.max_bytes = 64_MiB, .shards = 64, .max_object = 8_MiB});
    for (unsigned i = 0; i < 10'000; ++i) {
        put(path_of(i), {.body = 1000});
    }
    for (unsigned i = 0; i < 20; ++i) {
        EXPECT_TRUE(put(path_of(i, "/large/"), {.body = 7u << 20}));
        now += seconds{1};
        EXPECT_LE(store->usage().bytes, 64_MiB);
    }
    EXPECT_TRUE(has("/large/19"));
    EXPECT_TRUE(has("/large/18"));
    EXPECT_FALSE(has("/large/0"));
    EXPECT_EQ(find("/large/19")->body_size(), 7u << 20);
    EXPECT_TRUE(has("/0"));
    EXPECT_TRUE(has("/9999"));
    EXPECT_TRUE(store->remove(*find("/large/19"), cause::invalidated));
}

TEST_F(MemoryStore, OneObjectOfTheLargestSizeFitsIntoTheDefaults)
{
    make({});
    EXPECT_TRUE(put("/a", {.body = 64u << 20}));
    EXPECT_TRUE(has("/a"));
}

TEST_F(MemoryStore, AKeyHasOneEntryEvenWhenItsSizeChanges)
{
    make({.max_bytes = 64_MiB, .shards = 64, .max_object = 8_MiB});
    for (const std::size_t size : {100u, 1u << 20, 200u, 1u << 20, 2u << 20, 300u}) {
        EXPECT_TRUE(put("/a", {.body = size}));
        EXPECT_EQ(find("/a")->body_size(), size);
        EXPECT_EQ(store->usage().entries, 1u);
        store->check_invariants();
    }
    EXPECT_EQ(removed(cause::replaced), 5u);
}

TEST_F(MemoryStore, LargeObjectsExpire)
{
    make({.max_bytes = 64_MiB, .shards = 64, .max_object = 8_MiB});
    put("/a", {.body = 1u << 20, .fresh_until = start + seconds{5}});
    store->expire(now, 10);
    now += seconds{7};
    EXPECT_EQ(store->expire(now, 10), 1u);
    EXPECT_EQ(store->usage().bytes, 0u);
}

TEST_F(MemoryStore, ReservationsComeOutOfTheSameBudget)
{
    make({.max_bytes = 4_MiB, .shards = 4, .max_object = 1_MiB});
    for (unsigned i = 0; i < 5000; ++i) {
        put(path_of(i), {.body = 1000});
    }
    EXPECT_GT(store->usage().bytes, 3_MiB);
    EXPECT_TRUE(store->try_reserve(1_MiB));
    EXPECT_LE(store->usage().bytes, 3_MiB);
    EXPECT_FALSE(store->try_reserve(1));
    for (unsigned i = 0; i < 5000; ++i) {
        put(path_of(i, "/x"), {.body = 1000});
    }
    EXPECT_LE(store->usage().bytes, 3_MiB);
    store->check_invariants();
    store->unreserve(1_MiB);
    EXPECT_TRUE(store->try_reserve(1));
    store->unreserve(1);
}

// ---- content that is still read --------------------------------------------------------------------------------------

TEST_F(MemoryStore, WhatIsEvictedAndStillReadCountsUntilItIsLetGo)
{
    make({.max_bytes = 16_MiB, .shards = 16, .max_object = 4_MiB});
    std::vector<entry_ptr> read;
    for (unsigned i = 0; i < 12; ++i) {
        put(path_of(i), {.body = 1'500'000});
        if (entry_ptr e = find(path_of(i))) { read.push_back(std::move(e)); }
        const memory_store_usage u = store->usage();
        ASSERT_LE(u.bytes + u.held, u.limit);
        store->check_invariants();
    }
    EXPECT_GT(store->usage().held, 4_MiB);
    EXPECT_LT(read.size(), 12u) << "when all of it is read there is no room for more";
    EXPECT_FALSE(store->try_reserve(4_MiB)) << "there is room in the quarter for reservations, and not beside what is held";
    read.clear();
    EXPECT_EQ(store->usage().held, 0u);
    EXPECT_TRUE(store->try_reserve(1));
    store->unreserve(1);
    put("/a", {.body = 1'500'000});
    EXPECT_TRUE(has("/a"));
}

TEST_F(MemoryStore, TheOthersMakeRoomForWhatIsHeld)
{
    make({.max_bytes = 16_MiB, .shards = 4, .max_object = 4_MiB});
    std::vector<entry_ptr> read;
    for (unsigned i = 0; i < 3000; ++i) {   // all of them small enough for the shards, and long enough for chunks
        put(path_of(i), {.body = 100'000});
        if (entry_ptr e = find(path_of(i)); e != nullptr && read.size() < 80) { read.push_back(std::move(e)); }
        const memory_store_usage u = store->usage();
        ASSERT_LE(u.bytes + u.held, u.limit);
    }
    store->check_invariants();
    EXPECT_GT(store->usage().held, 80u * 90'000);
    EXPECT_GT(store->usage().bytes, 7_MiB);
    read.clear();
    EXPECT_EQ(store->usage().held, 0u);
    for (unsigned i = 0; i < 300; ++i) { put(path_of(i, "/x"), {.body = 100'000}); }
    EXPECT_GT(store->usage().bytes, 15_MiB);
}

TEST_F(MemoryStore, NothingIsHeldOfWhatNobodyReads)
{
    make({.max_bytes = 16_MiB, .shards = 16, .max_object = 4_MiB});
    for (unsigned i = 0; i < 100; ++i) {
        put(path_of(i), {.body = i % 2 == 0 ? 1'500'000u : 50'000u});
        ASSERT_EQ(store->usage().held, 0u);
    }
    EXPECT_GT(removed(cause::capacity), 10u);
    EXPECT_GT(store->usage().bytes, 5_MiB);
}

// As after a 304: the new entry has the old content.
entry_ptr confirmed(const entry& old, std::string_view head)
{
    entry_parts parts;
    parts.key = old.key();
    parts.hash = old.hash();
    parts.times = old.times();
    parts.head = head;
    parts.content = old.content();
    return entry::make(parts);
}

TEST_F(MemoryStore, ConfirmingALargeObjectEvictsNothing)
{
    make({.max_bytes = 64_MiB, .shards = 64, .max_object = 15_MiB});
    EXPECT_TRUE(put("/large", {.body = 7u << 20}));
    now += seconds{1};
    EXPECT_TRUE(put("/other", {.body = 6u << 20}));   // the two fill most of the segment
    unsigned small = 0;
    for (; removed(cause::capacity) == 0; ++small) { put(path_of(small), {.body = 1000}); }
    const std::uint64_t evicted = removed(cause::capacity);

    std::string head = "HTTP/1.1 200 OK\r\n";
    for (unsigned i = 0; i < 20; ++i) {
        now += seconds{1};
        head += i < 10 ? "X: y\r\n" : "";
        EXPECT_TRUE(store->put(confirmed(*find("/large"), head), now));
        ASSERT_EQ(store->usage().held, 0u);
        store->check_invariants();
    }
    EXPECT_EQ(find("/large")->head(), head);
    EXPECT_TRUE(has("/other"));
    EXPECT_EQ(removed(cause::replaced), 20u);
    EXPECT_LE(removed(cause::capacity), evicted + 3) << "a little, for the longer heads";
}

TEST_F(MemoryStore, ALargeObjectIsConfirmedEvenWhenAllElseIsReserved)
{
    make({.max_bytes = 64_MiB, .shards = 64, .max_object = 30_MiB});
    EXPECT_TRUE(put("/large", {.body = 28u << 20}));
    EXPECT_TRUE(store->try_reserve(16_MiB));
    const entry_ptr old = find("/large");
    EXPECT_TRUE(store->put(confirmed(*old, old->head()), now));
    EXPECT_TRUE(has("/large"));
    EXPECT_NE(find("/large"), old);
    EXPECT_EQ(removed(cause::capacity), 0u);
    store->unreserve(16_MiB);
}

TEST_F(MemoryStore, ConfirmingAnObjectInAShardEvictsNothing)
{
    make({.max_bytes = 4_MiB, .shards = 1, .max_object = 3_MiB});
    EXPECT_TRUE(put("/large", {.body = 2'500'000}));
    for (unsigned i = 0; i < 100; ++i) { put(path_of(i), {.body = 1000}); }
    now += seconds{10};
    EXPECT_TRUE(store->put(confirmed(*find("/large"), find("/large")->head()), now));
    EXPECT_EQ(removed(cause::capacity), 0u);
    EXPECT_EQ(store->usage().held, 0u);
}

TEST_F(MemoryStore, ContentThatTwoEntriesShareIsHeldOnlyWhenBothAreGone)
{
    make({.max_bytes = 16_MiB, .shards = 16, .max_object = 4_MiB});
    put("/a", {.body = 1'500'000});
    entry_ptr old = find("/a");
    const std::string key = key_of("/a");
    entry_parts parts;
    parts.key = key;
    parts.hash = hash_of(key);
    parts.times.fresh_until = start + seconds{60};
    parts.content = old->content();
    EXPECT_TRUE(store->put(entry::make(parts), now));
    EXPECT_EQ(store->usage().held, 0u);
    old.reset();
    const entry_ptr reader = find("/a");
    store->remove(key, hash_of(key), cause::invalidated);
    EXPECT_EQ(store->usage().held, reader->content()->footprint());
    store->check_invariants();
}

TEST_F(MemoryStore, WhatIsNotAdmittedIsHeldWhileItIsRead)
{
    make({.max_bytes = 4_MiB, .shards = 4, .max_object = 1_MiB});
    for (unsigned i = 0; i < 5000; ++i) { put(path_of(i), {.body = 1000}); }
    entry_ptr large = make_entry("/large", {.body = 2'000'000});
    EXPECT_FALSE(store->put(large, now));
    EXPECT_FALSE(store->put(large, now));
    const memory_store_usage u = store->usage();
    EXPECT_EQ(u.held, large->content()->footprint());
    EXPECT_LE(u.bytes + u.held, u.limit);
    store->check_invariants();
    large.reset();
    EXPECT_EQ(store->usage().held, 0u);
    large = make_entry("/large", {.body = 2'000'000});
    EXPECT_FALSE(store->put(large, now));
    store.reset();   // content may outlive the store
}

TEST_F(MemoryStore, NeverHoldsMoreThanItsLimitUnderRandomOperations)
{
    std::mt19937 random(1);
    for (const std::size_t shards : {1u, 4u}) {
        make({.max_bytes = 4_MiB, .shards = shards, .max_object = 2_MiB});
        std::vector<byte_count> reserved;
        std::array<entry_ptr, 8> read;
        for (int i = 0; i < 30'000; ++i) {
            const std::string path = path_of(random() % 3000);
            now += milliseconds{random() % 50};
            switch (random() % 16) {
                case 0: store->remove(key_of(path), hash_of(key_of(path)), cause::invalidated); break;
                case 1: store->expire(now, random() % 50); break;
                case 2:
                    if (const byte_count n = random() % 300'000; store->try_reserve(n)) { reserved.push_back(n); }
                    break;
                case 3:
                    if (!reserved.empty()) {
                        store->unreserve(reserved.back());
                        reserved.pop_back();
                    }
                    break;
                case 4: case 5: case 6: find(path); break;
                case 7: read[random() % read.size()] = find(path); break;
                default: {
                    const std::size_t size = random() % 100 == 0 ? random() % 2'000'000 : random() % 10'000;
                    put(path, {.body = size, .fresh_until = now + milliseconds{random() % 60'000}});
                }
            }
            const memory_store_usage u = store->usage();
            ASSERT_LE(u.bytes + u.reserved + u.held, u.limit);
            if (i % 500 == 0) { store->check_invariants(); }
        }
        EXPECT_GT(removed(cause::capacity), 100u);
        EXPECT_GT(removed(cause::expired), 100u);
        store->check_invariants();
    }
}

TEST_F(MemoryStore, ManyThreadsAtOnceKeepItConsistentAndWithinItsLimit)
{
    make({.max_bytes = 8_MiB, .shards = 8, .max_object = 1_MiB});
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> over{0};
    std::atomic<std::uint64_t> wrong{0};
    std::jthread observer([&] {
        while (!stop) {
            if (store->usage().bytes > 8_MiB) { ++over; }
            std::this_thread::yield();
        }
    });
    {
        std::vector<std::jthread> threads;
        for (unsigned id = 0; id < 8; ++id) {
            threads.emplace_back([&, id] {
                std::mt19937 random(id);
                entry_ptr held;
                for (int i = 0; i < 3000; ++i) {
                    const std::string key = key_of(path_of(random() % 2000));
                    const hash128 hash = hash_of(key);
                    const instant t = start + milliseconds{i * 20};
                    const unsigned what = random() % 32;
                    if (what == 0) {
                        store->remove(key, hash, cause::invalidated);
                    } else if (what == 1) {
                        store->expire(t, 20);
                    } else if (what == 2 && store->try_reserve(100'000)) {
                        store->unreserve(100'000);
                    } else if (what == 3 && held) {
                        store->put(held, t);   // perhaps evicted meanwhile, perhaps not
                    } else if (what < 20) {
                        const entry_ptr e = store->find(key, hash, t);
                        if (e && e->key() != key) { ++wrong; }
                        if (e) { held = e; }
                    } else {
                        entry_parts p;
                        p.key = key;
                        p.hash = hash;
                        p.times.fresh_until = t + milliseconds{random() % 20'000};
                        const auto kind = random() % 200;
                        const std::string content(kind == 0 ? 400'000 : kind < 20 ? 40'000 : random() % 8000, 'x');
                        p.small_body = content;
                        store->put(entry::make(p), t);
                    }
                }
            });
        }
    }
    stop = true;
    observer.join();
    EXPECT_EQ(over, 0u);
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(store->usage().held, 0u);
    store->check_invariants();
}

// Exact LRU over the same sizes and the same budget.
class exact_lru {
public:
    explicit exact_lru(byte_count limit) : limit_(limit) {}

    bool touch(std::uint32_t object, byte_count size)
    {
        const auto known = where_.find(object);
        if (known != where_.end()) {
            order_.splice(order_.begin(), order_, known->second);
            return true;
        }
        while (bytes_ + size > limit_) {
            bytes_ -= order_.back().second;
            where_.erase(order_.back().first);
            order_.pop_back();
        }
        order_.emplace_front(object, size);
        where_[object] = order_.begin();
        bytes_ += size;
        return false;
    }

private:
    byte_count limit_;
    byte_count bytes_ = 0;
    std::list<std::pair<std::uint32_t, byte_count>> order_;
    std::unordered_map<std::uint32_t, decltype(order_)::iterator> where_;
};

// Zipf 1.0, lognormal sizes, a cache of 5 % of the bytes: lazy promotion and sharding may cost next to nothing.
TEST_F(MemoryStore, LazyPromotionKeepsTheHitRatioOfExactLru)
{
    constexpr std::size_t objects = 20'000;
    constexpr int requests = 200'000;
    std::mt19937_64 random(5);
    std::lognormal_distribution<double> size_distribution(6.5, 1.0);   // median 665 bytes
    std::vector<entry_ptr> entries;
    std::vector<double> cumulative;
    byte_count total = 0;
    double sum = 0;
    for (std::size_t i = 0; i < objects; ++i) {
        const double size = std::min(size_distribution(random), 30'000.0);
        entries.push_back(make_entry(path_of(i),
                                     {.body = static_cast<std::size_t>(size), .fresh_until = end_of_time}));
        total += entries.back()->footprint();
        cumulative.push_back(sum += 1.0 / static_cast<double>(i + 1));
    }
    std::uniform_real_distribution<double> uniform(0, sum);
    std::vector<std::uint32_t> trace;
    for (int i = 0; i < requests; ++i) {
        trace.push_back(static_cast<std::uint32_t>(
            std::lower_bound(cumulative.begin(), cumulative.end(), uniform(random)) - cumulative.begin()));
    }

    const byte_count limit = total / 20;
    exact_lru exact(limit);
    make({.max_bytes = limit, .shards = 1});
    int exact_hits = 0;
    int hits = 0;
    for (const std::uint32_t object : trace) {
        const entry_ptr& e = entries[object];
        now += milliseconds{1};
        exact_hits += exact.touch(object, e->footprint());
        if (store->find(e->key(), e->hash(), now)) {
            ++hits;
        } else {
            store->put(e, now);
        }
    }
    const double ratio = static_cast<double>(hits) / requests;
    const double exact_ratio = static_cast<double>(exact_hits) / requests;
    RecordProperty("hit_ratio", std::to_string(ratio));
    RecordProperty("exact_lru", std::to_string(exact_ratio));
    EXPECT_GT(exact_ratio, 0.5);
    EXPECT_NEAR(ratio, exact_ratio, 0.005);
}

}  // namespace
}  // namespace tiercel
