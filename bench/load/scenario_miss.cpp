// What may not be stored: every request reaches the origin once, over connections that are kept.

#include "load/cpu.hpp"
#include "load/scenarios.hpp"
#include "load/stage.hpp"

namespace tiercel::load {

measurement measure_miss(const settings& s)
{
    stage_options o;
    o.node.threads = s.threads;
    if (s.control) { o.node.origin = "pool: {idle: 0}"; }
    stage all(std::move(o));
    std::vector<std::string> pages;
    for (std::size_t k = 0; k < s.keys; ++k) { pages.push_back(make_request("/n/" + std::to_string(s.size) + "/" + std::to_string(k))); }

    const nanoseconds cpu_before = cpu_time(all.processes());
    load_plan p = plan_of(s, all.ports());
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = pages[n % pages.size()]}; };
    const load_result r = run_load(std::move(p));
    const nanoseconds cpu = cpu_time(all.processes()) - cpu_before;

    measurement m;
    const std::uint64_t asked = all.origin().requests();
    const std::string context = "for " + std::to_string(r.asked) + " requests";
    m.checks.push_back(count_at_most(all.origin().connections(), "origin connection", context, s.connections));
    m.checks.push_back(count_at_most(asked > r.asked ? asked - r.asked : r.asked - asked, "origin request", "too many or too few " + context, 0));
    m.checks.push_back(count_at_most(r.errors, "error", "", 0));
    m.add_run("misses", r);
    m.figures.push_back(cpu_figure(cpu, r.asked));
    m.plots.push_back(percentile_plot("Latency", m.latencies));
    m.plots.push_back(latency_over_time("Latency over time", r.records, slot_of(s)));
    return m;
}

}  // namespace tiercel::load
