// Many clients ask for the same page at the same time, and nobody has it. The parts are in stampede_*.cpp.

#include "load/scenarios.hpp"
#include "load/stampede.hpp"

#include <algorithm>

namespace tiercel::load {
namespace stampede {

load_plan plan_of(const crowd& c, const stage& all)
{
    load_plan p;
    p.servers = all.ports();
    p.connections = c.clients;
    p.arrivals = schedule::burst();
    p.requests = std::uint64_t{c.clients} * p.servers.size();
    p.patience = c.patience;
    p.request = [request = c.request, nodes = all.size()](std::uint64_t n) {
        return planned_request{.bytes = request, .server = static_cast<unsigned>(n % nodes)};
    };
    return p;
}

double slowest_over(const load_result& r, nanoseconds bare)
{
    return static_cast<double>(r.latency.max()) / static_cast<double>(bare.count());
}

nanoseconds bare_time(test::origin_process& origin, const std::string& request)
{
    load_plan p;
    p.servers = {origin.port()};
    p.connections = 1;
    p.requests = 1;
    p.request = [&](std::uint64_t) { return planned_request{.bytes = request}; };
    return nanoseconds(run_load(std::move(p)).latency.max());
}

bool has_cluster_lock()
{
    static const bool known = knows_route_options("stampede: {lock: {enabled: true}}");
    return known;
}

std::string route_of(const settings& s, const std::string& more)
{
    std::string options = s.control ? "coalesce: false, error_memo: 0s" : "coalesce: true";
    if (has_cluster_lock()) { options += std::string(", lock: {enabled: ") + (s.control ? "false}" : "true}"); }
    return "stampede: {" + options + (more.empty() ? "" : ", ") + more + "}";
}

double ratio_limit(const settings& s, double full)
{
    return s.quick ? 20 : full;
}

}  // namespace stampede

measurement measure_stampede(const settings& s)
{
    measurement m;
    const struct {
        std::string_view name;
        void (*run)(const settings&, measurement&);
        bool in_quick;         // short enough
        bool needs_lock;       // says nothing without it
    } parts[] = {
        {"cold", stampede::cold, true, false},
        {"uncacheable", stampede::uncacheable, true, false},
        {"personal", stampede::personal, true, false},
        {"hanging", stampede::hanging, true, false},
        {"dead", stampede::dead, true, false},
        {"bounds", stampede::bounds, false, false},
        {"slow-reader", stampede::slow_reader, false, false},
        {"long", stampede::long_fetch, false, true},
        {"killed", stampede::holder_killed, false, true},
    };
    for (const auto& part : parts) {
        const bool possible = (part.in_quick || !s.quick) && (!part.needs_lock || stampede::has_cluster_lock());
        if (s.only.empty() ? possible : includes(s, part.name)) { part.run(s, m); }
        if (s.quick && s.control && s.only.empty()) { break; }   // one that fails is enough
    }
    return m;
}

}  // namespace tiercel::load
