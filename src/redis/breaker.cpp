#include "redis/breaker.hpp"

namespace tiercel::redis {

bool breaker::on_call(bool failed, time_point now) noexcept
{
    if (open_) { return false; }
    const std::int64_t tick = now.time_since_epoch() / (std::chrono::nanoseconds(options_.window) / slot_count);
    slot& s = slots_[static_cast<std::size_t>(tick % slot_count)];
    if (s.tick != tick) { s = slot{.tick = tick}; }
    ++s.calls;
    if (!failed) { return false; }
    ++s.failures;
    open_ = too_many_failed(tick);
    return open_;
}

bool breaker::too_many_failed(std::int64_t tick) const noexcept
{
    std::uint64_t calls = 0;
    std::uint64_t failures = 0;
    for (const slot& s : slots_) {
        if (s.tick > tick - slot_count) {
            calls += s.calls;
            failures += s.failures;
        }
    }
    return calls >= options_.min_calls && failures * 100 >= calls * options_.failed_percent;
}

bool breaker::on_connect_failure() noexcept
{
    const bool opened = !open_;
    open_ = true;
    return opened;
}

void breaker::close() noexcept
{
    open_ = false;
    slots_.fill(slot());
}

}  // namespace tiercel::redis
