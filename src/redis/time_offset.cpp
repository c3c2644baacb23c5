#include "redis/time_offset.hpp"

#include <algorithm>

namespace tiercel::redis {

const time_offset::sample& time_offset::shortest() const noexcept
{
    return *std::min_element(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(count_),
                             [](const sample& a, const sample& b) { return a.round_trip < b.round_trip; });
}

void time_offset::add(sample s) noexcept
{
    if (count_ > 0) {
        const sample& best = shortest();
        const auto apart = std::chrono::abs(std::chrono::microseconds(s.offset - best.offset));
        if (apart > (s.round_trip + best.round_trip) / 2 + slack) {
            count_ = 0;
            next_ = 0;
        }
    }
    samples_[next_] = s;
    next_ = (next_ + 1) % kept;
    count_ = std::min(count_ + 1, kept);
}

std::optional<milliseconds> time_offset::best() const noexcept
{
    if (count_ == 0) { return std::nullopt; }
    return shortest().offset;
}

}  // namespace tiercel::redis
