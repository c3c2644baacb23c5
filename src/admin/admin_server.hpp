#pragma once

// The operators' listener: its own thread and event loop, so that a busy data path never makes a process look dead and a
// slow scraper never holds up a client.

#include "admin/admin_source.hpp"
#include "admin/options.hpp"

#include <tiercel/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tiercel::admin {

// Bounds of the listener; not configurable, because no operator needs to turn them. Tests make them small.
struct admin_limits {
    std::size_t connections = 64;                      // beyond it: 503 and close
    std::uint32_t header_bytes = 8 * 1024;             // 431
    std::uint64_t body_bytes = 1024 * 1024;              // 413
    std::chrono::milliseconds head{5'000};             // for a request to arrive once its first byte has: 408
    std::chrono::milliseconds keep_alive{60'000};      // between requests
    std::chrono::milliseconds write{10'000};           // for an answer to leave
};

class admin_server {
public:
    // REQUIRES: `source` outlives the server.
    admin_server(admin_options options, admin_source& source, admin_limits limits = {});
    ~admin_server();   // stops
    admin_server(const admin_server&) = delete;
    admin_server& operator=(const admin_server&) = delete;

    // Binds, listens and starts the thread. After an error nothing runs, and start() may be tried again.
    // A leftover unix socket that nobody listens on is replaced. REQUIRES: not started; options.listen is an address.
    error_code start();

    // Closes the listener and idle connections, lets answers that are being written finish, and waits for the thread.
    // Idempotent; not from the admin thread itself.
    void stop();

    // The TCP port it listens on; 0 for a unix socket or before start().
    std::uint16_t port() const noexcept;

private:
    class impl;
    admin_options options_;
    admin_source& source_;
    admin_limits limits_;
    std::unique_ptr<impl> impl_;   // while started
};

}  // namespace tiercel::admin
