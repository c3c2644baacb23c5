#pragma once

// When requests are due. The times are fixed before the first answer and do not depend on any: a server that stalls does not
// slow down the arrivals, it makes all who should have come meanwhile wait ("open loop"). A client that sends its next request
// only after an answer would send hardly any during a stall, and so hide it.

#include <chrono>
#include <cstdint>
#include <random>

namespace tiercel::load {

using std::chrono::nanoseconds;

class schedule {
public:
    // Evenly spaced. REQUIRES: per_second > 0; so below.
    static schedule constant(double per_second);
    // Independent arrivals: exponential gaps of that mean rate. The same seed gives the same times.
    static schedule poisson(double per_second, std::uint64_t seed);
    // All at the beginning.
    static schedule burst();
    // Whenever a connection is free: a closed loop, for the cost of a request at full load. Its latencies say little.
    static schedule saturating();

    // When the next request is due, from the beginning of the run on; never before the previous one. Zero when saturating.
    nanoseconds next();
    bool is_saturating() const noexcept { return kind_ == kind::saturating; }

private:
    enum class kind : std::uint8_t { constant, poisson, burst, saturating };
    schedule(kind k, double per_second, std::uint64_t seed) : kind_(k), per_second_(per_second), random_(seed) {}

    kind kind_;
    double per_second_;
    std::uint64_t number_ = 0;
    double poisson_time_ = 0;   // in seconds
    std::mt19937_64 random_;
};

}  // namespace tiercel::load
