#pragma once

#include <cstdint>

namespace tiercel {

// An amount of memory or of message content. Plain arithmetic is wanted, hence an alias and not a class.
using byte_count = std::uint64_t;

inline namespace literals {
constexpr byte_count operator""_KiB(unsigned long long n) { return n << 10; }
constexpr byte_count operator""_MiB(unsigned long long n) { return n << 20; }
constexpr byte_count operator""_GiB(unsigned long long n) { return n << 30; }
}  // namespace literals

}  // namespace tiercel
