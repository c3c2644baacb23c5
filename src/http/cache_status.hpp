#pragma once

// The Cache-Status member of this cache (RFC 9211): a strict structured-field list member.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiercel {

struct cache_status {
    bool hit = false;
    std::string_view fwd{};                // a token of RFC 9211 §2.2, or empty
    int fwd_status = 0;                    // 0: left out
    bool stored = false;
    bool collapsed = false;
    std::optional<std::int64_t> ttl{};     // seconds, negative once stale
    std::string_view key{};                // printable ASCII without quotes and backslashes; empty: left out
    std::string_view detail{};             // a token; empty: left out
};

// Appends "tiercel; hit; ttl=59; detail=l1" or the like. Allocates only when `out` has to grow.
void append_cache_status(std::string& out, const cache_status& s);

// Can that line of a cache nearer to the origin stand in one field with ours? What breaks the list would make readers drop all of it.
bool may_stand_before_ours(std::string_view line);

}  // namespace tiercel
