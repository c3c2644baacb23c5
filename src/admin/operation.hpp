#pragma once

// Calls that do something to the cache, as the admin API hands them on. They may take a while: whoever carries one out answers
// when it is done, from whatever thread.

#include "admin/options.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::admin {

enum class operation_kind : unsigned char {
    invalidate, list_invalidations, show_invalidation, take_events, list_dead_letters, replay_dead_letter, drop_dead_letter, show_sources,
};

struct caller {
    enum role role = role::system;    // without tokens everybody may do everything
    std::string tenant;               // for role tenant
    std::string name;                 // for the audit: "token 2", "local"
};

struct operation {
    operation_kind what;
    caller who;
    std::string name;                 // what stands for {name} in the path
    std::string query;                // of the target, without "?"
    std::string content_type;
    std::vector<std::pair<std::string, std::string>> fields;   // names in lower case
    std::string body;
};

struct operation_answer {
    unsigned status = 200;
    std::string body;                 // JSON; of a status from 400 on: the detail of a problem document
    unsigned retry_after = 0;
};
using operation_handler = std::function<void(operation_answer)>;

}  // namespace tiercel::admin
