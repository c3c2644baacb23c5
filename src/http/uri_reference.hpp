#pragma once

// URI references in messages (RFC 3986 §4.1, §5): Location, Content-Location.

#include <optional>
#include <string>
#include <string_view>

namespace tiercel {

// A URI that a reference is relative to, in parts; views into whatever the caller has.
struct base_uri {
    std::string_view scheme;
    std::string_view authority;
    std::string_view path;
    std::string_view query;
    bool has_query = false;
};

// The absolute URI that the reference means, with dot segments removed and without fragment. Nothing when it is none of http
// or https, or holds what no URI may hold. The parts are as they came: who compares them brings them into a canonical form.
std::optional<std::string> resolve_reference(const base_uri& base, std::string_view reference);

}  // namespace tiercel
