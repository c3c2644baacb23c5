#pragma once

// The vocabulary of waiting: coroutines, sockets and timers with the executor type fixed, so that nothing on the data path
// is type-erased. One event loop runs on one thread; what is made on a loop is touched on that loop only.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tiercel::async {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;

template <class T = void>
using task = asio::awaitable<T, executor>;

inline constexpr asio::use_awaitable_t<executor> use_task{};

// TCP and unix sockets alike.
using socket = asio::basic_stream_socket<asio::generic::stream_protocol, executor>;
using endpoint = asio::generic::stream_protocol::endpoint;

}  // namespace tiercel::async
