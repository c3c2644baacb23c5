#include "redis/breaker.hpp"

namespace tiercel::redis {

bool breaker::on_call(bool failed, time_point now) noexcept
{
    if (open_) { return false; }
    const std::int64_t tick = now.time_since_epoch() / slot_width();
    slot& s = slots_[static_cast<std::size_t>(tick % slot_count)];
    if (s.tick != tick) { s = slot{.tick = tick}; }
    ++s.calls;
    if (!failed) {
        failures_in_a_row_ = 0;
        return false;
    }
    ++s.failures;
    if (failures_in_a_row_++ == 0) { row_began_ = now; }
    open_ = too_many_failed(tick, is_silent(now));
    return open_;
}

bool breaker::is_silent(time_point now) const noexcept
{
    return failures_in_a_row_ >= options_.min_calls && now - row_began_ >= slot_width();
}

bool breaker::too_many_failed(std::int64_t tick, bool silent) const noexcept
{
    std::uint64_t calls = 0;
    std::uint64_t failures = 0;
    for (const slot& s : slots_) {
        if (s.tick > tick - slot_count) {
            calls += s.calls;
            failures += s.failures;
        }
    }
    return calls >= options_.min_calls && (silent || failures * 100 >= calls * options_.failed_percent);
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
    failures_in_a_row_ = 0;
    slots_.fill(slot());
}

}  // namespace tiercel::redis
