#pragma once

// How a client waits for a flight, and what it gets.

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/request.hpp"

namespace tiercel::flow {

// Joins the flight of the request's key, or creates it and starts its fill, and delivers what it brings to this client.
async::task<answered> join(request& rq, request_scratch& scratch, decision d, client_io& io, client_limits limits,
                           worker_context& cx);

}  // namespace tiercel::flow
