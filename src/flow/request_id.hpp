#pragma once

// X-Request-ID values: 16 hex digits, unique per process and unguessable enough to correlate by, made without a lock.

#include <cstdint>
#include <random>
#include <string>

namespace tiercel::flow {

class request_id_source {
public:
    request_id_source()
    {
        std::random_device entropy;
        state_ = (static_cast<std::uint64_t>(entropy()) << 32) | entropy();
    }

    // Replaces `out`.
    void next(std::string& out)
    {
        // SplitMix64 (Steele, Lea, Flood 2014) over a counter: a permutation, so no value repeats within 2^64 calls.
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        constexpr char digits[] = "0123456789abcdef";
        out.resize(16);
        for (int i = 15; i >= 0; --i) {
            out[static_cast<std::size_t>(i)] = digits[z & 15];
            z >>= 4;
        }
    }

private:
    std::uint64_t state_;
};

}  // namespace tiercel::flow
