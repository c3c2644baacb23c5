#pragma once

// Invalidations that are to be appended once more, some time after they were: an origin may have answered meanwhile out of a replica that
// did not know yet. Each is due so long after it was appended; where too many wait, the oldest is due at once. Not thread-safe; no clock.

#include "async/timer_wheel.hpp"
#include "coherence/invalidation.hpp"

#include <tiercel/clock.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

namespace tiercel::coherence {

class repeat_queue {
public:
    // after: 0 = nothing is repeated.
    repeat_queue(milliseconds after, std::size_t most) : after_(after), most_(most) {}

    // It was appended now. What is a repetition itself is not repeated.
    void add(const invalidation& i, async::steady::time_point now);
    // The next one to be appended, as an invalidation of its own.
    std::optional<invalidation> take_due(async::steady::time_point now);
    // All that wait, whenever they are due.
    std::vector<invalidation> take_all();
    std::size_t size() const noexcept { return waiting_.size(); }

private:
    struct item {
        async::steady::time_point due;
        invalidation what;
    };

    milliseconds after_;
    std::size_t most_;
    std::deque<item> waiting_;   // by when they are due
};

}  // namespace tiercel::coherence
