#include "flow/marks.hpp"

#include <algorithm>

namespace tiercel::flow {

void mark_table::mark_uncacheable(const hash128& key, instant until)
{
    const std::size_t i = at(key);
    const std::lock_guard hold(locks_[i % stripes]);
    slots_[i] = slot{key, until, 0, errc{}};
}

void mark_table::clear(const hash128& key)
{
    const std::size_t i = at(key);
    const std::lock_guard hold(locks_[i % stripes]);
    if (slots_[i].key == key) {
        slots_[i] = slot{};
    }
}

bool mark_table::is_uncacheable(const hash128& key, instant now) const
{
    const std::size_t i = at(key);
    const std::lock_guard hold(locks_[i % stripes]);
    return slots_[i].key == key && slots_[i].failure == errc{} && now < slots_[i].until;
}

void mark_table::note_failure(const hash128& key, errc why, instant now, milliseconds base)
{
    if (base.count() <= 0) {
        return;
    }
    const std::size_t i = at(key);
    const std::lock_guard hold(locks_[i % stripes]);
    slot& s = slots_[i];
    const bool again = s.key == key && s.failure != errc{} && now < s.until + base * 10;
    const milliseconds length = again ? std::min(milliseconds(s.last_ms) * 2, base * 10) : base;
    s = slot{key, now + length, static_cast<std::int32_t>(length.count()), why};
}

std::optional<errc> mark_table::recent_failure(const hash128& key, instant now) const
{
    const std::size_t i = at(key);
    const std::lock_guard hold(locks_[i % stripes]);
    const slot& s = slots_[i];
    if (s.key == key && s.failure != errc{} && now < s.until) {
        return s.failure;
    }
    return std::nullopt;
}

}  // namespace tiercel::flow
