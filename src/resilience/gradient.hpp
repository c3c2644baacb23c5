#pragma once

// How many requests an endpoint can take at a time, found out by how long they take.
//
// While an endpoint has room, a request takes what it takes; beyond that it queues there, and the time grows with the number
// under way. So the best times of the last moments are compared with those of a longer while: as long as they are alike the
// limit grows by its root, and when they get much worse it shrinks with them (Netflix's concurrency-limits, after TCP Vegas).
// The best times, not the mean: pages differ, and a mix of quick and slow ones is no queue.
//
// Thread: any one at a time; the caller guards it.

#include <chrono>
#include <cstdint>
#include <optional>

namespace tiercel::resilience {

struct gradient_bounds {
    unsigned least = 8;
    unsigned most = 1'024;
};

class gradient {
public:
    using time_point = std::chrono::steady_clock::time_point;

    gradient(unsigned first, gradient_bounds bounds);

    // A request ended that took so long (a timeout: what was waited), with so many under way. The new limit, when it changes.
    std::optional<unsigned> add(std::chrono::microseconds took, unsigned inflight, time_point now);
    unsigned limit() const noexcept { return static_cast<unsigned>(limit_); }

private:
    std::optional<unsigned> close_window();

    const gradient_bounds bounds_;
    double limit_;
    double usual_us_ = 0;                  // the best times of a longer while; 0: not known yet
    double best_us_ = 0;                   // in this window
    unsigned samples_ = 0;
    unsigned peak_ = 0;                    // most under way in this window
    time_point began_;
};

}  // namespace tiercel::resilience
