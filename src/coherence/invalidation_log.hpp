#pragma once

// The log of invalidations that all instances share, as one process sees it: appends what is invalidated here, reads what was
// invalidated anywhere, and keeps `validity` in step. On a thread and a loop of its own, so that a busy data path delays no
// invalidation.
//
// In parts: log_reader follows the log, log_appender puts what is invalidated here into it, node_roll knows who else has applied it;
// log_state is what they share, log_scripts how it looks in Redis.

#include "coherence/audit.hpp"
#include "coherence/invalidation.hpp"
#include "coherence/log_appender.hpp"
#include "coherence/log_observer.hpp"
#include "coherence/log_reader.hpp"
#include "coherence/log_state.hpp"
#include "coherence/node_roll.hpp"
#include "coherence/options.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <tiercel/clock.hpp>
#include <tiercel/scope.hpp>

#include <optional>
#include <string>
#include <thread>

namespace tiercel::coherence {

class invalidation_log {
public:
    // Throws std::invalid_argument (the URL) or std::runtime_error (the journal). References outlive this.
    invalidation_log(log_options o, const clock& time, validity& valid, audit& rows, log_observer& observer);
    ~invalidation_log();   // stops
    invalidation_log(const invalidation_log&) = delete;
    invalidation_log& operator=(const invalidation_log&) = delete;

    void start();
    // What is being appended gets a moment; the rest waits in the journal. Idempotent.
    void stop();

    // Thread: any. Holds here when this returns; `done` (may be empty) is called on the log's thread when it is in the log, or in
    // the journal, or refused. REQUIRES: at most `most_scopes` scopes.
    void submit(invalidation i, receipt_handler done);
    // Thread: any. Calls on the log's thread: when all live nodes have applied `at`, or at the limit, with those who have not.
    void wait_applied(sequence at, async::steady::time_point limit, nodes_handler done);
    log_status status() const { return state_.status(); }
    // In the journal. Thread: any; for each event.
    std::size_t waiting() const noexcept { return state_.waiting(); }
    std::size_t most_waiting() const noexcept { return state_.options.max_waiting; }
    const std::string& node() const noexcept { return state_.node; }

private:
    async::task<> tick(async::drain_gate::pass inside);
    void look_at_contact();
    async::task<> stop_on_loop();

    log_state state_;
    node_roll nodes_;
    log_appender appender_;
    log_reader reader_;
    async::event ticking_;
    async::steady::time_point resumed_at_{};
    std::optional<async::asio::executor_work_guard<async::executor>> keep_running_;
    std::thread thread_;
};

}  // namespace tiercel::coherence
