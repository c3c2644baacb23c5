#include "load/schedule.hpp"

namespace tiercel::load {
namespace {

nanoseconds after_seconds(double s)
{
    return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(s));
}

}  // namespace

schedule schedule::constant(double per_second) { return {kind::constant, per_second, 0}; }
schedule schedule::poisson(double per_second, std::uint64_t seed) { return {kind::poisson, per_second, seed}; }
schedule schedule::burst() { return {kind::burst, 0, 0}; }
schedule schedule::saturating() { return {kind::saturating, 0, 0}; }

nanoseconds schedule::next()
{
    switch (kind_) {
    case kind::constant: return after_seconds(static_cast<double>(number_++) / per_second_);   // no sum, so no drift
    case kind::poisson: poisson_time_ += std::exponential_distribution<double>(per_second_)(random_); return after_seconds(poisson_time_);
    case kind::burst:
    case kind::saturating: break;
    }
    return nanoseconds{0};
}

}  // namespace tiercel::load
