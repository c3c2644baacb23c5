#include "flow/standing.hpp"

#include "cache/entry_copy.hpp"

#include <algorithm>

namespace tiercel::flow {
namespace {

// Everything that is counted from the end of freshness is counted from `since`, if that is earlier. An answer from L2 may seem to have been
// received a moment after `now`, by what the sampling of Redis's clock leaves: it has expired all the same.
entry_ptr expired_copy(const entry& e, instant since, instant now, sequence judged)
{
    const entry_times& t = e.times();
    entry_parts parts = parts_of(e);
    const milliseconds earlier = std::max(milliseconds(0), t.fresh_until - std::min(now, std::max(since, t.received)));
    parts.times.fresh_until = t.fresh_until - earlier;
    parts.times.swr_until = std::max(parts.times.fresh_until, t.swr_until - earlier);
    parts.times.sie_until = std::max(parts.times.fresh_until, t.sie_until - earlier);
    parts.times.unreachable_until = std::max(parts.times.fresh_until, t.unreachable_until - earlier);
    parts.stamp = std::max(e.stamp(), judged);
    entry_ptr made = entry::make(parts);
    made->revisit_like(e);
    return made;
}

}  // namespace

entry_ptr as_it_stands(const entry_ptr& e, instant now, const process_context& p)
{
    const sequence applied = p.valid.applied();   // before the look: whatever is later is looked for again
    const standing s = p.valid.judge(e->scopes(), e->stamp());
    if (s.what == standing::is::gone) { return nullptr; }
    // A descriptor tells where answers lie; each of them is judged for itself.
    if (s.what == standing::is::good || e->is(entry_flag::vary_descriptor)) { return e; }
    return expired_copy(*e, p.valid.time_of(s.since, now), now, std::max(applied, s.since));
}

entry_ptr stored_as_it_stands(entry_ptr e, instant now, process_context& p)
{
    const std::uint64_t seen = p.valid.version();
    if (e == nullptr || e->checked().load(std::memory_order_acquire) == seen) { return e; }
    if (p.valid.contact() == contact::resumed) { return nullptr; }   // it may well be good, but nobody knows
    entry_ptr left = as_it_stands(e, now, p);
    if (left == nullptr) {
        p.l1.remove(*e, cause::invalidated);
        return left;
    }
    left->checked().store(seen, std::memory_order_release);
    if (left != e) { p.l1.put(left, now); }
    return left;
}

}  // namespace tiercel::flow
