#include "l2/redis_name.hpp"

#include <tiercel/cache_key.hpp>

namespace tiercel::l2 {
namespace {

bool is_plain(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != '%' && c != '|' && c != '/' && c != '{' && c != '}';
}

void append_escaped(std::string& out, std::string_view text)
{
    static constexpr char digits[] = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_plain(c)) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 0xf];
        }
    }
}

}  // namespace

std::string entry_name(std::string_view prefix, std::string_view tenant, std::string_view key)
{
    std::string name;
    name.reserve(prefix.size() + tenant.size() + 40);
    name.append(prefix);
    name += ":{";
    append_escaped(name, tenant);
    name += '/';
    name += hex(stable_hash(key));
    name += "}:e";
    return name;
}

}  // namespace tiercel::l2
