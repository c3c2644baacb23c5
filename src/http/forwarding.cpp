#include "http/forwarding.hpp"

#include "http/ascii.hpp"
#include "http/member_list.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel {
namespace {

// Calls `f` with each member of the message's Connection lists until it returns true.
template <class F>
bool any_option(const message_head& m, F&& f) noexcept
{
    for (const field& line : m.fields) {
        if (line.id != header::connection) {
            continue;
        }
        if (any_member(line.value, f)) {
            return true;
        }
    }
    return false;
}

// What a Connection option never removes.
bool is_protected(header h) noexcept
{
    switch (h) {
    case header::host:
    case header::content_length:
    case header::transfer_encoding:
    case header::content_type:
    case header::content_encoding:
    case header::content_range:
    case header::authorization:
    case header::cookie:
    case header::set_cookie:
    case header::cache_control:
    case header::cdn_cache_control:
    case header::expires:
    case header::accept_encoding:    // what selects a variant must reach the origin as it was keyed
    case header::accept_language:
    case header::date:
    case header::age:
    case header::vary: return true;
    default: return false;
    }
}

constexpr std::array influences{
    std::string_view("base-url"),             std::string_view("client-ip"),
    std::string_view("front-end-https"),      std::string_view("http2-settings"),   // part of an upgrade, which ends here
    std::string_view("proxy"),                // becomes HTTP_PROXY in a CGI environment
    std::string_view("request-uri"),          std::string_view("tiercel-attempt"),  // ours to write
    std::string_view("true-client-ip"),
    std::string_view("x-backend-host"),       std::string_view("x-client-ip"),
    std::string_view("x-cluster-client-ip"),  std::string_view("x-forwarded"),
    std::string_view("x-host"),               std::string_view("x-http-host-override"),
    std::string_view("x-http-method"),        std::string_view("x-http-method-override"),
    std::string_view("x-method-override"),    std::string_view("x-override-url"),
    std::string_view("x-proxy-url"),          std::string_view("x-real-ip"),
    std::string_view("x-url-scheme")};
// Whole families: whatever a framework may invent there tells about the request as somebody else has seen it.
constexpr std::array<std::string_view, 3> influential_families{"x-forwarded-", "x-original-", "x-rewrite-"};

}  // namespace

bool is_hop_by_hop(header h) noexcept
{
    switch (h) {
    case header::connection:
    case header::keep_alive:
    case header::proxy_authenticate:
    case header::proxy_authentication_info:
    case header::proxy_authorization:
    case header::proxy_connection:
    case header::te:
    case header::trailer:
    case header::transfer_encoding:
    case header::upgrade: return true;
    default: return false;
    }
}

connection_options::connection_options(const message_head& m) noexcept
    : head_(m.has(header::connection) ? &m : nullptr)
{
}

bool connection_options::strips(const field& f) const noexcept
{
    if (head_ == nullptr || is_protected(f.id)) {
        return false;
    }
    return any_option(*head_, [&](std::string_view option) { return equal_ignoring_case(option, f.name); });
}

bool has_connection_option(const message_head& m, std::string_view lower) noexcept
{
    return m.has(header::connection) && any_option(m, [&](std::string_view o) { return equal_ignoring_case(o, lower); });
}

bool wants_close(const message_head& m) noexcept
{
    if (!m.has(header::connection)) {
        return m.minor_version == 0;
    }
    if (any_option(m, [](std::string_view o) { return equal_ignoring_case(o, "close"); })) {
        return true;
    }
    return m.minor_version == 0 && !any_option(m, [](std::string_view o) { return equal_ignoring_case(o, "keep-alive"); });
}

std::optional<std::string_view> forwarded_scheme(const request_head& rq) noexcept
{
    std::string_view last;
    for (const field& f : rq.fields) {
        if (f.id == header::x_forwarded_proto) {
            last = f.value;
        }
    }
    const std::size_t comma = last.rfind(',');
    last.remove_prefix(comma == std::string_view::npos ? 0 : comma + 1);
    last.remove_prefix(std::min(last.find_first_not_of(" \t"), last.size()));
    for (const std::string_view known : {"http", "https"}) {
        if (equal_lower(last, known)) {
            return known;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> hops_left(const request_head& rq) noexcept
{
    if (rq.verb != method::options || !rq.has(header::max_forwards)) {
        return std::nullopt;
    }
    const std::string_view text = rq.first(header::max_forwards);
    std::uint64_t n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    const bool is_number = ec == std::errc() && !text.empty() && end == text.data() + text.size();
    return is_number ? std::optional(n) : std::nullopt;
}

// Some origins take "_" in a name for "-", so X_Accept and X-Accept are one to them; whatever is keyed, written or checked here, and
// whatever an answer may name in its Vary, has such a twin.
bool is_unkeyed_influence(std::string_view name) noexcept
{
    if (name.find('_') != std::string_view::npos) {
        return true;
    }
    const auto begins_with = [&](std::string_view family) { return equal_lower(name.substr(0, family.size()), family); };
    return std::any_of(influences.begin(), influences.end(), [&](std::string_view bad) { return equal_lower(name, bad); }) ||
           std::any_of(influential_families.begin(), influential_families.end(), begins_with);
}

}  // namespace tiercel
