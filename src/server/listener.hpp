#pragma once

// Bind, listen, accept. One listening socket per worker and address (SO_REUSEPORT): the kernel spreads connections, and no
// lock or hand-over stands between accept and the connection's loop.

#include "async/task.hpp"

#include <tiercel/error.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>

#include <string>
#include <variant>

namespace tiercel::server {

using acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol, async::executor>;

// host:port, [v6]:port or unix:/path.
struct listen_address {
    async::endpoint at;
    std::string unix_path;       // of a unix socket, else empty
};
// The address, or what is wrong with the text in words for its writer.
std::variant<listen_address, std::string> parse_listen_address(const std::string& text);

// Opens a listening socket. Throws boost::system::system_error naming the address when that is impossible (start-up only).
// `shared`: a listening descriptor of the same unix address to duplicate, -1 for none.
acceptor open_listener(boost::asio::io_context& context, const listen_address& address, int shared);

// "192.0.2.1:8080" or "unix:/path", with the port the system chose when 0 was asked for.
std::string local_text(const acceptor& a);
// The peer's address without port; "unix" for unix sockets.
std::string peer_text(const async::socket& s);

}  // namespace tiercel::server
