// Threads share the store, and nothing else. What can be told on any machine, however few processors are left beside the load: what a
// request costs with one thread and with N, and how evenly the threads share the work. Together they say how much faster N threads are
// with a processor for each: the busiest one sets the pace.

#include "load/cost.hpp"
#include "load/cpu.hpp"
#include "load/scenarios.hpp"
#include "load/stage.hpp"

namespace tiercel::load {
namespace {

struct rung {
    unsigned threads;
    std::unique_ptr<stage> processes;
    contender who;
};

rung start(unsigned threads, unsigned really)
{
    stage_options o;
    o.node.threads = really;
    auto processes = std::make_unique<stage>(std::move(o));
    contender who{.name = std::to_string(threads) + " threads", .port = processes->node().port(), .process = processes->node().process().pid()};
    return {.threads = threads, .processes = std::move(processes), .who = std::move(who)};
}

std::vector<unsigned> thread_counts(const settings& s)
{
    std::vector<unsigned> out;
    for (unsigned n = 2; n <= s.threads; n *= 2) { out.push_back(n); }
    return out;
}

}  // namespace

measurement measure_scale(const settings& s)
{
    work w{.name = "hits", .requests = {}, .zipf = s.zipf, .connections = s.connections, .sleeps = true};
    for (std::size_t k = 0; k < s.keys; ++k) { w.requests.push_back(make_request("/b/" + std::to_string(s.size) + "/" + std::to_string(k))); }
    const rung one = start(1, 1);
    warm(one.who, w);
    measurement m;
    for (const unsigned threads : thread_counts(s)) {
        const rung many = start(threads, s.control ? 1 : threads);
        warm(many.who, w);
        std::vector<double> speedups, costs, shares;
        for (unsigned round = 0; round < s.rounds; ++round) {
            const slice before = measure_slice(one.who, w, s.duration, s.seed + round, -1);
            const slice got = measure_slice(many.who, w, s.duration, s.seed + round, -1);
            const slice after = measure_slice(one.who, w, s.duration, s.seed + round, -1);
            costs.push_back(2 * got.cpu_us / (before.cpu_us + after.cpu_us));
            shares.push_back(got.busiest_thread * threads);
            speedups.push_back(1 / (costs.back() * got.busiest_thread));
            m.requests += got.answers;
        }
        const std::string of = std::to_string(threads) + " threads";
        m.checks.push_back(ratio_at_most(median(shares), "a fair share of the work for the busiest of " + of, 1.5));
        if (!s.quick) { m.checks.push_back(ratio_at_least(median(speedups), "one thread's rate with " + of, 0.8 * threads)); }
        m.figures.push_back({.name = of + ": rate with a processor for each", .value = median(speedups), .unit = "x one thread"});
        m.figures.push_back({.name = of + ": CPU per request", .value = median(costs), .unit = "x one thread"});
    }
    return m;
}

}  // namespace tiercel::load
