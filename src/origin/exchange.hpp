#pragma once

// One request and its response on one connection: the head first, then the content run by run.
//
//     start() ---- head ----> read() ... read() ----> complete
//        |                      |
//        +---> error            +---> error: the content is not whole, and must not be passed on as if it were
//
// A request that does not go out in one piece is sent by a coroutine of its own, so that an answer that comes early is seen
// at once. Whoever sees is_uploading() must await finish() before the exchange dies.
//
// An exchange that dies returns its connection to the pool if nothing about it is in doubt (RFC 9112 §9.3, §9.6): the
// request was through before the answer began, the answer is complete, nothing follows it, and nobody wants to close.
// Otherwise it closes it.
//
// Thread: the loop's only.

#include "http/chunked.hpp"
#include "http/framing.hpp"
#include "origin/connection_pool.hpp"
#include "origin/observer.hpp"
#include "origin/outgoing.hpp"
#include "origin/upstream.hpp"

#include <tiercel/error.hpp>
#include <tiercel/message.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string_view>

namespace tiercel::origin {

class exchange {
public:
    exchange(async::loop& l, upstream& up, observer& seen, connection_pool& pool, admission a, std::unique_ptr<connection> c);
    ~exchange();
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    // ---- the answer ----
    const response_head& head() const noexcept { return head_; }        // views, valid while the exchange lives
    const tiercel::framing& framing() const noexcept { return framing_; }

    // The next run of content, valid until the next call; empty when the content is complete (and from then on). Errors:
    // origin_truncated, origin_invalid, origin_timeout, what the body source failed with, draining.
    async::task<result<std::string_view>> read();
    // The same of what has been received already; nothing when more must be awaited.
    std::optional<result<std::string_view>> try_read();
    bool is_complete() const noexcept { return complete_; }
    // Complete, but more had come than its framing says: somebody has counted wrongly.
    bool has_surplus() const noexcept { return surplus_; }
    // Besides the limit between bytes, content is awaited no longer than until here.
    void expires_at(steady::time_point t) noexcept { limit_ = t; }
    // How long content may be awaited between two pieces, instead of the origin's try_timeout.
    void may_pause(steady::duration d) noexcept { patience_ = d; }
    // Nobody wants the rest: a pending start() or read() ends with client_gone, and so does the next one.
    void abandon() noexcept;

    // The answer is 101: there is no content, and from here on the connection is the caller's, with what was received
    // behind the head, as long as the exchange lives.
    bool is_upgraded() const noexcept { return upgraded_; }
    connection& link() noexcept { return *connection_; }

    // ---- the rest of the request ----
    bool is_uploading() const noexcept { return uploading_; }
    // Ends the upload if it still runs, and waits for its end.
    async::task<> finish();

    // ---- facts ----
    const endpoint& where() const noexcept { return *admission_.where; }
    bool was_reused() const noexcept { return reused_; }                  // the connection had served before
    steady::time_point requested_at() const noexcept { return requested_at_; }
    steady::time_point answered_at() const noexcept { return answered_at_; }   // when the head was complete
    steady::duration time_to_head() const noexcept { return answered_at_ - asked_at_; }   // since the last of the request
    unsigned attempts() const noexcept { return attempts_; }

    // ---- for the client ----
    // Sends the request, which may have to wait for the end of the loop's turn, and waits for the final head. `rq` outlives the
    // exchange. Once; times count from `now`, the waits included. Errors: origin_reset, origin_timeout, origin_invalid,
    // origin_head_too_large, what the body source failed with, draining.
    async::task<error_code> start(outgoing& rq, steady::time_point now);
    // After start() failed: the connection had ended while it was idle, or something had come on it. Nothing was sent, and the
    // admission is good for another connection.
    bool was_put_to_nobody() const noexcept { return !asked_ && !settled_; }
    admission take_admission() noexcept { settled_ = true; return std::move(admission_); }
    bool has_sent() const noexcept { return sent_; }              // a byte of the request may have reached the origin
    bool has_received() const noexcept { return received_any_; }  // a byte of the answer came
    bool took_body() const noexcept { return took_body_; }        // the body source was asked
    void attempts(unsigned n) noexcept { attempts_ = n; }
    // The request that was sent, to live as long as this.
    void keep(std::unique_ptr<outgoing> sent) noexcept { kept_ = std::move(sent); }
    // Takes in what has been received, so that the connection of an answer that nobody wants may be used again.
    void drain_received();

private:
    enum class outcome : std::uint8_t { answered, failed, abandoned };

    enum class head_step : std::uint8_t { more, interim, final_head };

    bool has_company() const noexcept;
    bool loop_watches() const noexcept;
    auto read_and_send(boost::asio::mutable_buffer room, error_code& ec);
    void send_at_once();
    result<head_step> next_head();                          // of received bytes
    error_code on_head();
    void on_switch();
    void note_answer();
    error_code invalid(errc e, invalid_reason why);
    error_code reason_of(const error_code& ec, errc otherwise) const noexcept;
    void arm(steady::time_point now) noexcept;
    bool wants_bulk() const noexcept;
    result<std::string_view> next_run();                    // of received bytes; empty: complete, or more is needed
    error_code fail(error_code why) noexcept;
    void complete() noexcept;
    bool may_reuse() const noexcept;
    void settle(outcome what, std::string_view name) noexcept;
    void tell_breaker(bool failure) noexcept;

    async::task<> upload(async::drain_gate::pass inside);
    async::task<error_code> send_all(std::array<std::string_view, 3> parts);
    async::task<error_code> send_body();
    void stop_upload() noexcept;

    async::loop& loop_;
    upstream& upstream_;
    observer& observer_;
    connection_pool& pool_;
    admission admission_;
    std::unique_ptr<connection> connection_;
    outgoing* request_ = nullptr;
    std::unique_ptr<outgoing> kept_;        // the same, if it is ours

    response_head head_;
    tiercel::framing framing_;
    chunk_decoder chunks_;
    std::uint64_t remaining_ = 0;           // of framing length
    error_code failed_;                     // of the answer; final
    std::size_t head_size_ = 0;             // of the head just parsed
    unsigned interim_ = 0;
    std::size_t interim_size_ = 0;          // of all of them
    unsigned attempts_ = 1;

    steady::time_point limit_;
    steady::duration allowance_{};          // from the last of the request to the head of its answer
    steady::duration patience_;             // between two signs of life
    steady::time_point requested_at_;
    steady::time_point asked_at_;           // the request was through, or the last piece of it came
    steady::time_point answered_at_;

    std::array<std::string_view, 2> unsent_;   // of head and content
    std::optional<async::event> uploaded_;     // set when the uploading coroutine has ended
    error_code upload_error_;                  // the body source's
    bool uploading_ = false;
    bool stopping_ = false;
    bool waits_for_source_ = false;
    bool request_through_ = false;

    bool asked_ = false;
    bool came_early_ = false;               // true before we have asked: what is not meant for us. Later true for every answer
    bool reused_ = false;
    bool send_failed_ = false;
    bool sent_ = false;
    bool received_any_ = false;
    bool took_body_ = false;
    bool through_before_answer_ = false;
    bool has_head_ = false;
    bool complete_ = false;
    bool abandoned_ = false;
    bool upgraded_ = false;
    bool surplus_ = false;
    bool filled_room_ = false;              // the last read took all the room there was
    bool settled_ = false;
};

using exchange_ptr = std::unique_ptr<exchange>;

}  // namespace tiercel::origin
