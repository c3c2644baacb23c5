#pragma once

// What invalidations have left of a stored answer.

#include "flow/context.hpp"

#include <tiercel/entry.hpp>

namespace tiercel::flow {

// The answer itself if nothing concerns it; null if it is gone; for a soft purge a copy that expired when that was made, with its
// windows from then on. Judges whatever it is told of, wherever it came from.
entry_ptr as_it_stands(const entry_ptr& e, instant now, const process_context& p);

// The same for an entry of L1, which is changed accordingly. One comparison when nothing was invalidated since the last look.
entry_ptr stored_as_it_stands(entry_ptr e, instant now, process_context& p);

}  // namespace tiercel::flow
