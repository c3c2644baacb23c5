#pragma once

#include <tiercel/units.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace tiercel::server {

struct listen_options {
    std::string address = "0.0.0.0:8080";   // host:port, [v6]:port or unix:/path; port 0 lets the system choose
};

struct limit_options {
    std::size_t connections = 10'000;           // over all workers; beyond it a connection is refused with 503
    std::size_t connections_per_client = 0;     // 0: no limit
    byte_count uri = 8_KiB;                     // 414
    byte_count header_bytes = 32_KiB;           // 431; the whole head
    std::size_t header_count = 100;             // 431
    byte_count body = 64_MiB;                   // 413
    std::size_t pipeline = 16;                  // requests answered from one buffer before others get their turn
};

struct timeout_options {
    std::chrono::milliseconds header{10'000};   // a head must be complete that soon after its first byte: 408
    std::chrono::milliseconds body_idle{30'000};
    std::chrono::milliseconds write_idle{30'000};
    std::chrono::milliseconds keep_alive{60'000};
    std::chrono::milliseconds tunnel{3'600'000};   // WebSocket and the like: without a byte either way
    std::chrono::milliseconds drain{30'000};
};

struct purge_options {
    std::vector<std::string> allow{"127.0.0.1/32", "::1/128"};   // CIDRs
};

struct server_options {
    std::vector<listen_options> listen{listen_options{}};
    unsigned threads = 0;                        // 0: one per core
    std::vector<std::string> trusted_proxies;    // CIDRs
    purge_options purge;                         // who may send the method PURGE
    limit_options limits;
    timeout_options timeouts;
};

}  // namespace tiercel::server
