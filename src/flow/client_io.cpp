#include "flow/client_io.hpp"

#include <tiercel/check.hpp>


#include <algorithm>
#include <cstring>

namespace tiercel::flow {
namespace {

constexpr std::size_t first_capacity = 4096;

}  // namespace

client_io::client_io(async::socket s, async::loop& l, std::size_t largest_head)
    : socket_(std::move(s)), loop_(l),
      limit_(l.wheel(), [](void* self) { static_cast<client_io*>(self)->on_deadline(); }, this),
      buffer_(std::make_unique_for_overwrite<char[]>(first_capacity)), capacity_(first_capacity),
      largest_(largest_head + first_capacity)
{
}

void client_io::on_deadline() noexcept
{
    timed_out_ = true;
    interrupt();
}

void client_io::interrupt() noexcept
{
    ++interrupts_;
    error_code ignored;
    socket_.cancel(ignored);
}

void client_io::consume(std::size_t n) noexcept
{
    TIERCEL_CHECK(n <= end_ - begin_);
    begin_ += n;
    if (begin_ == end_) {
        begin_ = end_ = 0;
    }
}

boost::asio::mutable_buffer client_io::prepare()
{
    if (end_ == capacity_) {
        if (begin_ > 0) {
            std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        } else {
            const std::size_t larger = std::min(capacity_ * 2, std::max(largest_, capacity_));
            TIERCEL_CHECK(larger > capacity_);   // the head parser refuses heads before they fill the largest buffer
            auto grown = std::make_unique_for_overwrite<char[]>(larger);
            std::memcpy(grown.get(), buffer_.get(), end_);
            buffer_ = std::move(grown);
            capacity_ = larger;
        }
    }
    return {buffer_.get() + end_, capacity_ - end_};
}

void client_io::take_back()
{
    if (given_back_.empty()) {
        return;
    }
    std::string joined = std::move(given_back_);
    given_back_.clear();
    joined.append(received());
    begin_ = end_ = 0;
    if (joined.size() > capacity_) {
        capacity_ = joined.size();
        buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
        largest_ = std::max(largest_, capacity_ * 2);
    }
    std::memcpy(buffer_.get(), joined.data(), joined.size());
    end_ = joined.size();
}

result<std::size_t> client_io::try_send(pieces what) noexcept
{
    const auto n = async::send_now(socket_.native_handle(), what);
    if (!n) {
        return errc::client_gone;
    }
    bytes_sent_ += *n;
    return *n;
}

async::task<error_code> client_io::send(pieces what, std::chrono::milliseconds idle)
{
    const auto sent = try_send(what);
    if (!sent) {
        co_return sent.error();
    }
    if (*sent == async::size_of(what)) {
        co_return error_code();
    }
    const error_code ec = co_await send_rest(what, *sent, idle);
    co_return ec;
}

async::task<error_code> client_io::send_rest(pieces what, std::size_t sent, std::chrono::milliseconds idle)
{
    const std::size_t all = async::size_of(what);
    while (sent < all) {
        arm(idle);
        error_code ec;
        unsigned before = 0;
        do {
            before = interrupts_;
            co_await socket_.async_wait(async::socket::wait_write, async::note_error(ec));
        } while (ec == boost::asio::error::operation_aborted && !timed_out_ && interrupts_ != before);
        disarm();
        if (ec) {
            co_return make_error_code(errc::client_gone);
        }
        // What is left, as pieces.
        std::array<std::string_view, async::max_pieces> rest;
        std::size_t count = 0;
        std::size_t skip = sent;
        for (const auto p : what) {
            if (skip >= p.size()) {
                skip -= p.size();
            } else {
                rest[count++] = p.substr(skip);
                skip = 0;
            }
        }
        const auto n = try_send(pieces(rest.data(), count));
        if (!n) {
            co_return n.error();
        }
        sent += *n;
    }
    co_return error_code();
}

}  // namespace tiercel::flow
