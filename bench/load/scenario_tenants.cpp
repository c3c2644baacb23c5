// Isolation: tenants whose names look alike ask for the same URLs at the same time, at several nodes that share Redis, while
// pages are evicted and changed. Nobody ever gets what was made for somebody else.

#include "load/popularity.hpp"
#include "load/scenarios.hpp"
#include "load/stage.hpp"
#include "load/tenant_pages.hpp"

namespace tiercel::load {
namespace {

enum class action : std::uint8_t { get, put, nobody, forged };

// Of a hundred requests one comes without a tenant, one with a name that no tenant can have, and five change a page.
action action_of(std::uint64_t seed, std::uint64_t n)
{
    const std::uint64_t draw = random_bits(seed + 2, n) % 100;
    if (draw == 0) { return action::nobody; }
    if (draw == 1) { return action::forged; }
    return draw < 7 ? action::put : action::get;
}

}  // namespace

measurement measure_tenants(const settings& s)
{
    stage_options o;
    o.nodes = s.nodes;
    o.redis = true;
    o.node.l2 = "timeout: 1s";   // a busy machine is not what this is about
    o.node.threads = s.threads;
    o.node.l1 = "max_bytes: " + std::to_string(s.keys * s.tenants * (s.size + 512) / 4);
    o.node.server = "trusted_proxies: [127.0.0.1/32]";
    // The control knows no tenants, while the origin goes on telling them apart.
    o.node.tenancy = s.control ? "resolvers: [none], forward_header: \"\"" : "resolvers: [header]";
    stage all(std::move(o));
    const tenant_pages pages(hostile_tenant_names(s.tenants), s.keys, s.size);
    const std::string nobody = make_request("/page/0?ttl=3600&echo=X-Tenant-ID");
    const std::string forged = make_request("/page/0?ttl=3600&echo=X-Tenant-ID", "X-Tenant-ID: acme|0/{a}\r\n");
    const popularity choice(s.keys, s.zipf);
    const auto tenant_of = [&](std::uint64_t n) { return random_bits(s.seed + 1, n) % s.tenants; };

    std::uint64_t gets = 0, foreign = 0, admitted = 0;
    load_plan p = plan_of(s, all.ports());
    p.keep_content = true;
    p.request = [&](std::uint64_t n) {
        planned_request q{.bytes = {}, .server = static_cast<unsigned>(random_bits(s.seed + 3, n) % s.nodes)};
        const std::size_t key = choice.pick(s.seed, n);
        switch (action_of(s.seed, n)) {
        case action::get: q.bytes = pages.get(tenant_of(n), key); break;
        case action::put: q.bytes = pages.put(tenant_of(n), key); break;
        case action::nobody: q.bytes = nobody; break;
        case action::forged: q.bytes = forged; break;
        }
        return q;
    };
    std::uint64_t errors = 0;
    p.observe = [&](const answer_view& a) {
        switch (action_of(s.seed, a.number)) {
        case action::get:
            ++gets;
            errors += a.status == 200 ? 0 : 1;
            foreign += a.status == 200 && !pages.is_own(a, tenant_of(a.number)) ? 1 : 0;
            break;
        case action::put: errors += a.status == 200 ? 0 : 1; break;
        case action::nobody: admitted += a.status == 401 ? 0 : 1; break;
        case action::forged: admitted += a.status == 400 ? 0 : 1; break;
        }
    };
    const load_result r = run_load(std::move(p));

    measurement m;
    m.checks.push_back(count_at_most(foreign, "foreign marker", "in " + std::to_string(gets) + " answers to " + std::to_string(s.tenants) + " tenants", 0));
    m.checks.push_back(count_at_most(admitted, "request", "let in without a valid tenant", 0));
    m.checks.push_back(count_at_most(errors, "error", "", 0));
    m.checks.push_back(count_at_least(r.answered_by(source::l1) + r.answered_by(source::l2), "hit", "among them", gets / 4));
    m.add_run("all tenants", r);
    m.figures.push_back({.name = "evicted from memory", .value = all.metric("l1_evictions_total", {{"reason", "capacity"}}), .unit = "entries"});
    m.plots.push_back(answers_over_time("Answers by tier", r.records, slot_of(s)));
    return m;
}

}  // namespace tiercel::load
