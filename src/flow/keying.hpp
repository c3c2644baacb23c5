#pragma once

// From a routed request to its key: what the origin may tell apart, as it gets it.

#include "flow/request.hpp"

#include <string>

namespace tiercel::flow {

struct process_context;

// Sets key, resource and hash. REQUIRES: tenant, target, route and query are set; `space` lives as long as rq.
void make_key(request& rq, std::string& space, const process_context& p);

}  // namespace tiercel::flow
