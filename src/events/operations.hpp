#pragma once

// The calls of the admin API about invalidations: JSON in, JSON out.

#include "coherence/audit.hpp"
#include "flow/context.hpp"

#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::events {

struct order {
    std::string actor;
    std::string tenant;            // the only one that may be meant; empty: any, and what belongs to none
    std::string query;
    std::string body;
};
struct order_answer {
    unsigned status = 200;
    std::string body;              // from 400 on: what is wrong, for people
};
using order_handler = std::function<void(order_answer)>;

// POST /v1/invalidations
void invalidate(const order& o, flow::process_context& p, order_handler done);
// GET /v1/invalidations, GET /v1/invalidations/{id}
order_answer list_invalidations(const order& o, const coherence::audit& rows);
order_answer show_invalidation(const order& o, std::string_view id, const coherence::audit& rows);

// The scopes of one item of "scopes", or why there are none. Nothing is guessed. `tenant` is used where the item names none.
struct scopes_read {
    std::vector<scope_hash> scopes;
    std::vector<std::string> names;
    std::vector<scope_kind> kinds;
    std::vector<std::size_t> widths;   // so many scopes for each name
    std::vector<std::string> owners;   // tenants; of what is of all, empty
    std::string problem;
    bool foreign = false;          // the problem: it belongs to another tenant than `only_tenant`
};
scopes_read read_scopes(const boost::json::value& list, std::string_view tenant, std::string_view only_tenant, const flow::process_context& p);

// The value of a parameter of a query, empty when it is not there.
std::string_view parameter(std::string_view query, std::string_view name) noexcept;

}  // namespace tiercel::events
