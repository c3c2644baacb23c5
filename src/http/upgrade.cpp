#include "http/upgrade.hpp"

#include "http/ascii.hpp"
#include "http/forwarding.hpp"

#include <algorithm>
#include <array>

namespace tiercel {
namespace {

std::string_view name_of_protocol(std::string_view protocol) noexcept { return protocol.substr(0, protocol.find('/')); }

// name [ "/" version ]
bool is_protocol(std::string_view s) noexcept
{
    const std::size_t slash = s.find('/');
    return is_token(s.substr(0, slash)) && (slash == s.npos || is_token(s.substr(slash + 1)));
}

bool may_ask_for(std::string_view protocol, const std::vector<std::string>& allowed) noexcept
{
    return is_protocol(protocol) && !carries_requests(protocol) &&
           std::any_of(allowed.begin(), allowed.end(), [&](std::string_view a) {
               return a == "*" || equal_ignoring_case(a, protocol) || equal_ignoring_case(a, name_of_protocol(protocol));
           });
}

// The next member of a list; empty members are none (RFC 9110 §5.6.1).
std::string_view take_member(std::string_view& list) noexcept
{
    constexpr std::string_view blank = " \t";
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view member = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    member.remove_prefix(std::min(member.find_first_not_of(blank), member.size()));
    return member.substr(0, member.find_last_not_of(blank) + 1);
}

bool lists(std::string_view list, std::string_view protocol) noexcept
{
    while (!list.empty()) {
        if (equal_ignoring_case(take_member(list), protocol)) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool carries_requests(std::string_view protocol) noexcept
{
    constexpr std::array<std::string_view, 5> names{"h2", "h2c", "h3", "http", "tls"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return equal_ignoring_case(name_of_protocol(protocol), n); });
}

void append_upgrades(std::string& out, const request_head& rq, const std::vector<std::string>& allowed)
{
    if (rq.minor_version == 0 || !has_connection_option(rq, "upgrade")) {
        return;
    }
    const std::size_t begin = out.size();
    for (const field& f : rq.fields) {
        for (std::string_view list = f.id == header::upgrade ? f.value : std::string_view(); !list.empty();) {
            const std::string_view protocol = take_member(list);
            if (may_ask_for(protocol, allowed)) {
                out.append(out.size() == begin ? "" : ", ").append(protocol);
            }
        }
    }
}

bool switches_as_asked(const response_head& rs, std::string_view asked) noexcept
{
    bool any = false;
    for (const field& f : rs.fields) {
        for (std::string_view list = f.id == header::upgrade ? f.value : std::string_view(); !list.empty();) {
            const std::string_view protocol = take_member(list);
            if (!protocol.empty() && !lists(asked, protocol)) {
                return false;
            }
            any = any || !protocol.empty();
        }
    }
    return any && rs.minor_version != 0 && has_connection_option(rs, "upgrade");
}

}  // namespace tiercel
