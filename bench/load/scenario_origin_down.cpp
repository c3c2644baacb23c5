// The origin fails. Clients with a stale copy see nothing of it, the origin is left alone but for a few probes, and is used again when
// it is well.

#include "load/scenarios.hpp"
#include "load/stage.hpp"

#include <cmath>
#include <thread>

namespace tiercel::load {
namespace {

using namespace std::chrono_literals;

// How long the breaker stays open in this run.
milliseconds open_time(const settings& s) { return s.duration / 5; }

std::string breaker_of(const settings& s, milliseconds open)
{
    // It cannot be turned off; but this one opens late, for a moment, and lets everything through after it.
    if (s.control) { return "breaker: {failures: 100, open: 10ms, max_open: 10ms, half_open_permits: 100}"; }
    const std::string time = std::to_string(open.count()) + "ms";
    return "breaker: {open: " + time + ", max_open: " + time + "}";
}

// Stored, and stale from the beginning: each use asks the origin, and falls back on the copy.
std::string always_stale(std::size_t key) { return make_request("/page/" + std::to_string(key) + "?cc=max-age=0&etag=1&size=1000"); }

double opened(const stage& all) { return all.metric("breaker_transitions_total", {{"to", "open"}}); }

load_result ask_alone(stage& all, const std::string& name, unsigned requests, unsigned at_a_time)
{
    std::vector<std::string> pages;
    for (unsigned i = 0; i < requests; ++i) { pages.push_back(make_request("/n/100/" + name + std::to_string(i))); }
    load_plan p;
    p.servers = all.ports();
    p.connections = at_a_time;
    p.arrivals = schedule::burst();
    p.requests = requests;
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = pages[n]}; };
    return run_load(std::move(p));
}

// The middle of the run: the origin answers with errors (failing), or nobody listens there (refusing).
void outage(const settings& s, measurement& m, bool refusing)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.route = "stale: {if_error: 1h}";
    o.node.origin = breaker_of(s, open_time(s));
    stage all(std::move(o));
    std::vector<std::string> pages;
    for (std::size_t k = 0; k < s.keys; ++k) { pages.push_back(always_stale(k)); }
    all.fetch_all(pages);
    const nanoseconds begins = s.duration / 5, ends = s.duration * 3 / 5, judged = s.duration * 9 / 10;
    load_plan p = plan_of(s, all.ports());
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = pages[n % pages.size()]}; };
    load_run run(std::move(p));
    run.wait_until(begins);
    if (refusing) {
        all.origin().kill();
    } else {
        all.origin().control("status=503");
        all.origin().forget();
    }
    run.wait_until(ends);
    const std::uint64_t reached = refusing ? 0 : all.origin().requests();
    if (refusing) {
        all.origin().restart();
    } else {
        all.origin().control("status=0");
    }
    const load_result r = run.finish();

    const std::string how = refusing ? "refuses connections" : "fails";
    m.checks.push_back(count_at_most(r.errors, "error", "for clients with a stale copy while the origin " + how, 0));
    if (!refusing) {
        // Failures until they are half of the last hundred calls, what is under way at that moment, and three probes each time it half
        // opens, which is when nine tenths of the open time are over at the earliest.
        const auto openings = static_cast<std::uint64_t>(std::ceil((ends - begins) / (0.9 * nanoseconds(open_time(s)))));
        const std::uint64_t most = 50 + s.connections + 3 * openings;
        const auto asked = count_of(r.records, [&](const answer_record& a) { return begins <= a.due() && a.due() < ends; });
        m.checks.push_back(count_at_most(reached, "request", "of " + std::to_string(asked) + " reached the failing origin", most));
    }
    if (refusing) {
        // Pages that got no answer are left alone for some seconds (error_memo); others are not.
        const load_result others = ask_alone(all, "other", 10, 1);
        m.checks.push_back(count_at_most(others.errors, "error", "for pages that nobody asked for, when it is back", 0));
    } else {
        const auto after = [&](const answer_record& a) { return a.due() >= judged; };
        const auto fresh = count_of(r.records, [&](const answer_record& a) { return after(a) && a.by != source::stale; });
        m.checks.push_back(count_at_least(fresh, "fresh answer", "when it is well again", count_of(r.records, after) / 2));
    }
    m.add_run("origin " + how, r);
    m.figures.push_back({.name = "origin " + how + ": breaker opened", .value = opened(all), .unit = "times"});
    m.plots.push_back(answers_over_time("While the origin " + how, r.records, slot_of(s)));
    m.plots.push_back(latency_over_time("Latency while the origin " + how, r.records, slot_of(s)));
}

void failing(const settings& s, measurement& m) { outage(s, m, false); }
void refusing(const settings& s, measurement& m) { outage(s, m, true); }

// Five failures one after the other, the sixth request does not reach the origin; when the time is up, of a hundred at once
// exactly three do.
void probes(const settings& s, measurement& m)
{
    stage_options o;
    o.node.threads = s.threads;
    const milliseconds open = s.quick ? 500ms : 2000ms;
    o.node.origin = s.control ? "breaker: {failures: 100}" : breaker_of(s, open);
    stage all(std::move(o));
    all.origin().control("status=500");
    ask_alone(all, "failure", 5, 1);
    all.origin().forget();
    const load_result sixth = ask_alone(all, "sixth", 1, 1);
    m.checks.push_back(count_at_most(all.origin().requests(), "request", "reached the origin after five failures", 0));
    m.checks.push_back(count_at_least(sixth.answered_by(source::proxy), "answer", "of the proxy itself instead", 1));
    std::this_thread::sleep_for(open * 12 / 10);   // its length is drawn within a tenth
    all.origin().control("latency=300ms");         // the probes are under way while the others come
    ask_alone(all, "probe", 100, 100);
    m.checks.push_back(count_at_most(all.origin().requests(), "probe", "of 100 requests at once when it half opens", 3));
    m.checks.push_back(count_at_least(all.origin().requests(), "probe", "of 100 requests at once when it half opens", 3));
}

// One error in five is no death.
void noise(const settings& s, measurement& m)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.route = "mode: pass";
    o.node.origin = "retry: {max: 0}";
    stage all(std::move(o));
    all.origin().control("status=500&share=20");
    load_plan p = plan_of(s, all.ports());
    p.duration = s.duration / 2;
    const std::string page = make_request("/n/100/noise");
    p.request = [&](std::uint64_t) { return planned_request{.bytes = page}; };
    const load_result r = run_load(std::move(p));
    m.checks.push_back(count_at_most(static_cast<std::uint64_t>(opened(all)), "opening", "of the breaker in " + std::to_string(r.asked) +
                                     " requests of which one in five fails", 0));
    m.checks.push_back(count_at_least(r.errors, "error", "of the origin passed on as they are", r.answers() / 10));
}

// Everything fails, and no breaker helps: retries alone must not make a storm of it.
void storm(const settings& s, measurement& m)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.route = "mode: pass";
    o.node.origin = "retry: {max: 2, base: 1ms, cap: 5ms" + std::string(s.control ? ", budget: 1, budget_floor: 10000" : "") + "}";
    stage all(std::move(o));
    all.node().admin("POST", "/v1/origins/site/breaker", R"({"state":"closed"})");
    all.origin().control("status=503");
    load_plan p = plan_of(s, all.ports());
    p.duration = s.duration / 2;
    const std::string page = make_request("/n/100/storm");
    p.request = [&](std::uint64_t) { return planned_request{.bytes = page}; };
    const load_result r = run_load(std::move(p));
    // A fifth on top, and ten per second: also of the ten seconds before, since for so long a token is good.
    const auto most = r.asked * 12 / 10 + 10 * static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(s.duration / 2).count() + 10);
    m.checks.push_back(count_at_most(all.origin().requests(), "request", "reached an origin that always fails, for " + std::to_string(r.asked) +
                                     " of clients, with retries and no breaker", most));
    m.checks.push_back(count_at_most(static_cast<std::uint64_t>(opened(all)), "opening", "of the breaker that is held closed", 0));
}

}  // namespace

measurement measure_origin_down(const settings& s)
{
    measurement m;
    if (includes(s, "failing")) { failing(s, m); }
    if (s.quick && s.control && s.only.empty()) { return m; }   // one that fails is enough
    if (includes(s, "refusing")) { refusing(s, m); }
    if (includes(s, "probes")) { probes(s, m); }
    if (includes(s, "noise")) { noise(s, m); }
    if (includes(s, "storm")) { storm(s, m); }
    return m;
}

}  // namespace tiercel::load
