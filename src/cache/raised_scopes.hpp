#pragma once

// Scope -> the last sequence under which it was raised, exactly. Open addressing in 64 shards with a lock each; asked only when
// the maxima of `validity` do not settle the question. Thread: any.

#include "cache/spin_lock.hpp"

#include <tiercel/scope.hpp>

#include <array>
#include <cstddef>
#include <mutex>
#include <vector>

namespace tiercel {

class raised_scopes {
public:
    // At most so many are remembered, about.
    static constexpr std::size_t most = 1'500'000;

    // Raises, never lowers. Returns 0, or the sequence up to which scopes were forgotten to make room.
    sequence raise(scope_hash scope, purge_mode mode, sequence s);
    sequence find(scope_hash scope, purge_mode mode) const;   // 0: not known
    std::size_t size() const;
    template <class F>   // visit(scope, mode, sequence)
    void for_each(F visit) const
    {
        for (const shard& s : shards_) {
            const std::lock_guard guard(s.lock);
            for (const slot& o : s.slots) {
                if (o.key != 0) { visit(o.key & ~soft_bit, (o.key & soft_bit) != 0 ? purge_mode::soft : purge_mode::hard, o.raised); }
            }
        }
    }

private:
    static constexpr std::size_t shard_count = 64;
    static constexpr scope_hash soft_bit = scope_hash{1} << 63;   // scopes are told apart by the other 63
    struct slot {
        scope_hash key = 0;   // 0: free
        sequence raised = 0;
    };
    struct alignas(64) shard {
        mutable spin_lock lock;
        std::vector<slot> slots;
        std::size_t used = 0;
    };

    static scope_hash key_of(scope_hash scope, purge_mode mode) noexcept;
    static slot* find_slot(std::vector<slot>& slots, scope_hash key) noexcept;
    static sequence make_room(shard& s);
    static void rehash(shard& s, std::size_t size);

    std::array<shard, shard_count> shards_;
};

}  // namespace tiercel
