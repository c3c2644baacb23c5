#pragma once

// An answer whose content is still arriving, sent to one client while it does.

#include "flow/client_io.hpp"
#include "flow/flight.hpp"
#include "flow/request.hpp"
#include "http/range.hpp"

#include <optional>
#include <string_view>

namespace tiercel::flow {

// How a request is answered from what is still arriving: as a whole, or by one range of it. Nothing: not before it is complete,
// since the length is not known, or the answer has another form.
std::optional<range_plan> plan_live(const request& rq, const live_answer& live);

// All of it, or one range of a content whose length is known. Status 0: it broke before anything was sent. REQUIRES: `live` is what
// `reader` sees.
async::task<answered> send_live(const request& rq, const live_answer& live, std::optional<byte_span> part, flight_reader& reader,
                                answered a, std::string_view age, client_io& io, client_limits limits);

}  // namespace tiercel::flow
