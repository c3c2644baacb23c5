#pragma once

// Short-lived notes about keys, in memory of constant size: "its answers may not be shared" (hit-for-miss), so that later
// requests skip the queue; and "its origin gave no answer a moment ago", so that repeats fail fast.
//
// A direct-mapped table: a note may be overwritten by another key's, which costs one needless queueing, never a wrong
// answer. 64 Ki slots of 32 bytes. Thread: any; each slot guards itself by its stripe's lock.

#include <tiercel/cache_key.hpp>
#include <tiercel/clock.hpp>
#include <tiercel/error.hpp>

#include <array>
#include <mutex>
#include <optional>
#include <vector>

namespace tiercel::flow {

class mark_table {
public:
    mark_table() : slots_(slot_count) {}

    // The key's answers may not be shared until then.
    void mark_uncacheable(const hash128& key, instant until);
    void clear(const hash128& key);
    bool is_uncacheable(const hash128& key, instant now) const;

    // The origin gave no answer at all for this key: repeats get the same error for `base`, doubling up to ten times that.
    void note_failure(const hash128& key, errc why, instant now, milliseconds base);
    std::optional<errc> recent_failure(const hash128& key, instant now) const;

private:
    static constexpr std::size_t slot_count = 64 * 1024;
    static constexpr std::size_t stripes = 64;

    struct slot {
        hash128 key;
        instant until{};
        std::int32_t last_ms = 0;     // length of the last failure note, for doubling
        errc failure{};               // errc{}: a mark
    };

    std::size_t at(const hash128& key) const noexcept { return key.lo % slot_count; }

    std::vector<slot> slots_;
    mutable std::array<std::mutex, stripes> locks_;
};

}  // namespace tiercel::flow
