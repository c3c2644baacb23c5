#pragma once

// Dictionaries and lists of Structured Fields (RFC 8941 §3.2, §3.1), parsed as strictly as RFC 8941 §4.2 says: all or nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

enum class sf_type : std::uint8_t { integer, decimal, string, token, byte_sequence, boolean, inner_list };

// One member of a dictionary. Parameters, and the contents of types that no rule reads, are checked and dropped.
struct sf_member {
    std::string_view key;            // into the input
    sf_type type = sf_type::boolean;
    std::int64_t integer = 0;        // of an integer: at most 15 digits
    bool boolean = true;             // of a boolean; a member without value is true
    std::string string;              // of a string: without quotes and escapes
};

// The members sorted by key; of equal keys only the last one is there. Nothing if any part of the text is not valid. Empty
// text is a dictionary without members. Lines of one field must be joined with commas first.
std::optional<std::vector<sf_member>> parse_sf_dictionary(std::string_view text);

// A List (RFC 8941 §3.1) whose members are all Strings; parameters are dropped. Nothing if any part is not valid, or a member is
// of another type. Empty text is an empty list.
std::optional<std::vector<std::string>> parse_sf_string_list(std::string_view text);

// A List whose members are Strings or Tokens with any parameters, and at least one of them: Cache-Status (RFC 9211 §2).
bool is_sf_name_list(std::string_view text);

}  // namespace tiercel
