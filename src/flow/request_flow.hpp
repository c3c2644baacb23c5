#pragma once

// The way of one request, as a list of steps. decide() is a plain call: a hit or a refusal is known when it returns, and
// the session answers without having suspended. Everything else is answer().

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/request.hpp"

namespace tiercel::flow {

// Steps 1-7: framing, target, tenant, route, key, L1, rules. Fills in `rq`, whose head, raw, from and now are set.
// Allocates nothing when the answer is a hit. REQUIRES: scratch lives as long as rq.
decision decide(request& rq, request_scratch& scratch, worker_context& cx);

// A hit, a 304 or a refusal, composed into io.out(); returns what was done and the content to send after it (empty when it
// is in io.out() already).
struct prepared {
    answered done;
    const entry* content_of = nullptr;   // send its body after io.out()
};
prepared prepare(const request& rq, const decision& d, client_io& io, const clock& time);

// Steps 8-11 for all that must wait, and ranges of what is stored. Background work that the decision asks for is started too.
async::task<answered> answer(request& rq, request_scratch& scratch, decision d, client_io& io, const client_limits& limits,
                             worker_context& cx);

}  // namespace tiercel::flow
