#pragma once

// What GET /v1/origins says: each endpoint with its breaker, its connections and what is under way there.

#include "origin/upstream.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tiercel::app {

// JSON. Thread: any.
std::string describe_origins(const std::vector<std::unique_ptr<origin::upstream>>& upstreams, instant now);

}  // namespace tiercel::app
