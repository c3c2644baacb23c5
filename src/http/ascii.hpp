#pragma once

// Characters as HTTP compares them: ASCII, whatever the locale.

#include <algorithm>
#include <string>
#include <string_view>

namespace tiercel {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_alnum(char c) noexcept { return is_alpha(c) || is_digit(c); }

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lowered(std::string_view s)
{
    std::string out(s);
    std::transform(out.begin(), out.end(), out.begin(), to_lower);
    return out;
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

// The same when it is known that the second is in lower case already.
constexpr bool equal_lower(std::string_view any_case, std::string_view lower) noexcept
{
    return std::equal(any_case.begin(), any_case.end(), lower.begin(), lower.end(), [](char x, char y) { return to_lower(x) == y; });
}

// RFC 9110 §5.6.2: what field names, methods and cookie names are made of.
constexpr bool is_token_char(char c) noexcept
{
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
constexpr bool is_token(std::string_view s) noexcept { return !s.empty() && std::all_of(s.begin(), s.end(), is_token_char); }

}  // namespace tiercel
