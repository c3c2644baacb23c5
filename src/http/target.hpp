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
    std::string_view host;        // lower case, no trailing dot; ":port" unless it is the default one
    std::string_view path;        // begins with "/", or is "*" (OPTIONS only)
    std::string_view query;
    bool has_query = false;       // "?" present, perhaps with nothing behind it
    bool absolute_form = false;   // its authority has replaced Host
    std::string_view scheme;      // of the absolute form, else empty
};

// Path and query: escapes of unreserved characters decoded, the others in upper case; "%2F" and "//" kept. Refused
// (bad_target): dot segments, raw or encoded, bad escapes, NUL, fragments, controls, bytes above 0x7e, authority form.
// Refused (bad_host): Host repeated, malformed, or missing. HTTP/1.0 may leave it out: then the target names the authority, or
// else it is `own`, by what the client has connected to (empty: refused).
// No allocation when all is canonical already. `scratch` is overwritten when needed and must live as long as the result.
result<canonical_target> canonicalise_target(const request_head& rq, std::string& scratch, std::string_view own = {});

}  // namespace tiercel
