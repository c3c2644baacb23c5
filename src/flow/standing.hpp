#pragma once

// What invalidations have left of a stored answer, and what it is good for.

#include "flow/context.hpp"
#include "flow/request.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/rules.hpp>

namespace tiercel::flow {

// The answer itself if nothing concerns it; null if it is gone; for a soft purge a copy that expired when that was made, with its
// windows from then on. Judges whatever it is told of, wherever it came from.
entry_ptr as_it_stands(const entry_ptr& e, instant now, const process_context& p);

// The same for an entry of L1, which is changed accordingly. One comparison when nothing was invalidated since the last look.
entry_ptr stored_as_it_stands(entry_ptr e, instant now, process_context& p);

// judge_reuse() by the rules of the request's route, and by what is known here of invalidations. `e` may be null.
inline reuse_verdict reuse_of(const entry* e, const request& rq, instant now, const process_context& p) noexcept
{
    return judge_reuse(rq.head, e, rq.route->caching, now, p.valid.all_known_until());
}

}  // namespace tiercel::flow
