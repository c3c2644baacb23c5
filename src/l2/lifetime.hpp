#pragma once

// How long the shared tier keeps an entry.

#include <tiercel/entry.hpp>

namespace tiercel::l2 {

// Beyond its freshness an entry is kept as long as any stale use of it is allowed, at least a minute: it can still be
// revalidated by its validator. Never more than `max_life`; not positive when there is nothing left to keep it for.
milliseconds time_to_live(const entry_times& times, instant now, milliseconds max_life) noexcept;

}  // namespace tiercel::l2
