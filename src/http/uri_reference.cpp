#include "http/uri_reference.hpp"

#include "http/ascii.hpp"

#include <algorithm>

namespace tiercel {
namespace {

constexpr auto npos = std::string_view::npos;

// scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), up to a colon; else the reference has none.
std::string_view take_scheme(std::string_view& rest) noexcept
{
    const std::size_t colon = rest.find(':');
    if (colon == npos || colon == 0 || !is_alpha(rest.front())) {
        return {};
    }
    const std::string_view scheme = rest.substr(0, colon);
    const bool all = std::all_of(scheme.begin(), scheme.end(), [](char c) {
        return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    });
    if (!all) {
        return {};
    }
    rest.remove_prefix(colon + 1);
    return scheme;
}

// RFC 3986 §5.2.4, for paths that begin with a slash.
std::string without_dot_segments(std::string_view path)
{
    std::string out;
    while (!path.empty()) {
        const std::size_t next = std::min(path.find('/', 1), path.size());
        const std::string_view segment = path.substr(1, next - 1);
        const bool last = next == path.size();
        if (segment == "..") {
            out.erase(out.empty() ? 0 : out.rfind('/'));
            out.append(last ? "/" : "");
        } else if (segment == ".") {
            out.append(last ? "/" : "");
        } else {
            out.append(path.substr(0, next));
        }
        path.remove_prefix(next);
    }
    return out.empty() ? "/" : out;
}

// RFC 3986 §5.2.3: in place of what stands behind the last slash.
std::string merged(std::string_view base_path, std::string_view relative)
{
    const std::size_t slash = base_path.rfind('/');
    std::string out(slash == npos ? std::string_view("/") : base_path.substr(0, slash + 1));
    return out.append(relative);
}

}  // namespace

std::optional<std::string> resolve_reference(const base_uri& base, std::string_view reference)
{
    const bool clean = std::all_of(reference.begin(), reference.end(), [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
    if (!clean) {
        return std::nullopt;
    }
    std::string_view rest = reference.substr(0, reference.find('#'));
    std::string_view scheme = take_scheme(rest);
    std::string_view authority = base.authority;
    bool same_place = false;      // neither scheme nor authority of its own
    if (rest.starts_with("//")) {
        rest.remove_prefix(2);
        const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
        authority = rest.substr(0, end);
        rest.remove_prefix(end);
    } else if (!scheme.empty()) {
        return std::nullopt;      // "http:a" and "mailto:a" name no place of HTTP
    } else {
        same_place = true;
    }
    if (scheme.empty()) {
        scheme = base.scheme;
    }
    if (!equal_lower(scheme, "http") && !equal_lower(scheme, "https")) {
        return std::nullopt;
    }
    const std::size_t mark = std::min(rest.find('?'), rest.size());
    const std::string_view path = rest.substr(0, mark);
    std::string_view query = rest.substr(mark);           // with its question mark
    std::string full_path;
    if (path.empty() && same_place) {
        full_path = base.path;
    } else if (path.starts_with('/') || path.empty()) {
        full_path = without_dot_segments(path);
    } else {
        full_path = without_dot_segments(merged(base.path, path));
    }
    std::string out;
    out.append(scheme).append("://").append(authority).append(full_path).append(query);
    if (path.empty() && query.empty() && same_place && base.has_query) {
        out.append("?").append(base.query);
    }
    return out;
}

}  // namespace tiercel
