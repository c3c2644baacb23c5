#pragma once

// Server-sent events (WHATWG HTML §9.2): answers that go on for as long as both sides like, with pauses of any length.

#include <tiercel/message.hpp>

namespace tiercel {

bool is_event_stream(const response_head& rs) noexcept;
// Does the client ask for nothing else? Browsers do for an EventSource.
bool wants_event_stream(const request_head& rq) noexcept;

}  // namespace tiercel
