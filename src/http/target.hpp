#pragma once

// The target of a request in its one canonical form, or a refusal. Two targets that mean the same give equal bytes, and the
// origin is asked for exactly the bytes that are keyed (RFC 9112 §3.2, RFC 3986 §6.2.2).

#include <tiercel/error.hpp>
#include <tiercel/message.hpp>

#include <string>
#include <string_view>

namespace tiercel {

// Views into the request, or into the caller's scratch where something had to be rewritten.
struct canonical_target {
    std::string_view host;        // lower case, no trailing dot; ":port" unless it is the default one of the scheme
    std::string_view path;        // begins with "/", or is "*" (OPTIONS only)
    std::string_view query;
    bool has_query = false;       // "?" present, perhaps with nothing behind it
    bool absolute_form = false;   // its authority has replaced Host
    std::string_view scheme;      // of the absolute form, else empty
};

// Path and query: escapes of unreserved characters decoded, the others in upper case; "%2F" and "//" kept. Refused
// (bad_target): dot segments, also encoded, behind an encoded slash or backslash, or with parameters ("..;"), bad escapes, NUL,
// fragments, controls, bytes above 0x7e, authority form. Refused (bad_host): Host repeated, malformed, or missing. HTTP/1.0 may
// leave it out: then the target names the authority, or else it is `own`, by what the client has connected to (empty: refused).
// `scheme`: http or https, if it is known from elsewhere; else it is that of the absolute form, or http.
// No allocation when all is canonical already. `scratch` is overwritten when needed and must live as long as the result.
result<canonical_target> canonicalise_target(const request_head& rq, std::string& scratch, std::string_view own = {},
                                            std::string_view scheme = {});

// Many origins know a path by more than one spelling: they merge slashes, take "%2F" or "%5C" for one, or cut off ";…" behind a
// segment. May there be another reading of this canonical path, and which is it to an origin that does all of these?
bool has_other_reading(std::string_view path) noexcept;
std::string other_reading(std::string_view path);

}  // namespace tiercel
