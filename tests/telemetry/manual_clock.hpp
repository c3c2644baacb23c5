#pragma once

#include <tiercel/clock.hpp>

#include <atomic>

namespace tiercel::telemetry {

// Stands still until told otherwise. Thread: any.
class manual_clock final : public clock {
public:
    instant now() const override { return instant(milliseconds(now_.load())); }
    wall_time wall() const override { return wall_time(milliseconds(now_.load())); }
    void advance(milliseconds by) { now_ += by.count(); }

private:
    std::atomic<std::int64_t> now_{1'700'000'000'000};
};

}  // namespace tiercel::telemetry
