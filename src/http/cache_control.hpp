#pragma once

// Cache-Control and its targeted kin, parsed into one struct (RFC 9111 §5.2, RFC 9213).

#include <tiercel/clock.hpp>
#include <tiercel/message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

// Directives of requests and responses alike. Seconds saturate; what is present but invalid is present with 0 seconds, which
// makes a response stale from the start (RFC 9111 §4.2.1).
struct cache_directives {
    bool present = false;            // the field occurs at all
    bool malformed = false;          // e.g. a quoted string that never ends: a response must not be stored
    bool no_store = false;
    bool no_cache = false;           // unqualified
    bool private_ = false;           // unqualified
    bool public_ = false;
    bool must_revalidate = false;
    bool proxy_revalidate = false;
    bool must_understand = false;
    bool no_transform = false;
    bool immutable = false;
    bool only_if_cached = false;
    std::optional<seconds> max_age;
    std::optional<seconds> s_maxage;
    std::optional<seconds> stale_while_revalidate;
    std::optional<seconds> stale_if_error;
    std::optional<seconds> min_fresh;
    std::optional<seconds> max_stale;            // without a value: the largest
    std::vector<std::string> private_fields;     // private="a, b": lower-case names
    std::vector<std::string> no_cache_fields;    // no-cache="a, b"
};

// All lines of `which` combined.
cache_directives parse_cache_control(const message_head& head, header which = header::cache_control);
cache_directives parse_cache_control(std::string_view value);

// A targeted field (RFC 9213 §2.1): a Dictionary of Structured Fields, strict. Nothing when absent, empty, or not valid:
// the next source applies then. `name` in any case of letters.
std::optional<cache_directives> parse_targeted(const message_head& head, std::string_view name);

}  // namespace tiercel
