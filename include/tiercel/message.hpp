#pragma once

// The heads of HTTP messages as plain facts: views into bytes that somebody else owns. Whoever parses fills them in one
// pass (http/head_parser); rules and routing only read. Nothing here allocates or owns.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tiercel {

// Field names that any rule looks at. Everything else is `other` and passes through untouched.
enum class header : std::uint8_t {
    other,
    accept_encoding, accept_language, age, authorization, cache_control, cache_groups, cache_status, cache_tag,
    cdn_cache_control, connection, content_encoding, content_length, content_location, content_range, content_type,
    cookie, date, etag, expect, expires, forwarded, host, if_match, if_modified_since, if_none_match, if_range,
    if_unmodified_since, keep_alive, last_modified, location, max_forwards, pragma, proxy_authenticate,
    proxy_authentication_info, proxy_authorization, proxy_connection, range, retry_after, set_cookie, surrogate_key, te,
    traceparent, trailer, transfer_encoding, upgrade, user_agent, vary, via, x_forwarded_for, x_forwarded_host,
    x_forwarded_proto, x_request_id,
    last_   // count, not a header
};
static_assert(static_cast<unsigned>(header::last_) <= 64, "header_set is one word");

// `name` in any case of letters -> its enum value, or `other`. REQUIRES: a token (RFC 9110 §5.6.2), or at least no controls.
header header_of(std::string_view name) noexcept;
// Canonical spelling, e.g. "Cache-Control". REQUIRES: h is neither other nor last_.
std::string_view name_of(header h) noexcept;

struct field {
    std::string_view name;    // as it came
    std::string_view value;   // without surrounding blanks; no CR, LF, NUL
    header id = header::other;
};

enum class method : std::uint8_t { get, head, post, put, delete_, options, trace, connect, patch, other };

method method_of(std::string_view text) noexcept;     // case-sensitive (RFC 9110 §9.1)
bool is_safe(method m) noexcept;                      // GET, HEAD, OPTIONS, TRACE; unknown methods are not (RFC 9110 §9.2.1)
bool is_idempotent(method m) noexcept;                // the safe ones, PUT, DELETE (RFC 9110 §9.2.2)

// What both kinds of head have: fields in wire order and the set of known ones that occur.
struct message_head {
    std::span<const field> fields;
    std::uint64_t present = 0;       // bit per `header`
    int minor_version = 1;           // HTTP/1.minor

    bool has(header h) const noexcept { return (present >> static_cast<unsigned>(h)) & 1; }
    // Value of the first line of that name, empty if none. REQUIRES: h != other.
    std::string_view first(header h) const noexcept;
    // Number of lines of that name.
    std::size_t count(header h) const noexcept;
};

struct request_head : message_head {
    method verb = method::other;
    std::string_view verb_text;
    std::string_view target;         // as it came
};

struct response_head : message_head {
    int status = 0;
    std::string_view reason;
};

}  // namespace tiercel
