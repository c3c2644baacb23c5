#pragma once

// Up to when all that the sources have said is carried out, by the clock of this process. A source that answers is known up to the
// moment at which it was asked, or to the oldest of its events that is still under way; one that cannot be read falls behind. The
// latest moment up to which all of them are known is handed on to whoever judges stored answers (validity). Until it was heard what
// is known of a source nothing is, so that what former processes have left in Redis is not better known for a start.

#include "events/options.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/scope.hpp>

#include <atomic>
#include <limits>
#include <memory>
#include <vector>

namespace tiercel::events {

class feed_lag {
public:
    // Up to which everything is known of a source of which nothing is: so long ago as can still be subtracted from any time.
    static constexpr instant never{milliseconds(std::numeric_limits<instant::rep>::min() / 2)};

    // References outlive this.
    feed_lag(const std::vector<source_options>& sources, const clock& time, validity& valid);

    // Thread: the intake's. Everything that was said before `t` is carried out.
    void know_until(std::size_t source, instant t);
    // The same, from somebody who may know less of it than we do.
    void know_at_least_until(std::size_t source, instant t);
    // Something was carried out so long after it had happened.
    void note_event(std::size_t source, milliseconds late);

    // Thread: any. What is shown: for how long it is not known what the source says (since the start, if nothing is); or what the last
    // events lagged by, if that was a moment ago. Zero for what no source brings.
    milliseconds of(std::size_t source, instant now) const noexcept;
    // What counts for lag_budget: for how long it is not known what the source says; milliseconds::max(): nothing is known of it.
    milliseconds unknown_of(std::size_t source, instant now) const noexcept;

private:
    struct place {
        std::atomic<instant::rep> known_until{never.time_since_epoch().count()};
        std::atomic<milliseconds::rep> late{0};
        std::atomic<instant::rep> late_at{0};
        bool is_read = false;              // webhooks come by themselves
    };
    void publish();

    validity& valid_;
    const clock& time_;
    const instant started_;
    std::vector<std::unique_ptr<place>> places_;
};

}  // namespace tiercel::events
