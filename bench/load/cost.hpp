#pragma once

// What a request costs a server: the processor time of all its processes over a slice of time at full load, by the number of answers.
// Costs drift with the machine by tens of per cent within minutes. So a cost is compared only with another one measured directly
// before and after it, and of several such ratios the median counts.

#include "load/client.hpp"

#include "support/process.hpp"

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace tiercel::load {

struct contender {
    std::string name;
    std::uint16_t port = 0;
    pid_t process = 0;   // with all that it started
};

struct work {
    std::string name;
    std::vector<std::string> requests;
    double zipf = 0;                   // popularity of the requests; 0: in turn
    unsigned connections = 64;
    bool sleeps = false;               // the load generator leaves its processor to others, when there is an origin to be run
};

struct slice {
    double cpu_us = 0;                 // per answer; so below
    double user_us = 0;
    double busiest_thread = 0;         // its share of the processor time
    std::uint64_t answers = 0;
    std::uint64_t bad = 0;             // not 200
    histogram latency;
};

// `cpu`: where the load generator runs; -1: anywhere.
slice measure_slice(const contender& who, const work& w, nanoseconds length, std::uint64_t seed, int cpu);

// Asks for everything once, so that it is stored.
void warm(const contender& who, const work& w);

// Processors for a comparison: the server on one, load and origin on another. Both -1 when there is only one.
struct cpu_plan {
    int server = -1;
    int load = -1;
};
cpu_plan plan_cpus();

// The limit (limit_server.hpp) as a process. Throws cannot_run.
struct limit_process {
    std::unique_ptr<test::process> process;
    std::uint16_t port = 0;
};
limit_process start_limit(int cpu);
std::uint64_t served_by(const limit_process& limit);

// Waits until somebody accepts connections there. False when the process ends, or does not get there.
bool wait_for_port(test::process& p, std::uint16_t port);

}  // namespace tiercel::load
