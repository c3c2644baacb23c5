#pragma once

// Where clients come in: an address as the configuration writes it, and listening sockets on it.

#include "async/task.hpp"

#include <tiercel/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiercel::async {

using acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, executor>;

// "127.0.0.1:9080", "[::1]:9080" or "unix:/run/tiercel.sock"; port 0 lets the system choose. Names are not resolved (a
// listener that moves with DNS surprises everybody), except "localhost", which is 127.0.0.1.
struct listen_address {
    std::string unix_path;     // of a unix socket, else empty
    endpoint at;

    bool is_unix() const noexcept { return !unix_path.empty(); }
};

// What is wrong with the text, in words for whoever wrote it; nothing when it is an address.
std::optional<std::string> problem_of_listen_address(std::string_view text);
// errc::internal when problem_of_listen_address() has something to say.
result<listen_address> parse_listen_address(std::string_view text);
// Can only processes of this machine connect? Loopback and unix sockets: yes.
bool is_local(const listen_address& a);
// Would the second of them find the first in its place? An address that stands for all has the port everywhere.
bool collide(const listen_address& a, const listen_address& b);
// As parse_listen_address() reads it.
std::string text_of(const endpoint& e);
std::uint16_t port_of(const endpoint& e);   // 0 for a unix socket

// Binds and listens, non-blocking. `shared`: join_listener() will open more of them. Refuses a port where somebody listens
// already, be it a process of the same user that shares its port. A unix socket that nobody listens on is replaced, and a new
// one is for owner and group (mode 0660).
result<acceptor> open_listener(asio::io_context& context, const listen_address& where, bool shared);
// Another one at the same address, for another loop. REQUIRES: `first` was opened as shared.
result<acceptor> join_listener(asio::io_context& context, acceptor& first);

// Who is at the other end.
struct peer_name {
    std::string address;      // without port and zone, an IPv4 one in its own form; "unix" for unix sockets
    bool is_unix = false;
};
// Nothing when the peer has gone already: who it was cannot be told any more.
std::optional<peer_name> name_of_peer(const socket& s);

}  // namespace tiercel::async
