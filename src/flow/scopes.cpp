#include "flow/scopes.hpp"

#include "http/tags.hpp"

namespace tiercel::flow {

scope_hash url_scope(const request& rq) noexcept { return hash_scope(scope_kind::url, rq.tenant, rq.resource); }

scope_hash group_scope(const request& rq, std::string_view group)
{
    std::string name;
    append_key(name, key_parts{.tenant = {}, .scheme = rq.scheme, .host = rq.target.host, .path = {}});
    return hash_scope(scope_kind::group, rq.tenant, name.append(group));
}

std::vector<scope_hash> scopes_of(const request& rq, const response_head& rs)
{
    std::vector<scope_hash> scopes{url_scope(rq)};
    if (rs.has(header::surrogate_key) || rs.has(header::cache_tag) || rs.has(header::cache_groups)) {
        const answer_tags all = parse_tags(rs);
        for (const std::string& tag : all.tags) {
            scopes.push_back(hash_scope(scope_kind::tag, rq.tenant, tag));
        }
        for (const std::string& group : all.groups) {
            scopes.push_back(hash_scope(scope_kind::tag, rq.tenant, group));
            scopes.push_back(group_scope(rq, group));
        }
    }
    return scopes;
}

}  // namespace tiercel::flow
