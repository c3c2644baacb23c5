#include "app/log_watch.hpp"

namespace tiercel::app {

using telemetry::log_level;

void log_watch::on_invalidation(const coherence::invalidation& i)
{
    for (const std::string& name : i.names) {
        if (const auto kind = scope_kind_named(std::string_view(name).substr(0, name.find(':')))) {
            counts_.count(telemetry::metric::invalidations_total, *kind, static_cast<telemetry::invalidation_mode>(i.mode));
        }
    }
}

void log_watch::on_logged(const coherence::invalidation& i, sequence at, std::optional<std::chrono::microseconds> redis_now)
{
    // After a step back of Redis's clock its numbers run ahead of it, and tell no times.
    constexpr std::chrono::microseconds most_ahead = milliseconds(100);
    const bool is_time = redis_now && std::chrono::microseconds(static_cast<std::int64_t>(at)) <= *redis_now + most_ahead;
    const bool is_write = i.action == coherence::source_of::write && i.repeats.empty();   // its repetition explains no second event
    if (writes_ != nullptr && is_write && is_time) { writes_->note(i.scopes, i.mode, at, time_.now()); }
}

void log_watch::on_repetitions_lost(std::size_t n)
{
    counts_.count_many(telemetry::metric::invalidation_repeats_lost_total, n);
    TIERCEL_LOG(log_, warn, "repeats-lost", "what was to be appended again is not in the journal repetitions={}", n);
}

void log_watch::on_contact(contact c, std::string_view why)
{
    const bool good = c == contact::following;
    TIERCEL_LOG_STATE(log_, in_contact_, good, good ? log_level::info : log_level::warn, "contact", "log of invalidations state={} reason={}",
                      name_of(c), why);
}

void log_watch::on_lag(std::chrono::microseconds) {}

void log_watch::on_repair(std::string_view why, std::size_t scopes)
{
    TIERCEL_LOG(log_, info, "repair", "scopes read from the table reason=\"{}\" scopes={}", why, scopes);
}

void log_watch::on_malformed(std::string_view what)
{
    counts_.count(telemetry::metric::invalidation_log_malformed_total);
    TIERCEL_LOG(log_, warn, "malformed", "the log of invalidations in Redis holds what no instance has written what=\"{}\"", what);
}

void event_watch::on_event(std::size_t source, events::event_result r, std::string_view problem)
{
    counts_.count(telemetry::metric::events_total, static_cast<telemetry::source_index>(source), static_cast<telemetry::event_result>(r));
    if (r == events::event_result::dead) {
        TIERCEL_LOG(log_, warn, "dead-letter", "an event went to the dead letters source={} reason=\"{}\"", label_of(source), problem);
    } else if (r == events::event_result::dropped) {
        TIERCEL_LOG(log_, warn, "dropped", "an event was lost source={} reason=\"{}\"", label_of(source), problem);
    }
}

void event_watch::on_source(std::size_t source, bool works, std::string_view why)
{
    telemetry::log_state& known = works_[std::min(source, works_.size() - 1)];
    TIERCEL_LOG_STATE(log_, known, works, works ? log_level::info : log_level::warn, "event-source", "source of events source={} works={} reason={}",
                      label_of(source), works, why);
}

void event_watch::on_gap(std::size_t source, std::string_view why)
{
    counts_.count(telemetry::metric::event_gaps_total, static_cast<telemetry::source_index>(source));
    TIERCEL_LOG(log_, warn, "event-gap", "events were lost, everything expires source={} reason=\"{}\"", label_of(source), why);
}

}  // namespace tiercel::app
