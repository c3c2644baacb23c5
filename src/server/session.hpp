#pragma once

// One client connection: read a head within limits, run the flow, answer, again.

#include "async/drain_gate.hpp"
#include "async/task.hpp"
#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/request.hpp"
#include "server/options.hpp"
#include "telemetry/access_log.hpp"
#include "telemetry/log.hpp"

#include <atomic>
#include <cstddef>

namespace tiercel::server {

// What the connections of one worker share. Outlives them all: the worker drains its gate before it dies.
// Thread: the worker's only, but for `connections`.
class session_host {
public:
    session_host(flow::worker_context& flow_context, const server_options& server, telemetry::access_log::lane& lane,
                 telemetry::logger messages, std::chrono::milliseconds slow, std::atomic<std::size_t>& open)
        : cx(flow_context), options(server), log(lane), say(std::move(messages)), slow_origin(slow), connections(open) {}

    // Connections on which no request has come are closed at once; the others close after the answer that is under way, and say so in
    // it if its head has not been sent.
    void drain();
    // Every connection is closed, whatever it does, and so are those that were accepted and have not begun yet.
    void abort();
    bool draining() const noexcept { return draining_; }
    // One line for a request whose origin took longer than log.slow_origin.
    void note_slow_origin(const flow::request& rq, const flow::answered& a);

    flow::worker_context& cx;
    const server_options& options;
    telemetry::access_log::lane& log;
    telemetry::logger say;
    std::chrono::milliseconds slow_origin;
    std::atomic<std::size_t>& connections;   // over all workers

private:
    friend class connection_entry;
    class connection_entry* first_ = nullptr;
    bool draining_ = false;
    bool aborted_ = false;
};

// Place of one connection in its host's list; lets the host reach it for closing.
class connection_entry {
public:
    connection_entry(session_host& host, flow::client_io& io, flow::request& current);
    ~connection_entry();
    connection_entry(const connection_entry&) = delete;
    connection_entry& operator=(const connection_entry&) = delete;

    bool idle = true;                        // waiting for the first byte of a request

private:
    friend class session_host;
    session_host& host_;
    flow::client_io& io_;
    flow::request& current_;                 // the request that is read or answered now
    connection_entry* previous_ = nullptr;
    connection_entry* next_ = nullptr;
};

// Ends when the connection does. `host` outlives it.
async::task<> serve_connection(session_host& host, async::socket s, flow::peer from);

}  // namespace tiercel::server
