#pragma once

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): one word of state, a few instructions. For choosing and for spreading, not for secrets.

#include <cstdint>

namespace tiercel {

inline constexpr std::uint64_t split_mix_step = 0x9e3779b97f4a7c15u;

// Every bit of the result depends on every bit of `z`; a permutation, so that different ones stay different.
constexpr std::uint64_t spread(std::uint64_t z) noexcept
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// No value comes twice within 2^64 calls.
constexpr std::uint64_t next_random(std::uint64_t& state) noexcept { return spread(state += split_mix_step); }

}  // namespace tiercel
