#pragma once

// The two response fields that tell this module something about time.

#include <tiercel/clock.hpp>
#include <tiercel/message.hpp>

#include <optional>

namespace tiercel::origin {

// How long the origin keeps the idle connection (Keep-Alive: timeout=5); negative: it does not say.
seconds keep_alive_timeout(const response_head& head) noexcept;

// Retry-After (RFC 9110 §10.2.3), as seconds or as a date; at most a day, never negative. Nothing: none, or malformed.
std::optional<seconds> retry_after(const response_head& head, wall_time now) noexcept;

}  // namespace tiercel::origin
