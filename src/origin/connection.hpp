#pragma once

// One connection to an endpoint: the socket, the bytes that came and are not yet consumed, and one deadline for whatever is
// pending. Knows nothing of messages but that a head must not move while it is looked at.
// Thread: the loop's only.

#include "async/drained_read.hpp"
#include "async/loop.hpp"
#include "async/send_now.hpp"
#include "async/task.hpp"
#include "http/head_parser.hpp"
#include "origin/connection_slots.hpp"
#include "origin/tls.hpp"

#include <tiercel/error.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tiercel::origin {

using async::steady;

using async::pieces;

// Hangs in the list of its pool while it lives.
using live_hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class connection : public live_hook {
public:
    connection(async::loop& l, connection_slots::slot s, const head_limits& limits);
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    // Tries the addresses in turn, all of it before `until`; with `tls`, until there is a secure connection. Errors:
    // origin_refused, origin_connect_timeout, origin_tls, draining.
    async::task<error_code> connect(std::span<const async::endpoint> addresses, steady::time_point until,
                                    const tls_settings* tls, tls_memory& memory);
    // After origin_tls: why, for the log.
    std::string tls_problem() const { return tls_ ? tls_->problem() : std::string(); }

    // Where it went, and the generation of known_addresses that had that.
    const async::endpoint& peer() const noexcept { return peer_; }
    std::uint64_t names_seen() const noexcept { return names_seen_; }
    void names_seen(std::uint64_t generation) noexcept { names_seen_ = generation; }

    // Nothing to read and not closed. What is there before we have asked is never an answer to us, but the rest of
    // somebody else's or a farewell (RFC 9112 §9.2).
    bool is_quiet() noexcept;

    async::socket& socket() noexcept { return socket_; }
    response_head_parser& parser() noexcept { return parser_; }

    // ---- sending ----
    // What the socket takes now; 0 when it is full: then the same bytes must come again. Errors: origin_reset.
    result<std::size_t> try_send(pieces what) noexcept;
    // Sending has met a reset. The system tells that once: whoever receives now sees an end that looks clean.
    bool was_reset() const noexcept { return was_reset_; }
    // Nothing will be sent any more; receiving goes on.
    void end_sending() noexcept;

    // ---- receiving ----
    // With TLS what is read is not what the socket has: recv_now() and read_secure() then, and never the socket itself.
    bool is_secure() const noexcept { return tls_ != nullptr; }
    // As async::recv_now.
    std::optional<result<std::size_t>> recv_now(boost::asio::mutable_buffer into) noexcept
    {
        read_past_loop_ = true;
        return tls_ ? tls_->recv_now(into) : async::recv_now(socket_, into);
    }
    // As a read of the socket. REQUIRES: is_secure(); `ec` lives in the frame that awaits this.
    async::task<std::size_t> read_secure(boost::asio::mutable_buffer into, error_code& ec);
    std::string_view received() const noexcept { return {area_ + begin_, end_ - begin_}; }
    void consume(std::size_t n) noexcept;
    // Room for one read after what is received. `bulk`: much is to come, so make it large. Moves what is received,
    // except a pinned head.
    boost::asio::mutable_buffer room(bool bulk = false);
    void commit(std::size_t n) noexcept { end_ += n; }
    // The first `n` received bytes are a head: consumed, but kept in place until the next exchange.
    void pin(std::size_t n) noexcept;
    // Bytes that fit behind the pinned head without the large buffer.
    std::size_t usual_room() const noexcept { return capacity_ - pinned_; }

    // ---- the deadline ----
    // When it passes, what is pending ends with operation_aborted, and timed_out() is true until the next arm().
    void arm(steady::time_point t);
    void disarm() noexcept { limit_.disarm(); }
    bool timed_out() const noexcept { return timed_out_; }
    // Ends what is pending with operation_aborted.
    void cancel() noexcept;
    // The same for good: whatever is tried on it from now on ends like that.
    void abort() noexcept;
    bool aborted() const noexcept { return aborted_; }
    // Closes it in a way that nobody takes for an orderly end.
    void close_with_reset() noexcept;
    // Closes it, and leaves its place to another one.
    connection_slots::slot take_slot() noexcept;

    // ---- between exchanges ----
    // Begins an exchange on a new or an idle connection.
    void begin_exchange() noexcept;
    // Becomes idle: `pool` is told when the time is over, and may then destroy this.
    void park(connection_pool& pool, std::uint64_t turn, steady::time_point until);
    std::uint64_t parked_in_turn() const noexcept { return parked_in_turn_; }   // turn_end::count()
    unsigned exchanges() const noexcept { return exchanges_; }   // begun so far
    // It was idle for so long that the loop has been told what came on it, but for the last moment.
    bool has_rested() const noexcept { return rested_ && !read_past_loop_; }
    void has_rested(bool yes) noexcept { rested_ = yes; }
    steady::time_point retire_at() const noexcept { return retire_at_; }
    void retire_at(steady::time_point t) noexcept { retire_at_ = t; }

private:
    async::task<error_code> secure(const tls_settings& tls, tls_memory& memory);
    void on_deadline();
    void grow();

    connection_slots::slot slot_;          // first: given back after the socket is closed
    async::socket socket_;
    std::unique_ptr<tls_link> tls_;        // after the socket: says goodbye on it
    async::deadline limit_;
    response_head_parser parser_;
    std::unique_ptr<char[]> buffer_;       // heads, and content while it fits behind them
    std::size_t capacity_;                 // of buffer_
    std::unique_ptr<char[]> large_;        // content, when there is much; for one exchange only
    char* area_;                           // the one of the two that received bytes are in
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    async::endpoint peer_;
    std::uint64_t names_seen_ = 0;
    std::size_t pinned_ = 0;               // end of the pinned head in buffer_
    connection_pool* parked_in_ = nullptr;
    std::uint64_t parked_in_turn_ = 0;
    steady::time_point retire_at_;
    unsigned exchanges_ = 0;
    bool timed_out_ = false;
    bool aborted_ = false;
    bool was_reset_ = false;
    bool rested_ = false;
    bool read_past_loop_ = false;          // in this exchange or the last, at a time that the loop does not know
};

}  // namespace tiercel::origin
