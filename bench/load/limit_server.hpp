#pragma once

// The limit: what a request costs a server that does nothing but one recv and one send of bytes that are ready. The cost of any
// real server, divided by this, says how much of it is the server's own, whatever the machine; that is why it runs in every
// slice of a comparison. It is the origin behind the compared servers as well.

#include <cstdint>

namespace tiercel::load {

// /b/SIZE/anything: SIZE bytes, cacheable for a day. /n/SIZE/anything: the same with no-store. /_/stats: {"requests":N}.
// Serves on loopback, on the calling thread, for ever. Throws std::system_error when the port is taken.
[[noreturn]] void serve_limit(std::uint16_t port);

}  // namespace tiercel::load
