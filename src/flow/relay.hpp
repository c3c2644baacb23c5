#pragma once

// A request that goes its own way: unsafe methods, pass routes, marked keys, credentials, and whatever turned out not to be
// shareable. Its answer is fetched for one client alone and streamed through.

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/request.hpp"

namespace tiercel::flow {

// Fetches and relays. A GET answer that turns out storable is stored on the way through (hit-for-miss ends there).
async::task<answered> relay(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx);

}  // namespace tiercel::flow
