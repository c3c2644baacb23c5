// A million tags have been invalidated. An instance knows them all: how much memory is that, and does a hit cost more where so much has to be
// looked through? Each purge makes every answer be judged anew at its next use, so hits are measured without and with purges going on.

#include "load/cost.hpp"
#include "load/cpu.hpp"
#include "load/purge.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

namespace tiercel::load::purge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t per_order = 256;
constexpr double mebibyte = 1024 * 1024;

std::uint64_t resident(pid_t pid)
{
    std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
    for (std::string name; lines >> name;) {
        std::uint64_t kib = 0;
        if (name == "VmRSS:" && lines >> kib) { return kib * 1024; }
        lines.ignore(1 << 20, '\n');
    }
    throw std::runtime_error("no such process");
}

void invalidate_tags(const test::proxy& node, std::size_t tags)
{
    for (std::size_t from = 0; from < tags; from += per_order) {
        std::string names;
        for (std::size_t i = from; i < std::min(tags, from + per_order); ++i) { names += (names.empty() ? "\"t" : ",\"t") + std::to_string(i) + "\""; }
        const auto r = post(node, "/v1/invalidations", R"({"mode":"hard","scopes":[{"kind":"tag","names":[)" + names + "]}]}");
        if (r.status != 202) { throw std::runtime_error("a purge is not taken on: " + r.body); }
    }
}

std::unique_ptr<stage> start_on(int cpu, unsigned threads)
{
    const stay_here here(cpu);
    stage_options o;
    o.redis = true;
    o.node.threads = threads;
    o.node.l2 = "timeout: 1s";
    return std::make_unique<stage>(std::move(o));
}

struct compared {
    std::vector<double> ratios{};   // of the cost of a hit at the second to that at the first, round by round
    std::uint64_t bad = 0;
};
compared costs_of(const contender& a, const contender& b, const work& w, int cpu, const settings& s, measurement& m)
{
    const nanoseconds length = s.quick ? 150ms : 1s;
    compared out;
    for (unsigned round = 0; round < (s.quick ? 3u : 9u); ++round) {
        const slice before = measure_slice(a, w, length, s.seed + round, cpu);
        const slice got = measure_slice(b, w, length, s.seed + round, cpu);
        const slice after = measure_slice(a, w, length, s.seed + round, cpu);
        out.ratios.push_back(2 * got.cpu_us / (before.cpu_us + after.cpu_us));
        out.bad += before.bad + got.bad + after.bad;
        m.requests += before.answers + got.answers + after.answers;
    }
    return out;
}

}  // namespace

void many_tags(const settings& s, measurement& m)
{
    const std::size_t tags = s.quick ? 100'000 : 1'000'000;
    const cpu_plan cpus = plan_cpus();
    const auto few = start_on(cpus.server, 1), many = start_on(cpus.server, 1);
    work w{.name = "hits", .requests = {}, .sleeps = true};
    for (std::size_t k = 0; k < 1'000; ++k) {
        const std::string n = std::to_string(k);
        w.requests.push_back(make_request("/page/" + n + "?ttl=86400&h=Surrogate-Key:own" + n + "%20shared%20other" + std::to_string(k % 10)));
    }
    const contender a{.name = "few", .port = few->node().port(), .process = few->node().process().pid()};
    const contender b{.name = "many", .port = many->node().port(), .process = many->node().process().pid()};
    warm(a, w);
    warm(b, w);
    const std::uint64_t before = resident(b.process);
    const nanoseconds began = clock_now();
    invalidate_tags(many->node(), tags);
    const nanoseconds took = clock_now() - began;
    const std::uint64_t after = resident(b.process);
    few->origin().forget();
    many->origin().forget();

    const compared calm = costs_of(a, b, w, cpus.load, s, m);
    std::atomic<bool> ending = false;
    std::atomic<std::uint64_t> purges = 0;
    std::thread purging([&] {
        while (!ending) {
            for (const auto* const one : {few.get(), many.get()}) {
                post(one->node(), "/v1/invalidations", R"({"mode":"hard","scopes":[{"kind":"tag","name":"of-nobody"}]})");
            }
            ++purges;
            std::this_thread::sleep_for(50ms);
        }
    });
    const compared busy = costs_of(a, b, w, cpus.load, s, m);
    ending = true;
    purging.join();
    const std::string context = "for " + std::to_string(tags) + " tags";
    const std::uint64_t refetched = many->origin().requests() + few->origin().requests();
    m.checks.push_back(count_at_most((after - std::min(before, after)) / static_cast<std::uint64_t>(mebibyte), "mebibyte", "of memory " + context, 100));
    m.checks.push_back(ratio_at_most(median(calm.ratios), "CPU per hit " + context, s.quick ? 2 : 1.05));
    m.checks.push_back(ratio_at_most(median(busy.ratios), "CPU per hit " + context + " while purges come", s.quick ? 2 : 1.15));
    m.checks.push_back(count_at_most(refetched, "origin request", "for answers that bear none of them", 0));
    m.checks.push_back(count_at_most(calm.bad + busy.bad, "error", "for clients", 0));
    m.figures.push_back({.name = "memory before", .value = static_cast<double>(before) / mebibyte, .unit = "MiB"});
    m.figures.push_back({.name = "memory after", .value = static_cast<double>(after) / mebibyte, .unit = "MiB"});
    m.figures.push_back({.name = "CPU per hit, many over few", .value = median(calm.ratios), .unit = "x"});
    m.figures.push_back({.name = "CPU per hit, many over few, while purges come", .value = median(busy.ratios), .unit = "x"});
    m.figures.push_back(time_figure("invalidating them took", took));
    m.figures.push_back(count_figure("purges while hits were measured", purges));
}

}  // namespace tiercel::load::purge
