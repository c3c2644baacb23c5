#include "http/target.hpp"

#include "http/ascii.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tiercel {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_unreserved(char c) noexcept
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// Characters that stand for themselves in a path or query: unreserved, sub-delims, ":", "@", "/", "?", and a few that
// browsers send raw although RFC 3986 excludes them ("[", "]", "|", "^", "`", "{", "}"); never controls, blanks, quotes, angle
// brackets, backslash, "#", or bytes above 0x7e.
constexpr std::array<bool, 256> make_plain()
{
    std::array<bool, 256> t{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
                                         "!$&'()*+,;=:@/?[]|^`{}")) {
        t[static_cast<unsigned char>(c)] = true;
    }
    return t;
}
constexpr auto plain = make_plain();

int hex_value(char c) noexcept
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

enum class part_state : std::uint8_t { canonical, rewritten, bad };

// The byte that the escape at the front of `text` stands for; negative when it is none, or stands for NUL.
int escaped_byte(std::string_view text) noexcept
{
    const int high = text.size() > 2 && text[0] == '%' ? hex_value(text[1]) : -1;
    const int low = high >= 0 ? hex_value(text[2]) : -1;
    return low < 0 || high + low == 0 ? -1 : high * 16 + low;
}

// Length of the beginning of `in` that nothing has to be done about: plain characters, and escapes in upper case of what has
// to be escaped.
std::size_t canonical_length(std::string_view in) noexcept
{
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'f'; };
    std::size_t i = 0;
    while (i < in.size()) {
        if (plain[static_cast<unsigned char>(in[i])]) {
            ++i;
            continue;
        }
        const int byte = escaped_byte(in.substr(i));
        if (byte < 0 || is_unreserved(static_cast<char>(byte)) || is_lower(in[i + 1]) || is_lower(in[i + 2])) {
            break;
        }
        i += 3;
    }
    return i;
}

// Appends the canonical form of a path or query to `out` when it differs from the input; `out` is untouched otherwise.
part_state normalise(std::string_view in, std::string& out)
{
    std::size_t i = canonical_length(in);
    if (i == in.size()) {
        return part_state::canonical;
    }
    constexpr char digits[] = "0123456789ABCDEF";
    out.append(in.substr(0, i));
    while (i < in.size()) {
        if (plain[static_cast<unsigned char>(in[i])]) {
            out.push_back(in[i++]);
            continue;
        }
        const int byte = escaped_byte(in.substr(i));
        if (byte < 0) {
            return part_state::bad;
        }
        if (is_unreserved(static_cast<char>(byte))) {
            out.push_back(static_cast<char>(byte));
        } else {
            out.push_back('%');
            out.push_back(digits[byte / 16]);
            out.push_back(digits[byte % 16]);
        }
        i += 3;
    }
    return part_state::rewritten;
}

// In canonical form: what some origins take for a slash, although it is none (RFC 3986 §2.2).
bool is_hidden_slash(std::string_view escape) noexcept { return escape == "%2F" || escape == "%5C"; }

bool begins_segment(std::string_view path, std::size_t at) noexcept
{
    return at > 0 && (path[at - 1] == '/' || (at >= 3 && is_hidden_slash(path.substr(at - 3, 3))));
}

bool ends_segment(std::string_view path, std::size_t at) noexcept
{
    return at == path.size() || path[at] == '/' || path[at] == ';' || is_hidden_slash(path.substr(at, 3));
}

// "/./", "/../", or such an end, to whatever origin. The path is in canonical form, so encoded dots are dots by now.
bool has_dot_segment(std::string_view path) noexcept
{
    for (std::size_t at = path.find('.'); at != npos; at = path.find('.', at + 1)) {
        if (begins_segment(path, at)) {
            const std::size_t end = at + 1 < path.size() && path[at + 1] == '.' ? at + 2 : at + 1;
            if (ends_segment(path, end)) {
                return true;
            }
        }
    }
    return false;
}

enum : std::uint8_t { host_char = 1, upper_char = 2 };

constexpr std::array<std::uint8_t, 256> make_host_classes()
{
    std::array<std::uint8_t, 256> t{};
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789-._")) {
        t[static_cast<unsigned char>(c)] = host_char;
    }
    for (char c = 'A'; c <= 'Z'; ++c) {
        t[static_cast<unsigned char>(c)] = host_char | upper_char;
    }
    return t;
}
constexpr auto host_classes = make_host_classes();

std::uint8_t host_class(char c) noexcept { return host_classes[static_cast<unsigned char>(c)]; }

// Shape of an IPv6 literal between its brackets; whether it is a possible address is the resolver's business.
bool is_ipv6_text(std::string_view s) noexcept
{
    if (s.size() < 2 || s.size() > 45 || s.find(':') == npos) {
        return false;
    }
    for (const char c : s) {
        if (hex_value(c) < 0 && c != ':' && c != '.') {
            return false;
        }
    }
    return true;
}

struct authority {
    std::string_view name;    // as it came, trailing dot removed
    std::string_view port;    // digits, empty when absent or default
    bool has_upper = false;
};

// host [":" port], nothing else. `default_port` is dropped.
bool split_authority(std::string_view text, std::string_view default_port, authority& out) noexcept
{
    std::size_t end = 0;
    if (text.starts_with('[')) {
        end = text.find(']');
        if (end == npos || !is_ipv6_text(text.substr(1, end - 1))) {
            return false;
        }
        ++end;
    } else {
        while (end < text.size() && host_class(text[end]) != 0) {
            ++end;
        }
    }
    out.name = text.substr(0, end);
    std::string_view rest = text.substr(end);
    if (!rest.empty()) {
        if (rest.front() != ':') {
            return false;
        }
        rest.remove_prefix(1);
        unsigned port = 0;
        const auto [stop, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
        if (!rest.empty() && (ec != std::errc() || stop != rest.data() + rest.size() || port > 65535)) {
            return false;
        }
        while (rest.size() > 1 && rest.front() == '0') {
            rest.remove_prefix(1);
        }
        out.port = rest == default_port ? std::string_view() : rest;
    }
    if (out.name.size() > 1 && out.name.back() == '.') {
        out.name.remove_suffix(1);
    }
    if (out.name.empty() || out.name.back() == '.' || out.name.size() > 255) {
        return false;
    }
    std::uint8_t seen = 0;
    for (const char c : out.name) {
        seen |= host_class(c);
    }
    out.has_upper = (seen & upper_char) != 0;
    return true;
}

// The scheme and the rest behind "//", if the target is in absolute form.
bool take_absolute_form(std::string_view& target, std::string_view& scheme, std::string_view& authority_text) noexcept
{
    const std::size_t colon = target.find("://");
    if (colon == npos) {
        return false;
    }
    const std::string_view s = target.substr(0, colon);
    if (equal_lower(s, "http")) {
        scheme = "http";
    } else if (equal_lower(s, "https")) {
        scheme = "https";
    } else {
        return false;
    }
    const std::string_view rest = target.substr(colon + 3);
    const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    authority_text = rest.substr(0, end);
    target = rest.substr(end);
    return true;
}

}  // namespace

result<canonical_target> canonicalise_target(const request_head& rq, std::string& scratch, std::string_view own,
                                            std::string_view scheme)
{
    canonical_target out;
    std::string_view target = rq.target;
    const std::size_t hosts = rq.count(header::host);
    if (hosts > 1 || (hosts == 0 && rq.minor_version != 0)) {
        return errc::bad_host;
    }
    std::string_view authority_text = hosts == 0 ? own : rq.first(header::host);
    if (target.empty() || (target.front() != '/' && target != "*")) {
        std::string_view replaced = authority_text;
        if (!take_absolute_form(target, out.scheme, replaced)) {
            return errc::bad_target;
        }
        // Host is checked even where it does not count: a malformed one is a sign of an attack, not of an old client.
        authority ignored;
        if (hosts == 1 && !split_authority(authority_text, "80", ignored)) {
            return errc::bad_host;
        }
        authority_text = replaced;
        out.absolute_form = true;
    }
    authority who;
    if (!split_authority(authority_text, (scheme.empty() ? out.scheme : scheme) == "https" ? "443" : "80", who)) {
        return errc::bad_host;
    }

    if (target == "*" && !out.absolute_form) {
        if (rq.verb != method::options) {
            return errc::bad_target;
        }
        out.path = target;
    } else {
        const std::size_t mark = target.find('?');
        out.has_query = mark != npos;
        out.path = target.substr(0, std::min(mark, target.size()));
        out.query = out.has_query ? target.substr(mark + 1) : std::string_view();
        if (out.path.empty()) {
            out.path = rq.verb == method::options && !out.has_query ? "*" : "/";   // RFC 9112 §3.2.4
        }
    }

    // Rewritten parts lie one behind the other in scratch; reserve first, so that no append moves an earlier part.
    const bool rewrite_host = who.has_upper || who.name.size() + (who.port.empty() ? 0 : who.port.size() + 1) != authority_text.size();
    scratch.clear();
    if (scratch.capacity() < target.size() + authority_text.size()) {
        if (rewrite_host || target.find('%') != npos) {
            scratch.reserve(target.size() + authority_text.size());
        }
    }
    const auto rewritten = [&](std::string_view& part) {
        const std::size_t begin = scratch.size();
        const part_state s = normalise(part, scratch);
        if (s == part_state::rewritten) {
            part = std::string_view(scratch).substr(begin);
        }
        return s != part_state::bad;
    };
    if (out.path != "*" && (!rewritten(out.path) || !rewritten(out.query) || has_dot_segment(out.path))) {
        return errc::bad_target;
    }
    if (rewrite_host) {
        const std::size_t begin = scratch.size();
        for (const char c : who.name) {
            scratch.push_back(to_lower(c));
        }
        if (!who.port.empty()) {
            scratch.append(":").append(who.port);
        }
        out.host = std::string_view(scratch).substr(begin);
    } else {
        out.host = authority_text;
    }
    return out;
}

bool has_other_reading(std::string_view path) noexcept
{
    return path.find_first_of(";%") != npos || path.find("//") != npos;
}

std::string other_reading(std::string_view path)
{
    std::string out;
    bool in_parameter = false;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const bool hidden = is_hidden_slash(path.substr(i, 3));
        const char c = hidden ? '/' : path[i];
        i += hidden ? 2 : 0;
        in_parameter = c == ';' || (in_parameter && c != '/');
        if (!in_parameter && !(c == '/' && out.ends_with('/'))) {
            out += c;
        }
    }
    return out;
}

}  // namespace tiercel
