#pragma once

// One client connection as the flow sees it: bytes received and not yet consumed, a way to send, one deadline.
//
// The session reads by awaiting the socket itself (no child coroutine on a hit); everything else goes through here.
// Views into received() stay valid until the next prepare(), so a request's head does not move while it is answered.
// Thread: the loop's only.

#include "async/loop.hpp"
#include "async/send_now.hpp"
#include "async/task.hpp"

#include <tiercel/error.hpp>
#include <tiercel/units.hpp>

#include <boost/asio/buffer.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace tiercel::flow {

// What one client may send and how long it may take for it.
struct client_limits {
    byte_count largest_content = 0;
    std::chrono::milliseconds content_idle{0};
    std::chrono::milliseconds write_idle{0};
    std::chrono::milliseconds tunnel_idle{0};
};

using async::pieces;

class client_io {
public:
    // Reads go into a buffer that starts small and grows up to `largest_head` (plus some room for pipelined bytes).
    client_io(async::socket s, async::loop& l, std::size_t largest_head);

    async::socket& socket() noexcept { return socket_; }
    async::loop& loop() noexcept { return loop_; }

    std::string_view received() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
    void consume(std::size_t n) noexcept;
    // Room for the next read. REQUIRES: no view into received() is used afterwards.
    boost::asio::mutable_buffer prepare();
    void commit(std::size_t n) noexcept { end_ += n; }
    // Bytes that were read past the end of a request's content; they come first at the next prepare() or take_back().
    void give_back(std::string_view bytes) { given_back_.assign(bytes); }
    // Appends what was given back to received(). REQUIRES: as prepare().
    void take_back();

    // Sends without waiting: what the socket takes now. Errors: client_gone.
    result<std::size_t> try_send(pieces what) noexcept;
    // Sends all of it, waiting up to `idle` for each bit of progress. Errors: client_gone.
    async::task<error_code> send(pieces what, std::chrono::milliseconds idle);
    // The same when `sent` bytes of it have gone already (after try_send).
    async::task<error_code> send_rest(pieces what, std::size_t sent, std::chrono::milliseconds idle);

    // One deadline for whatever is pending on the socket: when it passes, pending operations end with operation_aborted
    // and timed_out() is true until the next arm().
    void arm(std::chrono::milliseconds after) { arm_at(async::steady::now() + after); }
    void arm_at(async::steady::time_point t)
    {
        timed_out_ = false;
        limit_.expires_at(t);
    }
    void disarm() noexcept { limit_.disarm(); }
    bool timed_out() const noexcept { return timed_out_; }

    // Ends what is pending on the socket. An upload and an answer may both be under way, each with a deadline, and the socket knows
    // no halves: who is interrupted and finds that it was not for him waits anew.
    void interrupt() noexcept;
    unsigned interrupts() const noexcept { return interrupts_; }

    // Scratch for composing heads; its capacity is kept.
    std::string& out() noexcept { return out_; }
    byte_count bytes_sent() const noexcept { return bytes_sent_; }

private:
    void on_deadline() noexcept;

    async::socket socket_;
    async::loop& loop_;
    async::deadline limit_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_;
    std::size_t largest_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    byte_count bytes_sent_ = 0;
    unsigned interrupts_ = 0;
    bool timed_out_ = false;
    std::string out_;
    std::string given_back_;
};

}  // namespace tiercel::flow
