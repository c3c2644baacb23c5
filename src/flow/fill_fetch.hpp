#pragma once

// The fetch of a fill: what the origin is asked, and what becomes of its answer.

#include "flow/fill_job.hpp"

namespace tiercel::flow {

// Ends the flight. `known`: the descriptor that L2 has, or null. Thread: the fill's loop. REQUIRES: all references outlive the
// coroutine.
async::task<> fetch_from_origin(fill_job& job, const entry_ptr& known, fill_end& end, worker_context& cx);

}  // namespace tiercel::flow
