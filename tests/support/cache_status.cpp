#include "support/cache_status.hpp"

#include "support/structured_list.hpp"

#include <algorithm>
#include <array>

namespace tiercel::test {
namespace {

template <class T>
const T& as(const std::string& name, const sf::bare_item& value)
{
    if (const T* v = std::get_if<T>(&value)) { return *v; }
    throw protocol_error("Cache-Status parameter " + name + " has the wrong type");
}

std::string token_or_string(const std::string& name, const sf::bare_item& value)
{
    if (const auto* t = std::get_if<sf::token>(&value)) { return t->text; }
    return as<std::string>(name, value);
}

std::string forward_reason(const sf::bare_item& value)
{
    constexpr std::array known{"bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"};
    const std::string& reason = as<sf::token>("fwd", value).text;
    if (std::find(known.begin(), known.end(), reason) == known.end()) {
        throw protocol_error("Cache-Status has an unregistered fwd=" + reason);
    }
    return reason;
}

cache_status read_parameters(const sf::parameters& params)
{
    cache_status s;
    for (const auto& [name, value] : params) {
        if (name == "hit") { s.hit = as<bool>(name, value); }
        else if (name == "fwd") { s.fwd = forward_reason(value); }
        else if (name == "fwd-status") { s.fwd_status = as<std::int64_t>(name, value); }
        else if (name == "ttl") { s.ttl = as<std::int64_t>(name, value); }
        else if (name == "stored") { s.stored = as<bool>(name, value); }
        else if (name == "collapsed") { s.collapsed = as<bool>(name, value); }
        else if (name == "key") { s.key = as<std::string>(name, value); }
        else if (name == "detail") { s.detail = token_or_string(name, value); }
        else { throw protocol_error("Cache-Status has an unknown parameter " + name); }
    }
    return s;
}

}  // namespace

cache_status cache_status_of(const http_response& r)
{
    std::string whole;
    for (const std::string& line : r.headers("Cache-Status")) { whole += (whole.empty() ? "" : ", ") + line; }
    const auto list = sf::parse_list(whole);
    if (!list || list->empty()) { throw protocol_error("Cache-Status is missing or malformed: \"" + whole + "\""); }

    std::vector<std::string> names;
    for (const sf::member& m : *list) {
        if (m.is_inner_list) { throw protocol_error("Cache-Status has an inner list: " + whole); }
        names.push_back(token_or_string("name", m.items.front().value));
    }
    if (names.back() != "tiercel") { throw protocol_error("the last member of Cache-Status is not ours: " + whole); }

    cache_status s = read_parameters(list->back().params);
    if (s.hit && !s.fwd.empty()) { throw protocol_error("Cache-Status with both hit and fwd: " + whole); }
    names.pop_back();
    s.before = std::move(names);
    return s;
}

std::string cache_status::text() const
{
    std::string out;
    const auto add = [&out](const std::string& part) { out += (out.empty() ? "" : "; ") + part; };
    if (hit) { add("hit"); }
    if (!fwd.empty()) { add("fwd=" + fwd); }
    if (stored) { add("stored"); }
    if (collapsed) { add("collapsed"); }
    if (!detail.empty()) { add("detail=" + detail); }
    return out;
}

}  // namespace tiercel::test
