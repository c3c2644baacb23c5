#pragma once

#include <tiercel/entry.hpp>

namespace tiercel {

// The one door to the bookkeeping fields inside an entry, for the parts of a store. All under the lock of the shard.
struct store_access {
    using lru_hook = entry::lru_hook;
    using wheel_hook = entry::wheel_hook;

    static lru_hook& lru(const entry& e) noexcept { return e.lru_; }
    static wheel_hook& wheel(const entry& e) noexcept { return e.wheel_; }
    static std::uint32_t& promoted(const entry& e) noexcept { return e.promoted_; }
    // Does anybody else have it, or its content? Under the lock nobody can get it from the store.
    static bool is_read(const entry& e) noexcept
    {
        return e.references_.load(std::memory_order_relaxed) > 1 || (e.content_ != nullptr && e.content_->is_shared());
    }
    static std::atomic<bool>& linked(const entry& e) noexcept { return e.linked_; }
};

}  // namespace tiercel
