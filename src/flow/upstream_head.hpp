#pragma once

// The request head that goes to the origin: built anew from parsed parts, never copied through (RFC 9110 §7.6).

#include "flow/request.hpp"
#include "routing/tenant.hpp"

#include <string>

namespace tiercel::flow {

enum class purpose : std::uint8_t {
    fill,     // the answer may be stored and shared: no client conditions, no range
    alone,    // the answer is for this client: its conditions and range go along
};

// Request line and fields, each ended by CRLF, without the empty line and without conditions of our own.
// What may change the answer without being part of the key is left out (REQUIRES: rq was routed).
std::string upstream_head(const request& rq, const routing::tenancy& tenants, purpose why);

}  // namespace tiercel::flow
