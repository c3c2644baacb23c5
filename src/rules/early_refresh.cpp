#include "rules/early_refresh.hpp"

#include <algorithm>
#include <cmath>

namespace tiercel {
namespace {

constexpr milliseconds least_stay{1'000};
// exp(-40) is never drawn.
constexpr double farthest = 40;

// The last part of the stay, in which a refresh may come early.
milliseconds guard(const entry_times& t, milliseconds stay) noexcept
{
    return std::min(stay / 2, std::max(stay / 4, 3 * t.delta));
}

}  // namespace

bool may_refresh_early(const entry_times& t, double beta, instant now) noexcept
{
    const milliseconds remaining = t.fresh_until - now;
    const milliseconds stay = t.fresh_until - t.received;
    return remaining.count() > 0 && stay >= least_stay && remaining <= guard(t, stay) &&
           static_cast<double>(remaining.count()) <= farthest * beta * static_cast<double>(t.delta.count());
}

bool refresh_early(const entry_times& t, double beta, instant now, double u) noexcept
{
    const double lead = -std::log(u) * beta * static_cast<double>(t.delta.count());
    return may_refresh_early(t, beta, now) && lead >= static_cast<double>((t.fresh_until - now).count());
}

}  // namespace tiercel
