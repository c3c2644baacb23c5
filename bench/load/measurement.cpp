#include "load/measurement.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace tiercel::load {
namespace {

double seconds(nanoseconds t) { return std::chrono::duration<double>(t).count(); }
double milliseconds_of(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

void measurement::add_run(const std::string& name, const load_result& r)
{
    requests += r.answers();
    own_delay.add(r.own_delay);
    latencies.push_back({.name = name, .times = r.latency});
    for (const source s : all_sources()) {
        if (const auto n = r.answered_by(s); n > 0) {
            figures.push_back({.name = name + ": answered by " + std::string(name_of(s)), .value = static_cast<double>(n), .unit = "answers"});
        }
    }
}

plot percentile_plot(std::string title, const std::vector<distribution>& of)
{
    plot out{.drawn = plot::shape::percentiles, .title = std::move(title), .x_label = "share of the answers", .y_label = "ms", .log_y = true, .series = {}};
    for (const distribution& d : of) {
        plot_series s{.name = d.name, .points = {}};
        // Ever nearer to 1, as far as there are answers to tell.
        for (double above = 1; above * static_cast<double>(d.times.count()) >= 1; above *= 0.8) {
            s.points.emplace_back(1 - above, milliseconds_of(d.times.quantile(1 - above)));
        }
        out.series.push_back(std::move(s));
    }
    return out;
}

plot answers_over_time(std::string title, const std::vector<answer_record>& records, nanoseconds slot)
{
    std::map<source, std::map<std::int64_t, std::uint64_t>> counts;
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = 0;
    for (const answer_record& r : records) {
        const std::int64_t at = r.due() / slot;
        ++counts[r.by][at];
        first = std::min(first, at);
        last = std::max(last, at);
    }
    plot out{.drawn = plot::shape::steps, .title = std::move(title), .x_label = "s", .y_label = "answers/s", .series = {}};
    for (auto& [by, of_slot] : counts) {
        plot_series s{.name = std::string(name_of(by)), .points = {}};
        for (std::int64_t at = first; at <= last; ++at) {
            s.points.emplace_back(seconds(at * slot), static_cast<double>(of_slot[at]) / seconds(slot));
        }
        out.series.push_back(std::move(s));
    }
    return out;
}

plot latency_over_time(std::string title, const std::vector<answer_record>& records, nanoseconds slot)
{
    std::map<std::int64_t, histogram> slots;
    for (const answer_record& r : records) {
        slots[r.due() / slot].record(static_cast<std::uint64_t>(nanoseconds(r.latency()).count()));
    }
    plot out{.drawn = plot::shape::line, .title = std::move(title), .x_label = "s", .y_label = "ms", .log_y = true, .series = {}};
    for (const auto& [name, share] : {std::pair{"median", 0.5}, std::pair{"99 %", 0.99}, std::pair{"slowest", 1.0}}) {
        plot_series s{.name = name, .points = {}};
        for (const auto& [at, times] : slots) { s.points.emplace_back(seconds(at * slot), milliseconds_of(times.quantile(share))); }
        out.series.push_back(std::move(s));
    }
    return out;
}

histogram latencies_between(const std::vector<answer_record>& records, nanoseconds from, nanoseconds to)
{
    histogram out;
    for (const answer_record& r : records) {
        if (from <= r.due() && r.due() < to) { out.record(static_cast<std::uint64_t>(nanoseconds(r.latency()).count())); }
    }
    return out;
}

double share_ok_between(const std::vector<answer_record>& records, nanoseconds from, nanoseconds to)
{
    double all = 0;
    double ok = 0;
    for (const answer_record& r : records) {
        if (from > r.due() || r.due() >= to) { continue; }
        ++all;
        ok += r.is_ok() ? 1 : 0;
    }
    return ok / all;
}

}  // namespace tiercel::load
