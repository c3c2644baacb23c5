#include "server/observers.hpp"

#include "origin/endpoint.hpp"

#include <tiercel/error.hpp>

namespace tiercel::server {
namespace {

using telemetry::log_level;
using telemetry::metric::breaker_transitions_total;
using telemetry::metric::hedged_requests_total;
using telemetry::metric::l2_duration_seconds;
using telemetry::metric::l2_errors_total;
using telemetry::metric::l2_state;
using telemetry::metric::lock_total;
using telemetry::metric::origin_duration_seconds;
using telemetry::metric::origin_invalid_total;
using telemetry::metric::origin_requests_total;
using telemetry::metric::retries_total;
using telemetry::metric::retry_budget_exhausted_total;

// The two enums have the same names in the same order; the names are what counts, so the match is checked by them.
template <class To, class From>
To label_named(From value) noexcept
{
    for (std::size_t i = 0; i < static_cast<std::size_t>(To::last_); ++i) {
        if (name_of(static_cast<To>(i)) == name_of(value)) {
            return static_cast<To>(i);
        }
    }
    return To{};
}

telemetry::origin_result result_named(std::string_view how) noexcept
{
    if (how.size() == 3 && how.ends_with("xx")) {
        return how == "5xx" ? telemetry::origin_result::server_error : telemetry::origin_result::ok;
    }
    for (int i = 1; i <= static_cast<int>(errc::internal); ++i) {
        if (name_of(static_cast<errc>(i)) == how) {
            return telemetry::result_of(static_cast<errc>(i));
        }
    }
    return telemetry::origin_result::cancelled;
}

}  // namespace

void origin_observer::on_attempt(const origin::endpoint&, std::string_view how, async::steady::duration took) noexcept
{
    counts_.count(origin_requests_total, at_, result_named(how));
    counts_.observe(origin_duration_seconds, took, at_);
}

void origin_observer::on_retry(std::string_view reason) noexcept
{
    for (std::size_t i = 0; i < static_cast<std::size_t>(telemetry::retry_reason::last_); ++i) {
        if (name_of(static_cast<telemetry::retry_reason>(i)) == reason) {
            counts_.count(retries_total, at_, static_cast<telemetry::retry_reason>(i));
            return;
        }
    }
}

void origin_observer::on_transition(const origin::endpoint& where, const resilience::breaker_transition& t) noexcept
{
    counts_.count(breaker_transitions_total, at_, static_cast<telemetry::breaker_phase>(t.to));
    TIERCEL_LOG(log_, warn, "breaker", "breaker origin={} endpoint={} from={} to={} reason={} failures_in_a_row={} window={}/{}",
                name_, telemetry::redact_url(where.name()), resilience::name_of(t.from), resilience::name_of(t.to),
                resilience::name_of(t.reason), t.run, t.window_failures, t.window_calls);
}

void origin_observer::on_invalid(const origin::endpoint& where, origin::invalid_reason why) noexcept
{
    counts_.count(origin_invalid_total, at_, label_named<telemetry::origin_flaw>(why));
    TIERCEL_LOG(log_, warn, "origin-invalid", "invalid answer origin={} endpoint={} reason={}", name_,
                telemetry::redact_url(where.name()), origin::name_of(why));
}

void origin_observer::on_tls_failure(const origin::endpoint& where, std::string_view why) noexcept
{
    TIERCEL_LOG(log_, warn, "origin-tls", "no secure connection origin={} endpoint={} reason={}", name_,
                telemetry::redact_url(where.name()), why);
}

void origin_observer::on_hedge(origin::hedge_result how) noexcept
{
    counts_.count(hedged_requests_total, at_, label_named<telemetry::hedge_result>(how));
}

void origin_observer::on_budget_exhausted() noexcept
{
    counts_.count(retry_budget_exhausted_total, at_);
}

void l2_observer::on_call(l2::op o, std::chrono::steady_clock::duration took)
{
    counts_.observe(l2_duration_seconds, took, label_named<telemetry::l2_op>(o));
}

void l2_observer::on_failure(l2::op o, l2::reason why)
{
    counts_.count(l2_errors_total, label_named<telemetry::l2_op>(o), label_named<telemetry::l2_reason>(why));
}

void l2_observer::on_state(l2::state s, std::string_view why)
{
    // The gauge: 0 works, 1 not asked, 2 being tried.
    const std::uint64_t shown = s == l2::state::open ? 1 : s == l2::state::connecting ? 2 : 0;
    counts_.set(l2_state, shown);
    if (s == l2::state::connecting) {
        return;   // neither up nor down yet
    }
    const bool up = s == l2::state::up || s == l2::state::off;
    TIERCEL_LOG_STATE(log_, reachable_, up, up ? log_level::info : log_level::warn, "l2-state", "redis state={} reason={}",
                      l2::name_of(s), why);
}

void l2_observer::on_lease_lost()
{
    counts_.count(lock_total, telemetry::lock_result::lost);
    TIERCEL_LOG(log_, warn, "lock-lost", "a fetch took longer than its lock lasted, its answer is not shared");
}

// Without it those who wait for another instance's fetch look every now and then.
void l2_observer::on_wake_channel(bool heard, std::string_view why)
{
    TIERCEL_LOG_STATE(log_, hears_wakes_, heard, heard ? log_level::info : log_level::warn, "l2-wakes", "wake-ups heard={} reason={}",
                      heard, why);
}

}  // namespace tiercel::server
