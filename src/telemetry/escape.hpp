#pragma once

// Text from outside, made safe for a line that a machine or a terminal reads. Nearly all text needs no change, so the
// usual case is a copy in steps of 16 bytes that looks for what would need one.

#include <cstddef>
#include <string>
#include <string_view>

namespace tiercel::telemetry {

// Room that an escaping function may need: each byte becomes at most 6.
constexpr std::size_t escaped_capacity(std::size_t raw) noexcept { return 6 * raw; }

// Writes `raw` as the inside of a JSON string (RFC 8259 §7) and returns the end. Controls (C0, DEL, C1), quotes and
// backslashes are escaped; a byte that is not part of valid UTF-8 becomes \ufffd.
// REQUIRES: escaped_capacity(raw.size()) bytes at `out`.
char* escape_json(char* out, std::string_view raw) noexcept;

// Writes `raw` as the inside of a quoted string of a text line: \" \\ and \xHH for controls and for every byte above 0x7e.
// REQUIRES: escaped_capacity(raw.size()) bytes at `out`.
char* escape_text(char* out, std::string_view raw) noexcept;

// The value of a metric label (Prometheus text format 0.0.4): backslash, quote and line feed are escaped, what is not valid
// UTF-8 becomes U+FFFD.
std::string escape_label(std::string_view raw);

// Length of the well-formed UTF-8 sequence (Unicode 15, table 3-7) that `s` begins with, or 0.
std::size_t utf8_sequence(std::string_view s) noexcept;

}  // namespace tiercel::telemetry
