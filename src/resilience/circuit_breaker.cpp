#include "resilience/circuit_breaker.hpp"

#include <tiercel/check.hpp>
#include <tiercel/split_mix.hpp>

#include <algorithm>

namespace tiercel::resilience {
namespace {

bool is_share(unsigned part, unsigned whole, double share) noexcept
{
    return static_cast<double>(part) >= share * static_cast<double>(whole);
}

}  // namespace

std::string_view name_of(breaker_state s) noexcept
{
    switch (s) {
        case breaker_state::closed: return "closed";
        case breaker_state::open: return "open";
        case breaker_state::half_open: return "half_open";
    }
    return {};
}

std::string_view name_of(breaker_reason r) noexcept
{
    switch (r) {
        case breaker_reason::failures: return "failures";
        case breaker_reason::slow: return "slow";
        case breaker_reason::elapsed: return "elapsed";
        case breaker_reason::probe_failed: return "probe_failed";
        case breaker_reason::probe_lost: return "probe_lost";
        case breaker_reason::recovered: return "recovered";
        case breaker_reason::forced: return "forced";
    }
    return {};
}

// ---- window ----------------------------------------------------------------------------------------------------------

void circuit_breaker::outcome_window::add(instant at, bool failed, bool slow) noexcept
{
    if (size_ == ring_.size()) {
        drop_oldest();
    }
    ring_[(first_ + size_) % ring_.size()] = {at, failed, slow};
    ++size_;
    failed_ += failed;
    slow_ += slow;
}

void circuit_breaker::outcome_window::forget_before(instant at) noexcept
{
    while (size_ > 0 && ring_[first_].at < at) {
        drop_oldest();
    }
}

void circuit_breaker::outcome_window::drop_oldest() noexcept
{
    failed_ -= ring_[first_].failed;
    slow_ -= ring_[first_].slow;
    first_ = (first_ + 1) % ring_.size();
    --size_;
}

void circuit_breaker::outcome_window::clear() noexcept
{
    first_ = size_ = 0;
    failed_ = slow_ = 0;
}

// ---- permits ---------------------------------------------------------------------------------------------------------

void circuit_breaker::release(std::uint64_t epoch, std::uint32_t slot) noexcept
{
    const guard lock(mutex_);
    if (epoch == epoch_in(word_.load(std::memory_order_relaxed))) {
        probes_[slot].reset();
    }
}

bool circuit_breaker::is_current(const permit& p) const noexcept
{
    return p.epoch_ == epoch_in(word_.load(std::memory_order_relaxed));
}

// ---- the state machine -----------------------------------------------------------------------------------------------

circuit_breaker::circuit_breaker(const breaker_options& options, std::uint64_t seed)
    : options_(options), probes_(options.half_open_permits), open_time_(options.open), random_(seed)
{
    TIERCEL_CHECK(options.failures >= 1 && options.half_open_permits >= 1 && options.close_after >= 1);
}

circuit_breaker::admission circuit_breaker::acquire_unless_closed(instant now)
{
    // Most calls during an outage end here, without the lock. The acquire load of the word orders the one of the time.
    const auto seen = state_in(word_.load(std::memory_order_acquire));
    if (seen == breaker_state::open && now.time_since_epoch().count() < open_until_.load(std::memory_order_relaxed)) {
        return {};
    }

    const guard lock(mutex_);
    admission answer;
    const auto word = word_.load(std::memory_order_relaxed);
    switch (state_in(word)) {
        case breaker_state::closed:
            answer.pass = permit(*this, epoch_in(word));
            break;
        case breaker_state::open:
            if (now.time_since_epoch().count() >= open_until_.load(std::memory_order_relaxed)) {
                answer.moved = move_to(breaker_state::half_open, breaker_reason::elapsed, now);
                answer.pass = take_probe_slot(now);
            }
            break;
        case breaker_state::half_open:
            if (has_lost_probe(now)) {
                answer.moved = open_again(breaker_reason::probe_lost, now);
            } else {
                answer.pass = take_probe_slot(now);
            }
            break;
    }
    return answer;
}

circuit_breaker::permit circuit_breaker::take_probe_slot(instant now)
{
    const auto slot = std::find(probes_.begin(), probes_.end(), std::nullopt);
    if (slot == probes_.end()) {
        return {};
    }
    *slot = now + options_.probe_timeout;
    return permit(*this, epoch_in(word_.load(std::memory_order_relaxed)), static_cast<std::uint32_t>(slot - probes_.begin()));
}

bool circuit_breaker::has_lost_probe(instant now) const noexcept
{
    return std::any_of(probes_.begin(), probes_.end(), [now](const auto& due) { return due && *due <= now; });
}

std::optional<breaker_transition> circuit_breaker::on_success(permit p, instant now, milliseconds took)
{
    TIERCEL_CHECK(p.owner_ == this);
    p.owner_ = nullptr;
    const guard lock(mutex_);
    if (!is_current(p)) {
        return std::nullopt;
    }
    if (!p.is_probe()) {
        return record(now, false, took);
    }
    probes_[p.slot_].reset();
    if (++probe_successes_ < options_.close_after) {
        return std::nullopt;
    }
    return move_to(breaker_state::closed, breaker_reason::recovered, now);
}

std::optional<breaker_transition> circuit_breaker::on_failure(permit p, instant now, milliseconds took)
{
    TIERCEL_CHECK(p.owner_ == this);
    p.owner_ = nullptr;
    const guard lock(mutex_);
    if (!is_current(p)) {
        return std::nullopt;
    }
    if (!p.is_probe()) {
        return record(now, true, took);
    }
    return open_again(breaker_reason::probe_failed, now);
}

std::optional<breaker_transition> circuit_breaker::record(instant now, bool failed, milliseconds took)
{
    if (override_ == breaker_override::closed) {
        return std::nullopt;
    }
    run_ = failed ? run_ + 1 : 0;
    window_.forget_before(now - options_.window);
    window_.add(now, failed, options_.slow_call.count() > 0 && took > options_.slow_call);
    const auto why = reason_to_open(failed);
    if (!why) {
        return std::nullopt;
    }
    if (now - options_.reset_after >= closed_since_) {
        open_time_ = options_.open;
    }
    return move_to(breaker_state::open, *why, now);
}

std::optional<breaker_reason> circuit_breaker::reason_to_open(bool failed) const noexcept
{
    const bool long_run = failed && run_ >= options_.failures;
    if (options_.mode == breaker_mode::consecutive) {
        return long_run ? std::optional(breaker_reason::failures) : std::nullopt;
    }
    if (long_run && is_share(window_.failed(), window_.calls(), options_.ratio)) {
        return breaker_reason::failures;
    }
    if (window_.slow() > 0 && window_.calls() >= options_.slow_calls &&
        is_share(window_.slow(), window_.calls(), options_.slow_ratio)) {
        return breaker_reason::slow;
    }
    return std::nullopt;
}

breaker_transition circuit_breaker::open_again(breaker_reason why, instant now)
{
    open_time_ = std::max(options_.open, std::min(open_time_ * 2, options_.max_open));
    return move_to(breaker_state::open, why, now);
}

milliseconds circuit_breaker::next_open_time() noexcept
{
    const auto tenth = std::max<milliseconds::rep>(open_time_.count() / 10, 0);
    const auto spread = static_cast<std::uint64_t>(2 * tenth + 1);
    return open_time_ + milliseconds{static_cast<milliseconds::rep>(next_random(random_) % spread) - tenth};
}

breaker_transition circuit_breaker::move_to(breaker_state to, breaker_reason why, instant now)
{
    const auto word = word_.load(std::memory_order_relaxed);
    breaker_transition moved{.from = state_in(word), .to = to, .reason = why, .run = run_,
                             .window_failures = window_.failed(), .window_calls = window_.calls(), .open_for = {}};
    run_ = 0;
    probe_successes_ = 0;
    window_.clear();
    std::fill(probes_.begin(), probes_.end(), std::nullopt);
    if (to == breaker_state::open) {
        const bool held = override_ == breaker_override::open;
        moved.open_for = held ? milliseconds::max() : next_open_time();
        open_until_.store((held ? end_of_time : now + moved.open_for).time_since_epoch().count(), std::memory_order_relaxed);
    }
    if (to == breaker_state::closed) {
        closed_since_ = now;
    }
    word_.store((epoch_in(word) + 1) << state_bits | static_cast<std::uint64_t>(to), std::memory_order_release);
    return moved;
}

std::optional<breaker_transition> circuit_breaker::force(breaker_override wanted, instant now)
{
    const guard lock(mutex_);
    const bool released = wanted == breaker_override::automatic;
    if (released && override_ == breaker_override::automatic) {
        return std::nullopt;
    }
    override_ = wanted;
    open_time_ = options_.open;
    const auto to = wanted == breaker_override::open ? breaker_state::open : breaker_state::closed;
    const auto moved = move_to(to, breaker_reason::forced, now);
    return moved.from == moved.to ? std::nullopt : std::optional(moved);
}

breaker_override circuit_breaker::held() const
{
    const guard lock(mutex_);
    return override_;
}

milliseconds circuit_breaker::remaining_open(instant now) const noexcept
{
    if (state() != breaker_state::open) {
        return milliseconds{0};
    }
    const instant until{milliseconds{open_until_.load(std::memory_order_relaxed)}};
    if (until == end_of_time) {
        return options_.open;   // held open by hand: there is no schedule, only a polite guess
    }
    return std::max(until - now, milliseconds{0});
}

}  // namespace tiercel::resilience
