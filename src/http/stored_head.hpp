#pragma once

// Heads of entries that come from where others can write. What is sent to clients as it lies there must be exactly what this
// proxy writes (http/head_lines.hpp): a head that says more would end early and begin a second answer, or speak of the connection.

#include <tiercel/units.hpp>

#include <string_view>

namespace tiercel {

// Does an answer of that status with that much content have such a head? One status line of HTTP/1.1, lines "NAME: VALUE" without
// controls or blanks around the value, the right Content-Length (none for 204), nothing of the connection (RFC 9110 §7.6.1),
// no Age and no X-Request-ID, which each answer gets anew. `etag`: what is kept beside the head for validation; the same as in it.
bool is_stored_head(std::string_view head, int status, byte_count content, std::string_view etag);

}  // namespace tiercel
