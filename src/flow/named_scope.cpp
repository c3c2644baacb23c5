#include "flow/named_scope.hpp"

#include "flow/scopes.hpp"
#include "http/query_rules.hpp"
#include "http/target.hpp"
#include "http/uri_reference.hpp"

#include <tiercel/cache_key.hpp>

#include <algorithm>
#include <optional>

namespace tiercel::flow {
namespace {

constexpr std::string_view both_schemes[] = {"http", "https"};

// A view of an absolute URL in canonical form, or nothing.
struct located {
    std::string space;
    std::optional<canonical_target> target;

    explicit located(const std::string& url)
    {
        request_head get;
        get.verb = method::get;
        get.target = url;
        get.minor_version = 0;   // names its authority itself
        if (const auto t = canonicalise_target(get, space); t && t->absolute_form && !t->host.empty()) {
            target = *t;
        }
    }
    located(const located&) = delete;
    located& operator=(const located&) = delete;
};

bool has_control(std::string_view text) noexcept
{
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

named_scopes refused(std::string why)
{
    named_scopes out;
    out.problem = std::move(why);
    return out;
}

named_scopes url_scopes(std::string_view tenant, std::string_view name, const process_context& p)
{
    const std::string url(name);
    const located at(url);
    if (!at.target) { return refused("url: must be http://host/path or https://host/path"); }
    const canonical_target& t = *at.target;
    query_scratch space;
    bool has_query = t.has_query;
    std::string_view query = t.query;
    if (const routing::route* const route = p.routes.match(t.host, t.path, "GET")) {
        query = apply(route->key.query, t.query, has_query, space);
    }
    named_scopes out;
    out.name = "url:" + url;
    for (const std::string_view scheme : both_schemes) {
        std::string key;
        append_key(key, key_parts{tenant, scheme, t.host, t.path, query, has_query});
        out.scopes.push_back(hash_scope(scope_kind::url, tenant, key));
    }
    return out;
}

named_scopes prefix_scopes(std::string_view tenant, std::string_view name)
{
    if (name.find_first_of("*?[") != std::string_view::npos) { return refused("prefix: patterns are not known, only paths"); }
    const std::string url = name.find("://") == std::string_view::npos ? "http://" + std::string(name) : std::string(name);
    const located at(url);
    if (!at.target || at.target->has_query) { return refused("prefix: must be host/path/ or a URL without a query"); }
    const std::string_view path = at.target->path.substr(0, at.target->path.rfind('/') + 1);
    // Answers bear the outermost paths only; what lies deeper is reached by the last of these.
    std::size_t end = 0;
    for (std::size_t n = 0; n < most_prefixes && end != std::string_view::npos; ++n) {
        const std::size_t next = path.find('/', end);
        end = next == std::string_view::npos ? next : next + 1;
    }
    named_scopes out;
    const std::string_view known = path.substr(0, end);
    out.scopes.push_back(prefix_scope(tenant, at.target->host, known));
    out.name = "prefix:" + std::string(at.target->host) + std::string(known);
    return out;
}

named_scopes host_scopes(std::string_view tenant, std::string_view name)
{
    const std::string url = "http://" + std::string(name) + "/";
    const located at(url);
    if (!at.target || at.target->path != "/") { return refused("host: must be the name of a host, with a port unless it is the default one"); }
    return {{hash_scope(scope_kind::host, tenant, at.target->host)}, "host:" + std::string(at.target->host), {}};
}

}  // namespace

named_scopes find_scope(scope_kind kind, std::string_view given_tenant, std::string_view name, const process_context& p)
{
    const std::string_view tenant = given_tenant.empty() ? routing::default_tenant : given_tenant;
    constexpr std::size_t longest = 8192;
    const bool needs_name = kind != scope_kind::all && kind != scope_kind::tenant;
    if (needs_name && (name.empty() || name.size() > longest || has_control(name))) {
        return refused(std::string(name_of(kind)) + ": needs a name of at most 8192 bytes without control characters");
    }
    const auto plain = [&](scope_kind k) {
        return named_scopes{{hash_scope(k, tenant, name)}, std::string(name_of(k)) + ":" + std::string(name), {}};
    };
    switch (kind) {
    case scope_kind::all: return {{hash_scope(scope_kind::all, {}, {})}, "all", {}};
    case scope_kind::tenant: return {{hash_scope(scope_kind::tenant, tenant, {})}, "tenant:" + std::string(tenant), {}};
    case scope_kind::host: return host_scopes(tenant, name);
    case scope_kind::url: return url_scopes(tenant, name, p);
    case scope_kind::prefix: return prefix_scopes(tenant, name);
    case scope_kind::entity:
        if (name.find('/') == std::string_view::npos) { return refused("entity: must be type/id"); }
        return plain(kind);
    case scope_kind::entity_list:
    case scope_kind::tag: return plain(kind);
    case scope_kind::group:
    case scope_kind::last_: break;
    }
    return refused("this kind of scope has no name");
}

}  // namespace tiercel::flow
