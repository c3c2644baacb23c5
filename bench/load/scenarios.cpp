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
