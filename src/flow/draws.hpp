#pragma once

// Random numbers for decisions that need no secrecy: one source per worker, no lock.

#include <cstdint>
#include <random>

namespace tiercel::flow {

// Thread: one.
class draws {
public:
    draws()
    {
        std::random_device entropy;
        state_ = (static_cast<std::uint64_t>(entropy()) << 32) | entropy() | 1;
    }

    // Uniform in (0, 1]; xorshift64* (Vigna 2016).
    double uniform() noexcept
    {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<double>(((state_ * 0x2545f4914f6cdd1d) >> 11) + 1) * 0x1p-53;
    }

private:
    std::uint64_t state_;
};

}  // namespace tiercel::flow
