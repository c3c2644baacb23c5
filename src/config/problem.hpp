#pragma once

// What is wrong with a configuration, one line each.

#include <string>

namespace tiercel::config {

struct problem {
    std::string file;
    unsigned line = 1;
    unsigned column = 1;
    std::string key;      // "routes[1].origin"; empty when it is about the whole file
    std::string what;
};

// "FILE:LINE:COLUMN: key: what". Control characters are made visible, so that it is one line whatever the file holds.
std::string to_text(const problem& p);

}  // namespace tiercel::config
