#pragma once

// A configuration as text. Secrets never show: passwords and tokens become "***", URLs lose their userinfo.

#include "config/config_loader.hpp"

#include <string>
#include <vector>

namespace tiercel::config {

struct effective_value {
    std::string path;       // "routes[0].ttl.default"
    std::string value;      // as YAML
    std::string source;     // "default", "FILE:LINE" or "env NAME (FILE:LINE)"
};

// Every key of the table, in its order, with its value. REQUIRES: what.ok().
std::vector<effective_value> effective_values(const loaded& what);

// One line each, "path: value   # source": what `tiercel config` prints.
std::string effective_text(const loaded& what);

// {"path": {"value": "…", "source": "…"}, …}: what GET /v1/config answers.
std::string effective_json(const loaded& what);

// The reference: a YAML file with every key, its default, its bounds and what it does. It is a valid configuration.
std::string reference_text();

}  // namespace tiercel::config
