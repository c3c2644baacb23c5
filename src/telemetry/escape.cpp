#include "telemetry/escape.hpp"

#include <cstdint>
#include <cstring>

namespace tiercel::telemetry {
namespace {

constexpr char digits[] = "0123456789abcdef";

// A compiler vector: SSE2 on x86-64, NEON on ARM, plain words elsewhere. Signed, so that "below a blank" covers the C0
// controls and every byte above 0x7f in one comparison.
using block = signed char __attribute__((vector_size(16)));
using words = std::uint64_t __attribute__((vector_size(16)));   // the same bits

bool needs_escape(block b) noexcept
{
    const auto found = reinterpret_cast<words>((b < 0x20) | (b == '"') | (b == '\\') | (b == 0x7f));
    return (found[0] | found[1]) != 0;
}

bool needs_escape(char c) noexcept
{
    return static_cast<signed char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

// Copies one block of 16 and says whether it was clean.
bool copy_clean(char* out, const char* in) noexcept
{
    block b;
    std::memcpy(&b, in, sizeof b);
    std::memcpy(out, &b, sizeof b);
    return !needs_escape(b);
}

// The same for 4 to 15 bytes: two words that overlap. They are put together in registers: a detour over memory would make the
// wide load wait for the narrow stores.
bool copy_clean_pair(char* out, const char* in, std::size_t n) noexcept
{
    if (n >= 8) {
        std::uint64_t first;
        std::uint64_t last;
        std::memcpy(&first, in, 8);
        std::memcpy(&last, in + n - 8, 8);
        std::memcpy(out, &first, 8);
        std::memcpy(out + n - 8, &last, 8);
        return !needs_escape(reinterpret_cast<block>(words{first, last}));
    }
    std::uint32_t first;
    std::uint32_t last;
    std::memcpy(&first, in, 4);
    std::memcpy(&last, in + n - 4, 4);
    std::memcpy(out, &first, 4);
    std::memcpy(out + n - 4, &last, 4);
    const auto both = std::uint64_t{last} << 32 | first;
    return !needs_escape(reinterpret_cast<block>(words{both, both}));
}

bool copy_clean_tail(char* out, const char* in, std::size_t n) noexcept
{
    if (n >= 4) { return copy_clean_pair(out, in, n); }
    bool clean = true;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = in[i];
        clean &= !needs_escape(in[i]);
    }
    return clean;
}

// Copies while nothing needs escaping; from the first block that does, `careful` takes over for the rest.
template <class Careful>
char* copy_or(char* out, std::string_view raw, Careful careful) noexcept
{
    const char* in = raw.data();
    std::size_t left = raw.size();
    while (left >= 16) {
        if (!copy_clean(out, in)) { return careful(out, std::string_view(in, left)); }
        in += 16;
        out += 16;
        left -= 16;
    }
    if (!copy_clean_tail(out, in, left)) { return careful(out, std::string_view(in, left)); }
    return out + left;
}

char* append(char* out, std::string_view s) noexcept
{
    std::memcpy(out, s.data(), s.size());
    return out + s.size();
}

char* append_hex(char* out, unsigned char c) noexcept
{
    *out++ = digits[c >> 4];
    *out++ = digits[c & 15];
    return out;
}

char* careful_json(char* out, std::string_view raw) noexcept
{
    while (!raw.empty()) {
        const char c = raw.front();
        if (!needs_escape(c)) {
            *out++ = c;
            raw.remove_prefix(1);
            continue;
        }
        const auto length = utf8_sequence(raw);
        const auto second = length == 2 ? static_cast<unsigned char>(raw[1]) : 0u;
        if (length == 0) {
            out = append(out, "\\ufffd");
        } else if (static_cast<unsigned char>(c) == 0xc2 && second < 0xa0) {
            // U+0080 to U+009F: terminals take some of them for escape sequences.
            out = append_hex(append(out, "\\u00"), static_cast<unsigned char>(second));
        } else if (length > 1) {
            out = append(out, raw.substr(0, length));
        } else if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = c;
        } else {
            out = append_hex(append(out, "\\u00"), static_cast<unsigned char>(c));
        }
        raw.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

char* careful_text(char* out, std::string_view raw) noexcept
{
    for (const char c : raw) {
        if (!needs_escape(c)) {
            *out++ = c;
        } else if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = c;
        } else {
            out = append_hex(append(out, "\\x"), static_cast<unsigned char>(c));
        }
    }
    return out;
}

struct byte_range {
    unsigned char low;
    unsigned char high;
};

// What may follow the first byte of a sequence: the narrow ranges keep out overlong forms, surrogates and what is above
// U+10FFFF.
byte_range second_byte_of(unsigned char first) noexcept
{
    switch (first) {
        case 0xe0: return {0xa0, 0xbf};
        case 0xed: return {0x80, 0x9f};
        case 0xf0: return {0x90, 0xbf};
        case 0xf4: return {0x80, 0x8f};
        default: return {0x80, 0xbf};
    }
}

}  // namespace

std::size_t utf8_sequence(std::string_view s) noexcept
{
    if (s.empty()) { return 0; }
    const auto first = static_cast<unsigned char>(s[0]);
    if (first < 0x80) { return 1; }
    const std::size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length == 0 || s.size() < length) { return 0; }
    const auto range = second_byte_of(first);
    const auto second = static_cast<unsigned char>(s[1]);
    if (second < range.low || second > range.high) { return 0; }
    for (std::size_t i = 2; i < length; ++i) {
        if ((static_cast<unsigned char>(s[i]) & 0xc0) != 0x80) { return 0; }
    }
    return length;
}

char* escape_json(char* out, std::string_view raw) noexcept { return copy_or(out, raw, careful_json); }

char* escape_text(char* out, std::string_view raw) noexcept { return copy_or(out, raw, careful_text); }

std::string escape_label(std::string_view raw)
{
    std::string out;
    while (!raw.empty()) {
        const auto length = utf8_sequence(raw);
        if (length == 0) {
            out += "\xef\xbf\xbd";   // U+FFFD
        } else if (raw.front() == '\n') {
            out += "\\n";
        } else {
            if (raw.front() == '"' || raw.front() == '\\') { out += '\\'; }
            out += raw.substr(0, length);
        }
        raw.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

}  // namespace tiercel::telemetry
