#pragma once

// How far the clock of Redis is from ours. Several processes that share entries express times in Redis time, so that their
// own clocks need not agree.
//
// A sample says: while the answer travelled, Redis read T; so the offset lies within half a round trip of T minus the middle
// of the trip. Of the last 60 samples the one with the shortest trip is the best. A new sample whose interval cannot overlap the
// best one's shows that a clock was set or that another server answers: what is older is then forgotten.

#include <tiercel/clock.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace tiercel::redis {

class time_offset {
public:
    struct sample {
        milliseconds offset{0};                  // Redis time - local time, at the middle of the trip
        std::chrono::microseconds round_trip{0};
    };

    void add(sample s) noexcept;
    // Redis time - local time; nothing before the first sample.
    std::optional<milliseconds> best() const noexcept;

private:
    static constexpr std::size_t kept = 60;
    static constexpr milliseconds slack{5};      // resolution of the clocks, and their drift within a minute

    const sample& shortest() const noexcept;

    std::array<sample, kept> samples_{};
    std::size_t count_ = 0;
    std::size_t next_ = 0;
};

}  // namespace tiercel::redis
