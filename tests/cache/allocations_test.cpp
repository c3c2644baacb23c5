// What the hit path may not do: allocate. Counts by replacing operator new for the whole test program.

#include <tiercel/memory_store.hpp>

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

namespace {

thread_local std::uint64_t allocations = 0;

}  // namespace

// Not inlined: the compiler would see malloc() matched by operator delete(), and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size)
{
    ++allocations;
    if (void* memory = std::malloc(size)) { return memory; }
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tiercel {
namespace {

using test::hash_of;
using test::key_of;
using test::make_entry;
using test::start;

TEST(Allocations, AHitInTheStoreMakesNone)
{
    memory_store store({});
    for (const std::string_view path : {"/a", "/b", "/c"}) {
        store.put(make_entry(path), start);
    }
    const std::string key = key_of("/a");
    const hash128 hash = hash_of(key);
    const std::uint64_t before = allocations;
    std::size_t hits = 0;
    for (int i = 1; i <= 10; ++i) {
        hits += store.find(key, hash, start + i * seconds{100}) != nullptr;
    }
    EXPECT_EQ(allocations, before);
    EXPECT_EQ(hits, 10u);
    EXPECT_GT(before, 0u);
}

TEST(Allocations, AMissInTheStoreMakesNone)
{
    memory_store store({});
    const std::string key = key_of("/a");
    const hash128 hash = hash_of(key);
    const std::uint64_t before = allocations;
    const bool found = store.find(key, hash, start) != nullptr;
    EXPECT_EQ(allocations, before);
    EXPECT_FALSE(found);
}

TEST(Allocations, BuildingAndHashingAKeyMakesNoneWithinCapacity)
{
    std::string key;
    key.reserve(200);
    const std::uint64_t before = allocations;
    append_key(key, {.tenant = "t", .scheme = "http", .host = "example.com", .path = "/a", .query = "b", .has_query = true});
    append_secondary(key, "accept-encoding", "gzip", true);
    const hash128 hash = hash_of(key);
    const scope_hash scope = hash_scope(scope_kind::url, "t", key);
    EXPECT_EQ(allocations, before);
    EXPECT_NE(hash.lo, scope);
}

}  // namespace
}  // namespace tiercel
