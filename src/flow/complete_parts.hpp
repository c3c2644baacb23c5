#pragma once

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/request.hpp"

namespace tiercel::flow {

// A Range of which parts are stored: asks for the missing bytes alone, if they are still of the same state (RFC 9111 §3.4);
// otherwise the request goes out as it came. REQUIRES: d.parts has a gap.
async::task<answered> complete_parts(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx);

}  // namespace tiercel::flow
