#pragma once

// The coroutine that feeds a flight: what is tried before the origin is asked (flow/fill_search), and the fetch (flow/fill_fetch).

#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/fill_job.hpp"
#include "flow/request.hpp"

#include <memory>

namespace tiercel::flow {

// Starts the fill of a flight that was just created, on this loop; it ends the flight, come what may. The client's share of the
// hand-over when there is a client; null when the loop takes no more work.
std::shared_ptr<handover> start_fill(std::unique_ptr<fill_job> job, flight_table::place& place, worker_context& cx);

// Fetches what a GET would fetch, into the store. REQUIRES: nothing is stored for it, as far as the caller knows.
void fetch_in_background(const request& get, worker_context& cx);

// Starts a background flight for the key (refresh or revisit), unless one is under way.
void refresh(const request& rq, const decision& d, worker_context& cx);

}  // namespace tiercel::flow
