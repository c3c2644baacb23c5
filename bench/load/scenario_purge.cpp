// What was purged is not served any more: by any node, whatever stands still, dies, or is under way. The parts are in purge_*.cpp.

#include "load/purge.hpp"
#include "load/scenarios.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <chrono>

namespace tiercel::load {
namespace purge {

nanoseconds clock_now() { return std::chrono::steady_clock::now().time_since_epoch(); }
double milliseconds_of(nanoseconds t) { return static_cast<double>(t.count()) / 1e6; }

figure time_figure(std::string name, nanoseconds t) { return {.name = std::move(name), .value = milliseconds_of(t), .unit = "ms"}; }

figure count_figure(std::string name, std::uint64_t n) { return {.name = std::move(name), .value = static_cast<double>(n), .unit = ""}; }

std::uint64_t number_in(std::string_view text)
{
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() ? out : 0;
}

test::http_response post(const test::proxy& node, const std::string& target, const std::string& body, const std::string& type)
{
    return test::raw_client(node.admin_port()).request("POST", target, {{"Connection", "close"}, {"Content-Type", type}}, body);
}

std::string event_of(const std::string& id, const std::string& tag)
{
    return R"({"specversion":"1.0","source":"/bench","id":")" + id + R"(","type":"tiercel.invalidate.v1","data":{"mode":"hard","scopes":[{"kind":"tag","name":")" +
           tag + R"("}]}})";
}

std::uint64_t send_events(const test::proxy& node, const std::vector<std::string>& events)
{
    std::string all;
    for (const std::string& e : events) { all += (all.empty() ? "[" : ",") + e; }
    const test::http_response r = post(node, "/v1/events", all + "]", "application/cloudevents-batch+json");
    if (r.status != 202) { return 0; }
    const boost::json::value answer = boost::json::parse(r.body);
    const auto& results = answer.at("results").as_object();
    std::uint64_t taken = 0;
    for (const std::string_view name : {"applied", "duplicate"}) {
        if (const auto* n = results.if_contains(name)) { taken += n->to_number<std::uint64_t>(); }
    }
    return taken;
}

}  // namespace purge

measurement measure_purge(const settings& s)
{
    measurement m;
    const struct {
        std::string_view name;
        void (*run)(const settings&, measurement&);
        bool has_control;
    } parts[] = {
        {"load", purge::under_load, true},
        {"kinds", purge::kinds, false},
        {"versions", purge::versions, true},
        {"standstill", purge::standstill, true},
        {"redis-killed", purge::redis_killed, false},
        {"consumer-killed", purge::consumer_killed, false},
        {"poison", purge::poison_in_between, false},
        {"tags", purge::many_tags, false},
    };
    for (const auto& part : parts) {
        if (includes(s, part.name) && (part.has_control || !s.control)) { part.run(s, m); }
        if (s.quick && s.control && s.only.empty()) { break; }   // one that fails is enough
    }
    return m;
}

}  // namespace tiercel::load
