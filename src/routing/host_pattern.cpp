#include "routing/host_pattern.hpp"

#include "http/ascii.hpp"
#include "routing/quoted.hpp"

#include <tiercel/check.hpp>

namespace tiercel::routing {
namespace {

bool is_below(std::string_view text) noexcept { return text.starts_with("*."); }

}  // namespace

std::optional<std::string> host_pattern::problem(std::string_view text)
{
    const auto name = is_below(text) ? text.substr(2) : text;
    if (name.empty()) {
        return "host " + quoted(text) + " is empty";
    }
    if (name.front() == '[') {
        const bool closed = name.find(']') == name.size() - 1;
        const bool is_address = name.find_first_not_of("0123456789abcdefABCDEF:.", 1) == name.size() - 1;
        return closed && is_address ? std::nullopt : std::optional("host " + quoted(text) + " is not an IPv6 address without port");
    }
    if (name.find(':') != name.npos) {
        return "host " + quoted(text) + " must be without port; routes match on any port";
    }
    if (name.find('*') != name.npos) {
        return "host " + quoted(text) + " may have \"*.\" at its beginning only";
    }
    for (const char c : name) {
        if (!is_alnum(c) && c != '-' && c != '.' && c != '_') {
            return "host " + quoted(text) + " holds a character that no host name has";
        }
    }
    if (name.front() == '.' || name.back() == '.' || name.find("..") != name.npos) {
        return "host " + quoted(text) + " has an empty label; hosts are compared without trailing dot";
    }
    return std::nullopt;
}

host_pattern::host_pattern(std::string_view text)
    : text_(lowered(is_below(text) ? text.substr(1) : text)), below_(is_below(text))
{
    TIERCEL_CHECK(!problem(text));
}

}  // namespace tiercel::routing
