#include "load/page.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <cstdio>

namespace tiercel::load {
namespace {

namespace json = boost::json;

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #667; --line: #ccd; --back: #fff; --card: #f6f7f9; --good: #1a7f37; --bad: #c62828 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #99a; --line: #445; --back: #14171a; --card: #1c2126; --good: #4cc26a; --bad: #ff6b62 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 1080px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin: 0 }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1em 1.2em; margin: 1.2em 0 }
table { border-collapse: collapse; margin: .6em 0; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .15em 1.2em .15em 0; vertical-align: top } th { color: var(--soft); font-weight: normal }
td.n { text-align: right }
.soft { color: var(--soft) } .PASS { color: var(--good) } .FAIL { color: var(--bad) } .PASS, .FAIL { font-weight: bold }
.plots { display: flex; flex-wrap: wrap; gap: 1em } figure { margin: 0 } figcaption { font-size: .9em }
svg { max-width: 100%; height: auto } svg text { fill: var(--soft); font: 11px system-ui, sans-serif }
details { margin-top: .6em } summary { color: var(--soft); cursor: pointer }
)";

std::string text(const json::value& v)
{
    if (v.is_string()) { return escaped(v.as_string()); }
    if (v.is_bool()) { return v.as_bool() ? "yes" : "no"; }
    if (v.is_null()) { return "–"; }
    if (!v.is_number()) { return escaped(json::serialize(v)); }
    const double n = v.to_number<double>();
    char out[40];
    std::snprintf(out, sizeof out, n == std::round(n) ? "%.0f" : std::abs(n) < 100 ? "%.2f" : "%.0f", n);
    return out;
}

std::string cell(const json::value& v) { return (v.is_number() || v.is_null() ? "<td class=n>" : "<td>") + text(v) + "</td>"; }

// A table with one row per object and a column per name.
std::string table_of(const json::array& rows, std::initializer_list<std::string_view> columns)
{
    if (rows.empty()) { return ""; }
    std::string out = "<table><tr>";
    for (const std::string_view c : columns) { out += "<th>" + escaped(c) + "</th>"; }
    out += "</tr>";
    for (const json::value& row : rows) {
        out += "<tr>";
        for (const std::string_view c : columns) { out += cell(row.as_object().at(c)); }
        out += "</tr>";
    }
    return out + "</table>";
}

std::string pairs_of(const json::object& o)
{
    std::string out = "<table>";
    for (const auto& [name, value] : o) {
        out += "<tr><th>" + escaped(name) + "</th><td>" + (value.is_object() ? pairs_of(value.as_object()) : text(value)) + "</td></tr>";
    }
    return out + "</table>";
}

std::string checks_of(const json::array& checks)
{
    std::string out = "<table>";
    for (const json::value& c : checks) {
        const bool holds = c.at("holds").as_bool();
        out += std::string("<tr><td class=") + (holds ? "PASS>holds" : "FAIL>does not hold") + "</td><td>" + text(c.at("sentence")) +
               "</td><td class=soft>" + text(c.at("judged_by")) + " of the repeats</td></tr>";
    }
    return out + "</table>";
}

std::string name_of(const json::object& report)
{
    return text(report.at("scenario")) + (report.at("settings").at("control").as_bool() ? " (control)" : "");
}

std::string section_of(const json::object& r)
{
    std::string out = "<section id=\"" + name_of(r) + "\"><h2>" + name_of(r) + " <span class=" + text(r.at("verdict")) + ">" +
                      text(r.at("verdict")) + "</span> " + text(r.at("sentence")) + "</h2><p class=soft>" + text(r.at("property"));
    if (r.at("settings").at("control").as_bool()) { out += " The control must fail: " + text(r.at("control")); }
    out += "</p>" + checks_of(r.at("checks").as_array());
    out += table_of(r.at("latencies").as_array(), {"name", "count", "p50_us", "p90_us", "p99_us", "p999_us", "max_us", "mean_us"});
    out += table_of(r.at("figures").as_array(), {"name", "value", "unit"});
    out += "<div class=plots>";
    for (const json::value& p : r.at("plots").as_array()) { out += svg_of(p.as_object()); }
    out += "</div><details><summary>settings, machine, single repeats</summary><p class=soft>" + text(r.at("began")) + "</p>" +
           pairs_of(r.at("settings").as_object()) + pairs_of(r.at("machine").as_object());
    for (const json::value& repeat : r.at("repeats").as_array()) {
        out += "<p>" + text(repeat.at("requests")) + " requests; the load generator was late by at most " +
               text(repeat.at("own_delay_p99_us")) + " us in 99 % of them</p>" + checks_of(repeat.at("checks").as_array()) +
               table_of(repeat.at("figures").as_array(), {"name", "value", "unit"});
    }
    return out + "</details></section>";
}

}  // namespace

std::string escaped(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        default: out += c;
        }
    }
    return out;
}

std::string page_of(const std::vector<json::object>& reports)
{
    std::string out = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
                      "<title>tiercel-bench</title><style>" + std::string(style) + "</style><h1>tiercel-bench</h1><table>";
    for (const json::object& r : reports) {
        out += "<tr><td class=" + text(r.at("verdict")) + ">" + text(r.at("verdict")) + "</td><td><a href=\"#" + name_of(r) + "\">" +
               name_of(r) + "</a></td><td>" + text(r.at("sentence")) + "</td></tr>";
    }
    out += "</table><p class=soft>Latencies count from the time at which a request was due, whatever the answers before it did. "
           "What is judged are counts, and ratios of things measured in the same run; times alone are for the reader.</p>";
    for (const json::object& r : reports) { out += section_of(r); }
    return out + "</html>\n";
}

}  // namespace tiercel::load
