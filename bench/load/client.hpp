#pragma once

// The load generator: one thread, one epoll, keep-alive connections, requests at the times of a schedule whatever the answers
// do. A request that finds no free connection waits for one, and that wait is part of its latency: it counts from the time at
// which the request was due.

#include "load/answer.hpp"
#include "load/histogram.hpp"
#include "load/schedule.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::load {

struct planned_request {
    std::string_view bytes;        // a whole request; stays valid during the run
    unsigned server = 0;           // index into load_plan::servers
    method asked = method::get;
};

// One answer, as the observer of a plan sees it. Views are valid during the call.
struct answer_view {
    std::uint64_t number = 0;      // of the request
    nanoseconds due{0};
    nanoseconds latency{0};
    int status = 0;                // 0: no answer
    source by = source::nobody;
    std::uint64_t body_size = 0;
    std::string_view head{};       // empty unless keep_content
    std::string_view body{};
};

struct load_plan {
    std::vector<std::uint16_t> servers;       // ports on loopback
    unsigned connections = 64;                // to each of them
    schedule arrivals = schedule::constant(100);
    std::uint64_t requests = 0;               // at most so many; 0: no bound
    nanoseconds duration{0};                  // none that is due later; 0: no bound
    nanoseconds warm_up{0};                   // those due earlier are made, and not recorded
    nanoseconds patience = std::chrono::seconds(60);   // for one answer, from the time it is asked for
    // The n-th request. Called again for the same n when it has to wait, and must then say the same. Of the run's thread.
    std::function<planned_request(std::uint64_t n)> request;
    // Each recorded answer; may be empty. Of the run's thread.
    std::function<void(const answer_view&)> observe;
    bool keep_content = false;                // heads and bodies for the observer
    bool keep_records = true;
    bool spin = false;                        // never sleep: the server does not pay for waking us
    int cpu = -1;                             // where the run's thread stays; -1: anywhere
};

struct answer_record {
    std::uint32_t due_us = 0;
    std::uint32_t latency_us = 0;
    std::int16_t status = 0;
    source by = source::nobody;
    std::uint8_t server = 0;

    bool is_ok() const noexcept { return status >= 200 && status < 400; }
    std::chrono::microseconds due() const noexcept { return std::chrono::microseconds(due_us); }
    std::chrono::microseconds latency() const noexcept { return std::chrono::microseconds(latency_us); }
};

struct load_result {
    histogram latency;                        // nanoseconds; of all recorded answers
    histogram own_delay;                      // how late a request was sent although a connection was free: our own fault
    std::array<std::uint64_t, source_count> by{};
    std::uint64_t asked = 0;                  // requests, those of the warm-up included
    std::uint64_t errors = 0;                 // status 400 and above, or no answer
    std::vector<answer_record> records;       // in the order of the answers
    nanoseconds elapsed{0};                   // from the end of the warm-up to the last answer
    std::uint64_t reconnects = 0;

    std::uint64_t answers() const noexcept { return latency.count(); }
    std::uint64_t answered_by(source s) const noexcept { return by[static_cast<std::size_t>(s)]; }
    // With the results of another run.
    void add(const load_result& other);
};

// A run under way. It begins with the construction, once all connections stand. Thread: one at a time.
class load_run {
public:
    // Throws std::system_error when a server cannot be reached.
    explicit load_run(load_plan plan);
    load_run(const load_run&) = delete;
    load_run& operator=(const load_run&) = delete;
    ~load_run();   // stops it

    // Sleeps until so much time of the run has passed.
    void wait_until(nanoseconds since_begin) const;
    nanoseconds now() const;
    // The beginning on the steady clock, as all processes of this machine see it.
    nanoseconds began() const;
    // No further requests; those under way are still waited for.
    void stop();
    // Waits for the end of the plan. Throws what went wrong in the run.
    load_result finish();

private:
    struct state;
    std::unique_ptr<state> state_;
};

load_result run_load(load_plan plan);

// A whole request for loopback: "GET target HTTP/1.1" with Host and these field lines ("Name: value\r\n" each).
std::string make_request(std::string_view target, std::string_view field_lines = "", std::string_view verb = "GET",
                         std::string_view body = "");

}  // namespace tiercel::load
