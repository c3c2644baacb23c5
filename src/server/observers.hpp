#pragma once

// What the lower layers report, turned into counts and log lines. One set per worker.
// Thread: the worker's only; the log states are shared by all workers, so that a change is logged once.

#include "l2/l2_store.hpp"
#include "origin/observer.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

#include <string>

namespace tiercel::server {

class origin_observer final : public origin::observer {
public:
    origin_observer(telemetry::cells& counts, telemetry::logger log, telemetry::origin_index at, std::string name)
        : counts_(counts), log_(std::move(log)), at_(at), name_(std::move(name)) {}

    void on_attempt(const origin::endpoint& where, std::string_view how, async::steady::duration took) noexcept override;
    void on_retry(std::string_view reason) noexcept override;
    void on_transition(const origin::endpoint& where, const resilience::breaker_transition& t) noexcept override;
    void on_invalid(const origin::endpoint& where, origin::invalid_reason why) noexcept override;
    void on_tls_failure(const origin::endpoint& where, std::string_view why) noexcept override;
    void on_budget_exhausted() noexcept override;
    void on_hedge(origin::hedge_result how) noexcept override;

private:
    telemetry::cells& counts_;
    telemetry::logger log_;
    telemetry::origin_index at_;
    std::string name_;
};

class l2_observer final : public l2::observer {
public:
    // `reachable`: shared by all workers. Starts as "reachable", so that a Redis that is there is not worth a line.
    l2_observer(telemetry::cells& counts, telemetry::logger log, telemetry::log_state& reachable, telemetry::log_state& hears_wakes)
        : counts_(counts), log_(std::move(log)), reachable_(reachable), hears_wakes_(hears_wakes) {}

    void on_call(l2::op o, std::chrono::steady_clock::duration took) override;
    void on_failure(l2::op o, l2::reason why) override;
    void on_state(l2::state s, std::string_view why) override;
    void on_lease_lost() override;
    void on_wake_channel(bool heard, std::string_view why) override;

private:
    telemetry::cells& counts_;
    telemetry::logger log_;
    telemetry::log_state& reachable_;
    telemetry::log_state& hears_wakes_;
};

}  // namespace tiercel::server
