// A brown-out: for a while the origin can do a twentieth of what it usually can. With a limit of requests under way it is at work
// again as soon as it is well. Without, it first has to work off what nobody waits for any more.

#include "load/scenarios.hpp"
#include "load/stage.hpp"

namespace tiercel::load {
namespace {

using namespace std::chrono_literals;

std::string with_latency(milliseconds t) { return "latency=" + std::to_string(t.count()) + "ms"; }

}  // namespace

measurement measure_origin_slow(const settings& s)
{
    stage_options o;
    o.node.threads = s.threads;
    const unsigned workers = s.quick ? 16 : 32;
    const milliseconds slow_time = 20 * s.origin_time;
    // With the limit nobody waits for more than two answers of the slow origin, which the time limit allows for.
    o.node.origin = "try_timeout: " + std::to_string(slow_time.count() * 5 / 2) + "ms, pool: {max: 10000}, limit: {refill: 0, max_inflight: " +
                    std::string(s.control ? "0" : std::to_string(workers * 3 / 2)) + "}";
    stage all(std::move(o));
    all.origin().control("workers=" + std::to_string(workers) + "&" + with_latency(s.origin_time));

    std::vector<std::string> pages;
    for (std::size_t k = 0; k < s.keys; ++k) { pages.push_back(make_request("/n/1000/" + std::to_string(k))); }
    std::vector<std::string> stored{make_request("/b/1000/hot")};
    all.fetch_all(stored);
    // Every fourth request is for a page in memory, which the origin's trouble is none of.
    const auto is_hit = [](std::uint64_t n) { return n % 4 == 0; };
    const nanoseconds begins = s.duration / 6, ends = s.duration * 2 / 3, recovered = ends + s.duration / 10;
    std::uint64_t hits_elsewhere = 0;
    load_plan p = plan_of(s, all.ports());
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = is_hit(n) ? stored[0] : pages[n % pages.size()]}; };
    p.observe = [&](const answer_view& a) { hits_elsewhere += is_hit(a.number) && a.by != source::l1 ? 1 : 0; };
    load_run run(std::move(p));
    run.wait_until(begins);
    all.origin().control(with_latency(slow_time));
    run.wait_until(ends);
    all.origin().control(with_latency(s.origin_time));
    const load_result r = run.finish();

    measurement m;
    const double before = share_ok_between(r.records, 0s, begins);
    const double during = share_ok_between(r.records, begins, ends);
    const double after = share_ok_between(r.records, recovered, s.duration + s.warm_up);
    const std::string when = std::to_string((recovered - ends) / 1ms) + " ms after the brown-out";
    m.checks.push_back(ratio_at_least(after / before, "the goodput of before, " + when, s.quick ? 0.8 : 0.95));
    m.checks.push_back(ratio_at_most(during / before, "the goodput of before while it lasts, or it was none", 0.9));
    m.checks.push_back(count_at_most(hits_elsewhere, "hit", "that did not come from memory meanwhile", 0));
    m.checks.push_back(count_at_most(r.answered_by(source::nobody), "request", "without an answer", 0));
    m.add_run("brown-out", r);
    m.plots.push_back(answers_over_time("Answers, from a sixth to two thirds of the time a brown-out", r.records, slot_of(s)));
    m.plots.push_back(latency_over_time("Latency over time", r.records, slot_of(s)));
    return m;
}

}  // namespace tiercel::load
