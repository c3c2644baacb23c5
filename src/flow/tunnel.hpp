#pragma once

// Bytes both ways between a client and an origin that have switched to another protocol (RFC 9110 §7.8).
//
// Each direction reads on only when what it has read was taken, so a slow reader slows its sender. The end of one direction
// is passed on as a half-close while the other goes on. All ends when both have ended, when one breaks, or when nothing has
// moved in either direction for `idle`.

#include "flow/client_io.hpp"
#include "origin/connection.hpp"

#include <chrono>

namespace tiercel::flow {

enum class tunnel_end : std::uint8_t { closed, idle, reset_by_origin, broken };

// REQUIRES: the client has the head that agrees to the switch. What was received behind the two heads is passed on first.
// `link` must not be used again.
async::task<tunnel_end> run_tunnel(client_io& io, origin::connection& link, std::chrono::milliseconds idle);

}  // namespace tiercel::flow
