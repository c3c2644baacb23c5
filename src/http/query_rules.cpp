#include "http/query_rules.hpp"

#include <algorithm>
#include <functional>

namespace tiercel {
namespace {

std::string_view name_of_parameter(std::string_view p) noexcept
{
    return p.substr(0, std::min(p.find('='), p.size()));
}

bool matches(const std::vector<std::string>& patterns, std::string_view name) noexcept
{
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) {
        return p.ends_with('*') ? name.starts_with(std::string_view(p).substr(0, p.size() - 1)) : name == p;
    });
}

bool stays(const query_rules& rules, std::string_view name) noexcept
{
    return !matches(rules.drop, name) && (rules.allow.empty() || matches(rules.allow, name));
}

// Calls `f` with each parameter, in order, until it returns false.
template <class F>
void for_each_parameter(std::string_view query, F&& f)
{
    for (;;) {
        const std::size_t end = std::min(query.find('&'), query.size());
        if (!f(query.substr(0, end)) || end == query.size()) {
            return;
        }
        query.remove_prefix(end + 1);
    }
}

// Nothing to drop and nothing to move: the usual case, found without an allocation.
bool is_settled(const query_rules& rules, std::string_view query) noexcept
{
    bool settled = true;
    std::string_view before;
    for_each_parameter(query, [&](std::string_view parameter) {
        const std::string_view name = name_of_parameter(parameter);
        settled = stays(rules, name) && (rules.mode != query_mode::sort || before <= name);
        before = name;
        return settled;
    });
    return settled;
}

}  // namespace

std::string_view apply(const query_rules& rules, std::string_view query, bool& has_query, query_scratch& scratch)
{
    if (!has_query) {
        return query;
    }
    if (rules.mode == query_mode::none) {
        has_query = false;
        return {};
    }
    if (is_settled(rules, query)) {
        return query;
    }
    std::vector<std::string_view>& kept = scratch.parameters;
    kept.clear();
    for_each_parameter(query, [&](std::string_view parameter) {
        if (stays(rules, name_of_parameter(parameter))) {
            kept.push_back(parameter);
        }
        return true;
    });
    if (rules.mode == query_mode::sort) {
        // By name, and by place where names are equal: what std::stable_sort does, without its buffer.
        std::sort(kept.begin(), kept.end(), [](std::string_view a, std::string_view b) {
            const int order = name_of_parameter(a).compare(name_of_parameter(b));
            return order < 0 || (order == 0 && std::less<>()(a.data(), b.data()));
        });
    }
    scratch.text.clear();
    for (std::size_t i = 0; i < kept.size(); ++i) {
        scratch.text.append(i == 0 ? "" : "&").append(kept[i]);
    }
    has_query = !kept.empty();
    return scratch.text;
}

}  // namespace tiercel
