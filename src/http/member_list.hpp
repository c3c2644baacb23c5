#pragma once

// Comma-separated lists (RFC 9110 §5.6.1) whose members hold no quoted strings: blanks around a member are none of it, empty
// members are none.

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace tiercel {

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }   // OWS, RFC 9110 §5.6.3

constexpr std::string_view trim(std::string_view s) noexcept
{
    while (!s.empty() && is_blank(s.front())) {
        s.remove_prefix(1);
    }
    while (!s.empty() && is_blank(s.back())) {
        s.remove_suffix(1);
    }
    return s;
}

// Calls `is_it` with one member after the other, until it says yes. Did it?
template <class IsIt>
bool any_member(std::string_view list, IsIt is_it)
{
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view member = trim(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
        if (!member.empty() && is_it(member)) {
            return true;
        }
    }
    return false;
}

template <class Each>
void for_each_member(std::string_view list, Each each)
{
    any_member(list, [&](std::string_view member) {
        each(member);
        return false;
    });
}

}  // namespace tiercel
