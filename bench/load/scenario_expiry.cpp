// A popular page that expires again and again. It is fetched about once per lifetime, and no client waits for that.

#include "load/scenarios.hpp"
#include "load/stage.hpp"

#include <cmath>

namespace tiercel::load {
namespace {

using namespace std::chrono_literals;

double seconds(nanoseconds t) { return std::chrono::duration<double>(t).count(); }

bool has_early_refresh()
{
    static const bool known = knows_route_options("stampede: {xfetch: {enabled: true}}");
    return known;
}

// As shipped, the page is refreshed before it expires. A version that cannot do that serves it stale meanwhile.
std::string route_of(const settings& s)
{
    if (has_early_refresh()) {
        return std::string("stampede: {xfetch: {enabled: ") + (s.control ? "false" : "true") + ", beta: " + std::to_string(s.beta) + "}}";
    }
    return s.control ? "stale: {while_revalidate: 0s}" : "stale: {while_revalidate: 1h}";
}

// Mean lead by the paper: beta delta (ln(r beta delta) + 0.577), within the share of the lifetime in which it may happen at all.
double expected_lead(const settings& s)
{
    const double delta = seconds(s.origin_time);
    const double window = std::min(0.5, std::max(0.25, 3 * delta / seconds(s.lifetime))) * seconds(s.lifetime);
    return std::min(window, s.beta * delta * (std::log(s.rate * s.beta * delta) + 0.577));
}

}  // namespace

measurement measure_expiry(const settings& s)
{
    stage_options o;
    o.node.threads = s.threads;
    o.nodes = s.nodes;
    o.redis = s.nodes > 1;
    o.node.route = route_of(s);
    stage all(std::move(o));
    const std::string page = make_request("/page/hot?size=1000&ttl=" + std::to_string(s.lifetime / 1s) + "&delay=" +
                                          std::to_string(s.origin_time.count()) + "ms");
    for (unsigned i = 0; i < s.nodes; ++i) { all.fetch_all({page}, i); }
    all.origin().forget();
    load_plan p = plan_of(s, all.ports());
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = page, .server = static_cast<unsigned>(n % s.nodes)}; };
    const load_result r = run_load(std::move(p));

    measurement m;
    const double lifetimes = seconds(s.duration + s.warm_up) / seconds(s.lifetime);
    const double lead_share = has_early_refresh() ? expected_lead(s) / seconds(s.lifetime) : 0;   // shortens each lifetime
    const auto allowed = static_cast<std::uint64_t>(1.07 * lifetimes / (1 - lead_share)) + 1;
    const std::uint64_t waited = r.answered_by(source::origin) + r.answered_by(source::shared);
    // An early refresh may come too late for once; serving stale meanwhile cannot.
    const std::uint64_t may_wait = has_early_refresh() ? r.answers() / (s.quick ? 100 : 1000) : 0;
    m.checks.push_back(count_at_most(waited, "answer", "of " + std::to_string(r.answers()) + " that waited for the origin", may_wait));
    m.checks.push_back(count_at_most(all.origin().requests(), "origin request", "in " + std::to_string(static_cast<int>(lifetimes)) + " lifetimes", allowed));
    m.checks.push_back(count_at_most(r.errors, "error", "", 0));
    if (!s.quick) {
        const auto slow = count_of(r.records, [&](const answer_record& a) { return a.latency() > s.origin_time / 2; });
        m.checks.push_back(count_at_most(slow, "answer", "slower than half of the origin's time", r.answers() / 1000));
    }
    // With more nodes most refreshes find a newer copy in Redis.
    if (!s.quick && has_early_refresh() && !s.control && s.nodes == 1) {
        const double lead = all.metric("refresh_lead_seconds_sum") / all.metric("refresh_lead_seconds_count");
        m.checks.push_back(ratio_at_most(lead / expected_lead(s), "the mean lead of the paper", 1.2));
        m.checks.push_back(ratio_at_least(lead / expected_lead(s), "the mean lead of the paper", 0.8));
    }
    m.add_run("hot page", r);
    m.plots.push_back(answers_over_time("Answers", r.records, slot_of(s)));
    m.plots.push_back(latency_over_time("Latency over time", r.records, slot_of(s)));
    return m;
}

}  // namespace tiercel::load
