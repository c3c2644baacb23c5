#pragma once

// What the parts of the log have in common: who this instance is, how far it has read, what the clock of Redis shows, and how things
// stand. Thread: the log's, but for status() and waiting().

#include "async/loop.hpp"
#include "coherence/audit.hpp"
#include "coherence/log_observer.hpp"
#include "coherence/log_scripts.hpp"
#include "coherence/options.hpp"
#include "redis/client.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/scope.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace tiercel::coherence {

struct log_status {
    contact state = contact::unread;
    std::string node;
    sequence applied = 0;
    std::size_t waiting = 0;     // in the journal
    std::size_t under_way = 0;   // being appended
    std::size_t scopes = 0;
    std::chrono::microseconds lag{0};
    std::string problem;         // why nothing could be read, until something is
    std::string refused;         // what Redis says: the stream may not be read, only the table, again and again
};

std::string random_name();       // 64 bits in hex: of a node, of an invalidation

// The clock of Redis, as far as it is known from its last answer to TIME.
class redis_clock {
public:
    std::optional<std::chrono::microseconds> now() const;   // since 1970
    void set(std::chrono::microseconds t);

private:
    std::chrono::microseconds told_{0};      // 0: not known
    async::steady::time_point told_at_{};
};

class log_state {
public:
    // Throws std::invalid_argument (the URL). References outlive this.
    log_state(log_options o, const clock& local, validity& v, audit& a, log_observer& who);
    log_state(const log_state&) = delete;
    log_state& operator=(const log_state&) = delete;

    // Everything up to that number of the log has been applied.
    void advance();
    void set_contact(contact c, std::string_view why);
    void set_problem(std::string_view why);
    void set_refused(std::string_view why);
    void show(std::size_t waiting, std::size_t under_way);
    log_status status() const;
    std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }   // as in status()

    const log_options options;
    const log_names names;
    const std::string node;
    const redis::connection_options how;
    const clock& time;
    validity& valid;
    audit& rows;
    log_observer& observer;
    async::loop loop;
    redis::client client;

    redis_clock redis_time;
    sequence position = 0;                   // the last number of the log that was applied; 0: none was read yet
    std::chrono::microseconds lag{0};
    async::steady::time_point last_contact{};   // when something was read of the log, or appended: a server that only greets is none
    bool stopping = false;

private:
    mutable std::mutex mutex_;   // of status_
    log_status status_;
    std::atomic<std::size_t> waiting_{0};
};

}  // namespace tiercel::coherence
