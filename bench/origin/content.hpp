#pragma once

// The content of the sample origin: letters that follow from a name and a position alone, so that whoever receives them,
// whole or in part, can tell whether they are right.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel::sample_origin {

// Eight letters from 'a' to 'p': block `index` of the content called `seed`.
constexpr std::array<char, 8> content_block(std::uint64_t seed, std::uint64_t index) noexcept
{
    std::uint64_t x = seed + index * 0x9e3779b97f4a7c15u;   // splitmix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    std::array<char, 8> out{};
    for (char& c : out) {
        c = static_cast<char>('a' + (x & 15));
        x >>= 8;
    }
    return out;
}

constexpr std::uint64_t content_seed(std::string_view name) noexcept
{
    std::uint64_t h = 0xcbf29ce484222325u;   // FNV-1a
    for (const char c : name) { h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u; }
    return h;
}

// `size` bytes of the content called `name`, from `offset` on.
inline std::string content(std::string_view name, std::size_t size, std::size_t offset = 0)
{
    const std::uint64_t seed = content_seed(name);
    std::string out;
    out.reserve(size);
    while (out.size() < size) {
        const std::size_t at = offset + out.size();
        const auto block = content_block(seed, at / 8);
        out.append(block.data() + at % 8, std::min(8 - at % 8, size - out.size()));
    }
    return out;
}

}  // namespace tiercel::sample_origin
