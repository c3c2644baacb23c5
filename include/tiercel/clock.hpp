#pragma once

// Time as the rest of the project sees it.
//
// All lifetimes are computed on one monotonic line, `instant`: milliseconds that start at the wall time of the first
// reading and then follow the steady clock. A step of the wall clock moves neither expiry nor age. The wall clock itself
// is asked only where a message names a date (Date, Expires), and Redis time only at the border to L2.

#include <chrono>
#include <cstdint>

namespace tiercel {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A point on the process's own monotonic line, in milliseconds; readable as Unix time, but never stepped.
struct process_clock {
    using rep = std::int64_t;
    using period = std::milli;
    using duration = milliseconds;
    using time_point = std::chrono::time_point<process_clock, milliseconds>;
    static constexpr bool is_steady = true;
};
using instant = process_clock::time_point;

// Real time, in milliseconds since 1970.
using wall_time = std::chrono::sys_time<milliseconds>;

inline constexpr instant end_of_time = instant::max();

// Where "now" comes from. Handed down by reference to whoever decides by time; tests drive their own.
// Thread: both calls may come from any thread.
class clock {
public:
    virtual ~clock() = default;
    virtual instant now() const = 0;
    virtual wall_time wall() const = 0;
};

// The clock of the machine. Cheap: one vDSO call each.
class system_clock final : public clock {
public:
    system_clock();
    instant now() const override;
    wall_time wall() const override;

private:
    milliseconds anchor_;   // wall time minus steady time at construction
};

}  // namespace tiercel
