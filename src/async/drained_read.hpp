#pragma once

// A read that knows when a socket is empty.
//
// Asio tries each read at once before it waits for readiness. For a server that has just answered, that try nearly always
// fails: one wasted system call per request, a third of all. Readiness is edge-triggered here, and a read that got less than
// it asked for has emptied the socket: whatever comes later makes a new edge (epoll(7)). So a short read need not be followed
// by a try. Asio has a state for this ("exhausted"), but its receive operation enters it only at the end of the stream; this
// one enters it after every short read.
//
// What is lost: an end of stream that arrived together with the data makes no new edge. Whoever must see it soon asks once
// with recv_now() before waiting.
//
// Measured: 3.0 -> 2.0 system calls per hit (docs/decisions.md). Reaches into Asio's detail namespace: checked for one version.

#include "async/socket_calls.hpp"
#include "async/task.hpp"

#include <tiercel/error.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/detail/reactive_socket_recv_op.hpp>
#include <boost/asio/error.hpp>
#include <boost/version.hpp>

#include <cerrno>
#include <cstddef>
#include <optional>

static_assert(BOOST_VERSION == 108100, "drained_read.hpp specialises a detail of Asio 1.81: compare before raising this");

namespace tiercel::async {

// One buffer, read in the way described above.
class drained_buffer {
public:
    using value_type = asio::mutable_buffer;
    using const_iterator = const asio::mutable_buffer*;

    explicit drained_buffer(asio::mutable_buffer b) noexcept : buffer_(b) {}
    // `there` becomes true when a try finds something: data, an end, an error. It outlives the read.
    drained_buffer(asio::mutable_buffer b, bool& there) noexcept : buffer_(b), there_(&there) {}
    const_iterator begin() const noexcept { return &buffer_; }
    const_iterator end() const noexcept { return &buffer_ + 1; }
    bool* there() const noexcept { return there_; }

private:
    asio::mutable_buffer buffer_;
    bool* there_ = nullptr;
};

// What is there now, without waiting: nothing when there is nothing, else what a read would say, eof at the end of the stream.
// The kernel reports an error once. Who asks here must heed it: the next read would see a clean end where a reset was.
inline std::optional<result<std::size_t>> recv_now(socket& s, asio::mutable_buffer into) noexcept
{
    ssize_t n = 0;
    do {
        n = bare_recv(s.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        return static_cast<std::size_t>(n);
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return std::nullopt;
    }
    return n == 0 ? make_error_code(asio::error::eof) : error_code(errno, asio::error::get_system_category());
}

}  // namespace tiercel::async

namespace boost::asio::detail {

template <>
class reactive_socket_recv_op_base<tiercel::async::drained_buffer> : public reactor_op {
public:
    reactive_socket_recv_op_base(const boost::system::error_code& success, socket_type socket, socket_ops::state_type,
                                 const tiercel::async::drained_buffer& buffers, socket_base::message_flags flags,
                                 func_type on_done)
        : reactor_op(success, &reactive_socket_recv_op_base::do_perform, on_done), socket_(socket), buffer_(*buffers.begin()),
          there_(buffers.there()), flags_(flags)
    {
    }

    static status do_perform(reactor_op* base)
    {
        auto* const o = static_cast<reactive_socket_recv_op_base*>(base);
        ssize_t n = 0;
        do {
            n = tiercel::async::bare_recv(o->socket_, o->buffer_.data(), o->buffer_.size(), o->flags_ | MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n > 0) {
            o->note_there();
            o->ec_ = boost::system::error_code();
            o->bytes_transferred_ = static_cast<std::size_t>(n);
            return o->bytes_transferred_ < o->buffer_.size() ? done_and_exhausted : done;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return not_done;
        }
        o->note_there();
        o->bytes_transferred_ = 0;
        o->ec_ = n == 0 ? make_error_code(boost::asio::error::eof)
                        : boost::system::error_code(errno, boost::asio::error::get_system_category());
        return done_and_exhausted;
    }

private:
    void note_there() noexcept
    {
        if (there_ != nullptr) {
            *there_ = true;
        }
    }

    socket_type socket_;
    boost::asio::mutable_buffer buffer_;
    bool* there_;
    socket_base::message_flags flags_;
};

}  // namespace boost::asio::detail
