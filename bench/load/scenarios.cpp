#include "load/scenarios.hpp"

#include <algorithm>
#include <array>

namespace tiercel::load {
namespace {

using namespace std::chrono_literals;
using names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 9> tier_options{"rate", "poisson", "duration", "warm-up", "connections", "threads", "keys", "size", "zipf"};

constexpr std::array<std::string_view, 8> miss_options{"rate", "poisson", "duration", "warm-up", "connections", "threads", "keys", "size"};
constexpr std::array<std::string_view, 9> mixed_options{"rate", "poisson", "duration", "connections", "threads", "keys", "tenants", "size", "zipf"};
constexpr std::array<std::string_view, 10> tenants_options{"rate", "poisson", "duration", "connections", "nodes",
                                                           "threads", "keys", "tenants", "size", "zipf"};

constexpr std::array<std::string_view, 8> purge_options{"rate", "poisson", "duration", "connections", "nodes", "threads", "keys", "only"};
constexpr std::array<std::string_view, 8> purge_parts{"load", "kinds", "versions", "standstill", "redis-killed", "consumer-killed", "poison",
                                                        "tags"};

constexpr std::array<std::string_view, 5> stampede_options{"clients", "nodes", "threads", "origin-time", "only"};
constexpr std::array<std::string_view, 9> stampede_parts{"cold", "uncacheable", "personal", "hanging", "dead",
                                                         "bounds", "slow-reader", "long", "killed"};
constexpr std::array<std::string_view, 10> expiry_options{"rate", "poisson", "duration", "warm-up", "connections",
                                                         "nodes", "threads", "origin-time", "lifetime", "beta"};
constexpr std::array<std::string_view, 7> origin_down_options{"rate", "poisson", "duration", "connections", "threads", "keys", "only"};
constexpr std::array<std::string_view, 5> origin_down_parts{"failing", "refusing", "probes", "noise", "storm"};
constexpr std::array<std::string_view, 7> origin_slow_options{"rate", "poisson", "duration", "connections", "threads", "keys", "origin-time"};
constexpr std::array<std::string_view, 6> redis_down_options{"rate", "poisson", "duration", "connections", "threads", "keys"};
constexpr std::array<std::string_view, 7> scale_options{"duration", "rounds", "connections", "threads", "keys", "size", "zipf"};
constexpr std::array<std::string_view, 4> peers_options{"duration", "rounds", "connections", "only"};
constexpr std::array<std::string_view, 6> peers_parts{"hit", "hit100", "zipf", "hit16k", "hit128k", "pass"};

// In the order in which one would run them.
const std::array rows{
    scenario{
        .name = "hit",
        .property = "Stored answers come from memory alone: the origin sees none of the requests.",
        .control = "the cache (mode: pass)",
        .options = tier_options, .parts = {},
        .full = {.rate = 10'000, .duration = 10s, .warm_up = 2s},
        .quick = {.repeats = 1, .rate = 2'000, .duration = 400ms, .warm_up = 100ms, .connections = 16, .keys = 20},
        .measure = measure_hit},
    scenario{
        .name = "l2-hit",
        .property = "What memory does not hold comes from Redis: the origin sees none of the requests.",
        .control = "Redis (l2.kind: none)",
        .options = tier_options, .parts = {},
        .full = {.rate = 5'000, .duration = 10s, .warm_up = 2s},
        .quick = {.repeats = 1, .rate = 1'000, .duration = 400ms, .warm_up = 100ms, .connections = 16, .keys = 20},
        .measure = measure_l2_hit},
    scenario{
        .name = "miss",
        .property = "What may not be stored reaches the origin once per request, over connections that are kept.",
        .control = "idle connections to the origin (pool.idle: 0)",
        .options = miss_options, .parts = {},
        .full = {.rate = 3'000, .duration = 10s, .warm_up = 2s},
        .quick = {.repeats = 1, .rate = 1'000, .duration = 400ms, .warm_up = 100ms, .connections = 16},
        .measure = measure_miss},
    scenario{
        .name = "mixed",
        .property = "Each page of each tenant is fetched once, however popular, although memory holds a quarter of them.",
        .control = "Redis (l2.kind: none)",
        .options = mixed_options, .parts = {},
        .full = {.rate = 5'000, .duration = 20s, .warm_up = 0s, .keys = 2'000, .tenants = 25},
        .quick = {.repeats = 1, .rate = 3'000, .duration = 1s, .warm_up = 0s, .connections = 16, .keys = 200, .tenants = 5, .zipf = 0.8},
        .measure = measure_mixed},
    scenario{
        .name = "tenants",
        .property = "No tenant gets what was made for another, on any node, from any tier, while pages are evicted and changed.",
        .control = "tenants (resolvers: [none]), while the origin still tells them apart",
        .options = tenants_options, .parts = {},
        .full = {.rate = 2'000, .duration = 10s, .warm_up = 0s, .nodes = 2, .keys = 100, .tenants = 40, .zipf = 0.8},
        .quick = {.repeats = 1, .rate = 2'000, .duration = 1s, .warm_up = 0s, .connections = 16, .nodes = 2, .keys = 20, .tenants = 20, .zipf = 0.8},
        .measure = measure_tenants},
    scenario{
        .name = "purge",
        .property = "Once a purge is acknowledged no instance gives what was fetched before it, and only what it names is fetched again, once.",
        .control = "the log that instances share (l2.kind: none); for `versions` the fence, in a program that is built without it",
        .options = purge_options, .parts = purge_parts,
        .full = {.repeats = 1, .rate = 3'000, .duration = 10s, .warm_up = 0s, .nodes = 3, .keys = 640},
        .quick = {.repeats = 1, .rate = 2'000, .duration = 1200ms, .warm_up = 0s, .connections = 16, .nodes = 2, .keys = 64},
        .measure = measure_purge},
    scenario{
        .name = "stampede",
        .property = "A crowd at a cold page causes one fetch, over all instances, and nobody waits longer than it takes. What may not be "
                    "shared is not, and an origin without an answer is not asked once per client.",
        .control = "waiting for another's fetch (coalesce: false, lock.enabled: false)",
        .options = stampede_options, .parts = stampede_parts,
        .full = {.repeats = 1, .clients = 500, .nodes = 3, .origin_time = 1s},
        .quick = {.repeats = 1, .clients = 100, .nodes = 2, .origin_time = 150ms},
        .measure = measure_stampede},
    scenario{
        .name = "expiry",
        .property = "A popular page is fetched about once per lifetime, and no client waits for that.",
        .control = "early refresh (xfetch.enabled: false); where there is none, stale-while-revalidate",
        .options = expiry_options, .parts = {},
        .full = {.repeats = 1, .rate = 200, .duration = 120s, .warm_up = 0s, .origin_time = 300ms, .lifetime = 10s},
        .quick = {.repeats = 1, .rate = 200, .duration = 2600ms, .warm_up = 0s, .connections = 16, .origin_time = 100ms, .lifetime = 2s},
        .measure = measure_expiry},
    scenario{
        .name = "origin-down",
        .property = "Clients with a stale copy see nothing of a failing origin; it is left alone but for a few probes, and used again when it is well.",
        .control = "the breaker (it opens after 100 failures, for 10 ms)",
        .options = origin_down_options, .parts = origin_down_parts,
        .full = {.repeats = 1, .rate = 500, .duration = 30s, .warm_up = 0s},
        .quick = {.repeats = 1, .rate = 500, .duration = 1200ms, .warm_up = 0s, .connections = 16, .keys = 50},
        .measure = measure_origin_down},
    scenario{
        .name = "origin-slow",
        .property = "After a brown-out of the origin the goodput is back at once, and what is in memory never noticed.",
        .control = "the limit of requests under way (max_inflight: 0)",
        .options = origin_slow_options, .parts = {},
        .full = {.rate = 800, .duration = 20s, .warm_up = 0s, .connections = 2000, .origin_time = 20ms},
        .quick = {.repeats = 1, .rate = 800, .duration = 2400ms, .warm_up = 0s, .connections = 300, .origin_time = 10ms},
        .measure = measure_origin_slow},
    scenario{
        .name = "redis-down",
        .property = "While Redis is silent no client sees an error, memory answers as before, and misses soon stop waiting for it.",
        .control = "the time limit (l2.timeout: 5s)",
        .options = redis_down_options, .parts = {},
        .full = {.rate = 1000, .duration = 20s, .warm_up = 0s, .connections = 200},
        .quick = {.repeats = 1, .rate = 400, .duration = 1400ms, .warm_up = 0s, .connections = 200, .keys = 20},
        .measure = measure_redis_down},
    scenario{
        .name = "scale",
        .property = "With a processor for each, N threads answer at least 0.8 N times as many requests as one.",
        .control = "all threads but one (threads: 1)",
        .options = scale_options, .parts = {},
        .full = {.repeats = 1, .duration = 1s, .connections = 512, .threads = 4, .keys = 1000},
        .quick = {.repeats = 1, .duration = 150ms, .connections = 256, .threads = 2, .rounds = 3},
        .measure = measure_scale},
    scenario{
        .name = "peers",
        .property = "A request costs at most a little more CPU than at a server that does one recv and one send, and less than at any peer.",
        .control = "the cache (mode: pass)",
        .options = peers_options, .parts = peers_parts,
        .full = {.repeats = 1, .duration = 1s},
        .quick = {.repeats = 1, .duration = 100ms, .rounds = 3},
        .measure = measure_peers},
};

}  // namespace

std::span<const scenario> scenarios()
{
    return rows;
}

const scenario* find_scenario(std::string_view name)
{
    const auto at = std::find_if(rows.begin(), rows.end(), [name](const scenario& s) { return s.name == name; });
    return at == rows.end() ? nullptr : &*at;
}

settings settings_of(const scenario& s, bool quick, bool control)
{
    settings out = quick ? s.quick : s.full;
    out.quick = quick;
    out.control = control;
    return out;
}

load_plan plan_of(const settings& s, std::vector<std::uint16_t> servers)
{
    load_plan p;
    p.servers = std::move(servers);
    p.connections = s.connections;
    p.arrivals = s.poisson ? schedule::poisson(s.rate, s.seed) : schedule::constant(s.rate);
    p.warm_up = s.warm_up;
    p.duration = s.warm_up + s.duration;
    return p;
}

nanoseconds slot_of(const settings& s)
{
    return std::max<nanoseconds>(s.duration / 100, 20ms);
}

figure cpu_figure(nanoseconds cpu, std::uint64_t requests)
{
    const double us = static_cast<double>(cpu.count()) / 1e3 / static_cast<double>(requests);
    return {.name = "CPU of the proxy per request, at this rate", .value = us, .unit = "us"};
}

bool includes(const settings& s, std::string_view part)
{
    return s.only.empty() || std::find(s.only.begin(), s.only.end(), part) != s.only.end();
}

}  // namespace tiercel::load
