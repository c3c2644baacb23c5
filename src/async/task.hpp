#pragma once

// The vocabulary of waiting: coroutines, sockets and timers with the executor type fixed, so that nothing on the data path
// is type-erased. One event loop runs on one thread; what is made on a loop is touched on that loop only.

#include "async/frame_pool.hpp"

#include <tiercel/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/version.hpp>

#include <cstddef>
#include <utility>

namespace tiercel::async {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;

template <class T = void>
using task = asio::awaitable<T, executor>;

inline constexpr asio::use_awaitable_t<executor> use_task{};

// Where every request waits: `co_await s.async_read_some(b, note_error(ec))` does what redirect_error(use_task, ec) does, but
// the operation is no coroutine of its own, with a frame.
struct note_error {
    explicit note_error(error_code& into) noexcept : ec(&into) {}
    error_code* ec;
};

// TCP and unix sockets alike.
using socket = asio::basic_stream_socket<asio::generic::stream_protocol, executor>;
using endpoint = asio::generic::stream_protocol::endpoint;

}  // namespace tiercel::async

// Frames of these coroutines come from our pool. Reaches into Asio's detail namespace: checked for one version.
static_assert(BOOST_VERSION == 108100, "task.hpp specialises a detail of Asio 1.81: compare before raising this");

template <>
inline void* boost::asio::detail::awaitable_frame_base<tiercel::async::executor>::operator new(std::size_t size)
{
    return tiercel::async::frame_pool::allocate(size);
}

template <>
inline void boost::asio::detail::awaitable_frame_base<tiercel::async::executor>::operator delete(void* frame, std::size_t size)
{
    tiercel::async::frame_pool::deallocate(frame, size);
}

template <class... Results>
struct boost::asio::async_result<tiercel::async::note_error, void(boost::system::error_code, Results...)> {
    template <class Initiation, class... Arguments>
    static auto initiate(Initiation&& begin, tiercel::async::note_error token, Arguments&&... arguments)
    {
        return async_initiate<const deferred_t&, void(Results...)>(
            [ec = token.ec](auto&& handler, auto&& start, auto&&... given) {
                using inner = std::decay_t<decltype(handler)>;
                std::forward<decltype(start)>(start)(detail::redirect_error_handler<inner>(*ec, std::move(handler)),
                                                     std::forward<decltype(given)>(given)...);
            },
            deferred, std::forward<Initiation>(begin), std::forward<Arguments>(arguments)...);
    }
};
