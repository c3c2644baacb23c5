// The same work for Tiercel, for other caching proxies, and for the limit: a server that does one recv and one send. Interleaved, so that
// all of them meet the machine in the same minute. See docs/benchmarks.md for how to read it.

#include "load/cost.hpp"
#include "load/cpu.hpp"
#include "load/peers.hpp"
#include "load/scenarios.hpp"
#include "load/stage.hpp"

#include <algorithm>
#include <map>

namespace tiercel::load {
namespace {

using namespace std::chrono_literals;

struct task {
    std::string_view name;
    work what;
    bool is_pass;
    double most;   // x the limit's CPU per request
};

std::vector<std::string> pages(const std::string& kind, std::size_t size, std::size_t keys)
{
    std::vector<std::string> out;
    for (std::size_t k = 0; k < keys; ++k) { out.push_back(make_request("/" + kind + "/" + std::to_string(size) + "/" + std::to_string(k))); }
    return out;
}

std::vector<task> tasks(const settings& s)
{
    const std::size_t many = s.quick ? 2'000 : 100'000;
    std::vector<task> all{
        {"hit", {"1 KiB, one page", pages("b", 1024, 1)}, false, 1.20},
        {"hit100", {"1 KiB, 100 pages", pages("b", 1024, 100)}, false, 1.20},
        {"zipf", {"1 KiB, zipf", pages("b", 1024, many), 0.99}, false, 1.25},
        {"hit16k", {"16 KiB, 100 pages", pages("b", 16 * 1024, 100)}, false, 1.20},
        {"hit128k", {"128 KiB, 100 pages", pages("b", 128 * 1024, 100)}, false, 1.25},
        {"pass", {"1 KiB, not stored", pages("n", 1024, 100), 0, 64, true}, true, 2.6},
    };
    std::erase_if(all, [&](const task& t) { return s.only.empty() ? s.quick && t.name != "hit100" : !includes(s, t.name); });
    for (task& t : all) { t.what.connections = s.connections; }
    return all;
}

struct field {
    limit_process limit;     // also the origin
    limit_process origin;
    std::unique_ptr<stage> own;
    std::vector<std::unique_ptr<peer_process>> others;
    std::vector<contender> contenders;   // ours first
    cpu_plan cpus;
};

field start_all(const settings& s)
{
    field f;
    f.cpus = plan_cpus();
    f.limit = start_limit(f.cpus.server);
    f.origin = start_limit(f.cpus.load);
    {
        const stay_here here(f.cpus.server);
        stage_options o;
        o.node.threads = 1;
        o.node.l1 = "max_bytes: 1GiB";
        o.node.access_log = "/dev/null";   // written, as users have it, but not kept
        if (s.control) { o.node.route = "mode: pass"; }
        o.origin_url = "http://127.0.0.1:" + std::to_string(f.origin.port);
        f.own = std::make_unique<stage>(std::move(o));
    }
    f.contenders.push_back({.name = "tiercel", .port = f.own->node().port(), .process = f.own->node().process().pid()});
    for (const peer& p : peers()) {
        if (!is_installed(p) || (s.quick && !f.others.empty())) { continue; }   // one shows that it works
        f.others.push_back(start(p, f.origin.port, f.cpus.server));
        f.contenders.push_back({.name = std::string(p.name), .port = f.others.back()->port, .process = f.others.back()->process->pid()});
    }
    return f;
}

struct outcome {
    std::vector<double> over_limit;
    std::vector<double> user_us;
    std::uint64_t answers = 0;
    std::uint64_t bad = 0;
    std::uint64_t reached_origin = 0;
    histogram latency;
};

// limit A limit B limit C limit, the order turning with each round.
std::map<std::string, outcome> compare(const field& f, const work& w, const settings& s)
{
    const contender limit{.name = "limit", .port = f.limit.port, .process = f.limit.process->pid()};
    for (const contender& c : f.contenders) { warm(c, w); }
    std::map<std::string, outcome> out;
    for (unsigned round = 0; round < s.rounds; ++round) {
        const auto limit_slice = [&] { return measure_slice(limit, w, s.duration / 2, s.seed + round, f.cpus.load).cpu_us; };
        double before = limit_slice();
        for (std::size_t i = 0; i < f.contenders.size(); ++i) {
            const contender& c = f.contenders[(i + round) % f.contenders.size()];
            const std::uint64_t served = served_by(f.origin);
            const slice got = measure_slice(c, w, s.duration, s.seed + round, f.cpus.load);
            const double after = limit_slice();
            outcome& o = out[c.name];
            o.over_limit.push_back(2 * got.cpu_us / (before + after));
            o.user_us.push_back(got.user_us);
            o.answers += got.answers;
            o.bad += got.bad;
            o.reached_origin += served_by(f.origin) - served;
            o.latency.add(got.latency);
            before = after;
        }
    }
    return out;
}

void judge(const task& t, const std::map<std::string, outcome>& results, const settings& s, measurement& m)
{
    const outcome& own = results.at("tiercel");
    const double own_cost = median(own.over_limit);
    m.checks.push_back(ratio_at_most(own_cost, "the limit's CPU per request: " + t.what.name, s.quick ? 3 : t.most));
    m.checks.push_back(count_at_most(own.bad, "bad answer", "of " + std::to_string(own.answers) + ": " + t.what.name, 0));
    if (!t.is_pass) { m.checks.push_back(count_at_most(own.reached_origin, "request", "reached the origin: " + t.what.name, 0)); }
    plot costs{.drawn = plot::shape::bars, .title = "CPU per request, " + t.what.name, .x_label = "x limit", .y_label = "", .series = {}};
    for (const auto& [name, o] : results) {
        const double cost = median(o.over_limit);
        m.figures.push_back({.name = t.what.name + ": " + name + ", CPU per request", .value = cost, .unit = "x limit"});
        m.figures.push_back({.name = t.what.name + ": " + name + ", of it user time", .value = median(o.user_us), .unit = "us"});
        m.latencies.push_back({.name = t.what.name + ": " + name, .times = o.latency});
        m.requests += o.answers;
        costs.series.push_back({.name = name, .points = {{0, cost}}});
        const bool really_hits = t.is_pass || o.reached_origin * 100 < o.answers;
        if (name != "tiercel" && o.bad == 0 && really_hits && !s.quick) {
            m.checks.push_back(ratio_at_most(own_cost / cost, "the cost at " + name + ": " + t.what.name, 1));
        }
    }
    m.plots.push_back(std::move(costs));
}

}  // namespace

measurement measure_peers(const settings& s)
{
    const field f = start_all(s);
    measurement m;
    for (const task& t : tasks(s)) { judge(t, compare(f, t.what, s), s, m); }
    return m;
}

}  // namespace tiercel::load
