#include "l2/memory_tier.hpp"

#include "l2/fixtures.hpp"
#include "redis/run_task.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tiercel::l2 {
namespace {

memory_shelf::value value_of(std::string s) { return std::make_shared<const std::string>(std::move(s)); }

TEST(MemoryShelf, GivesBackWhatWasPutUntilItExpires)
{
    memory_shelf shelf(1_MiB);
    EXPECT_EQ(shelf.find("a", start), nullptr);
    shelf.put("a", value_of("one"), start + seconds(10));
    ASSERT_NE(shelf.find("a", start), nullptr);
    EXPECT_EQ(*shelf.find("a", start + seconds(9)), "one");
    shelf.put("a", value_of("two"), start + seconds(20));
    EXPECT_EQ(*shelf.find("a", start + seconds(19)), "two");
    EXPECT_EQ(shelf.size(), 4u);
    EXPECT_EQ(shelf.find("a", start + seconds(20)), nullptr);
    EXPECT_EQ(shelf.size(), 0u);
    shelf.put("a", value_of("three"), start + seconds(10));
    shelf.erase("a");
    shelf.erase("never there");
    EXPECT_EQ(shelf.find("a", start), nullptr);
    EXPECT_EQ(shelf.size(), 0u);
}

TEST(MemoryShelf, HoldsNoMoreThanItsLimitAndDropsTheOldest)
{
    memory_shelf shelf(160'000);   // 10,000 per shard
    for (int i = 0; i < 2000; ++i) {
        shelf.put("name" + std::to_string(i), value_of(std::string(500, 'v')), start + seconds(10));
        ASSERT_LE(shelf.size(), 160'000u);
    }
    EXPECT_GT(shelf.size(), 140'000u);
    EXPECT_EQ(shelf.find("name0", start), nullptr);
    EXPECT_NE(shelf.find("name1999", start), nullptr);
    shelf.put("too big", value_of(std::string(10'000, 'v')), start + seconds(10));
    EXPECT_EQ(shelf.find("too big", start), nullptr);
}

TEST(MemoryShelf, ManyThreadsShareIt)
{
    memory_shelf shelf(100'000);
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 3000; ++i) {
                const std::string name = "name" + std::to_string((i * 7 + t) % 200);
                if (i % 3 == 0) {
                    shelf.put(name, value_of("v" + name), start + seconds(10));
                } else if (i % 31 == 0) {
                    shelf.erase(name);
                } else if (const auto v = shelf.find(name, start); v && *v != "v" + name) {
                    ++wrong;
                }
            }
        });
    }
    for (std::thread& t : threads) { t.join(); }
    EXPECT_EQ(wrong, 0);
    for (int i = 0; i < 200; ++i) { shelf.erase("name" + std::to_string(i)); }
    EXPECT_EQ(shelf.size(), 0u);
}

TEST(MemoryTier, StoresOfTwoLoopsSeeTheSame)
{
    async::loop one;
    async::loop two;
    manual_clock time;
    recorder counts;
    l2_options o;
    o.kind = kind::memory;
    const auto shared = make_shared_memory(o);
    const auto first = make_store(o, {.loop = one, .time = time, .counts = counts, .memory = shared});
    const auto second = make_store(o, {.loop = two, .time = time, .counts = counts, .memory = shared});
    first->put("t", make_entry("/a"));
    const std::string key = key_of("/a");
    const entry_ptr found = redis::run(two, second->get("t", key, seeded_hash(key, seed))).stored;
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->small_body(), "body");
}

}  // namespace
}  // namespace tiercel::l2
