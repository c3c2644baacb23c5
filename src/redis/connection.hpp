#pragma once

// One socket to Redis with everything outstanding pipelined on it: at 64 commands in flight a GET costs client and server a
// seventh of what it costs alone.
//
// Commands issued during one turn of the loop leave in one write. Replies come in the order of the commands, so the place in
// the queue is all that ties them together: a command that is late is answered with redis_timeout, its place stays, and the
// reply is dropped when it arrives. Per command there is no coroutine of ours and no allocation but its bytes.
//
// A connection is opened once and closed once; the client makes a new one for each attempt. Thread: the loop's only.

#include "async/drain_gate.hpp"
#include "async/event.hpp"
#include "async/loop.hpp"
#include "redis/resp_codec.hpp"
#include "redis/server_address.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/error.hpp>
#include <tiercel/units.hpp>

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace tiercel::redis {

namespace asio = async::asio;

struct connection_options {
    server_address address;
    std::string name = "tiercel";            // by CLIENT SETNAME; shown by CLIENT LIST
    milliseconds connect_timeout{250};       // resolution, connect and handshake together
    milliseconds stall_timeout{1000};        // nothing received for so long while something is due: closed
    std::size_t max_in_flight = 512;         // commands without a reply; beyond that redis_overload, at once
    byte_count max_unsent = 16_MiB;          // bytes the socket did not take yet; the same
    byte_count max_reply = 64_MiB;           // a longer reply is taken for garbage
};

// What a connection tells its owner. Both run inside the connection's own calls: note it down, do not destroy it there.
class connection_observer {
public:
    // A command on an open connection ended; failed = late, lost, or refused by a server that cannot serve at all.
    virtual void on_call_ended(bool failed) = 0;
    // An open connection is no more; problem() says why.
    virtual void on_closed() = 0;

protected:
    ~connection_observer() = default;
};

using reply_handler = std::function<void(result<reply>)>;
// What the server says without having been asked: the elements of a "message" (RESP2). Runs on the loop, inside the
// connection's own calls.
using push_handler = std::function<void(const reply&)>;

class connection {
public:
    connection(async::loop& loop, connection_options options, connection_observer& observer);
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    // REQUIRES: never opened, or drained() was awaited.
    ~connection();

    // Resolves, connects, authenticates, selects the database and makes sure that this is a master. At most once. A failure
    // leaves it closed.
    async::task<result<void>> open();
    bool is_open() const noexcept { return state_ == state::open; }
    // Why it was closed or never opened: a sentence fragment for logs, without credentials.
    const std::string& problem() const noexcept { return problem_; }

    // Why a command would be refused now: redis_down or redis_overload.
    std::optional<errc> refusal() const noexcept;
    // One command, one reply (an error reply is a reply). Fails with refusal(), redis_timeout after `limit`, or with what
    // closed the connection.
    async::task<result<reply>> call(command c, milliseconds limit);
    // The same without a waiter: `on_reply` runs on the loop, never inside this call. REQUIRES: !refusal().
    void send(command c, milliseconds limit, reply_handler on_reply);

    // From now on messages of channels are no breach of the protocol, and go there.
    void on_push(push_handler h) { on_push_ = std::move(h); }

    // Ends it: all outstanding commands fail with `why`. Idempotent.
    void close(errc why, std::string problem);
    // Waits until nothing of it runs any more, the handlers of its commands included. REQUIRES: close() was called.
    async::task<> drained();

private:
    enum class state : std::uint8_t { idle, opening, open, closed };
    using waiter = asio::async_result<asio::use_awaitable_t<async::executor>, void(result<reply>)>::handler_type;
    // Whom a reply goes to; nobody once the command was late.
    using completion = std::variant<std::monostate, waiter, reply_handler>;
    struct pending {
        completion done;
        async::steady::time_point due;
    };

    async::task<bool> connect_socket();
    async::task<bool> greet();
    async::task<std::optional<reply>> ask(command c, std::string_view step);
    async::task<bool> accepted(command c, std::string_view step);

    void enqueue(command c, completion done, milliseconds limit);
    void push_bytes(std::string bytes);
    void flush_soon();
    void flush();
    void on_written(const error_code& ec, std::size_t n);
    void read_more();
    void on_read(const error_code& ec, std::size_t n);
    bool take_replies();
    bool is_push(const reply& r) const noexcept;
    void take_reply(reply r);
    static completion take(completion& c);
    static void finish(completion done, result<reply> r);
    void finish_later(completion done, result<reply> r);
    void watch(async::steady::time_point t);
    void on_limit();

    async::loop& loop_;
    connection_options options_;
    connection_observer& observer_;
    push_handler on_push_;
    async::socket socket_;
    async::deadline limit_;                      // the earliest of all that may become late
    async::steady::time_point watched_{};        // what limit_ is set to, while armed
    async::steady::time_point open_until_{};
    async::steady::time_point progress_{};       // when something was received, or began to be due
    async::drain_gate gate_;
    async::event idle_;
    state state_ = state::idle;
    errc why_ = errc::redis_down;
    std::string problem_;

    std::deque<pending> in_flight_;
    std::deque<std::string> unsent_;             // the front is in the socket's hands while writing_
    std::size_t front_sent_ = 0;
    byte_count unsent_bytes_ = 0;
    bool writing_ = false;
    bool flush_posted_ = false;
    reply_parser parser_;
    std::array<char, 64 * 1024> input_;
};

}  // namespace tiercel::redis
