#include "events/feed.hpp"

#include "events/event.hpp"
#include "http/ascii.hpp"
#include "http/member_list.hpp"
#include "http/target.hpp"
#include "http/uri_reference.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace tiercel::events {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_mark = 1024;

std::string text_at(const json::value& v, std::string_view name)
{
    const json::value* const found = v.is_object() ? v.as_object().if_contains(name) : nullptr;
    if (found == nullptr || !found->is_string()) { return {}; }
    const json::string& s = found->as_string();
    return s.size() <= longest_mark ? std::string(s.data(), s.size()) : std::string();
}

std::string first_of(const json::value& v, std::string_view name, std::string_view other)
{
    std::string found = text_at(v, name);
    return found.empty() ? text_at(v, other) : found;
}

bool is_unreserved(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

// "next", or a list with it between blanks, in any case of letters; quoted or not.
bool says_next(std::string_view rel) noexcept
{
    while (!rel.empty()) {
        const std::size_t end = std::min(rel.find_first_of(" \t"), rel.size());
        if (equal_ignoring_case(rel.substr(0, end), "next")) { return true; }
        rel.remove_prefix(std::min(end + 1, rel.size()));
    }
    return false;
}

std::string_view take_quoted(std::string_view& rest) noexcept
{
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != '"') { end += rest[end] == '\\' ? 2 : 1; }
    end = std::min(end, rest.size());
    const std::string_view inside = rest.substr(1, end - 1);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return inside;
}

// Reads the parameters of one link, up to the comma behind it. Only the first rel counts (RFC 8288 §3.3).
bool take_parameters(std::string_view& rest) noexcept
{
    std::optional<bool> is_next;
    while (!rest.empty() && rest.front() != ',') {
        if (rest.front() == ';' || is_blank(rest.front())) {
            rest.remove_prefix(1);
            continue;
        }
        const std::size_t end = std::min(rest.find_first_of("=;,"), rest.size());
        const std::string_view name = trim(rest.substr(0, end));
        rest.remove_prefix(end);
        std::string_view value;
        if (rest.starts_with('=')) {
            rest.remove_prefix(1);
            while (!rest.empty() && is_blank(rest.front())) { rest.remove_prefix(1); }
            if (rest.starts_with('"')) {
                value = take_quoted(rest);
            } else {
                const std::size_t stop = std::min(rest.find_first_of(";,"), rest.size());
                value = trim(rest.substr(0, stop));
                rest.remove_prefix(stop);
            }
        }
        if (!is_next && equal_ignoring_case(name, "rel")) { is_next = says_next(value); }
    }
    return is_next.value_or(false);
}

std::optional<std::string> next_reference(std::string_view rest)
{
    while (!rest.empty()) {
        const std::size_t open = rest.find_first_not_of(", \t");
        if (open == rest.npos || rest[open] != '<') { return std::nullopt; }
        const std::size_t close = rest.find('>', open);
        if (close == rest.npos) { return std::nullopt; }
        std::string reference(rest.substr(open + 1, close - open - 1));
        rest.remove_prefix(close + 1);
        if (take_parameters(rest)) { return reference; }
    }
    return std::nullopt;
}

// Host and port, the usual one left out.
std::optional<std::string> server_of(const std::string& uri)
{
    request_head get;
    get.verb = method::get;
    get.target = uri;
    get.minor_version = 0;   // names its authority itself
    std::string space;
    const auto target = canonicalise_target(get, space);
    return target ? std::optional(std::string(target->host)) : std::nullopt;
}

// What is written down here must be readable again (see encodings.cpp).
bool has_infinity(const json::value& v)
{
    if (v.is_double()) { return !std::isfinite(v.as_double()); }
    if (v.is_array()) { return std::any_of(v.as_array().begin(), v.as_array().end(), has_infinity); }
    return v.is_object() && std::any_of(v.as_object().begin(), v.as_object().end(), [](const auto& m) { return has_infinity(m.value()); });
}

feed_page refused(std::string why)
{
    feed_page p;
    p.problem = std::move(why);
    return p;
}

}  // namespace

std::string percent_encoded(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c)) {
            out.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.append({'%', digits[byte >> 4], digits[byte & 15]});
        }
    }
    return out;
}

feed_page read_feed_page(std::string_view body, feed_cursor kind)
{
    boost::system::error_code ec;
    const json::value all = json::parse(json::string_view(body.data(), body.size()), ec);
    if (ec) { return refused("the page is not JSON: " + ec.message()); }
    if (!all.is_array()) { return refused("the page is no JSON array"); }
    if (all.as_array().size() > most_events_on_page) { return refused("the page holds more than " + std::to_string(most_events_on_page) + " events"); }
    feed_page out;
    for (const json::value& v : all.as_array()) {
        if (has_infinity(v)) { return refused("the page holds a number that is none"); }
        feed_event e;
        e.text = json::serialize(v);
        const std::string stamp = first_of(v, "time", "timestamp");
        e.time = read_time(stamp);
        if (kind == feed_cursor::id) {
            e.mark = first_of(v, "id", "eventId");
        } else if (e.time) {
            e.mark = stamp;
        }
        out.events.push_back(std::move(e));
    }
    return out;
}

std::string moved_cursor(feed_cursor kind, const std::string& cursor, const feed_page& page, std::int64_t latest)
{
    std::string at = cursor;
    std::optional<std::int64_t> reached = read_time(cursor);
    for (const feed_event& e : page.events) {
        if (e.mark.empty() || (kind == feed_cursor::time && ((reached && *e.time <= *reached) || *e.time > latest))) { continue; }
        at = e.mark;
        reached = e.time;
    }
    return at;
}

std::string feed_target(std::string_view path, std::string_view parameter, std::string_view cursor)
{
    std::string out(path);
    if (cursor.empty()) { return out; }
    out.push_back(path.find('?') == path.npos ? '?' : '&');
    out.append(parameter).append("=").append(percent_encoded(cursor));
    return out;
}

std::optional<std::string> next_target(const std::vector<std::string>& links, std::string_view authority, std::string_view target)
{
    std::optional<std::string> reference;
    for (const std::string& line : links) {
        if (!reference) { reference = next_reference(line); }
    }
    if (!reference) { return std::nullopt; }
    const std::size_t question = std::min(target.find('?'), target.size());
    base_uri base;
    base.scheme = "http";
    base.authority = authority;
    base.path = target.substr(0, question);
    base.has_query = question != target.size();
    base.query = target.substr(std::min(question + 1, target.size()));
    const std::optional<std::string> whole = resolve_reference(base, *reference);
    if (!whole) { return std::string(); }
    // Which of http and https is not looked at: what stands before the feed may speak for it.
    const std::optional<std::string> there = server_of(*whole);
    if (!there || there != server_of("http://" + std::string(authority) + "/")) { return std::string(); }
    std::string_view rest(*whole);
    rest.remove_prefix(rest.find("://") + 3);
    rest.remove_prefix(std::min(rest.find_first_of("/?"), rest.size()));
    return rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
}

std::string stamp_of(std::int64_t micros)
{
    const std::chrono::sys_time<std::chrono::microseconds> t{std::chrono::microseconds(micros)};
    const auto days = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day day(days);
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::milliseconds>(t - days));
    std::array<char, 80> out;
    const int n = std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                                static_cast<unsigned>(day.day()), static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
    return std::string(out.data(), static_cast<std::size_t>(n));
}

}  // namespace tiercel::events
