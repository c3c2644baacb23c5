#pragma once

// Vary, and what it makes of a request (RFC 9110 §12.5.5, RFC 9111 §4.1).

#include <tiercel/message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

struct vary_spec {
    bool star = false;                    // "*" anywhere: matches nothing, must not be stored
    std::vector<std::string> names;       // lower-case, sorted, without repetition
};

// All lines combined, empty members skipped.
vary_spec parse_vary(const message_head& head);

// The request's value of a selecting field in its normal form: lines combined, blanks around commas dropped;
// Accept-Encoding reduced (below), Accept-Language in its usual letters, ordered by weight and cut down to `languages` when that
// list is not empty (both are also forwarded in that form). Fields that are no lists stay as they are. Nothing: it is absent.
// REQUIRES: `name` is lower case.
std::optional<std::string> selecting_value(const request_head& rq, std::string_view name,
                                           const std::vector<std::string>& languages);

// The same with nothing made equal that an origin could tell apart: lines stay lines, between them a line feed.
std::optional<std::string> exact_value(const request_head& rq, std::string_view name, const std::vector<std::string>& languages);

// What the client likes best of br, gzip and identity, by its weights, so that a resource has three variants at most: "br, gzip"
// (the origin may use either), "gzip" or "identity"; "br" only for a client that takes nothing else. What is keyed is also what
// is forwarded.
std::string_view reduced_accept_encoding(const request_head& rq);

}  // namespace tiercel
