#pragma once

#include <tiercel/clock.hpp>

#include <atomic>

namespace tiercel::telemetry {

// Stands still until told otherwise. Each one starts a day after the one before, because the sites of log lines live as long
// as the process and remember the time. Thread: any.
class manual_clock final : public clock {
public:
    instant now() const override { return instant(milliseconds(now_.load())); }
    wall_time wall() const override { return wall_time(milliseconds(now_.load())); }
    void advance(milliseconds by) { now_ += by.count(); }

private:
    static inline std::atomic<std::int64_t> next_start_{1'700'000'000'000};
    std::atomic<std::int64_t> now_{next_start_.fetch_add(milliseconds(std::chrono::days(1)).count())};
};

}  // namespace tiercel::telemetry
