#pragma once

// L1: the in-process tier. One table for all threads, striped into shards with a spin lock each; entries are immutable and
// counted, so a reader never waits for a writer longer than one probe. Bounded in bytes, not in objects.

#include <tiercel/entry.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

namespace tiercel {

// Why an entry left: the label of l1_evictions_total.
enum class cause : std::uint8_t { capacity, expired, replaced, invalidated, last_ };
std::string_view name_of(cause c) noexcept;

struct memory_store_options {
    byte_count max_bytes = 256ull << 20;     // 0 turns the tier off: find() finds nothing, put() stores nothing
    std::size_t shards = 64;                 // power of two; lowered by itself when shards would be too small for objects
    byte_count max_object = 64ull << 20;     // entries with a larger body are not stored
};

struct memory_store_usage {
    byte_count bytes = 0;                    // stored entries, with all that their memory costs; at no time above limit
    byte_count reserved = 0;                 // what try_reserve() holds; stored entries make room for it
    byte_count held = 0;                     // long content that left the store and is still being read; likewise
    byte_count limit = 0;
    std::size_t entries = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(cause::last_)> removed{};
};

// Thread: all calls from any thread. No call allocates or frees under a lock except put(), which may grow a table.
// Fixed cost beside the budget: about 5 KiB per shard.
class memory_store {
public:
    explicit memory_store(memory_store_options o);
    ~memory_store();
    memory_store(const memory_store&) = delete;
    memory_store& operator=(const memory_store&) = delete;

    // Full key compared; counts as a use (LRU, lazily promoted). Expired entries are returned too: reuse rules decide.
    // No allocation.
    entry_ptr find(std::string_view key, const hash128& hash, instant now) noexcept;
    // Stores or replaces. Evicts until it fits, then links; the limit is never exceeded. False when not admitted: too large,
    // no room beside what is held, or in another store (an entry lives in one store at a time). Long content is held then.
    bool put(entry_ptr e, instant now);
    // Removes the entry of that key, if any.
    bool remove(std::string_view key, const hash128& hash, cause why) noexcept;
    // Removes exactly this entry (and not one that replaced it meanwhile).
    bool remove(const entry& e, cause why) noexcept;
    // Frees up to `limit` entries that can no longer serve anybody; called about once a second.
    std::size_t expire(instant now, std::size_t limit);

    // Makes room in the budget for memory that others hold for the tier's sake (unfinished fills), evicting as needed. False, and
    // nothing reserved, when all reservations together would exceed a quarter of the limit, or when too much is held. Always
    // true when the tier is off.
    bool try_reserve(byte_count bytes) noexcept;
    // Gives back. REQUIRES: so much is reserved.
    void unreserve(byte_count bytes) noexcept;
    // Counts content that will not be stored, or not so soon, against the limit, as long as somebody has it. Null: nothing to do.
    void hold(const body_ptr& content) noexcept;

    memory_store_usage usage() const noexcept;
    // Aborts when counts, lists and table disagree; for tests.
    void check_invariants() const;

private:
    struct shard;
    class victim_list;
    class stay;

    shard& shard_of(const hash128& hash) const noexcept;
    byte_count shard_limit() const noexcept;
    bool is_large(const entry& e) const noexcept { return large_ && e.footprint() > largest_in_shard_; }
    bool put_small(entry_ptr e, instant now);
    bool put_large(entry_ptr e, instant now);
    byte_count make_large_room(byte_count need, const entry* old, instant now, victim_list& victims) noexcept;
    bool has_room_for(byte_count bytes) const noexcept;
    void take_from_shards(byte_count bytes) noexcept;
    void fit_shards() noexcept;
    template <class Finder>
    bool remove_in(shard& s, cause why, Finder find_entry) noexcept;
    void unlink(shard& s, const entry& e, cause why, victim_list& victims) noexcept;
    void link(shard& s, entry_ptr e, instant now) noexcept;
    std::size_t expire_in(shard& s, instant now, std::size_t limit);

    memory_store_options options_;
    std::size_t shard_count_ = 0;            // 0: the tier is off
    std::size_t mask_ = 0;
    std::unique_ptr<shard[]> shards_;
    // Objects that would fill a shard have a segment of their own; null when there is one shard, which takes everything.
    std::unique_ptr<shard> large_;
    byte_count largest_in_shard_ = 0;
    byte_count large_limit_ = 0;
    std::mutex large_put_;                   // one large object finds its place at a time
    std::atomic<std::size_t> large_entries_{0};

    // What the shards may not use: the large segment and the reservations; and what is held.
    std::atomic<byte_count> taken_{0};
    std::atomic<byte_count> reserved_{0};
    std::shared_ptr<held_bytes> held_ = std::make_shared<held_bytes>(0);
    std::atomic<byte_count> stored_{0};
    std::atomic<std::size_t> expire_from_{0};
};

}  // namespace tiercel
