#include "load/settings_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <stdexcept>

namespace tiercel::load {
namespace {

[[noreturn]] void refuse(const std::string& value, const char* expected)
{
    throw std::invalid_argument("\"" + value + "\" is not " + expected);
}

template <class T>
T parse_number(const std::string& value, T least, const char* expected)
{
    T n{};
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (problem != std::errc() || end != value.data() + value.size() || !(n >= least)) { refuse(value, expected); }
    return n;
}

template <auto Member>
void set_count(settings& s, const std::string& value)
{
    using number = std::remove_reference_t<decltype(s.*Member)>;
    s.*Member = parse_number<number>(value, 1, "a positive whole number");
}

template <auto Member>
void set_time(settings& s, const std::string& value)
{
    s.*Member = parse_time(value);
}

template <auto Member>
std::string show_number(const settings& s)
{
    char text[40];
    std::snprintf(text, sizeof text, "%.6g", static_cast<double>(s.*Member));
    return text;
}

template <auto Member>
std::string show_time_of(const settings& s)
{
    return show_time(s.*Member);
}

void set_only(settings& s, const std::string& value)
{
    std::string_view rest = value;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        s.only.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
}

std::string show_only(const settings& s)
{
    std::string out;
    for (const std::string& part : s.only) { out += (out.empty() ? "" : ",") + part; }
    return out;
}

void set_poisson(settings& s, const std::string&) { s.poisson = true; }
std::string show_poisson(const settings&) { return ""; }
void set_rate(settings& s, const std::string& value) { s.rate = parse_number(value, 0.001, "a rate"); }
void set_beta(settings& s, const std::string& value) { s.beta = parse_number(value, 0.1, "a number from 0.1"); }
void set_zipf(settings& s, const std::string& value) { s.zipf = parse_number(value, 0.0, "an exponent"); }

constexpr std::array rows{
    option_row{"rate", "N", "Requests per second", set_rate, show_number<&settings::rate>},
    option_row{"poisson", "", "Independent arrivals instead of evenly spaced ones", set_poisson, show_poisson},
    option_row{"duration", "TIME", "Of the measured part", set_time<&settings::duration>, show_time_of<&settings::duration>},
    option_row{"warm-up", "TIME", "Before it; not recorded", set_time<&settings::warm_up>, show_time_of<&settings::warm_up>},
    option_row{"connections", "N", "Of the load generator, to each node", set_count<&settings::connections>, show_number<&settings::connections>},
    option_row{"clients", "N", "That ask at the same time, per node", set_count<&settings::clients>, show_number<&settings::clients>},
    option_row{"nodes", "N", "Instances of the proxy", set_count<&settings::nodes>, show_number<&settings::nodes>},
    option_row{"threads", "N", "Of each instance", set_count<&settings::threads>, show_number<&settings::threads>},
    option_row{"rounds", "N", "How often each is measured, in turn", set_count<&settings::rounds>, show_number<&settings::rounds>},
    option_row{"keys", "N", "Different URLs", set_count<&settings::keys>, show_number<&settings::keys>},
    option_row{"tenants", "N", "Different tenants", set_count<&settings::tenants>, show_number<&settings::tenants>},
    option_row{"size", "BYTES", "Content of an answer", set_count<&settings::size>, show_number<&settings::size>},
    option_row{"zipf", "EXPONENT", "Of the popularity of keys; 0: all alike", set_zipf, show_number<&settings::zipf>},
    option_row{"origin-time", "TIME", "That the origin takes for an answer", set_time<&settings::origin_time>, show_time_of<&settings::origin_time>},
    option_row{"lifetime", "TIME", "Of an answer, in whole seconds", set_time<&settings::lifetime>, show_time_of<&settings::lifetime>},
    option_row{"beta", "N", "How early to refresh; 1 by the paper", set_beta, show_number<&settings::beta>},
    option_row{"only", "PART,…", "Only these parts", set_only, show_only},
};

}  // namespace

std::span<const option_row> option_rows()
{
    return rows;
}

const option_row& option_named(std::string_view name)
{
    return *std::find_if(rows.begin(), rows.end(), [name](const option_row& r) { return r.name == name; });
}

milliseconds parse_time(const std::string& text)
{
    std::uint64_t n = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, problem] = std::from_chars(text.data(), end, n);
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    const std::uint64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
    if (problem != std::errc() || factor == 0 || n > 1'000'000) { refuse(text, "a time, as in 250ms, 10s or 5m"); }
    return milliseconds(n * factor);
}

std::string show_time(milliseconds t)
{
    return t.count() % 1000 == 0 ? std::to_string(t.count() / 1000) + "s" : std::to_string(t.count()) + "ms";
}

}  // namespace tiercel::load
