#include "l2/lifetime.hpp"

#include <algorithm>

namespace tiercel::l2 {
namespace {

constexpr milliseconds kept_for_revalidation{60'000};

// Saturates: The end of time and what lies near it stay where they are.
instant later(instant t, milliseconds by) noexcept
{
    return t > end_of_time - by ? end_of_time : t + by;
}

}  // namespace

milliseconds time_to_live(const entry_times& times, instant now, milliseconds max_life) noexcept
{
    const instant until = std::max({later(times.fresh_until, kept_for_revalidation), times.swr_until, times.sie_until,
                                    times.unreachable_until});
    if (until >= later(now, max_life)) { return max_life; }
    return until > now ? until - now : milliseconds(0);
}

}  // namespace tiercel::l2
