#pragma once

// Under which scopes an answer can be invalidated.

#include "flow/request.hpp"

#include <tiercel/scope.hpp>

#include <string_view>
#include <vector>

namespace tiercel::flow {

// Of everything that is stored for the URL of the request.
scope_hash url_scope(const request& rq) noexcept;
// Of a group of answers of the origin that the request went to (RFC 9875 §2.1).
scope_hash group_scope(const request& rq, std::string_view group);

// All of an answer: its URL, and what it is tagged and grouped by. The URL's comes first.
std::vector<scope_hash> scopes_of(const request& rq, const response_head& rs);

}  // namespace tiercel::flow
