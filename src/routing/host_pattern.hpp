#pragma once

// Which hosts a route is for.

#include <optional>
#include <string>
#include <string_view>

namespace tiercel::routing {

// "shop.example:8080" -> "shop.example", "[::1]:80" -> "[::1]".
constexpr std::string_view host_without_port(std::string_view host) noexcept
{
    const auto colon = host.rfind(':');
    const bool is_bare_ipv6 = host.ends_with(']');
    return colon == host.npos || is_bare_ipv6 ? host : host.substr(0, colon);
}

// One name, or "*.example.com": every name below example.com at any depth, but not example.com itself.
class host_pattern {
public:
    // What is wrong with the text, in words for whoever wrote it.
    static std::optional<std::string> problem(std::string_view text);

    // REQUIRES: !problem(text).
    explicit host_pattern(std::string_view text);

    // `name`: lower case, no port, no trailing dot.
    bool matches(std::string_view name) const noexcept
    {
        return below_ ? name.size() > text_.size() && name.ends_with(text_) : name == text_;
    }

    // Does this one match all that the other one matches?
    bool covers(const host_pattern& other) const noexcept
    {
        return other.below_ ? below_ && std::string_view(other.text_).ends_with(text_) : matches(other.text_);
    }

private:
    std::string text_;   // lower case; with its leading dot if below_
    bool below_;
};

}  // namespace tiercel::routing
