#include "origin/options.hpp"

#include "origin/address.hpp"
#include "origin/balancing_policy.hpp"

#include <tiercel/message.hpp>

#include <algorithm>

namespace tiercel::origin {
namespace {

// A field name that we may write: a token (RFC 9110 §5.1), of letters, digits and dashes to be on the safe side.
bool is_field_name(std::string_view s) noexcept
{
    return s.size() <= 64 && std::all_of(s.begin(), s.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    });
}

}  // namespace

std::string problem(const origin_options& o)
{
    if (o.endpoints.empty()) {
        return "an origin needs at least one endpoint";
    }
    for (const auto& e : o.endpoints) {
        if (auto parsed = parse_address(e.url); !parsed.problem.empty()) {
            return std::move(parsed.problem);
        }
        if (e.weight < 1 || e.weight > 1000) {
            return "the weight of endpoint '" + e.url + "' must be 1 to 1000";
        }
    }
    if (find_balancing_policy(o.balance) == nullptr) {
        std::string names;
        for (const auto& row : balancing_policies()) {
            names.append(names.empty() ? "" : ", ").append(row.name);
        }
        return "balance '" + o.balance + "' is not one of: " + names;
    }
    if (o.connect_timeout <= milliseconds{0} || o.try_timeout <= milliseconds{0}) {
        return "connect_timeout and try_timeout must be above zero";
    }
    if (o.pool.max == 0) {
        return "pool.max must be at least 1";
    }
    if (o.tls.certificate.empty() != o.tls.key.empty()) {
        return "tls.certificate and tls.key belong together";
    }
    if (!o.health.path.empty() && (o.health.path.front() != '/' || !std::all_of(o.health.path.begin(), o.health.path.end(),
                                                                                [](char c) { return c > ' ' && c < '\x7f'; }))) {
        return "health.path '" + o.health.path + "' must begin with / and be printable";
    }
    if (!is_field_name(o.deadline_header)) {
        return "deadline_header '" + o.deadline_header + "' is no field name";
    }
    if (header_of(o.deadline_header) != header::other) {
        return "deadline_header '" + o.deadline_header + "' has a meaning of its own";
    }
    return {};
}

}  // namespace tiercel::origin
