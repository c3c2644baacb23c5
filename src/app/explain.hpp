#pragma once

// `tiercel explain`: what would happen to a request that has never been seen, decided by the very code that serves.

#include "app/commands.hpp"

#include <string>
#include <vector>

namespace tiercel::app {

struct question {
    std::string method = "GET";
    std::string url;                      // http://host/path?query, or /path?query with a Host among the fields
    std::vector<std::string> fields;      // "Name: value"
    std::string from = "127.0.0.1";       // the peer: fields of trusted proxies are believed
};

// Writes route, tenant, key, names and decisions. bad_usage when the question is no request.
exit_code explain(const config::loaded& what, const question& q, console io);

}  // namespace tiercel::app
