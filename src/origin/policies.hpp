#pragma once

// The makers of the known policies, for the table in balancing_policy.cpp.

#include "origin/balancing_policy.hpp"

#include <tiercel/split_mix.hpp>

namespace tiercel::origin {

std::unique_ptr<balancing_policy> make_p2c(std::span<const share> shares);
std::unique_ptr<balancing_policy> make_round_robin(std::span<const share> shares);
std::unique_ptr<balancing_policy> make_hash(std::span<const share> shares);

// FNV-1a: for choosing, not for guarding.
constexpr std::uint64_t hash_of(std::string_view text) noexcept
{
    std::uint64_t h = 0xcbf29ce484222325u;
    for (const char c : text) {
        h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
    return h;
}

}  // namespace tiercel::origin
