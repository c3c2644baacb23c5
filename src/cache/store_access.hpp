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
    static std::atomic<bool>& linked(const entry& e) noexcept { return e.linked_; }
};

}  // namespace tiercel
