#pragma once

// From a routed request to its key.

#include "flow/request.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tiercel::flow {

struct process_context;

// The value of one cookie of the request, over all Cookie lines (RFC 6265 §5.4).
std::optional<std::string_view> cookie_of(const request_head& head, std::string_view name) noexcept;

// Sets key, resource and hash. REQUIRES: tenant, target, route and query are set; `space` lives as long as rq.
void make_key(request& rq, std::string& space, const process_context& p);

}  // namespace tiercel::flow
