#include "load/report.hpp"

#include "load/page.hpp"

#include "support/temp_dir.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace tiercel::load {
namespace {

namespace json = boost::json;

json::value number(double v)
{
    if (!std::isfinite(v)) { return nullptr; }
    return v;
}

double microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

json::object json_of(const check& c)
{
    return {{"sentence", sentence_of(c)}, {"what", c.what}, {"value", number(c.value)}, {"limit", c.limit},
            {"bound", c.bound == check::relation::at_most ? "at most" : "at least"},
            {"judged_by", c.of == check::kind::count ? "worst" : "median"}, {"holds", c.holds()}};
}

json::object json_of(const distribution& d)
{
    const histogram& h = d.times;
    return {{"name", d.name}, {"count", h.count()}, {"mean_us", h.mean() / 1e3}, {"min_us", microseconds(h.min())},
            {"p50_us", microseconds(h.quantile(0.5))}, {"p90_us", microseconds(h.quantile(0.9))},
            {"p99_us", microseconds(h.quantile(0.99))}, {"p999_us", microseconds(h.quantile(0.999))},
            {"max_us", microseconds(h.max())}};
}

json::object json_of(const plot& p)
{
    static constexpr const char* shapes[] = {"line", "steps", "bars", "percentiles"};
    json::array series;
    for (const plot_series& s : p.series) {
        json::array points;
        for (const auto& [x, y] : s.points) { points.push_back(json::array{number(x), number(y)}); }
        series.push_back(json::object{{"name", s.name}, {"points", std::move(points)}});
    }
    return {{"shape", shapes[static_cast<std::size_t>(p.drawn)]}, {"title", p.title}, {"x", p.x_label}, {"y", p.y_label},
            {"log_y", p.log_y}, {"series", std::move(series)}};
}

json::object json_of(const figure& f) { return {{"name", f.name}, {"value", number(f.value)}, {"unit", f.unit}}; }

template <class T>
json::array array_of(const std::vector<T>& items)
{
    json::array out;
    for (const T& item : items) { out.push_back(json_of(item)); }
    return out;
}

// The figure of that name in each repeat that has it, as its median.
std::vector<figure> median_figures(const std::vector<measurement>& repeats)
{
    std::vector<figure> out;
    for (const figure& f : repeats.front().figures) {
        std::vector<double> values;
        for (const measurement& m : repeats) {
            for (const figure& other : m.figures) {
                if (other.name == f.name) { values.push_back(other.value); }
            }
        }
        out.push_back({.name = f.name, .value = median(std::move(values)), .unit = f.unit});
    }
    return out;
}

std::vector<distribution> all_latencies(const std::vector<measurement>& repeats)
{
    std::vector<distribution> out = repeats.front().latencies;
    for (std::size_t i = 1; i < repeats.size(); ++i) {
        for (const distribution& d : repeats[i].latencies) {
            const auto same = std::find_if(out.begin(), out.end(), [&](const distribution& o) { return o.name == d.name; });
            if (same != out.end()) { same->times.add(d.times); }
        }
    }
    return out;
}

json::object json_of(const settings& s, std::span<const std::string_view> options)
{
    const json::object all{
        {"rate", s.rate}, {"poisson", s.poisson}, {"duration", std::chrono::duration<double>(s.duration).count()},
        {"warm-up", std::chrono::duration<double>(s.warm_up).count()}, {"connections", s.connections}, {"clients", s.clients},
        {"nodes", s.nodes}, {"threads", s.threads}, {"rounds", s.rounds}, {"keys", s.keys}, {"tenants", s.tenants}, {"size", s.size}, {"zipf", s.zipf},
        {"origin-time", std::chrono::duration<double>(s.origin_time).count()},
        {"lifetime", std::chrono::duration<double>(s.lifetime).count()}, {"beta", s.beta}, {"only", json::value_from(s.only)}};
    json::object out{{"quick", s.quick}, {"control", s.control}, {"seed", s.seed}, {"repeats", s.repeats}};
    for (const std::string_view name : options) {
        if (name == "only" && s.only.empty()) { continue; }
        out[name] = all.at(name);
    }
    return out;
}

std::string text(double value)
{
    char out[40];
    std::snprintf(out, sizeof out, std::abs(value) < 100 && value != std::round(value) ? "%.2f" : "%.0f", value);
    return out;
}

std::string text(const json::value& v) { return v.is_null() ? "-" : text(v.to_number<double>()); }

}  // namespace

std::vector<check> scenario_result::checks() const
{
    std::vector<check> out;
    for (std::size_t i = 0; i < repeats.front().checks.size(); ++i) {
        std::vector<check> same;
        for (const measurement& m : repeats) { same.push_back(m.checks.at(i)); }
        out.push_back(merged(same));
    }
    return out;
}

json::object report_of(const scenario_result& r, const json::object& machine)
{
    const std::vector<check> checks = r.checks();
    const verdict v = verdict_of(checks);
    json::array repeats;
    for (const measurement& m : r.repeats) {
        repeats.push_back(json::object{{"requests", m.requests}, {"checks", array_of(m.checks)}, {"figures", array_of(m.figures)},
                                       {"latencies", array_of(m.latencies)},
                                       {"own_delay_p99_us", microseconds(m.own_delay.quantile(0.99))}});
    }
    return {{"scenario", r.what->name}, {"property", r.what->property}, {"control", r.what->control}, {"began", r.began},
            {"verdict", v.passed ? "PASS" : "FAIL"}, {"sentence", v.sentence}, {"settings", json_of(r.with, r.what->options)},
            {"machine", machine}, {"checks", array_of(checks)}, {"figures", array_of(median_figures(r.repeats))},
            {"latencies", array_of(all_latencies(r.repeats))}, {"plots", array_of(r.repeats.front().plots)},
            {"repeats", std::move(repeats)}};
}

bool has_passed(const json::object& report)
{
    return report.at("verdict").as_string() == "PASS";
}

std::string text_of(const json::object& report)
{
    std::string out;
    for (const json::value& d : report.at("latencies").as_array()) {
        out += "  " + std::string(d.at("name").as_string()) + ": " + text(d.at("count")) + " answers, us: median " +
               text(d.at("p50_us")) + ", 90 % " + text(d.at("p90_us")) + ", 99 % " + text(d.at("p99_us")) + ", 99.9 % " +
               text(d.at("p999_us")) + ", slowest " + text(d.at("max_us")) + "\n";
    }
    for (const json::value& f : report.at("figures").as_array()) {
        out += "  " + std::string(f.at("name").as_string()) + ": " + text(f.at("value")) + " " + std::string(f.at("unit").as_string()) + "\n";
    }
    for (const json::value& c : report.at("checks").as_array()) {
        out += std::string(c.at("holds").as_bool() ? "  ok      " : "  not ok  ") + std::string(c.at("sentence").as_string()) + "\n";
    }
    const bool control = report.at("settings").at("control").as_bool();
    return out + std::string(report.at("scenario").as_string()) + (control ? " (control)" : "") + ": " +
           std::string(report.at("verdict").as_string()) + " " + std::string(report.at("sentence").as_string()) + "\n";
}

void write_report(const json::object& report, const std::filesystem::path& directory)
{
    std::filesystem::create_directories(directory);
    const bool control = report.at("settings").at("control").as_bool();
    const std::string name(report.at("scenario").as_string());
    std::ofstream(directory / (name + (control ? "-control" : "") + ".json")) << json::serialize(report) << "\n";
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() == ".json") { files.push_back(entry.path()); }
    }
    std::sort(files.begin(), files.end());
    std::vector<json::object> all;
    for (const auto& file : files) { all.push_back(json::parse(test::read_file(file)).as_object()); }
    std::ofstream(directory / "index.html") << page_of(all);
}

}  // namespace tiercel::load
