#pragma once

// What becomes useless at which second. A hashed timing wheel (Varghese and Lauck, 1987): a ring of 512 slots of one second;
// an entry lies in the slot of its last useful second modulo 512. Each second one slot is looked through; entries that are
// due in a later round stay. Insertion and removal are O(1), a look at an entry happens once in 512 s at most, and the work of
// one call is bounded: a slot that holds too much is continued by the next call.

#include "cache/store_access.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tiercel {

// When the store lets go of an entry: nobody can be served from it any more, and if it has a validator, the origin has had
// some more time to confirm it. The names of selecting fields stay as long as the answers that they lead to.
instant useless_from(const entry& e) noexcept;
instant useless_from(const entry_times& times, entry_flag flags) noexcept;

class expiry_wheel {
public:
    // Entries that are never useless are not taken.
    void insert(const entry& e) noexcept;
    // Does nothing when e is not on the wheel.
    void remove(const entry& e) noexcept;

    // The next entry that is useless at `now`, or null when there is none or `looks` (decremented per entry seen) are used up.
    // The entry stays on the wheel; the caller removes it.
    const entry* next_due(instant now, std::size_t& looks) noexcept;

    std::size_t size() const noexcept { return size_; }

private:
    static constexpr std::size_t slot_count = 512;

    void link(const entry& e, const entry*& head) noexcept;
    void unlink(const entry& e) noexcept;
    const entry*& slot_of(const entry& e) noexcept;

    std::array<const entry*, slot_count> slots_{};
    const entry* pending_ = nullptr;   // what is left of the slot being looked through
    std::int64_t tick_ = 0;            // the last second whose slot was begun
    bool started_ = false;
    std::size_t size_ = 0;
};

}  // namespace tiercel
