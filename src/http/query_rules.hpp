#pragma once

// What of a query belongs to the key. The origin is asked for exactly the query that was keyed, so these rules change both.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

enum class query_mode : std::uint8_t {
    sort,    // by name, stable: repeated names keep their order; "a" and "a=" stay different
    as_is,
    none,    // the whole query is dropped
};

struct query_rules {
    query_mode mode = query_mode::sort;
    std::vector<std::string> drop;     // names; a trailing * matches a prefix
    std::vector<std::string> allow;    // when not empty, only these stay
};

// Where a changed query is put together. Its capacity is kept, so that the same work done again allocates nothing.
struct query_scratch {
    std::string text;
    std::vector<std::string_view> parameters;
};

// The query after the rules: a view into `query`, or into `scratch` when something changed. When every parameter was dropped,
// has_query becomes false. No allocation when there is nothing to do.
std::string_view apply(const query_rules& rules, std::string_view query, bool& has_query, query_scratch& scratch);

}  // namespace tiercel
