#include "app/origins_report.hpp"

#include "telemetry/log.hpp"

#include <boost/json.hpp>

namespace tiercel::app {
namespace {

namespace json = boost::json;

std::string_view word_for(resilience::breaker_override held) noexcept
{
    switch (held) {
        case resilience::breaker_override::automatic: return "auto";
        case resilience::breaker_override::open: return "open";
        case resilience::breaker_override::closed: return "closed";
    }
    return {};
}

json::object describe(const origin::endpoint& e, instant now)
{
    const auto& breaker = e.breaker();
    json::object state{{"state", resilience::name_of(breaker.state())}, {"held", word_for(breaker.held())}};
    if (const auto left = breaker.remaining_open(now); left.count() > 0) {
        state["probes_in_ms"] = left.count();
    }
    json::object one;
    one["url"] = telemetry::redact_url(e.name());
    one["weight"] = e.weight();
    one["healthy"] = e.is_healthy();
    one["addresses"] = e.addresses()->size();
    one["breaker"] = std::move(state);
    one["limit"] = {{"inflight", e.limit().inflight()}, {"background", e.limit().background()}, {"max", e.limit().max()}};
    one["pool"] = {{"connections", e.slots().open()}, {"waiting", e.slots().waiting()}};
    one["typical_ms"] = e.typical().count();
    return one;
}

}  // namespace

std::string describe_origins(const std::vector<std::unique_ptr<origin::upstream>>& upstreams, instant now)
{
    json::array origins;
    for (const auto& up : upstreams) {
        json::array endpoints;
        for (const auto& e : up->endpoints()) {
            endpoints.push_back(describe(*e, now));
        }
        origins.push_back({{"name", up->name()}, {"balance", up->options().balance}, {"endpoints", std::move(endpoints)}});
    }
    const json::object document{{"origins", std::move(origins)}};
    return json::serialize(document);
}

}  // namespace tiercel::app
