#pragma once

// Where a listener may stand, as written in the configuration: "127.0.0.1:9080", "[::1]:9080" or "unix:/run/tiercel.sock".
// Names are not resolved (a listener that moves with DNS surprises everybody), except "localhost", which is 127.0.0.1.

#include <tiercel/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiercel::admin {

struct listen_address {
    std::string host;          // canonical IP address; empty for a unix socket
    std::uint16_t port = 0;    // 0: the system chooses
    std::string path;          // of a unix socket

    bool is_unix() const noexcept { return !path.empty(); }
};

// What is wrong with the text, in words for whoever wrote it; nothing when it is an address.
std::optional<std::string> problem_of_listen_address(std::string_view text);

// errc::internal when problem_of_listen_address() has something to say.
result<listen_address> parse_listen_address(std::string_view text);

// Can only processes of this machine connect? Loopback and unix sockets: yes.
bool is_local(const listen_address& a);

}  // namespace tiercel::admin
