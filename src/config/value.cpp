#include "config/value.hpp"

#include "config/spelling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace tiercel::config {
namespace {

using std::chrono::milliseconds;

struct unit {
    std::string_view name;
    std::uint64_t scale;
};

constexpr std::array<unit, 5> size_units{{{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}}};
constexpr std::array<unit, 5> time_units{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

constexpr std::string_view size_hint = "must be a size, as in 64KiB, 1MiB or 4096";
constexpr std::string_view time_hint = "must be a time with its unit, as in 250ms, 30s, 5m, 24h or 7d";

// "250ms" -> 250 and "ms". Nothing when no digit leads or the number does not fit.
std::optional<std::pair<std::uint64_t, std::string_view>> split_unit(std::string_view text)
{
    std::uint64_t n = 0;
    const auto* const end = text.data() + text.size();
    const auto [p, e] = std::from_chars(text.data(), end, n);
    if (e != std::errc()) {
        return std::nullopt;
    }
    return std::pair(n, std::string_view(p, static_cast<std::size_t>(end - p)));
}

template <std::size_t N>
std::optional<std::uint64_t> scaled(std::uint64_t n, std::string_view name, const std::array<unit, N>& units)
{
    const auto u = std::find_if(units.begin(), units.end(), [&](const unit& x) { return x.name == name; });
    std::uint64_t product = 0;
    if (u == units.end() || __builtin_mul_overflow(n, u->scale, &product)) {
        return std::nullopt;
    }
    return product;
}

reading<std::uint64_t> read_count(std::string_view text)
{
    const auto parts = split_unit(text);
    if (!parts || !parts->second.empty()) {
        return complaint{"must be a whole number"};
    }
    return parts->first;
}

std::string write_number(double v)
{
    std::array<char, 32> buffer{};
    const auto [end, e] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v);
    std::string text(buffer.data(), end);
    return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

// Reads, then keeps to the range.
template <class T, class Read>
std::function<reading<T>(std::string_view)> ranged(Read read, T low, T high, std::string allowed)
{
    return [=](std::string_view text) -> reading<T> {
        auto r = read(text);
        if (const auto* v = std::get_if<T>(&r); v != nullptr && (*v < low || *v > high)) {
            return complaint{"must be " + allowed};
        }
        return r;
    };
}

std::string span_text(const std::string& low, const std::string& high) { return low == high ? low : low + " to " + high; }

}  // namespace

reading<byte_count> read_size(std::string_view text)
{
    const auto parts = split_unit(text);
    const auto n = parts ? scaled(parts->first, parts->second.empty() ? "B" : parts->second, size_units) : std::nullopt;
    if (!n) {
        return complaint{std::string(size_hint)};
    }
    return *n;
}

std::string write_size(byte_count n)
{
    for (const auto& u : size_units) {
        if (n != 0 && n % u.scale == 0 && u.scale > 1) {
            return std::to_string(n / u.scale) + std::string(u.name);
        }
    }
    return std::to_string(n);
}

reading<milliseconds> read_time(std::string_view text)
{
    if (text == "0") {
        return milliseconds(0);
    }
    const auto parts = split_unit(text);
    const auto n = parts ? scaled(parts->first, parts->second, time_units) : std::nullopt;
    if (!n || *n > static_cast<std::uint64_t>(milliseconds::max().count())) {
        return complaint{std::string(time_hint)};
    }
    return milliseconds(*n);
}

std::string write_time(milliseconds t)
{
    const auto n = static_cast<std::uint64_t>(t.count());
    if (n == 0) {
        return "0s";
    }
    for (const auto& u : time_units) {
        // One hour and one second read well as such; one day and one minute read better as 24h and 60s.
        const bool natural = n / u.scale > 1 || u.name == "h" || u.name == "s" || u.name == "ms";
        if (n % u.scale == 0 && natural) {
            return std::to_string(n / u.scale) + std::string(u.name);
        }
    }
    return std::to_string(n) + "ms";
}

std::string without_userinfo(std::string_view text)
{
    const auto scheme = text.find("://");
    if (scheme == text.npos) {
        return std::string(text);
    }
    // Generous on purpose: a password with an unescaped '/' or '?' must not show either, so the last '@' counts.
    const auto at = text.rfind('@');
    if (at == text.npos || at < scheme + 3) {
        return std::string(text);
    }
    return std::string(text.substr(0, scheme + 3)) + "***" + std::string(text.substr(at));
}

complaint unknown_word(std::string_view text, const std::vector<std::string_view>& known)
{
    std::string what = "must be ";
    for (std::size_t i = 0; i < known.size(); ++i) {
        what += i == 0 ? "" : i + 1 == known.size() ? " or " : ", ";
        what += known[i];
    }
    if (const auto near = nearest_name(text, known); !near.empty() && known.size() > 1) {
        what += " (did you mean " + std::string(near) + "?)";
    }
    return {std::move(what)};
}

value_kind<bool> kind_for(flag, std::type_identity<bool>)
{
    value_kind<bool> k;
    k.read = [](std::string_view text) -> reading<bool> {
        if (text == "true" || text == "false") {
            return text == "true";
        }
        return complaint{"must be true or false"};
    };
    k.write = [](const bool& v) { return std::string(v ? "true" : "false"); };
    k.allowed = "true | false";
    k.good = {"true", "false"};
    k.bad = {"yes", "1", "True", ""};
    return k;
}

value_kind<byte_count> kind_for(sizes s, std::type_identity<byte_count>)
{
    value_kind<byte_count> k;
    k.allowed = span_text(write_size(s.low), write_size(s.high));
    k.read = ranged(read_size, s.low, s.high, k.allowed);
    k.write = write_size;
    k.good = {std::to_string(s.low), std::to_string(s.high), write_size(s.low), write_size(s.high)};
    k.bad = {"", "-1", "1kb", "1.5MiB", "1 MiB", "MiB", "99999999999999999999", "18446744073709551615KiB"};
    if (s.low > 0) {
        k.bad.push_back(std::to_string(s.low - 1));
    }
    if (s.high < std::numeric_limits<byte_count>::max()) {
        k.bad.push_back(std::to_string(s.high + 1));
    }
    return k;
}

value_kind<std::uint64_t> kind_for(counts c, std::type_identity<std::uint64_t>)
{
    value_kind<std::uint64_t> k;
    const std::string zero(c.zero);
    if (!zero.empty()) {
        c.low = std::max<std::uint64_t>(c.low, 1);
        k.allowed = zero + " | ";
    }
    k.allowed += span_text(std::to_string(c.low), std::to_string(c.high));
    k.read = [zero, in_range = ranged(read_count, c.low, c.high, k.allowed)](std::string_view text) -> reading<std::uint64_t> {
        if (!zero.empty() && text == zero) {
            return std::uint64_t{0};
        }
        return in_range(text);
    };
    k.write = [zero](const std::uint64_t& v) { return v == 0 && !zero.empty() ? zero : std::to_string(v); };
    k.good = {std::to_string(c.low), std::to_string(c.high)};
    if (!zero.empty()) {
        k.good.push_back(zero);
    }
    k.bad = {"", "-1", "1.5", "0x10", "1 ", "many", "99999999999999999999"};
    if (c.low > 0) {
        k.bad.push_back(std::to_string(c.low - 1));
    }
    if (c.high < std::numeric_limits<std::uint64_t>::max()) {
        k.bad.push_back(std::to_string(c.high + 1));
    }
    return k;
}

value_kind<milliseconds> kind_for(times t, std::type_identity<milliseconds>)
{
    value_kind<milliseconds> k;
    k.allowed = span_text(write_time(t.low), write_time(t.high));
    k.read = ranged(read_time, t.low, t.high, k.allowed);
    k.write = write_time;
    k.good = {write_time(t.low), write_time(t.high), std::to_string(t.high.count()) + "ms"};
    k.bad = {"", "-1s", "5", "1.5s", "1 s", "s", "1w", "99999999999999999999ms", "18446744073709551615d"};
    if (t.low.count() > 0) {
        k.bad.push_back(std::to_string(t.low.count() - 1) + "ms");
    }
    k.bad.push_back(std::to_string(t.high.count() + 1) + "ms");
    return k;
}

value_kind<double> kind_for(numbers n, std::type_identity<double>)
{
    value_kind<double> k;
    k.allowed = write_number(n.low) + " to " + write_number(n.high);
    const auto read = [](std::string_view text) -> reading<double> {
        double v = 0;
        const auto* const end = text.data() + text.size();
        const auto [p, e] = std::from_chars(text.data(), end, v, std::chars_format::fixed);
        if (e != std::errc() || p != end || !std::isfinite(v)) {
            return complaint{"must be a number, as in 0.5"};
        }
        return v;
    };
    k.read = ranged(read, n.low, n.high, k.allowed);
    k.write = [](const double& v) { return write_number(v); };
    k.good = {write_number(n.low), write_number(n.high)};
    k.bad = {"", "half", "nan", "inf", "0.5x", "1e400", write_number(n.low - 0.5), write_number(n.high + 0.5)};
    return k;
}

value_kind<std::string> kind_for(texts t, std::type_identity<std::string>)
{
    value_kind<std::string> k;
    k.hide = t.hide;
    k.read = [check = std::move(t.check)](std::string_view text) -> reading<std::string> {
        // Values reach header fields, file names, log lines: no control byte is ever right in them.
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
        if (std::any_of(text.begin(), text.end(), is_control)) {
            return complaint{"must not hold control characters"};
        }
        if (auto why = check ? check(text) : std::nullopt) {
            return complaint{std::move(*why)};
        }
        return std::string(text);
    };
    k.write = [](const std::string& v) { return v; };
    k.bad = {std::string("a\tb"), std::string("a\0b", 3)};
    return k;
}

}  // namespace tiercel::config
