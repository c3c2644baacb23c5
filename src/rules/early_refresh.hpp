#pragma once

// When to fetch a fresh answer anew, so that no request ever finds it expired.
//
// XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015): each request for the
// entry asks for a refresh with probability exp(-remaining / (beta * delta)), delta being what the last fetch took. Requests
// then refresh about when a fetch must begin to end in time, the busier the entry the earlier, and nobody has to talk to
// anybody. The scale is the time of the fetch and never the lifetime: with the lifetime, entries would be fetched anew right
// after they came.
//
// A guard bounds what slow fetches of short-lived answers cost: early refresh is for the last min(50 %, max(25 %, 3 delta))
// of an entry's stay, and not at all for stays below a second. Pure; any thread.

#include <tiercel/clock.hpp>
#include <tiercel/entry.hpp>

namespace tiercel {

// Is now a moment at which refresh_early() may say yes? What every hit asks: a few comparisons.
bool may_refresh_early(const entry_times& t, double beta, instant now) noexcept;

// `u`: uniform in (0, 1]. beta above 1 refreshes earlier. False for an entry that has expired.
bool refresh_early(const entry_times& t, double beta, instant now, double u) noexcept;

}  // namespace tiercel
