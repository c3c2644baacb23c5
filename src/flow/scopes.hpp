#pragma once

// Under which scopes an answer can be invalidated.

#include "flow/request.hpp"

#include <tiercel/scope.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

// Of everything that is stored for the URL of the request.
scope_hash url_scope(const request& rq) noexcept;
// The URL by http and by https: who operates means the resource.
std::vector<scope_hash> url_scopes_of_both_schemes(const request& rq);
// Of a group of answers of the origin that the request went to (RFC 9875 §2.1).
scope_hash group_scope(const request& rq, std::string_view group);

// What a write to that URL changes beside it, by what the route says about the entity that it shows: that one and the lists of its
// type, or what a list is of. With their names, for people.
struct written_scopes {
    std::vector<scope_hash> scopes;
    std::vector<std::string> names;
};
written_scopes written_beside(const request& rq);

// Of what lies below a path of a host; `path` ends with a slash.
scope_hash prefix_scope(std::string_view tenant, std::string_view host, std::string_view path);

// All of an answer: its URL, where that lies, the entity that it shows, and what it is tagged and grouped by. The URL's comes first.
std::vector<scope_hash> scopes_of(const request& rq, const response_head& rs);

// An answer lies in so many of the paths above it at most, the outermost ones.
inline constexpr std::size_t most_prefixes = 8;
// All, tenant, host, URL, entity and its list, prefixes.
inline constexpr std::size_t most_place_scopes = 6 + most_prefixes;

}  // namespace tiercel::flow
