#include "cache/slot_table.hpp"

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace tiercel {
namespace {

// An entry whose hash is chosen, so that runs, wraps and full collisions can be made at will.
entry_ptr with_hash(std::string_view key, std::uint64_t lo, std::uint64_t hi = 0)
{
    entry_parts p;
    p.key = key;
    p.hash = {.hi = hi, .lo = lo};
    return entry::make(p);
}

TEST(SlotTable, ComparesTheWholeKeyWhenHashesAreEqual)
{
    slot_table t;
    const entry_ptr a = with_hash("a", 5);
    const entry_ptr b = with_hash("b", 5);
    t.insert(*a);
    EXPECT_EQ(t.find("b", b->hash()), nullptr);
    t.insert(*b);
    EXPECT_EQ(t.find("a", a->hash()), a.get());
    EXPECT_EQ(t.find("b", b->hash()), b.get());
    EXPECT_EQ(t.find("a", {.hi = 1, .lo = 5}), nullptr);
    EXPECT_TRUE(t.erase(*a));
    EXPECT_FALSE(t.erase(*a));
    EXPECT_EQ(t.find("a", a->hash()), nullptr);
    EXPECT_EQ(t.find("b", b->hash()), b.get());
}

TEST(SlotTable, AgreesWithAMapUnderRandomOperationsOnCollidingHashes)
{
    std::mt19937 random(1);
    slot_table t;
    std::map<std::string, entry_ptr> model;
    for (int i = 0; i < 20'000; ++i) {
        const std::string key = std::to_string(random() % 300);
        // 40 homes near the end of the first table: long runs that wrap around.
        const std::uint64_t home = 50 + std::hash<std::string>()(key) % 40;
        const auto known = model.find(key);
        ASSERT_EQ(t.find(key, {.lo = home}), known == model.end() ? nullptr : known->second.get());
        if (known != model.end()) {
            ASSERT_TRUE(t.erase(*known->second));
            model.erase(known);
        } else if (random() % 3 != 0) {
            const entry_ptr e = with_hash(key, home);
            t.prepare_insert();
            t.insert(*e);
            model.emplace(key, e);
        }
        ASSERT_EQ(t.size(), model.size());
    }
    for (const auto& [key, e] : model) {
        EXPECT_EQ(t.find(key, e->hash()), e.get());
    }
}

}  // namespace
}  // namespace tiercel
