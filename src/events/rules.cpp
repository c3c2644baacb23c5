#include "events/rules.hpp"

#include "events/operations.hpp"
#include "flow/named_scope.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace tiercel::events {
namespace {

namespace json = boost::json;

constexpr std::string_view own_type = "tiercel.invalidate.v1";
constexpr std::size_t most_names = 4'096;   // of one template: beyond, a prefix, list or tenant is what is meant

effect failing(effect::kind what, std::string why)
{
    effect out;
    out.what = what;
    out.problem = std::move(why);
    return out;
}

bool is_about(const rule_options& r, const event& e)
{
    const bool any = r.on.ends_with('*');
    const std::string_view on = any ? std::string_view(r.on).substr(0, r.on.size() - 1) : std::string_view(r.on);
    return (any ? std::string_view(e.type).starts_with(on) : e.type == on) && (r.version.empty() || r.version == e.version);
}

purge_mode mode_of(const rule_options& r) { return r.mode == effect_mode::hard ? purge_mode::hard : purge_mode::soft; }

bool changes_nothing_of_interest(const rule_options& r, const event& e)
{
    const auto changed = r.ignore_fields.empty() ? std::nullopt : changed_fields(e);
    return changed && !changed->empty() && std::all_of(changed->begin(), changed->end(), [&](const std::string& f) {
        return std::find(r.ignore_fields.begin(), r.ignore_fields.end(), f) != r.ignore_fields.end();
    });
}

coherence::invalidation order_for(const event& e, const source_options& source, std::string tenant, purge_mode mode)
{
    coherence::invalidation i;
    i.action = coherence::source_of::event;
    i.source = source.label;
    i.actor = e.source;
    i.mode = mode;
    i.tenant = std::move(tenant);
    i.reason = e.type;
    return i;
}

// Empty: all.
void note_owner(effect& e, std::string owner)
{
    e.everything = e.everything || owner.empty();
    if (!owner.empty()) { e.tenants.insert(std::move(owner)); }
}

effect own_effect(const event& e, const source_options& source, std::string_view only_tenant, const flow::process_context& p)
{
    const json::value* const data = e.document.if_contains("data");
    if (data == nullptr || !data->is_object()) { return failing(effect::kind::hopeless, "no data"); }
    const json::object& d = data->as_object();
    const json::value* const scopes = d.if_contains("scopes");
    const json::value* const mode = d.if_contains("mode");
    const bool hard = mode != nullptr && mode->is_string() && mode->as_string() == "hard";
    if (source.scope == source_scope::tenant && e.tenant.empty()) { return failing(effect::kind::hopeless, "tenant: the event names none"); }
    const std::string_view own = source.scope == source_scope::tenant ? std::string_view(e.tenant) : std::string_view();
    scopes_read read = read_scopes(scopes != nullptr ? *scopes : json::value(), e.tenant, only_tenant.empty() ? own : only_tenant, p);
    if (!read.problem.empty()) { return failing(read.foreign ? effect::kind::foreign : effect::kind::hopeless, std::move(read.problem)); }
    effect out;
    out.order = order_for(e, source, e.tenant, hard ? purge_mode::hard : purge_mode::soft);
    out.order.scopes = std::move(read.scopes);
    out.order.names = std::move(read.names);
    out.widths = std::move(read.widths);
    for (std::string& owner : read.owners) { note_owner(out, std::move(owner)); }
    return out;
}

// The kind and the template of what an effect names.
std::pair<scope_kind, std::string_view> named_in(const effect_options& o)
{
    const std::pair<scope_kind, const std::string*> all[] = {
        {scope_kind::url, &o.url},       {scope_kind::prefix, &o.prefix},           {scope_kind::host, &o.host}, {scope_kind::entity, &o.entity},
        {scope_kind::tag, &o.tag},       {scope_kind::entity_list, &o.entity_list}, {scope_kind::tenant, &o.tenant}};
    for (const auto& [kind, text] : all) {
        if (!text->empty()) { return {kind, *text}; }
    }
    return {scope_kind::all, {}};
}

// The tenant that a rule is about with this event, or what is wrong with it.
struct tenant_found {
    std::string name;
    std::optional<effect> problem;
};

tenant_found tenant_of(const rule_options& r, const event& e, const source_options& source)
{
    tenant_found out{e.tenant, std::nullopt};
    if (!r.tenant.empty()) {
        expanded named = expand(r.tenant, e);
        if (!named.text) { return {{}, failing(effect::kind::failed, "rule " + r.on + ": the event has " + named.missing)}; }
        out.name = std::move(*named.text);
    }
    if (out.name.empty() && source.scope == source_scope::tenant) { return {{}, failing(effect::kind::hopeless, "tenant: the event names none")}; }
    if (!out.name.empty() && !routing::is_tenant_name(out.name)) { return {{}, failing(effect::kind::hopeless, "tenant: not the name of a tenant")}; }
    return out;
}

effect of_another() { return failing(effect::kind::foreign, "tenant: the event is about another one than its sender's"); }

struct judged {
    std::vector<effect> good;
    std::optional<effect> problem;
};
judged no(effect why) { return {{}, std::move(why)}; }

// Whose the scope of that kind and name is, or what is wrong with that.
tenant_found owner_of(scope_kind kind, const std::string& name, const std::string& tenant, const source_options& source, std::string_view only_tenant)
{
    const auto foreign = [] { return tenant_found{{}, of_another()}; };
    if (kind == scope_kind::all) {
        if (!only_tenant.empty()) { return foreign(); }
        if (source.scope == source_scope::tenant) { return {{}, failing(effect::kind::hopeless, "all: the source is of single tenants")}; }
    }
    if (kind != scope_kind::tenant) { return {tenant, std::nullopt}; }
    if (!routing::is_tenant_name(name)) { return {{}, failing(effect::kind::hopeless, "tenant: not the name of a tenant")}; }
    if (!only_tenant.empty() && name != only_tenant) { return foreign(); }
    if (source.scope == source_scope::tenant && name != tenant) {
        return {{}, failing(effect::kind::hopeless, "tenant: the source is of single tenants, and the event of another one")};
    }
    return {name, std::nullopt};
}

// As many orders as the log needs for all that the rule names; one as a rule.
judged effects_of_rule(const rule_options& r, const event& e, const source_options& source, std::string_view only_tenant,
                       const flow::process_context& p)
{
    if (changes_nothing_of_interest(r, e)) { return no(failing(effect::kind::noop, "only ignored fields were changed")); }
    const auto [tenant, trouble] = tenant_of(r, e, source);
    if (trouble) { return no(*trouble); }
    if (!only_tenant.empty() && tenant != only_tenant) { return no(of_another()); }
    judged out;
    for (const effect_options& one : r.invalidate) {
        const auto [kind, text] = named_in(one);
        expansions names = expand_all(text, e, most_names);
        if (!names.missing.empty()) { return no(failing(effect::kind::failed, "rule " + r.on + ": the event has " + names.missing)); }
        for (const std::string& name : names.texts) {
            const auto [owner, wrong] = owner_of(kind, name, tenant, source, only_tenant);
            if (wrong) { return no(*wrong); }
            flow::named_scopes found = flow::find_scope(kind, owner, name, p);
            if (!found.problem.empty()) { return no(failing(effect::kind::failed, "rule " + r.on + ": " + found.problem)); }
            if (out.good.empty() || out.good.back().order.scopes.size() + found.scopes.size() > coherence::most_scopes) {
                out.good.emplace_back().order = order_for(e, source, tenant, mode_of(r));
            }
            coherence::invalidation& order = out.good.back().order;
            order.scopes.insert(order.scopes.end(), found.scopes.begin(), found.scopes.end());
            order.names.push_back(std::move(found.name));
            out.good.back().widths.push_back(found.scopes.size());
            note_owner(out.good.back(), kind == scope_kind::all ? std::string() : owner.empty() ? std::string(routing::default_tenant) : owner);
        }
    }
    return out.good.empty() ? no(failing(effect::kind::noop, "the lists in it are empty")) : out;
}

}  // namespace

std::vector<effect> effects_of(const event& e, const source_options& source, const std::vector<rule_options>& rules,
                               std::string_view only_tenant, const flow::process_context& p)
{
    std::vector<effect> out;
    if (e.type == own_type) {
        out.push_back(own_effect(e, source, only_tenant, p));
    }
    for (const rule_options& r : rules) {
        if (!is_about(r, e)) { continue; }
        judged all = effects_of_rule(r, e, source, only_tenant, p);
        if (all.problem) {
            all.problem->order.mode = mode_of(r);
            out.push_back(std::move(*all.problem));
        }
        std::move(all.good.begin(), all.good.end(), std::back_inserter(out));
    }
    return out;
}

}  // namespace tiercel::events
