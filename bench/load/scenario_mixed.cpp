// Many tenants, many keys, some of them popular; more than memory holds. Each page is fetched once, and then it is in a tier.

#include "load/cpu.hpp"
#include "load/popularity.hpp"
#include "load/scenarios.hpp"
#include "load/stage.hpp"
#include "load/tenant_pages.hpp"

#include <unordered_set>

namespace tiercel::load {

measurement measure_mixed(const settings& s)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.l1 = "max_bytes: " + std::to_string(s.keys * s.tenants * (s.size + 512) / 4);   // a quarter of all
    o.node.server = "trusted_proxies: [127.0.0.1/32]";
    o.node.tenancy = "resolvers: [header]";
    o.node.l2 = "timeout: 1s";   // a busy machine is not what this is about
    o.redis = !s.control;
    stage all(std::move(o));
    const tenant_pages pages(hostile_tenant_names(s.tenants), s.keys, s.size);
    const popularity choice(s.keys, s.zipf);
    const auto tenant_of = [&](std::uint64_t n) { return random_bits(s.seed + 1, n) % s.tenants; };
    const auto key_of = [&](std::uint64_t n) { return choice.pick(s.seed, n); };

    std::unordered_set<std::size_t> asked_for;
    std::uint64_t wrong = 0;
    const nanoseconds cpu_before = cpu_time(all.processes());
    load_plan p = plan_of(s, all.ports());
    p.keep_content = true;
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = pages.get(tenant_of(n), key_of(n))}; };
    p.observe = [&](const answer_view& a) {
        asked_for.insert(tenant_of(a.number) * s.keys + key_of(a.number));
        wrong += a.status == 200 && !pages.is_own(a, tenant_of(a.number)) ? 1 : 0;
    };
    const load_result r = run_load(std::move(p));
    const nanoseconds cpu = cpu_time(all.processes()) - cpu_before;

    measurement m;
    const std::string context = "for " + std::to_string(asked_for.size()) + " pages in " + std::to_string(r.answers()) + " requests";
    m.checks.push_back(count_at_most(all.origin().requests(), "origin request", context, asked_for.size()));
    m.checks.push_back(count_at_most(wrong, "wrong answer", "", 0));
    m.checks.push_back(count_at_most(r.errors, "error", "", 0));
    m.add_run("mixed", r);
    const auto hits = static_cast<double>(r.answered_by(source::l1) + r.answered_by(source::l2));
    m.figures.push_back({.name = "hit ratio", .value = 100 * hits / static_cast<double>(r.answers()), .unit = "%"});
    m.figures.push_back({.name = "evicted from memory", .value = all.metric("l1_evictions_total"), .unit = "entries"});
    m.figures.push_back(cpu_figure(cpu, r.asked));
    m.plots.push_back(answers_over_time("Answers by tier", r.records, slot_of(s)));
    m.plots.push_back(latency_over_time("Latency over time", r.records, slot_of(s)));
    return m;
}

}  // namespace tiercel::load
