// A crowd at an origin that gives no answer: all of them fail together, and the origin is not asked once per client.

#include "load/stampede.hpp"

namespace tiercel::load::stampede {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t attempts = 3;   // of one request: itself and retry.max

}  // namespace

void hanging(const settings& s, measurement& m)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.route = route_of(s);
    o.node.origin = "limit: {max_inflight: 0}, pool: {max: 10000}, try_timeout: " + std::to_string(s.origin_time.count()) + "ms";
    stage all(std::move(o));
    const unsigned clients = std::min(s.clients, 200u);
    const load_result r = run_load(plan_of({.request = make_request("/page/hangs?ttl=600&delay=60s"), .clients = clients}, all));
    const std::string context = "for " + std::to_string(clients) + " when the origin hangs";
    m.checks.push_back(count_at_most(all.origin().requests("/page/hangs"), "origin request", context, attempts));
    m.checks.push_back(count_at_most(r.answered_by(source::nobody), "request", "without an answer " + context, 0));
    m.checks.push_back(ratio_at_most(slowest_over(r, s.origin_time), "the time limit until the last has its error", ratio_limit(s, 1.5)));
    m.add_run("hanging origin", r);
}

void dead(const settings& s, measurement& m)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.route = route_of(s);
    stage all(std::move(o));
    const milliseconds duration = s.quick ? 400ms : 1000ms;
    load_plan p = plan_of({.request = make_request("/page/dead?fail=1000000&fail_as=reset"), .clients = 64}, all);
    p.arrivals = schedule::constant(1000);
    p.requests = 0;
    p.duration = duration;
    const load_result r = run_load(std::move(p));
    // The first memo lasts a second: in that time one plan of attempts, and a second one when it is just over.
    const std::string context = "for " + std::to_string(r.answers()) + " when it is dead";
    m.checks.push_back(count_at_most(all.origin().requests("/page/dead"), "origin request", context, 2 * attempts));
    m.checks.push_back(count_at_most(r.answered_by(source::nobody), "request", "without an answer when it is dead", 0));
    m.add_run("dead origin", r);
}

}  // namespace tiercel::load::stampede
