#pragma once

// HTTP dates (RFC 9110 §5.6.7), as seconds since 1970.

#include <cstdint>
#include <optional>
#include <string_view>

namespace tiercel {

// IMF-fixdate, RFC 850 and asctime, names in any case of letters, GMT only; nothing else. The weekday is not checked
// against the date. `now` (seconds since 1970) places the two-digit years of RFC 850: what would lie more than 50 years
// ahead is in the past century.
std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now) noexcept;

// Writes IMF-fixdate, 29 characters. REQUIRES: 0 <= t < year 10000.
void format_http_date(std::int64_t t, char (&out)[29]) noexcept;

}  // namespace tiercel
