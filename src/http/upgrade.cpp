#include "http/upgrade.hpp"

#include "http/ascii.hpp"
#include "http/forwarding.hpp"
#include "http/member_list.hpp"

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

bool lists(std::string_view list, std::string_view protocol) noexcept
{
    return any_member(list, [&](std::string_view member) { return equal_ignoring_case(member, protocol); });
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
        if (f.id != header::upgrade) {
            continue;
        }
        for_each_member(f.value, [&](std::string_view protocol) {
            if (may_ask_for(protocol, allowed)) {
                out.append(out.size() == begin ? "" : ", ").append(protocol);
            }
        });
    }
}

bool switches_as_asked(const response_head& rs, std::string_view asked) noexcept
{
    bool any = false;
    bool foreign = false;
    for (const field& f : rs.fields) {
        if (f.id == header::upgrade) {
            for_each_member(f.value, [&](std::string_view protocol) {
                any = true;
                foreign = foreign || !lists(asked, protocol);
            });
        }
    }
    return any && !foreign && rs.minor_version != 0 && has_connection_option(rs, "upgrade");
}

}  // namespace tiercel
