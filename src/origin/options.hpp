#pragma once

// What can be set about one origin: `origins.<name>` of the configuration. Defaults live here and nowhere else.

#include "resilience/circuit_breaker.hpp"
#include "resilience/inflight_limit.hpp"
#include "resilience/retry.hpp"

#include <tiercel/units.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::origin {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct endpoint_options {
    std::string url;       // http[s]://host[:port] or unix:/path
    unsigned weight = 1;   // share of the traffic, 1 to 1000
};

struct pool_options {
    unsigned max = 256;                   // connections to one endpoint, over all loops; at least 1
    unsigned idle = 32;                   // of these, idle ones one loop may keep for longer than a second
    milliseconds idle_timeout{4'000};     // many servers close after 5 s; an origin's shorter Keep-Alive: timeout counts
    milliseconds max_life{300'000};       // +-10 %; so that a changed address takes effect
    std::size_t queue = 0;                // requests that may wait for a connection when all are busy; over all loops
    milliseconds queue_timeout{1'000};    // and how long
};

struct head_limit_options {
    byte_count header_bytes = 64_KiB;
    std::size_t header_count = 200;
};

struct tls_options {                      // for endpoints with https://
    bool verify = true;                   // false: any certificate of anybody will do
    std::string ca;                       // file or directory of authorities; empty: those of the system
    std::string server_name;              // asked for and expected in the certificate; empty: the host of the endpoint
    std::string certificate;              // of ours, with its chain, PEM; empty: none is shown
    std::string key;                      // of that certificate
};

struct health_options {
    std::string path;                     // asked for by GET; 2xx and 3xx are well. Empty: no checks
    milliseconds interval{5'000};         // +-20 %
    milliseconds timeout{1'000};          // for the whole check
    unsigned down_after = 3;              // checks in a row that fail; at least 1
    unsigned up_after = 2;                // that succeed; at least 1
};

struct hedge_options {
    milliseconds after{0};                // no byte of an answer for so long: another endpoint is asked too. 0: never
    double budget = 0.05;                 // such requests per primary request, and one per second on top; within the retry budget
};

struct origin_options {
    std::vector<endpoint_options> endpoints;
    std::string balance = "p2c";              // a row of balancing_policies()
    milliseconds connect_timeout{1'000};
    milliseconds try_timeout{10'000};         // first byte and between bytes, per attempt
    pool_options pool;
    std::string deadline_header;              // field that tells the origin the milliseconds left; empty: none
    head_limit_options limits;
    resilience::retry_options retry;
    hedge_options hedge;
    resilience::breaker_options breaker;
    resilience::inflight_options limit;
    tls_options tls;
    health_options health;
    milliseconds resolve_interval{30'000};    // names are looked up again, +-10 %
};

// Why these options cannot be used, as half a sentence for the operator; empty when they can.
std::string problem(const origin_options& o);

}  // namespace tiercel::origin
