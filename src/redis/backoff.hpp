#pragma once

// How long to wait before the next try. Pure: the random number (0 ≤ r < 1) is handed in.

#include <algorithm>
#include <chrono>

namespace tiercel::redis {

// Full jitter: anywhere between nothing and `base` · 2^attempt, at most `cap`. Spreads the clients of a server that came back.
inline std::chrono::milliseconds full_jitter(unsigned attempt, std::chrono::milliseconds base, std::chrono::milliseconds cap,
                                             double r) noexcept
{
    const auto ceiling = std::min(cap, std::chrono::milliseconds(base * (1LL << std::min(attempt, 20u))));
    return std::chrono::milliseconds(static_cast<long long>(static_cast<double>(ceiling.count()) * r));
}

// `middle` ± 20 %.
inline std::chrono::milliseconds around(std::chrono::milliseconds middle, double r) noexcept
{
    return std::chrono::milliseconds(static_cast<long long>(static_cast<double>(middle.count()) * (0.8 + 0.4 * r)));
}

}  // namespace tiercel::redis
