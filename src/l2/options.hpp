#pragma once

#include <tiercel/clock.hpp>
#include <tiercel/units.hpp>

#include <cstdint>
#include <string>

namespace tiercel::l2 {

enum class kind : std::uint8_t {
    redis,    // shared by all instances
    memory,   // shared by the loops of this process: for tests and trials
    none,
};

struct l2_options {
    enum kind kind = l2::kind::redis;
    std::string url = "redis://127.0.0.1:6379/0";   // redis:// or unix://
    std::string user;                               // these two win over the URL, and keep secrets out of it
    std::string password;
    std::string prefix = "tcl";                     // of all names in Redis
    milliseconds timeout{50};                       // longest wait for one answer; after it the request goes on as a miss
    byte_count max_value = 1_MiB;                   // what is larger, encoded, is not stored here: it would hold up the others
    milliseconds max_life{24 * 3600 * 1000};        // nothing is kept longer, however fresh it says it is
    bool required = false;                          // false: starts and serves without
};

}  // namespace tiercel::l2
