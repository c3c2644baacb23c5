#pragma once

// Entries for the tests of the cache module, made of few words.

#include <tiercel/entry.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel::test {

inline constexpr std::uint64_t seed = 7;
inline constexpr instant start{milliseconds{1'700'000'000'000}};

// "/prefix" and a number.
inline std::string path_of(std::uint64_t number, std::string prefix = "/")
{
    prefix += std::to_string(number);
    return prefix;
}

inline std::string key_of(std::string_view path)
{
    std::string key;
    append_key(key, {.tenant = "t", .scheme = "http", .host = "example.com", .path = path});
    return key;
}

inline hash128 hash_of(std::string_view key) { return seeded_hash(key, seed); }

struct entry_options {
    std::size_t body = 100;
    instant fresh_until = start + seconds{60};
    instant swr_until{};
    instant sie_until{};
    instant unreachable_until{};
    sequence stamp = 1;
};

inline entry_ptr make_entry(std::string_view path, entry_options o = {})
{
    const std::string key = key_of(path);
    const std::string content(o.body, 'b');
    entry_parts p;
    p.key = key;
    p.hash = hash_of(key);
    p.times.received = start;
    p.times.fresh_until = o.fresh_until;
    p.times.swr_until = o.swr_until;
    p.times.sie_until = o.sie_until;
    p.times.unreachable_until = o.unreachable_until;
    p.stamp = o.stamp;
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(content.size()) + "\r\n";
    p.head = head;
    p.small_body = content;
    return entry::make(p);
}

}  // namespace tiercel::test
