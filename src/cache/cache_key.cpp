#include <tiercel/cache_key.hpp>

#include "cache/framing.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tiercel {
namespace {

// Changes whenever the framed form does: old and new keys then never meet in a shared store.
constexpr char framing_version = 1;

// Names in shared stores come from this; changing it empties every L2. "tiercel1" in ASCII.
constexpr std::uint64_t stable_seed = 0x7469657263656c31;

// '?' before the query and '=' before a secondary value tell empty (the mark alone) from absent (an empty frame).
constexpr std::string_view query_mark = "?";
constexpr std::string_view value_mark = "=";

hash128 hash(std::string_view bytes, std::uint64_t seed) noexcept
{
    const XXH128_hash_t h = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
    return {.hi = h.high64, .lo = h.low64};
}

// The parts of a key and what follows them.
bool split(std::string_view framed, key_parts& out, std::string_view& rest) noexcept
{
    if (framed.empty() || framed.front() != framing_version) { return false; }
    rest = framed.substr(1);
    std::string_view query;
    if (!take_frame(rest, out.tenant) || !take_frame(rest, out.scheme) || !take_frame(rest, out.host) ||
        !take_frame(rest, out.path) || !take_frame(rest, query)) {
        return false;
    }
    out.has_query = !query.empty();
    if (out.has_query) {
        if (!query.starts_with(query_mark)) { return false; }
        query.remove_prefix(query_mark.size());
    }
    out.query = query;
    return true;
}

constexpr char upper_digits[] = "0123456789ABCDEF";
constexpr char lower_digits[] = "0123456789abcdef";

// Escapes what would let one part look like two, and what would upset a terminal or a log reader.
void append_escaped(std::string& out, std::string_view part, char separator)
{
    for (const char c : part) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7f || c == '|' || c == '%' || c == separator) {
            out += '%';
            out += upper_digits[byte >> 4];
            out += upper_digits[byte & 15];
        } else {
            out += c;
        }
    }
}

void append_hex(std::string& out, std::uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4) {
        out += lower_digits[(value >> shift) & 15];
    }
}

}  // namespace

// Both are on the path of every request: the size is known before, so the string is extended once and written through.
void append_key(std::string& out, const key_parts& parts)
{
    const std::string_view mark = parts.has_query ? query_mark : std::string_view();
    const std::string_view query = parts.has_query ? parts.query : std::string_view();
    const std::size_t at = out.size();
    out.resize(at + 1 + frame_size(parts.tenant.size()) + frame_size(parts.scheme.size()) + frame_size(parts.host.size()) +
               frame_size(parts.path.size()) + frame_size(mark.size() + query.size()));
    char* to = out.data() + at;
    *to++ = framing_version;
    for (const std::string_view part : {parts.tenant, parts.scheme, parts.host, parts.path}) {
        to = write_frame(to, {}, part);
    }
    write_frame(to, mark, query);
}

void append_secondary(std::string& out, std::string_view name, std::string_view value, bool present)
{
    const std::string_view mark = present ? value_mark : std::string_view();
    if (!present) { value = {}; }
    const std::size_t at = out.size();
    out.resize(at + frame_size(name.size()) + frame_size(mark.size() + value.size()));
    write_frame(write_frame(out.data() + at, {}, name), mark, value);
}

void append_generation(std::string& out, std::uint64_t generation)
{
    char digits[16];
    for (int i = 15; i >= 0; --i, generation >>= 4) {
        digits[i] = lower_digits[generation & 15];
    }
    append_secondary(out, {}, std::string_view(digits, sizeof digits), true);
}

hash128 seeded_hash(std::string_view framed, std::uint64_t seed) noexcept { return hash(framed, seed); }

hash128 stable_hash(std::string_view framed) noexcept { return hash(framed, stable_seed); }

std::string key_text(std::string_view framed)
{
    key_parts parts;
    std::string_view rest;
    if (!split(framed, parts, rest)) { return {}; }
    std::string out;
    out.reserve(framed.size() + 8);
    append_escaped(out, parts.tenant, '|');
    out += '|';
    append_escaped(out, parts.scheme, '|');
    out += '|';
    append_escaped(out, parts.host, '|');
    out += '|';
    append_escaped(out, parts.path, '?');
    if (parts.has_query) {
        out += '?';
        append_escaped(out, parts.query, '|');
    }
    std::string_view name;
    std::string_view value;
    while (take_frame(rest, name) && take_frame(rest, value)) {
        out += '|';
        append_escaped(out, name, '=');
        if (!value.empty()) {
            out += '=';
            append_escaped(out, value.substr(value_mark.size()), '|');
        }
    }
    return out;
}

bool split_key(std::string_view framed, key_parts& out) noexcept
{
    std::string_view rest;
    if (!split(framed, out, rest)) { return false; }
    std::string_view name;
    std::string_view value;
    while (!rest.empty()) {
        if (!take_frame(rest, name) || !take_frame(rest, value)) { return false; }
        if (!value.empty() && !value.starts_with(value_mark)) { return false; }
    }
    return true;
}

std::string hex(const hash128& h)
{
    std::string out;
    out.reserve(32);
    append_hex(out, h.hi);
    append_hex(out, h.lo);
    return out;
}

}  // namespace tiercel
