#include "resilience/gradient.hpp"

#include <algorithm>
#include <cmath>

namespace tiercel::resilience {
namespace {

constexpr unsigned window_samples = 100;
constexpr std::chrono::seconds window_time{1};
constexpr unsigned fewest_samples = 10;      // a window with less tells nothing, and goes on
constexpr double tolerance = 1.5;            // so much worse is still alike
constexpr double falling = 0.2;              // weight of a window in the usual times, when it was better than they are
constexpr double rising = 0.005;             // and when it was worse: a queue that lasts must not become the usual
constexpr double smooth = 0.2;               // weight of a new estimate

}  // namespace

gradient::gradient(unsigned first, gradient_bounds bounds)
    : bounds_(bounds), limit_(std::clamp(first, bounds.least, bounds.most))
{
}

std::optional<unsigned> gradient::add(std::chrono::microseconds took, unsigned inflight, time_point now)
{
    const double us = std::max(1.0, static_cast<double>(took.count()));
    if (samples_ == 0) {
        began_ = now;
        best_us_ = us;
        peak_ = 0;
    }
    ++samples_;
    best_us_ = std::min(best_us_, us);
    peak_ = std::max(peak_, inflight);
    if (samples_ < window_samples && (now - began_ < window_time || samples_ < fewest_samples)) {
        return std::nullopt;
    }
    return close_window();
}

std::optional<unsigned> gradient::close_window()
{
    samples_ = 0;
    usual_us_ = usual_us_ == 0 ? best_us_ : usual_us_ + (best_us_ < usual_us_ ? falling : rising) * (best_us_ - usual_us_);
    const double g = std::clamp(tolerance * usual_us_ / best_us_, 0.5, 1.0);
    const double next = (1 - smooth) * limit_ + smooth * (g * limit_ + std::sqrt(limit_));
    const bool is_used = peak_ * 2 >= limit_;   // what was never tried is not known to be good
    if (next > limit_ && !is_used) {
        return std::nullopt;
    }
    const unsigned before = limit();
    limit_ = std::clamp(next, static_cast<double>(bounds_.least), static_cast<double>(bounds_.most));
    return limit() == before ? std::nullopt : std::optional(limit());
}

}  // namespace tiercel::resilience
