#pragma once

// A scenario: what it sets up and does, what has to hold, and how long it takes. One row per scenario; the command line, the
// tests and the documentation follow the table.

#include "load/measurement.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::load {

using std::chrono::milliseconds;

// What can be set about a run. Each scenario has values of its own and uses those that it names.
struct settings {
    bool control = false;              // without the protection that the scenario is about: it must fail
    bool quick = false;                // the short form: fewer requests, and no ratio of costs is judged tightly
    std::uint64_t seed = 1;
    unsigned repeats = 3;
    double rate = 1000;                // requests per second
    bool poisson = false;              // independent arrivals instead of evenly spaced ones
    milliseconds duration{10'000};
    milliseconds warm_up{1'000};
    unsigned connections = 64;         // of the load generator to each node
    unsigned clients = 500;            // that ask at the same time, per node
    unsigned nodes = 1;
    unsigned threads = 2;              // of each node
    unsigned rounds = 5;               // of a comparison: how often each is measured, in turn
    std::size_t keys = 100;
    std::size_t tenants = 10;
    std::size_t size = 1024;           // bytes of an answer's content
    double zipf = 0.99;                // exponent of the popularity; 0: all keys alike
    milliseconds origin_time{300};
    milliseconds lifetime{1'000};      // of an answer
    double beta = 1;                   // how early to refresh
    std::vector<std::string> only{};   // parts of the scenario; empty: all
};

// Something that is not there and that the scenario cannot do without.
struct cannot_run : std::runtime_error {
    using runtime_error::runtime_error;
};

struct scenario {
    std::string_view name;
    std::string_view property;                    // what has to hold
    std::string_view control;                     // what --control switches off
    std::span<const std::string_view> options;    // of the settings, the ones it uses, by the names of the command line
    std::span<const std::string_view> parts;      // that `only` may name
    settings full;
    settings quick;
    measurement (*measure)(const settings&);      // one repeat
};

std::span<const scenario> scenarios();
const scenario* find_scenario(std::string_view name);   // nullptr when there is none

// ---- what most scenarios begin with ----

// Rate, times and connections as set; what to ask for is still missing.
load_plan plan_of(const settings& s, std::vector<std::uint16_t> servers);
// For plots over the time of a run.
nanoseconds slot_of(const settings& s);
figure cpu_figure(nanoseconds cpu, std::uint64_t requests);
// Does the run include that part?
bool includes(const settings& s, std::string_view part);

// The form to run, before options of the command line.
settings settings_of(const scenario& s, bool quick, bool control);

}  // namespace tiercel::load
