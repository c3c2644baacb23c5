#pragma once

// When to stop asking Redis. Calls are counted in a sliding window of ten slots; at least `min_calls` with at least
// `failed_percent` failed or late open it, and so does a failed connect. As many failures in a row,
// over at least a tenth of the window, are enough as well: after steady success it would take half of the window to see that Redis
// is silent. Open it counts nothing; the client probes and closes it.
// Pure: time is handed in.

#include <array>
#include <chrono>
#include <cstdint>

namespace tiercel::redis {

class breaker {
public:
    using time_point = std::chrono::steady_clock::time_point;

    struct options {
        unsigned min_calls = 20;
        unsigned failed_percent = 50;
        std::chrono::milliseconds window{5000};
    };

    breaker() : breaker(options()) {}
    explicit breaker(options o) : options_(o) {}

    bool is_open() const noexcept { return open_; }
    // Counts the end of one call. True when this one opened the breaker.
    bool on_call(bool failed, time_point now) noexcept;
    // A connection could not be made. True when this opened the breaker.
    bool on_connect_failure() noexcept;
    // A probe succeeded: closed, with an empty window.
    void close() noexcept;

private:
    static constexpr std::int64_t slot_count = 10;
    struct slot {
        std::int64_t tick = -1;       // which window/10 of time it counts
        std::uint32_t calls = 0;
        std::uint32_t failures = 0;
    };

    std::chrono::nanoseconds slot_width() const noexcept { return std::chrono::nanoseconds(options_.window) / slot_count; }
    bool is_silent(time_point now) const noexcept;
    bool too_many_failed(std::int64_t tick, bool silent) const noexcept;

    options options_;
    bool open_ = false;
    std::array<slot, slot_count> slots_{};
    std::uint32_t failures_in_a_row_ = 0;
    time_point row_began_{};
};

}  // namespace tiercel::redis
