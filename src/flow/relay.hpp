#pragma once

// An answer fetched for one client alone and streamed through: unsafe methods, pass routes, marked keys, credentials, and
// the answers of flights that turned out not to be shareable.

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/request.hpp"
#include "flow/request_flow.hpp"

#include "origin/exchange.hpp"

namespace tiercel::flow {

// Fetches and relays. A GET answer that turns out storable is stored on the way through (hit-for-miss ends there).
async::task<answered> relay(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx);

// The same for a Range of which parts are stored: asks for the missing bytes alone, if they are still of the same state (RFC 9111
// §3.4); otherwise the request goes out as it came. REQUIRES: d.parts has a gap.
async::task<answered> complete_parts(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx);

// Relays an answer whose head is here already. `a` is what is known about it so far.
async::task<answered> relay_answer(const request& rq, origin::exchange& ex, answered a, client_io& io,
                                   client_limits limits, worker_context& cx);

// Sends an error of our own, or the stale copy when the rules allow it for this failure.
async::task<answered> answer_failure(const request& rq, const entry_ptr& stale, const flight_failure& f, answered a,
                                     client_io& io, client_limits limits, worker_context& cx);

// Sends a stored (or just completed) answer by this client's own conditions, range and method.
async::task<answered> send_entry(const request& rq, entry_ptr e, answered a, std::string_view origin_age, client_io& io,
                                 client_limits limits);

}  // namespace tiercel::flow
