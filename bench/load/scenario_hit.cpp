// Answers from one tier alone: nothing reaches the origin, and what it costs.

#include "load/cpu.hpp"
#include "load/popularity.hpp"
#include "load/scenarios.hpp"
#include "load/stage.hpp"

namespace tiercel::load {
namespace {

std::vector<std::string> stored_pages(const settings& s)
{
    std::vector<std::string> out;
    for (std::size_t k = 0; k < s.keys; ++k) { out.push_back(make_request("/b/" + std::to_string(s.size) + "/" + std::to_string(k))); }
    return out;
}

// Asks for stored pages only, and expects all of them from `tier`.
measurement measure_tier(const settings& s, stage& all, source tier)
{
    const std::vector<std::string> pages = stored_pages(s);
    const std::uint64_t before = all.origin().requests();
    const nanoseconds cpu_before = cpu_time(all.processes());
    const popularity choice(s.keys, s.zipf);
    load_plan p = plan_of(s, all.ports());
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = pages[choice.pick(s.seed, n)]}; };
    const load_result r = run_load(std::move(p));
    const nanoseconds cpu = cpu_time(all.processes()) - cpu_before;

    measurement m;
    m.checks.push_back(count_at_most(all.origin().requests() - before, "origin request", "for " + std::to_string(r.asked) + " hits", 0));
    m.checks.push_back(count_at_most(r.answers() - r.answered_by(tier), "answer", "from elsewhere than " + std::string(name_of(tier)), 0));
    m.checks.push_back(count_at_most(r.errors, "error", "", 0));
    m.add_run(std::string(name_of(tier)), r);
    m.figures.push_back(cpu_figure(cpu, r.asked));
    m.plots.push_back(percentile_plot("Latency", m.latencies));
    m.plots.push_back(latency_over_time("Latency over time", r.records, slot_of(s)));
    return m;
}

}  // namespace

measurement measure_hit(const settings& s)
{
    stage_options o;
    o.node.threads = s.threads;
    if (s.control) { o.node.route = "mode: pass"; }
    stage all(std::move(o));
    all.fetch_all(stored_pages(s));
    return measure_tier(s, all, source::l1);
}

measurement measure_l2_hit(const settings& s)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.l1 = "max_bytes: 0";
    o.node.l2 = "timeout: 1s";   // a busy machine is not what this is about
    o.redis = !s.control;
    stage all(std::move(o));
    all.fetch_all(stored_pages(s));
    if (!s.control) { all.wait_for_redis_keys(s.keys); }
    return measure_tier(s, all, source::l2);
}

}  // namespace tiercel::load
