#include "routing/route_table.hpp"

#include "http/ascii.hpp"
#include "routing/quoted.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel::routing {
namespace {

bool has(const std::vector<std::string>& list, std::string_view wanted) noexcept
{
    return std::find(list.begin(), list.end(), wanted) != list.end();
}

std::optional<std::string> problem_of_tokens(std::string_view key, const std::vector<std::string>& names)
{
    for (const auto& n : names) {
        if (!is_token(n)) {
            return std::string(key) + ": " + quoted(n) + " is not a name that can occur";
        }
    }
    return std::nullopt;
}

bool has_method(const match_rule& m, std::string_view method) noexcept
{
    // A HEAD is answered from what a GET has stored, so a route for the one is a route for the other.
    return m.methods.empty() || has(m.methods, method) || (method == "HEAD" && has(m.methods, "GET"));
}

// Does every request that `narrow` is for match `wide`, too?
bool covers(const match_rule& wide, const match_rule& narrow)
{
    const auto has_host = [&](const std::string& host) {
        return std::any_of(wide.hosts.begin(), wide.hosts.end(), [&](const std::string& w) { return host_pattern(w).covers(host_pattern(host)); });
    };
    const bool all_hosts = wide.hosts.empty() || (!narrow.hosts.empty() && std::all_of(narrow.hosts.begin(), narrow.hosts.end(), has_host));
    const bool all_methods =
        wide.methods.empty() || (!narrow.methods.empty() && std::all_of(narrow.methods.begin(), narrow.methods.end(), [&](const auto& m) {
                                     return has_method(wide, m);
                                 }));
    return all_hosts && all_methods && path_pattern::covers(wide.path, narrow.path);
}

std::optional<std::string> problem_of(const route& r)
{
    for (const auto& h : r.match.hosts) {
        if (auto p = host_pattern::problem(h)) {
            return "match.hosts: " + *p;
        }
    }
    if (auto p = path_pattern::problem(r.match.path)) {
        return "match.path: " + *p;
    }
    if (auto p = problem_of_tokens("match.methods", r.match.methods)) {
        return p;
    }
    if (auto p = problem_of_tokens("key.headers", r.key.headers)) {
        return p;
    }
    if (auto p = problem_of_tokens("key.cookies", r.key.cookies)) {
        return p;
    }
    return problem_of_tokens("stampede.personal_cookies", r.stampede.personal_cookies);
}

}  // namespace

std::optional<std::string> problem(const std::vector<route>& routes)
{
    std::vector<std::string> seen;
    for (const auto& r : routes) {
        if (r.name.empty()) {
            return "routes[" + std::to_string(seen.size()) + "]: needs a name";
        }
        if (has(seen, r.name)) {
            return "route " + quoted(r.name) + ": another one has that name";
        }
        if (auto p = problem_of(r)) {
            return "route " + quoted(r.name) + ": " + *p;
        }
        seen.push_back(r.name);
    }
    return std::nullopt;
}

std::optional<std::size_t> first_that_covers(const std::vector<route>& routes, std::size_t at)
{
    for (std::size_t i = 0; i < at; ++i) {
        if (covers(routes[i].match, routes[at].match)) {
            return i;
        }
    }
    return std::nullopt;
}

route_table::matcher::matcher(const match_rule& rule)
    : hosts_(rule.hosts.begin(), rule.hosts.end()), path_(rule.path), methods_(rule.methods)
{
    // A HEAD is answered from what a GET has stored, so a route for the one is a route for the other.
    if (has(methods_, "GET") && !has(methods_, "HEAD")) {
        methods_.emplace_back("HEAD");
    }
}

bool route_table::matcher::has_host(std::string_view name) const noexcept
{
    return hosts_.empty() || std::any_of(hosts_.begin(), hosts_.end(), [name](const auto& h) { return h.matches(name); });
}

bool route_table::matcher::has_method(std::string_view method) const noexcept
{
    return methods_.empty() || has(methods_, method);
}

route_table::route_table(std::vector<route> routes) : routes_(std::move(routes))
{
    TIERCEL_CHECK(!problem(routes_));
    for (auto& r : routes_) {
        for (auto& name : r.key.headers) {   // looked up as they are keyed: in lower case
            name = lowered(name);
        }
        matchers_.emplace_back(r.match);
        names_hosts_ = names_hosts_ || !r.match.hosts.empty();
    }
}

const route* route_table::match(std::string_view host, std::string_view path, std::string_view method) const noexcept
{
    const auto name = names_hosts_ ? host_without_port(host) : host;
    for (std::size_t i = 0; i < matchers_.size(); ++i) {
        if (matchers_[i].matches(name, path, method)) {
            return &routes_[i];
        }
    }
    return nullptr;
}

bool route_table::serves(std::string_view host) const noexcept
{
    const auto name = host_without_port(host);
    return std::any_of(matchers_.begin(), matchers_.end(), [name](const auto& m) { return m.has_host(name); });
}

}  // namespace tiercel::routing
