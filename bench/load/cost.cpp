#include "load/cost.hpp"

#include "load/cpu.hpp"
#include "load/popularity.hpp"
#include "load/scenario.hpp"

#include "support/net.hpp"
#include "support/raw_client.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>

namespace tiercel::load {
namespace {

load_plan full_load(const contender& who, const work& w, int cpu)
{
    load_plan p;
    p.servers = {who.port};
    p.connections = w.connections;
    p.arrivals = schedule::saturating();
    p.keep_records = false;
    p.spin = !w.sleeps;
    p.cpu = cpu;
    return p;
}

double busiest_share(const std::vector<nanoseconds>& before, const std::vector<nanoseconds>& after)
{
    if (before.size() != after.size()) { return 1; }
    nanoseconds most{0}, all{0};
    for (std::size_t i = 0; i < after.size(); ++i) {
        most = std::max(most, after[i] - before[i]);
        all += after[i] - before[i];
    }
    return static_cast<double>(most.count()) / static_cast<double>(all.count());
}

}  // namespace

slice measure_slice(const contender& who, const work& w, nanoseconds length, std::uint64_t seed, int cpu)
{
    const popularity choice(w.requests.size(), w.zipf);
    slice out;
    load_plan p = full_load(who, w, cpu);
    p.duration = length;
    p.request = [&](std::uint64_t n) {
        return planned_request{.bytes = w.requests[w.zipf > 0 ? choice.pick(seed, n) : n % w.requests.size()]};
    };
    p.observe = [&](const answer_view& a) { out.bad += a.status == 200 ? 0 : 1; };
    const std::vector<pid_t> processes = process_tree(who.process);
    const std::vector<nanoseconds> threads = thread_times(who.process);
    const nanoseconds cpu_before = cpu_time(processes), user_before = user_time(processes);
    const load_result r = run_load(std::move(p));
    const auto per_answer = [&](nanoseconds t) { return static_cast<double>(t.count()) / 1e3 / static_cast<double>(r.answers()); };
    out.cpu_us = per_answer(cpu_time(processes) - cpu_before);
    out.user_us = per_answer(user_time(processes) - user_before);
    out.busiest_thread = busiest_share(threads, thread_times(who.process));
    out.answers = r.answers();
    out.latency = r.latency;
    return out;
}

void warm(const contender& who, const work& w)
{
    load_plan p = full_load(who, w, -1);
    p.spin = false;
    p.requests = w.requests.size();
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = w.requests[n]}; };
    run_load(std::move(p));
}

cpu_plan plan_cpus()
{
    const std::vector<int> cpus = usable_cpus();
    if (cpus.size() < 2) { return {}; }
    return {.server = cpus.front(), .load = cpus.back()};
}

limit_process start_limit(int cpu)
{
    const stay_here here(cpu);
    limit_process out{.process = nullptr, .port = test::free_port()};
    test::process_options o;
    o.argv = {std::filesystem::read_symlink("/proc/self/exe").native(), "limit-server", std::to_string(out.port)};
    out.process = test::process::start(std::move(o));
    if (!wait_for_port(*out.process, out.port)) { throw cannot_run("the limit server does not start:\n" + out.process->output()); }
    return out;
}

std::uint64_t served_by(const limit_process& limit)
{
    const auto r = test::raw_client(limit.port).get("/_/stats", {{"Connection", "close"}});
    return boost::json::parse(r.body).at("requests").to_number<std::uint64_t>();
}

bool wait_for_port(test::process& p, std::uint16_t port)
{
    bool accepts = false;
    test::eventually([&] {
        try {
            test::connect_to("127.0.0.1", port);
            accepts = true;
        } catch (const std::system_error&) {   // not yet
        }
        return accepts || !p.is_running();
    });
    return accepts && p.is_running();
}

}  // namespace tiercel::load
