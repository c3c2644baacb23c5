#pragma once

// When an origin answered, in the terms of those who store.

#include "flow/context.hpp"
#include "origin/exchange.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/rules.hpp>

#include <chrono>

namespace tiercel::flow {

// From the request to the head of the answer.
template <class Duration = milliseconds>
Duration time_to_head(const origin::exchange& ex)
{
    return std::chrono::duration_cast<Duration>(ex.answered_at() - ex.requested_at());
}

// What of that was the origin's: without the time in which a client sent its content.
inline std::chrono::microseconds origin_time(const origin::exchange& ex)
{
    return std::chrono::duration_cast<std::chrono::microseconds>(ex.time_to_head());
}

// From the request until now: what it takes to get the answer anew, once that is complete.
inline milliseconds time_so_far(const origin::exchange& ex)
{
    return std::chrono::duration_cast<milliseconds>(async::steady::now() - ex.requested_at());
}

// What it takes to get an answer, as a moving average over its refills: weight 0.3 for the new one.
inline milliseconds smoothed(const entry_ptr& old, milliseconds now)
{
    return old == nullptr || old->times().delta.count() == 0 ? now : (old->times().delta * 7 + now * 3) / 10;
}

// For an answer whose head has just come.
inline fetch_times times_of(const origin::exchange& ex, const process_context& p)
{
    fetch_times t;
    t.received = p.time.now();
    t.requested = t.received - time_to_head(ex);
    t.received_wall = p.time.wall();
    return t;
}

}  // namespace tiercel::flow
