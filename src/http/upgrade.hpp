#pragma once

// Switching a connection to another protocol (RFC 9110 §7.8): what may be asked for, and what answers it.

#include <tiercel/message.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

// Appends the protocols that a client's request may ask the origin for, in its order, joined by ", ". None when the request
// does not ask properly: HTTP/1.0, no Upgrade field, or no "upgrade" among its Connection options. `allowed`: names in any case,
// "*" for all. Never HTTP in another version (h2c) nor TLS: behind such a switch requests would pass by the proxy unseen.
void append_upgrades(std::string& out, const request_head& rq, const std::vector<std::string>& allowed);

// HTTP in another version, or TLS: what is never passed on, whatever is allowed.
bool carries_requests(std::string_view protocol) noexcept;

// Does this 101 switch to what was asked for, and to nothing else?
bool switches_as_asked(const response_head& rs, std::string_view asked) noexcept;

}  // namespace tiercel
