#pragma once

// Entity tags (RFC 9110 §8.8.3): opaque bytes, compared weakly or strongly, never repaired.

#include <string_view>

namespace tiercel {

// A tag as it stands in a field, W/ included. Well-formed or not, it is compared byte by byte.
bool is_weak(std::string_view tag) noexcept;
bool weak_equal(std::string_view a, std::string_view b) noexcept;     // both without W/, opaque parts equal
bool strong_equal(std::string_view a, std::string_view b) noexcept;   // neither weak, equal

// Does a list as in If-None-Match hold a tag that is weakly equal to `tag`? "*" holds everything. A member that is no
// well-formed tag is compared as the bytes that it is.
bool list_holds(std::string_view list, std::string_view tag) noexcept;

}  // namespace tiercel
