#pragma once

// What a flight does, and how a client waits for it.

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/request.hpp"
#include "flow/request_flow.hpp"

namespace tiercel::flow {

// Joins the flight of the request's key, or creates it and starts its fill, and delivers what it brings to this client.
async::task<answered> join(request& rq, request_scratch& scratch, decision d, client_io& io, client_limits limits,
                           worker_context& cx);

// What L2 holds for a request.
struct l2_answer {
    entry_ptr stored;
    entry_ptr descriptor;      // null: the resource does not vary, or L2 does not know it
    bool usable = false;       // stored may be served as it is
};

// For requests that share no fetch: what L2 has, in L1 as well from now on if it may be served. REQUIRES: cx.l2 is not null.
async::task<l2_answer> find_in_l2(const request& rq, worker_context& cx);

// Fetches what a GET would fetch, into the store. REQUIRES: nothing is stored for it, as far as the caller knows.
void fetch_in_background(const request& get, worker_context& cx);

}  // namespace tiercel::flow
