#include "http/framing.hpp"

#include "http/ascii.hpp"
#include "http/forwarding.hpp"
#include "http/member_list.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tiercel {
namespace {

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

// What the Transfer-Encoding of an answer leaves us with. We send no TE, so `chunked` alone is all that an origin may apply (RFC
// 9112 §7.4), and all that is undone here.
enum class coding : std::uint8_t {
    chunked,
    unregistered,   // one name that nobody has registered: content to the end of the connection (RFC 9112 §6.3)
    refused
};

// The registered ones (RFC 9112 §12.3): the content would reach clients compressed, with nothing left to tell them.
bool is_compression(std::string_view name) noexcept
{
    constexpr std::array<std::string_view, 5> names{"compress", "deflate", "gzip", "x-compress", "x-gzip"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return equal_lower(name, known); });
}

// `xchunked`, `"chunked"`, `chunked;a`: somebody on the way may have taken that for chunked, and then sees another end.
bool resembles_chunked(std::string_view member) noexcept
{
    constexpr std::string_view stem = "chunk";
    return std::search(member.begin(), member.end(), stem.begin(), stem.end(), [](char x, char y) { return to_lower(x) == y; }) !=
           member.end();
}

// REQUIRES: there is a Transfer-Encoding.
coding coding_of(const response_head& rs) noexcept
{
    unsigned members = 0;
    std::string_view only;
    for (const field& f : rs.fields) {
        if (f.id == header::transfer_encoding) {
            for_each_member(f.value, [&](std::string_view member) {
                only = member;
                ++members;
            });
        }
    }
    if (members == 1 && equal_lower(only, "chunked")) { return coding::chunked; }
    const std::string_view name = trim(only.substr(0, only.find(';')));
    const bool one_unknown = members == 1 && is_token(name) && !is_compression(name) && !resembles_chunked(only);
    return one_unknown ? coding::unregistered : coding::refused;
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
        const coding applied = coding_of(rs);
        if (applied == coding::refused) {
            return errc::origin_invalid;
        }
        const bool chunked = applied == coding::chunked;
        f.kind = chunked ? framing_kind::chunked : framing_kind::until_close;
        f.close_after = f.close_after || !chunked || length.has_value();   // two framings: trust neither beyond this message
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
