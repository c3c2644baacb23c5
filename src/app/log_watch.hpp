#pragma once

// What the log of invalidations reports, turned into counts and log lines. Thread: the log's.

#include "coherence/invalidation_log.hpp"
#include "coherence/recent_writes.hpp"
#include "events/intake.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::app {

class log_watch final : public coherence::log_observer {
public:
    // `writes`: gets to know those that are in the log; may be null.
    log_watch(telemetry::metrics& counts, telemetry::logger log, const clock& time, coherence::recent_writes* writes)
        : counts_(counts.attach()), log_(std::move(log)), time_(time), writes_(writes) {}
    virtual ~log_watch() = default;

    void on_invalidation(const coherence::invalidation& i) override;
    void on_logged(const coherence::invalidation& i, sequence at, std::optional<std::chrono::microseconds> redis_now) override;
    void on_repetitions_lost(std::size_t n) override;
    void on_contact(contact c, std::string_view why) override;
    void on_lag(std::chrono::microseconds lag) override;
    void on_repair(std::string_view why, std::size_t scopes) override;
    void on_malformed(std::string_view what) override;

private:
    telemetry::cells counts_;
    telemetry::logger log_;
    const clock& time_;
    coherence::recent_writes* const writes_;
    telemetry::log_state in_contact_{true};
};

// What events become. Thread: the intake's.
class event_watch final : public events::intake_observer {
public:
    // `labels`: of the sources, in their order; any other place is nobody's.
    event_watch(telemetry::metrics& counts, telemetry::logger log, std::vector<std::string> labels)
        : counts_(counts.attach()), log_(std::move(log)), labels_(std::move(labels))
    {
        for (std::size_t i = 0; i <= labels_.size(); ++i) { works_.emplace_back(true); }
    }
    virtual ~event_watch() = default;

    void on_event(std::size_t source, events::event_result r, std::string_view problem) override;
    void on_source(std::size_t source, bool works, std::string_view why) override;
    void on_gap(std::size_t source, std::string_view why) override;

private:
    telemetry::cells counts_;
    std::string_view label_of(std::size_t source) const noexcept { return source < labels_.size() ? std::string_view(labels_[source]) : "api"; }

    telemetry::logger log_;
    std::vector<std::string> labels_;
    std::deque<telemetry::log_state> works_;   // by source
};

}  // namespace tiercel::app
