// Redis is frozen: connections stand, and nothing is answered. What is in memory is served as before, what is not waits for Redis for a
// moment until the proxy stops asking it, and when it is back, so is what it holds.

#include "load/scenarios.hpp"
#include "load/stage.hpp"

namespace tiercel::load {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds l2_timeout = 50ms;   // the default

std::string page(const std::string& name) { return make_request("/page/" + name + "?ttl=3600&size=1000"); }

}  // namespace

measurement measure_redis_down(const settings& s)
{
    stage_options o;
    o.nodes = 2;
    o.redis = true;
    o.node.threads = s.threads;
    if (s.control) { o.node.l2 = "timeout: 5s"; }   // the longest wait there is
    stage all(std::move(o));
    std::vector<std::string> hot;
    std::vector<std::string> fresh;
    for (std::size_t k = 0; k < s.keys; ++k) { hot.push_back(page("hot" + std::to_string(k))); }
    const auto requests = static_cast<std::size_t>(s.rate * std::chrono::duration<double>(s.warm_up + s.duration).count()) + 1;
    for (std::size_t k = 0; k < requests; ++k) { fresh.push_back(page("new" + std::to_string(k))); }
    all.fetch_all(hot);
    all.fetch_all({page("kept")}, 1);
    all.wait_for_redis_keys(s.keys + 1);

    const auto is_hit = [](std::uint64_t n) { return n % 2 == 0; };
    const nanoseconds begins = s.duration / 10, settled = s.duration / 2, ends = s.duration * 8 / 10;
    std::uint64_t hits_elsewhere = 0;
    histogram before, during;   // of misses
    load_plan p = plan_of(s, {all.node(0).port()});
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = is_hit(n) ? hot[n % hot.size()] : fresh[n]}; };
    p.observe = [&](const answer_view& a) {
        if (is_hit(a.number)) {
            hits_elsewhere += a.by == source::l1 ? 0 : 1;
        } else if (a.due < begins) {
            before.record(static_cast<std::uint64_t>(a.latency.count()));
        } else if (settled <= a.due && a.due < ends) {
            during.record(static_cast<std::uint64_t>(a.latency.count()));
        }
    };
    load_run run(std::move(p));
    run.wait_until(begins);
    all.redis().freeze();
    run.wait_until(ends);
    all.redis().thaw();
    const load_result r = run.finish();
    nanoseconds last_wait{0};   // when somebody last waited for Redis
    for (const answer_record& a : r.records) {
        if (a.due() < ends && a.latency() >= l2_timeout) { last_wait = std::max<nanoseconds>(last_wait, a.due() - begins); }
    }
    source by = source::nobody;
    const auto ask_for_kept = [&] {
        load_plan one;
        one.servers = {all.node(0).port()};
        one.requests = 1;
        one.connections = 1;
        const std::string request = page("kept");
        one.request = [&](std::uint64_t) { return planned_request{.bytes = request}; };
        const load_result got = run_load(std::move(one));
        by = got.records.front().by;
        return true;
    };
    const bool well = all.node(0).wait_until_well(3s);
    ask_for_kept();

    measurement m;
    const auto waited = static_cast<double>(during.quantile(0.5));
    m.checks.push_back(ratio_at_most(waited / static_cast<double>(nanoseconds(l2_timeout).count()),
                                     "the time limit of Redis for a miss, when Redis has been silent for a while", 0.5));
    if (!s.quick) {
        m.checks.push_back(ratio_at_most(waited / static_cast<double>(before.quantile(0.5)), "the time of a miss before", 3));
    }
    m.checks.push_back(count_at_most(r.errors, "error", "for clients", 0));
    m.checks.push_back(count_at_most(hits_elsewhere, "hit", "that did not come from memory meanwhile", 0));
    m.checks.push_back(count_at_least(well && by == source::l2 ? 1 : 0, "page", "from Redis within 3 s of its return", 1));
    m.add_run("Redis frozen", r);
    m.figures.push_back({.name = "misses waited for it during the first", .value = std::chrono::duration<double>(last_wait).count(), .unit = "s"});
    m.figures.push_back({.name = "timeouts at Redis", .value = all.metric("l2_errors_total", {{"reason", "timeout"}}), .unit = ""});
    m.plots.push_back(answers_over_time("Answers, Redis frozen from a tenth of the time on", r.records, slot_of(s)));
    m.plots.push_back(latency_over_time("Latency over time", r.records, slot_of(s)));
    return m;
}

}  // namespace tiercel::load
