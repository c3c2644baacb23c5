#pragma once

// The parts of the scenario `stampede`. Each sets up its own processes and adds what it found.

#include "load/scenario.hpp"
#include "load/stage.hpp"

#include <string>

namespace tiercel::load::stampede {

// A whole crowd at once: `clients` requests per node, all for the same page, all due at the beginning.
struct crowd {
    std::string request;
    unsigned clients = 500;
    milliseconds patience{60'000};
};
load_plan plan_of(const crowd& c, const stage& all);

// The time of the slowest answer over that of one request at the bare origin.
double slowest_over(const load_result& r, nanoseconds bare);
// One request at the origin itself.
nanoseconds bare_time(test::origin_process& origin, const std::string& request);

// The options of the route: what protects, or in the control does not, and `more` of `stampede`.
std::string route_of(const settings& s, const std::string& more = "");
// A short form runs on busy machines: there, a ratio of times only has to tell one fetch from one per client.
double ratio_limit(const settings& s, double full);
// Does this version lock a fetch over all instances?
bool has_cluster_lock();

void cold(const settings& s, measurement& m);
void holder_killed(const settings& s, measurement& m);
void long_fetch(const settings& s, measurement& m);
void bounds(const settings& s, measurement& m);
void uncacheable(const settings& s, measurement& m);
void personal(const settings& s, measurement& m);
void slow_reader(const settings& s, measurement& m);
void hanging(const settings& s, measurement& m);
void dead(const settings& s, measurement& m);

}  // namespace tiercel::load::stampede
