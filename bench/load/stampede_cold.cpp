// A cold page: one fetch, whatever the number of clients and instances, and nobody waits longer than that fetch takes.

#include "load/stampede.hpp"

#include <csignal>

namespace tiercel::load::stampede {
namespace {

using namespace std::chrono_literals;

std::string page(const std::string& name, milliseconds origin_time)
{
    return make_request("/page/" + name + "?ttl=3600&size=1000&delay=" + std::to_string(origin_time.count()) + "ms");
}

stage_options options_of(const settings& s, const std::string& stampede_options = "", const std::string& origin_options = "")
{
    stage_options o;
    o.nodes = s.nodes;
    o.redis = s.nodes > 1;
    o.node.threads = s.threads;
    o.node.route = route_of(s, stampede_options);
    o.node.origin = "limit: {max_inflight: 0}, pool: {max: 10000}";   // or the control would be shed instead of failing
    if (!origin_options.empty()) { o.node.origin += ", " + origin_options; }
    return o;
}

// Without a lock over all instances the short form contents itself with one fetch in each; the full form does not.
std::uint64_t fetches_allowed(const settings& s)
{
    return s.quick && !has_cluster_lock() ? s.nodes : 1;
}

std::string crowd_text(const load_result& r) { return "for " + std::to_string(r.answers()); }

}  // namespace

void cold(const settings& s, measurement& m)
{
    stage all(options_of(s));
    const nanoseconds bare = bare_time(all.origin(), page("bare", s.origin_time));
    all.origin().forget();
    const load_result r = run_load(plan_of({.request = page("cold", s.origin_time), .clients = s.clients}, all));
    m.checks.push_back(count_at_most(all.origin().requests("/page/cold"), "origin request", crowd_text(r), fetches_allowed(s)));
    m.checks.push_back(count_at_most(r.errors, "error", crowd_text(r), 0));
    m.checks.push_back(ratio_at_most(slowest_over(r, bare), "the origin's time until the last client has its answer", ratio_limit(s, 1.1)));
    m.add_run("cold page", r);
    m.figures.push_back({.name = "cold page: added wait, 99 %",
                         .value = static_cast<double>(r.latency.quantile(0.99)) / 1e6 - static_cast<double>(bare.count()) / 1e6, .unit = "ms"});
    m.plots.push_back(percentile_plot("Waiting for a cold page", {m.latencies.back()}));
}

void long_fetch(const settings& s, measurement& m)
{
    const milliseconds origin_time = 15s;   // five leases
    stage all(options_of(s, "max_wait: 25s", "try_timeout: 25s"));
    const load_result r = run_load(plan_of({.request = page("long", origin_time), .clients = s.clients, .patience = 120s}, all));
    m.checks.push_back(count_at_most(all.origin().requests("/page/long"), "origin request", crowd_text(r) + " while it takes 15 s", fetches_allowed(s)));
    m.add_run("long fetch", r);
}

// Nobody waits for ever, and not everybody may wait: who is one too many hears so at once, who has waited too long goes on alone.
void bounds(const settings& s, measurement& m)
{
    const unsigned clients = std::min(s.clients, 200u);
    const unsigned waiters = clients / 2;
    stage_options o = options_of(s, "max_waiters: " + std::to_string(waiters) + ", max_wait: 300ms, on_timeout: 503");
    o.nodes = 1;
    o.redis = false;
    stage all(std::move(o));
    const load_result r = run_load(plan_of({.request = page("bounds", s.origin_time), .clients = clients}, all));
    const auto refused = [](const answer_record& a) { return a.status == 503; };
    const auto at_once = count_of(r.records, [&](const answer_record& a) { return refused(a) && a.latency() < 250ms; });
    const std::string context = "of " + std::to_string(clients) + " where " + std::to_string(waiters) + " may wait";
    m.checks.push_back(count_at_least(at_once, "client", "refused at once, " + context, clients - waiters - 1));
    m.checks.push_back(count_at_least(count_of(r.records, refused), "client", "refused at the end of the longest wait, " + context, clients - 1));
    m.checks.push_back(count_at_most(all.origin().requests("/page/bounds"), "origin request", context, 1));
    m.add_run("bounded waiting", r);
}

// The instance that fetches is killed. Another one fetches when its lease is over, and everybody else's clients get their answer.
void holder_killed(const settings& s, measurement& m)
{
    const milliseconds origin_time = 5s;
    const milliseconds lease = 3s;   // the default
    stage all(options_of(s));
    const auto asked = [&] { return all.origin().requests("/page/killed"); };
    load_run run(plan_of({.request = page("killed", origin_time), .clients = s.clients}, all));
    run.wait_until(2s);
    unsigned holder = 0;
    for (unsigned i = 0; i < all.size(); ++i) {
        if (all.node(i).metric("origin_inflight") > 0) { holder = i; }
    }
    all.node(holder).kill();
    const nanoseconds killed = run.now();
    const std::uint64_t before = asked();
    const bool again = test::eventually([&] { return asked() > before; }, 20s);
    const nanoseconds gap = run.now() - killed;
    const load_result r = run.finish();
    const auto unanswered = count_of(r.records, [&](const answer_record& a) { return a.server != holder && !a.is_ok(); });
    const double leases = static_cast<double>(gap.count()) / static_cast<double>(nanoseconds(lease).count());
    m.checks.push_back(ratio_at_most(again ? leases : 1e9, "the lease until the next instance fetches, when the first is killed", 1.1));
    m.checks.push_back(count_at_most(unanswered, "client", "of the living instances without an answer", 0));
    m.add_run("instance killed", r);
}

}  // namespace tiercel::load::stampede
