#pragma once

// What is wrong with a configuration, one line each.

#include <cstdint>
#include <string>

namespace tiercel::config {

enum class gravity : std::uint8_t {
    error,     // certainly not what was meant: nothing starts with it
    warning,   // possible, and most likely not what was meant
};

struct problem {
    std::string file;
    unsigned line = 1;
    unsigned column = 1;
    std::string key;      // "routes[1].origin"; empty when it is about the whole file
    std::string what;
    enum gravity gravity = gravity::error;
};

// "FILE:LINE:COLUMN: key: what", or "FILE:LINE:COLUMN: warning: key: what". Control characters are made visible, so that it is
// one line whatever the file holds.
std::string to_text(const problem& p);

}  // namespace tiercel::config
