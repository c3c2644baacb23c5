#pragma once

// The fence: an answer is stored under the number that was applied when its fetch began. What was invalidated since then is later than
// that, so the answer is refused where it would be stored, and wherever a copy of it turns up. In a file of its own: the program that
// shows what happens without it (tiercel-unfenced, for `tiercel-bench purge --control`) is linked with another one.

#include "flow/keep.hpp"

namespace tiercel::flow {

sequence stamp_of(const storable& s, const process_context& p);

}  // namespace tiercel::flow
