#include "origin/header_values.hpp"

#include "http/ascii.hpp"
#include "http/http_date.hpp"
#include "http/member_list.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel::origin {
namespace {

constexpr std::int64_t day = 86'400;

// Digits only; what is larger than a day is a day.
std::optional<seconds> parse_seconds(std::string_view text) noexcept
{
    if (text.empty() || text.find_first_not_of("0123456789") != text.npos) {
        return std::nullopt;
    }
    std::int64_t n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    return seconds(ec != std::errc() ? day : std::min(n, day));
}

}  // namespace

seconds keep_alive_timeout(const response_head& head) noexcept
{
    constexpr seconds unsaid{-1};
    if (!head.has(header::keep_alive)) {
        return unsaid;
    }
    seconds told = unsaid;
    any_member(head.first(header::keep_alive), [&](std::string_view item) {
        const auto equals = item.find('=');
        const bool is_timeout = equals != item.npos && equal_lower(trim(item.substr(0, equals)), "timeout");
        told = is_timeout ? parse_seconds(trim(item.substr(equals + 1))).value_or(unsaid) : told;
        return is_timeout;
    });
    return told;
}

std::optional<seconds> retry_after(const response_head& head, wall_time now) noexcept
{
    if (!head.has(header::retry_after)) {
        return std::nullopt;
    }
    const std::string_view value = head.first(header::retry_after);
    if (const auto n = parse_seconds(value)) {
        return n;
    }
    const std::int64_t today = std::chrono::floor<seconds>(now).time_since_epoch().count();
    const auto date = parse_http_date(value, today);
    if (!date) {
        return std::nullopt;
    }
    return seconds(std::clamp<std::int64_t>(*date - today, 0, day));
}

}  // namespace tiercel::origin
