#pragma once

// The request head that goes to the origin: built anew from parsed parts, never copied through (RFC 9110 §7.6).

#include "flow/request.hpp"
#include "routing/tenant.hpp"

#include <tiercel/entry.hpp>

#include <optional>
#include <string>

namespace tiercel::flow {

enum class purpose : std::uint8_t {
    fill,     // the answer may be stored and shared: no client conditions, no range
    alone,    // the answer is for this client: its conditions and range go along
};

// Request line and fields, each ended by CRLF, without the empty line and without conditions of our own.
// What may change the answer without being part of the key is left out (REQUIRES: rq was routed).
std::string upstream_head(const request& rq, const routing::tenancy& tenants, purpose why);

// Appends our own conditions: both validators of what is stored, verbatim (RFC 9111 §4.3.1). False: it has none.
bool add_conditions(std::string& head, const entry& stored);

// Conditions and ranges of a client: no part of what is asked for everybody.
bool is_client_condition(header h) noexcept;

// Fields that end here or are written anew. The value that the origin gets of one; nothing when it gets none, or the same with
// every request for one key.
bool is_written_by_us(header h) noexcept;
std::optional<std::string> written_value(const request& rq, header h);

// Why no answer can depend on a request field of that name, as the end of a sentence. Empty: it may.
std::string_view why_never_selects(std::string_view name) noexcept;

}  // namespace tiercel::flow
