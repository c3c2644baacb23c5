#include "origin/connection.hpp"

#include "async/socket_calls.hpp"
#include "origin/connection_pool.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace tiercel::origin {
namespace {

namespace asio = boost::asio;

// An average page with its head in one read; what is larger goes through the large buffer.
constexpr std::size_t usual_capacity = 16 * 1024;
constexpr std::size_t large_capacity = 64 * 1024;
constexpr std::size_t least_room = 2 * 1024;   // behind a head; with less, the large buffer saves reads

bool is_tcp(const async::endpoint& e) noexcept
{
    return e.protocol().family() != AF_UNIX;
}

}  // namespace

connection::connection(async::loop& l, connection_slots::slot s, const head_limits& limits)
    : slot_(std::move(s)), socket_(l.context()),
      limit_(l.wheel(), [](void* self) { static_cast<connection*>(self)->on_deadline(); }, this), parser_(limits),
      buffer_(std::make_unique_for_overwrite<char[]>(usual_capacity)), capacity_(usual_capacity), area_(buffer_.get())
{
}

connection::~connection() = default;

async::task<error_code> connection::connect(std::span<const async::endpoint> addresses, steady::time_point until,
                                            const tls_settings* tls, tls_memory& memory)
{
    for (const auto& address : addresses) {
        error_code ec;
        socket_.open(address.protocol(), ec);
        if (ec) {
            continue;   // no such family here, or out of descriptors
        }
        arm(until);
        co_await socket_.async_connect(address, asio::redirect_error(async::use_task, ec));
        if (!ec) {
            peer_ = address;
            if (is_tcp(address)) {
                socket_.set_option(asio::ip::tcp::no_delay(true), ec);
            }
            error_code problem;
            if (tls != nullptr) {
                problem = co_await secure(*tls, memory);
            }
            disarm();
            co_return problem;
        }
        disarm();
        socket_.close(ec);
        if (aborted_) {
            co_return make_error_code(errc::draining);
        }
        if (timed_out_) {
            co_return make_error_code(errc::origin_connect_timeout);
        }
    }
    co_return make_error_code(errc::origin_refused);
}

// The handshake, within the deadline that is armed.
async::task<error_code> connection::secure(const tls_settings& tls, tls_memory& memory)
{
    tls_ = tls.make_link(socket_.native_handle(), memory);
    for (;;) {
        const auto step = tls_->try_handshake();
        if (step == tls_link::step::done) {
            co_return error_code();
        }
        if (step == tls_link::step::failed) {
            co_return make_error_code(aborted_ ? errc::draining : errc::origin_tls);
        }
        const auto what = step == tls_link::step::wants_read ? async::socket::wait_read : async::socket::wait_write;
        error_code ec;
        co_await socket_.async_wait(what, async::note_error(ec));
        if (aborted_) {
            co_return make_error_code(errc::draining);
        }
        if (timed_out_) {
            co_return make_error_code(errc::origin_connect_timeout);
        }
    }
}

async::task<std::size_t> connection::read_secure(asio::mutable_buffer into, error_code& ec)
{
    for (;;) {
        if (const auto there = tls_->recv_now(into)) {
            ec = there->error();
            co_return ec ? 0 : **there;
        }
        const auto what = tls_->waits_to_write() ? async::socket::wait_write : async::socket::wait_read;
        co_await socket_.async_wait(what, async::note_error(ec));
        if (ec) {
            co_return 0;
        }
    }
}

bool connection::is_quiet() noexcept
{
    if (tls_ != nullptr) {
        return tls_->is_quiet();
    }
    char byte;
    const ssize_t n = async::bare_recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

result<std::size_t> connection::try_send(pieces what) noexcept
{
    errno = 0;   // with TLS it may not come to a call that says something
    const auto n = tls_ ? tls_->send_now(what) : async::send_now(socket_.native_handle(), what);
    if (!n) {
        was_reset_ = was_reset_ || errno == ECONNRESET;   // of the socket, also below TLS; after a FIN it would be EPIPE
        return errc::origin_reset;
    }
    return *n;
}

void connection::end_sending() noexcept
{
    if (tls_ != nullptr) {
        tls_->end_sending();   // the word for it; the socket stays open for the answer to that
        return;
    }
    error_code ignored;
    socket_.shutdown(async::socket::shutdown_send, ignored);
}

void connection::consume(std::size_t n) noexcept
{
    TIERCEL_CHECK(n <= end_ - begin_);
    begin_ += n;
}

void connection::pin(std::size_t n) noexcept
{
    consume(n);
    pinned_ = begin_;
}

asio::mutable_buffer connection::room(bool bulk)
{
    const bool large_wanted = bulk || (pinned_ > 0 && usual_room() < least_room);
    if (large_wanted && large_ == nullptr) {
        TIERCEL_CHECK(end_ - begin_ < large_capacity);
        large_ = std::make_unique_for_overwrite<char[]>(large_capacity);
        std::memcpy(large_.get(), area_ + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        area_ = large_.get();
    }
    const std::size_t floor = large_ != nullptr ? 0 : pinned_;
    const std::size_t size = large_ != nullptr ? large_capacity : capacity_;
    if (begin_ == end_) {
        begin_ = end_ = floor;
    } else if (end_ == size && begin_ > floor) {
        std::memmove(area_ + floor, area_ + begin_, end_ - begin_);
        end_ -= begin_ - floor;
        begin_ = floor;
    } else if (end_ == size) {
        grow();
        return {area_ + end_, capacity_ - end_};
    }
    return {area_ + end_, size - end_};
}

// Only a head that is still arriving makes this necessary, and the parser refuses it when it gets too long.
void connection::grow()
{
    TIERCEL_CHECK(large_ == nullptr && pinned_ == 0);
    auto grown = std::make_unique_for_overwrite<char[]>(capacity_ * 2);
    std::memcpy(grown.get(), buffer_.get(), end_);
    buffer_ = std::move(grown);
    capacity_ *= 2;
    area_ = buffer_.get();
}

void connection::arm(steady::time_point t)
{
    timed_out_ = false;
    limit_.expires_at(t);
}

void connection::cancel() noexcept
{
    error_code ignored;
    socket_.cancel(ignored);
}

void connection::abort() noexcept
{
    aborted_ = true;
    cancel();
    ::shutdown(socket_.native_handle(), SHUT_RDWR);   // so that a read begun later ends too
}

void connection::close_with_reset() noexcept
{
    if (tls_ != nullptr) {
        tls_->say_no_more();   // least of all on a descriptor that is somebody else's by then
    }
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);   // explicitly: the destructor would take that option back
}

connection_slots::slot connection::take_slot() noexcept
{
    tls_.reset();
    error_code ignored;
    socket_.close(ignored);
    return std::move(slot_);
}

void connection::on_deadline()
{
    if (parked_in_ != nullptr) {
        parked_in_->expire(*this);   // destroys this
        return;
    }
    timed_out_ = true;
    cancel();
}

void connection::begin_exchange() noexcept
{
    parked_in_ = nullptr;
    rested_ = read_past_loop_ = false;
    ++exchanges_;
    TIERCEL_CHECK(begin_ == end_);
    large_.reset();
    area_ = buffer_.get();
    begin_ = end_ = pinned_ = 0;
}

void connection::park(connection_pool& pool, std::uint64_t turn, steady::time_point until)
{
    parked_in_ = &pool;
    parked_in_turn_ = turn;
    large_.reset();
    area_ = buffer_.get();
    begin_ = end_ = pinned_ = 0;
    timed_out_ = false;
    limit_.expires_at(until);
}

}  // namespace tiercel::origin
