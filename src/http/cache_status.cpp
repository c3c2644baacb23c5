#include "http/cache_status.hpp"

#include <charconv>

namespace tiercel {
namespace {

void append_number(std::string& out, std::int64_t n)
{
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

}  // namespace

void append_cache_status(std::string& out, const cache_status& s)
{
    out.append("tiercel");
    if (s.hit) {
        out.append("; hit");
    }
    if (!s.fwd.empty()) {
        out.append("; fwd=").append(s.fwd);
    }
    if (s.fwd_status != 0) {
        out.append("; fwd-status=");
        append_number(out, s.fwd_status);
    }
    if (s.stored) {
        out.append("; stored");
    }
    if (s.collapsed) {
        out.append("; collapsed");
    }
    if (s.ttl) {
        out.append("; ttl=");
        append_number(out, *s.ttl);
    }
    if (!s.key.empty()) {
        out.append("; key=\"").append(s.key).append("\"");
    }
    if (!s.detail.empty()) {
        out.append("; detail=").append(s.detail);
    }
}

}  // namespace tiercel
