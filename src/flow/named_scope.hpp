#pragma once

// Scopes by the names that people and events give them.

#include "flow/context.hpp"

#include <tiercel/scope.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

// Some kinds have more than one hash: a URL is meant over http and https.
struct named_scopes {
    std::vector<scope_hash> scopes;
    std::string name;             // "tag:red", for audit and logs
    std::string problem;          // not empty: there is no such scope, and why
};

// `name`: of the kind url an absolute URL; prefix: a URL or host/path, widened to the segment above when it does not end with a
// slash; host: a host; entity: type/id; entity_list: type; tag: the tag. all and tenant have none.
// REQUIRES: `tenant` is a tenant's name, or empty, which stands for the one of requests without (but of `all`).
named_scopes find_scope(scope_kind kind, std::string_view tenant, std::string_view name, const process_context& p);

}  // namespace tiercel::flow
