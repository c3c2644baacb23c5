#include "load/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace tiercel::load {
namespace {

check make_count(std::uint64_t value, std::string_view one, std::string_view rest)
{
    check c;
    c.value = static_cast<double>(value);
    c.what = std::string(one) + (value == 1 ? "" : "s") + (rest.empty() ? "" : " ") + std::string(rest);
    return c;
}

std::string number(double value, check::kind of)
{
    char text[40];
    std::snprintf(text, sizeof text, of == check::kind::count ? "%.0f" : "%.2f", value);
    return text;
}

bool is_worse(const check& a, const check& b)
{
    if (std::isnan(a.value)) { return true; }
    return a.bound == check::relation::at_most ? a.value > b.value : a.value < b.value;
}

}  // namespace

bool check::holds() const noexcept
{
    return bound == relation::at_most ? value <= limit : value >= limit;
}

check count_at_most(std::uint64_t value, std::string_view one, std::string_view rest, std::uint64_t limit)
{
    check c = make_count(value, one, rest);
    c.limit = static_cast<double>(limit);
    return c;
}

check count_at_least(std::uint64_t value, std::string_view one, std::string_view rest, std::uint64_t limit)
{
    check c = count_at_most(value, one, rest, limit);
    c.bound = check::relation::at_least;
    return c;
}

check ratio_at_most(double value, std::string what, double limit)
{
    check c;
    c.what = std::move(what);
    c.value = value;
    c.limit = limit;
    c.of = check::kind::ratio;
    return c;
}

check ratio_at_least(double value, std::string what, double limit)
{
    check c = ratio_at_most(value, std::move(what), limit);
    c.bound = check::relation::at_least;
    return c;
}

std::string sentence_of(const check& c)
{
    const char* const bound = c.bound == check::relation::at_most ? " (limit " : " (at least ";
    const char* const times = c.of == check::kind::ratio ? " x " : " ";
    return number(c.value, c.of) + times + c.what + bound + number(c.limit, c.of) + ")";
}

check merged(const std::vector<check>& repeats)
{
    check out = *std::min_element(repeats.begin(), repeats.end(), is_worse);
    if (out.of == check::kind::ratio) {
        std::vector<double> values;
        for (const check& c : repeats) { values.push_back(c.value); }
        out.value = median(std::move(values));
    }
    return out;
}

verdict verdict_of(const std::vector<check>& checks)
{
    if (checks.empty()) { return {.passed = false, .sentence = "nothing was checked"}; }
    const auto failed = std::find_if(checks.begin(), checks.end(), [](const check& c) { return !c.holds(); });
    const bool passed = failed == checks.end();
    return {.passed = passed, .sentence = sentence_of(passed ? checks.front() : *failed)};
}

double median(std::vector<double> values)
{
    if (values.empty() || std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace tiercel::load
