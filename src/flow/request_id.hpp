#pragma once

// X-Request-ID values: 16 hex digits, unique per process and unguessable enough to correlate by, made without a lock.

#include <tiercel/split_mix.hpp>

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
        std::uint64_t z = next_random(state_);
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
