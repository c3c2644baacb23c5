#include "cache/raised_scopes.hpp"

#include <algorithm>
#include <utility>

namespace tiercel {

scope_hash raised_scopes::key_of(scope_hash scope, purge_mode mode) noexcept
{
    const scope_hash name = (scope & ~soft_bit) != 0 ? scope & ~soft_bit : 1;
    return mode == purge_mode::soft ? name | soft_bit : name;
}

// The slot of the key, or the free one where it belongs. REQUIRES: some slot is free.
raised_scopes::slot* raised_scopes::find_slot(std::vector<slot>& slots, scope_hash key) noexcept
{
    std::size_t at = (key >> 6) & (slots.size() - 1);   // the low bits have chosen the shard
    while (slots[at].key != 0 && slots[at].key != key) { at = (at + 1) & (slots.size() - 1); }
    return &slots[at];
}

void raised_scopes::rehash(shard& s, std::size_t size)
{
    std::vector<slot> old = std::exchange(s.slots, std::vector<slot>(size));
    for (const slot& o : old) {
        if (o.key != 0) { *find_slot(s.slots, o.key) = o; }
    }
}

// Grows up to the limit; beyond, forgets the older half.
sequence raised_scopes::make_room(shard& s)
{
    constexpr std::size_t largest = 32'768;   // 64 of 24,576 are `most`
    if (s.slots.size() < largest) {
        rehash(s, std::max<std::size_t>(64, s.slots.size() * 2));
        return 0;
    }
    std::vector<sequence> all;
    for (const slot& o : s.slots) {
        if (o.key != 0) { all.push_back(o.raised); }
    }
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    const sequence forgotten = *middle;
    for (slot& o : s.slots) {
        if (o.raised <= forgotten) { o = slot(); }
    }
    s.used = static_cast<std::size_t>(std::count_if(s.slots.begin(), s.slots.end(), [](const slot& o) { return o.key != 0; }));
    rehash(s, largest);   // closes the gaps in the chains
    return forgotten;
}

sequence raised_scopes::raise(scope_hash scope, purge_mode mode, sequence to)
{
    const scope_hash key = key_of(scope, mode);
    shard& s = shards_[key % shard_count];
    const std::lock_guard guard(s.lock);
    sequence forgotten = 0;
    if (s.used >= s.slots.size() / 4 * 3) { forgotten = make_room(s); }
    slot& at = *find_slot(s.slots, key);
    if (at.key == 0) {
        at.key = key;
        ++s.used;
    }
    at.raised = std::max(at.raised, to);
    return forgotten;
}

sequence raised_scopes::find(scope_hash scope, purge_mode mode) const
{
    const scope_hash key = key_of(scope, mode);
    const shard& s = shards_[key % shard_count];
    const std::lock_guard guard(s.lock);
    if (s.slots.empty()) { return 0; }
    std::size_t at = (key >> 6) & (s.slots.size() - 1);
    while (s.slots[at].key != 0 && s.slots[at].key != key) { at = (at + 1) & (s.slots.size() - 1); }
    return s.slots[at].raised;
}

std::size_t raised_scopes::size() const
{
    std::size_t n = 0;
    for (const shard& s : shards_) {
        const std::lock_guard guard(s.lock);
        n += s.used;
    }
    return n;
}

}  // namespace tiercel
