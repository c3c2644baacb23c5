#include "flow/scopes.hpp"

#include "http/tags.hpp"
#include "routing/scope_template.hpp"

namespace tiercel::flow {

scope_hash url_scope(const request& rq) noexcept { return hash_scope(scope_kind::url, rq.tenant, rq.resource); }

std::vector<scope_hash> url_scopes_of_both_schemes(const request& rq)
{
    std::vector<scope_hash> scopes;
    for (const std::string_view scheme : {"http", "https"}) {
        std::string resource;
        append_key(resource, key_parts{rq.tenant, scheme, rq.target.host, rq.target.path, rq.query, rq.has_query});
        scopes.push_back(hash_scope(scope_kind::url, rq.tenant, resource));
    }
    return scopes;
}

scope_hash group_scope(const request& rq, std::string_view group)
{
    std::string name;
    append_key(name, key_parts{.tenant = {}, .scheme = rq.scheme, .host = rq.target.host, .path = {}});
    return hash_scope(scope_kind::group, rq.tenant, name.append(group));
}

scope_hash prefix_scope(std::string_view tenant, std::string_view host, std::string_view path)
{
    std::string name(host);
    name += path;
    return hash_scope(scope_kind::prefix, tenant, name);
}

namespace {

// What the route says about the entity that its answers show, and more tags.
void add_configured(std::vector<scope_hash>& scopes, const request& rq)
{
    const routing::scope_rules& own = rq.route->scopes;
    const std::string type = routing::expand(own.entity_type, rq.target.path, rq.query);
    if (!type.empty()) {
        const std::string id = routing::expand(own.entity_id, rq.target.path, rq.query);
        scopes.push_back(id.empty() ? hash_scope(scope_kind::entity_list, rq.tenant, type)
                                    : hash_scope(scope_kind::entity, rq.tenant, type + "/" + id));
    }
    for (const std::string& t : own.tags) {
        if (const std::string tag = routing::expand(t, rq.target.path, rq.query); !tag.empty()) {
            scopes.push_back(hash_scope(scope_kind::tag, rq.tenant, tag));
        }
    }
}

}  // namespace

written_scopes written_beside(const request& rq)
{
    written_scopes out;
    const routing::scope_rules& own = rq.route->scopes;
    const std::string type = routing::expand(own.entity_type, rq.target.path, rq.query);
    if (type.empty()) { return out; }
    if (const std::string id = routing::expand(own.entity_id, rq.target.path, rq.query); !id.empty()) {
        out.scopes.push_back(hash_scope(scope_kind::entity, rq.tenant, type + "/" + id));
        out.names.push_back("entity:" + type + "/" + id);
    }
    out.scopes.push_back(hash_scope(scope_kind::entity_list, rq.tenant, type));
    out.names.push_back("entity_list:" + type);
    return out;
}

std::vector<scope_hash> scopes_of(const request& rq, const response_head& rs)
{
    std::vector<scope_hash> scopes{url_scope(rq), hash_scope(scope_kind::all, {}, {}), hash_scope(scope_kind::tenant, rq.tenant, {}),
                                   hash_scope(scope_kind::host, rq.tenant, rq.target.host)};
    std::size_t found = 0;
    for (std::size_t at = rq.target.path.find('/'); at != std::string_view::npos && found < most_prefixes;
         at = rq.target.path.find('/', at + 1)) {
        scopes.push_back(prefix_scope(rq.tenant, rq.target.host, rq.target.path.substr(0, at + 1)));
        ++found;
    }
    add_configured(scopes, rq);
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
