#pragma once

// What the admin API may do to the cache: invalidations, events, dead letters.

#include "admin/operation.hpp"
#include "coherence/audit.hpp"
#include "events/intake.hpp"
#include "flow/context.hpp"

namespace tiercel::app {

// `done` is called once, from any thread. References outlive that.
void operate(admin::operation o, flow::process_context& p, coherence::audit& rows, events::intake& in, admin::operation_handler done);

}  // namespace tiercel::app
