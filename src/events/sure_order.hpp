#pragma once

// An invalidation that nobody would ask for again. Thread: the intake's.

#include "async/loop.hpp"
#include "coherence/invalidation.hpp"
#include "events/background.hpp"
#include "flow/context.hpp"

namespace tiercel::events {

// Holds here at once. Ends when it is in the log, or waits for Redis in this process; while too much waits already it is tried again.
// False: all is ending. References outlive the loop's work.
async::task<bool> invalidate_surely(coherence::invalidation what, async::loop& l, background& beside, flow::process_context& p);

}  // namespace tiercel::events
