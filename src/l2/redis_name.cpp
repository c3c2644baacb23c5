#include "l2/redis_name.hpp"

#include "redis/channel_name.hpp"

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

std::string name_of(std::string_view prefix, std::string_view tenant, std::string_view key, char what)
{
    std::string name;
    name.reserve(prefix.size() + tenant.size() + 40);
    name.append(prefix);
    name += ":{";
    append_escaped(name, tenant);
    name += '/';
    name += hex(stable_hash(key));
    name += "}:";
    name += what;
    return name;
}

}  // namespace

std::string entry_name(std::string_view prefix, std::string_view tenant, std::string_view key)
{
    return name_of(prefix, tenant, key, 'e');
}

std::string lock_name(std::string_view prefix, std::string_view tenant, std::string_view key)
{
    return name_of(prefix, tenant, key, 'l');
}

std::string waiters_name(std::string_view prefix, std::string_view tenant, std::string_view key)
{
    return name_of(prefix, tenant, key, 'w');
}

std::string wake_channel(std::string_view prefix, unsigned database)
{
    return redis::channel_name(std::string(prefix) + ":wake", database);
}

}  // namespace tiercel::l2
