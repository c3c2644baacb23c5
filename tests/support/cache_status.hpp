#pragma once

#include "support/http_message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tiercel::test {

// What this proxy says about one answer: the last member of Cache-Status (RFC 9211).
struct cache_status {
    bool hit = false;
    std::string fwd;                          // "miss", "stale", …; empty when absent
    std::optional<std::int64_t> fwd_status;
    std::optional<std::int64_t> ttl;
    bool stored = false;
    bool collapsed = false;
    std::string key;
    std::string detail;                       // token or string, without quotes
    std::vector<std::string> before;          // names of the caches further upstream, in order

    // "hit; detail=l1", "fwd=miss; stored": short enough for failure messages and for comparing in tables. Without ttl,
    // fwd-status and key.
    std::string text() const;
};

// Throws protocol_error when the field is missing, is no strict structured list, our member is not the last one, a
// parameter has another type than RFC 9211 §2 says, or hit and fwd occur together.
cache_status cache_status_of(const http_response& r);

}  // namespace tiercel::test
