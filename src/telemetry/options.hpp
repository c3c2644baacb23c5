#pragma once

// What an operator may choose about logs and metrics; the defaults live here and nowhere else.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tiercel::telemetry {

enum class log_level : std::uint8_t { debug, info, warn, error };
enum class log_format : std::uint8_t { text, json };

struct access_options {
    log_format format = log_format::json;
    std::string file;       // empty or "-": standard output; "off": no access log at all
    double sample = 1.0;    // share of the requests that get a line, 0 to 1
};

struct log_options {
    log_level level = log_level::info;
    log_format format = log_format::text;
    std::string file;                                // empty: standard error
    unsigned rate = 10;                              // lines per second and message site; 0: no limit
    std::chrono::milliseconds slow_origin{100};      // an origin that took longer is worth a line
    access_options access;
};

struct metrics_options {
    std::size_t tenants = 100;   // so many get a label of their own, the rest is "other"
};

}  // namespace tiercel::telemetry
