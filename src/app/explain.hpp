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
    int status = 0;                       // of an answer of the origin that is judged, too; 0 and no fields: there is none
    std::vector<std::string> answer{};    // its fields
};

// Writes route, tenant, key, names and decisions; with an answer also what becomes of it, now and later. bad_usage when the question is no request.
exit_code explain(const config::loaded& what, const question& q, console io);

}  // namespace tiercel::app
