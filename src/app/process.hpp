#pragma once

// All objects of a running proxy, in the order in which they depend on each other. Start and stop are a pair; used by the
// program and by the scenario tests alike.

#include "admin/admin_server.hpp"
#include "coherence/invalidation_log.hpp"
#include "events/intake.hpp"
#include "config/config_loader.hpp"
#include "flow/context.hpp"
#include "origin/health.hpp"
#include "origin/names.hpp"
#include "server/observers.hpp"
#include "server/worker.hpp"
#include "telemetry/access_log.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

#include <tiercel/clock.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tiercel::app {

class log_watch;
class event_watch;

class process final : admin::admin_source {
public:
    // Opens log files, resolves the origins' names (blocking). Throws std::exception with a message for the operator.
    // REQUIRES: configuration.ok(); both outlive this.
    process(const config::loaded& configuration, const clock& time);
    ~process();   // stops at once what still runs
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    // Binds all listeners and starts all threads. Throws as above.
    void start();

    // What the listeners are bound to, with the ports that the system chose.
    const std::vector<std::string>& addresses() const noexcept { return addresses_; }
    std::uint16_t admin_port() const noexcept;

    // Stops accepting and lets what is under way end, for at most server.timeouts.drain; then breaks it off. False: had to.
    bool drain();
    // Makes a drain() in another thread end at once. Thread: any.
    void stop_now();

    void reopen_logs();

    // Usage and counts, for tests.
    memory_store& l1() noexcept { return *l1_; }
    telemetry::metrics& metrics() noexcept { return *metrics_; }

private:
    std::vector<admin::dependency> dependencies() const override;
    std::string metrics_text() const override;
    std::string status_json() const override;
    std::string config_json() const override;
    void operate(admin::operation o, admin::operation_handler done) override;
    std::string origins_json() const override;
    bool hold_breaker(std::string_view origin, std::string_view endpoint, admin::breaker_hold how) override;

    milliseconds least_lag_budget() const;
    void make_intake();
    bool has_fetched() const;
    void watch();
    void start_care();
    std::string with_place(const std::string& key, const std::string& what) const;
    bool wait_for_workers(std::chrono::steady_clock::duration limit);

    const config::loaded& loaded_;
    const clock& time_;
    instant started_;
    std::unique_ptr<telemetry::logs> logs_;
    std::unique_ptr<telemetry::access_log> access_;
    std::unique_ptr<telemetry::metrics> metrics_;
    std::unique_ptr<memory_store> l1_;
    validity valid_;
    coherence::audit audit_;
    std::unique_ptr<coherence::recent_writes> writes_;   // with invalidation.loopback_ttl
    std::unique_ptr<log_watch> log_watch_;
    std::unique_ptr<coherence::invalidation_log> log_;   // with Redis only
    flow::flight_table flights_;
    flow::mark_table marks_;
    flow::descriptor_desk descriptors_;
    std::unique_ptr<routing::tenancy> tenants_;
    std::unique_ptr<routing::route_table> routes_;
    std::vector<std::unique_ptr<origin::upstream>> upstreams_;
    std::unique_ptr<origin::name_keeper> names_;
    std::unique_ptr<origin::health_checker> health_;
    std::unique_ptr<flow::process_context> context_;
    std::unique_ptr<server::server_shared> shared_;
    std::vector<std::unique_ptr<server::worker>> workers_;
    std::unique_ptr<event_watch> event_watch_;
    std::unique_ptr<telemetry::cells> feed_counts_;                              // of the intake's thread
    std::vector<std::unique_ptr<server::origin_observer>> feed_observers_;       // by origin
    std::unique_ptr<events::intake> intake_;
    std::vector<std::string> unlink_at_end_;   // of unix sockets
    std::vector<std::string> addresses_;
    std::unique_ptr<admin::admin_server> admin_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t running_ = 0;       // workers whose loop has not ended
    bool hurry_ = false;
    bool draining_ = false;
};

}  // namespace tiercel::app
