#pragma once

// Characters as HTTP compares them: ASCII, whatever the locale.

#include <algorithm>
#include <string>
#include <string_view>

namespace tiercel::routing {

constexpr bool is_alnum(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lowered(std::string_view s)
{
    std::string out(s);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

inline bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

// RFC 9110 §5.6.2: what field names, methods and cookie names are made of.
inline bool is_token(std::string_view s) noexcept
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !s.empty() && std::all_of(s.begin(), s.end(), [&](char c) { return is_alnum(c) || marks.find(c) != marks.npos; });
}

// For messages to people.
inline std::string quoted(std::string_view s) { return "\"" + std::string(s) + "\""; }

}  // namespace tiercel::routing
