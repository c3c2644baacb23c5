#include "http/framing.hpp"

#include "http/ascii.hpp"
#include "http/forwarding.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel {
namespace {

std::string_view trim(std::string_view s) noexcept
{
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!s.empty() && is_blank(s.front())) {
        s.remove_prefix(1);
    }
    while (!s.empty() && is_blank(s.back())) {
        s.remove_suffix(1);
    }
    return s;
}

// The one Content-Length, or nothing when it is malformed or when two lines differ. REQUIRES: at least one line.
// `repeatable`: equal lines are one (RFC 9112 §6.3 allows that); a list in one line never is.
std::optional<std::uint64_t> only_length(const message_head& m, bool repeatable) noexcept
{
    std::optional<std::uint64_t> length;
    for (const field& f : m.fields) {
        if (f.id != header::content_length) {
            continue;
        }
        const auto n = parse_content_length(f.value);
        if (!n || (length && (!repeatable || *length != *n))) {
            return std::nullopt;
        }
        length = n;
    }
    return length;
}

struct coding_list {
    std::string_view last;
    unsigned chunked = 0;      // how often it occurs
};

// The combined Transfer-Encoding list; empty members are none (RFC 9110 §5.6.1).
coding_list codings_of(const message_head& m) noexcept
{
    coding_list out;
    for (const field& f : m.fields) {
        if (f.id != header::transfer_encoding) {
            continue;
        }
        std::string_view list = f.value;
        while (!list.empty()) {
            const std::size_t comma = std::min(list.find(','), list.size());
            const std::string_view member = trim(list.substr(0, comma));
            out.last = member.empty() ? out.last : member;
            out.chunked += equal_lower(member, "chunked") ? 1 : 0;
            list.remove_prefix(std::min(comma + 1, list.size()));
        }
    }
    return out;
}

bool has_no_content(const response_head& rs, method asked) noexcept
{
    return asked == method::head || rs.status < 200 || rs.status == 204 || rs.status == 304;
}

}  // namespace

std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept
{
    std::uint64_t n = 0;
    const char* const last = value.data() + value.size();
    const auto [end, ec] = std::from_chars(value.data(), last, n);
    // from_chars takes a minus sign for signed types only and checks for overflow by itself.
    if (value.empty() || ec != std::errc() || end != last) {
        return std::nullopt;
    }
    constexpr std::uint64_t largest = std::uint64_t{1} << 62;   // sums of two lengths never wrap
    return n > largest ? std::nullopt : std::optional(n);
}

result<framing> request_framing(const request_head& rq) noexcept
{
    const bool coded = rq.has(header::transfer_encoding);
    const bool counted = rq.has(header::content_length);
    if (!coded && !counted) {
        return framing{};
    }
    if (coded) {
        if (counted || rq.minor_version == 0 || rq.count(header::transfer_encoding) != 1) {
            return errc::bad_request;
        }
        const std::string_view coding = rq.first(header::transfer_encoding);
        if (!equal_lower(coding, "chunked")) {
            return errc::bad_request;
        }
        return framing{framing_kind::chunked, 0, false};
    }
    const auto length = only_length(rq, false);
    if (!length) {
        return errc::bad_request;
    }
    return framing{framing_kind::length, *length, false};
}

result<framing> response_framing(const response_head& rs, method asked) noexcept
{
    framing f;
    f.close_after = wants_close(rs);
    std::optional<std::uint64_t> length;
    if (rs.has(header::content_length)) {
        length = only_length(rs, true);
        if (!length) {
            return errc::origin_invalid;
        }
    }
    if (rs.has(header::transfer_encoding) && rs.minor_version == 0) {
        return errc::origin_invalid;   // RFC 9112 §6.1: framing that a 1.0 hop may have garbled
    }
    if (has_no_content(rs, asked)) {
        return f;
    }
    if (rs.has(header::transfer_encoding)) {
        const coding_list codings = codings_of(rs);
        if (codings.chunked > 1) {
            return errc::origin_invalid;   // RFC 9112 §7.1: never applied twice; readers differ on what it means
        }
        if (equal_lower(codings.last, "chunked")) {
            f.kind = framing_kind::chunked;
            f.close_after = f.close_after || length.has_value();   // two framings: trust neither beyond this message
        } else {
            f.kind = framing_kind::until_close;
            f.close_after = true;
        }
        return f;
    }
    if (length) {
        f.kind = framing_kind::length;
        f.length = *length;
        return f;
    }
    f.kind = framing_kind::until_close;
    f.close_after = true;
    return f;
}

}  // namespace tiercel
