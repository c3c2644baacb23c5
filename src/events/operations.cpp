#include "events/operations.hpp"

#include "flow/named_scope.hpp"
#include "flow/writes.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <initializer_list>

namespace tiercel::events {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

order_answer wrong(std::string why, unsigned status = 400) { return {status, std::move(why)}; }

std::string_view view(const json::string& s) noexcept { return {s.data(), s.size()}; }

std::optional<std::string> text_of(const json::object& o, std::string_view name)
{
    const json::value* const v = o.if_contains(json::string_view(name.data(), name.size()));
    return v != nullptr && v->is_string() ? std::optional(std::string(view(v->as_string()))) : std::nullopt;
}

// A person's order with a slip in it must not be carried out as if it said something else: a tenant that is not read means the
// default one. (Events may bring more than is known here.)
std::string first_slip(const json::object& o, std::initializer_list<std::string_view> texts, std::string_view list)
{
    for (const auto& member : o) {
        const std::string_view name(member.key().data(), member.key().size());
        const bool is_list = name == list;
        if (!is_list && std::find(texts.begin(), texts.end(), name) == texts.end()) { return "\"" + std::string(name) + "\" is not known."; }
        if (is_list ? !member.value().is_array() : !member.value().is_string()) {
            return std::string(name) + (is_list ? " must be a list." : " must be a text.");
        }
    }
    return {};
}

std::string first_slip(const json::object& order)
{
    std::string slip = first_slip(order, {"tenant", "mode", "reason"}, "scopes");
    const json::value* const scopes = order.if_contains("scopes");
    if (!slip.empty() || scopes == nullptr) { return slip; }
    for (const json::value& v : scopes->as_array()) {
        if (!v.is_object()) { return "scopes: each must be an object."; }
        const json::object& o = v.as_object();
        const std::string kind = text_of(o, "kind").value_or("");
        slip = first_slip(o, {"kind", "tenant", "name", "type", "id", kind, "url"}, "names");
        if (!slip.empty()) { return "scope: " + slip; }
        const auto has = [&](std::string_view name) { return std::size_t(o.contains(json::string_view(name.data(), name.size()))); };
        if (has("name") + has("names") + has(kind) + (kind == "url" ? 0 : has("url")) + (has("type") | has("id")) > 1) {
            return "scope: says in two places what it names.";
        }
    }
    return {};
}

json::array texts(const std::vector<std::string>& list)
{
    json::array out;
    for (const std::string& s : list) { out.emplace_back(s); }
    return out;
}

// "2s", "500ms", or a number of seconds.
std::optional<milliseconds> duration_of(std::string_view text) noexcept
{
    std::int64_t n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (ec != std::errc() || n < 0 || n > 3'600'000) { return std::nullopt; }
    if (unit == "ms") { return milliseconds(n); }
    if (unit == "s" || unit.empty()) { return seconds(n); }
    return unit == "m" ? std::optional<milliseconds>(std::chrono::minutes(n)) : std::nullopt;
}

// The names of one scope object: "name", "names", or a member called like the kind.
std::vector<std::string> names_of(const json::object& o, std::string_view kind)
{
    for (const std::string_view member : {std::string_view("name"), kind, std::string_view("url")}) {
        if (auto one = text_of(o, member)) { return {std::move(*one)}; }
    }
    std::vector<std::string> out;
    if (const json::value* const list = o.if_contains("names"); list != nullptr && list->is_array()) {
        for (const json::value& v : list->as_array()) {
            if (!v.is_string()) { return {}; }
            out.emplace_back(view(v.as_string()));
        }
    }
    return out;
}

// "type" and "id" may stand apart.
void join_entity(const json::object& o, scope_kind kind, std::vector<std::string>& names)
{
    const auto type = text_of(o, "type");
    const auto id = text_of(o, "id");
    if (names.empty() && type && kind == scope_kind::entity && id) { names.push_back(*type + "/" + *id); }
    if (names.empty() && type && kind == scope_kind::entity_list) { names.push_back(*type); }
}

json::object object_of(const coherence::audit_row& r)
{
    json::object o{{"id", r.what.id},
                   {"action", coherence::name_of(r.what.action)},
                   {"mode", name_of(r.what.mode)},
                   {"state", coherence::name_of(r.state)},
                   {"sequence", r.at},
                   {"scopes", texts(r.what.names)},
                   {"node", r.node},
                   {"nodes", texts(r.nodes)},
                   {"time", r.when.time_since_epoch().count()},
                   {"duration_ms", r.took.count()}};
    const auto add = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) { o[name] = value; }
    };
    add("source", r.what.source);
    add("actor", r.what.actor);
    add("tenant", r.what.tenant);
    add("reason", r.what.reason);
    add("merged_into", r.merged_into);
    add("repeats", r.what.repeats);
    if (r.coalesced != 0) { o["coalesced"] = r.coalesced; }
    return o;
}

// What a call was told to do, once it has been read.
struct parsed {
    coherence::invalidation what;
    std::optional<milliseconds> wait;
    std::string problem;
    unsigned status = 400;
};

parsed read_order(const order& o, const flow::process_context& p)
{
    parsed out;
    boost::system::error_code ec;
    const json::value v = json::parse(json::string_view(o.body.data(), o.body.size()), ec);
    if (ec || !v.is_object()) {
        out.problem = "The body must be a JSON object.";
        return out;
    }
    const json::object& top = v.as_object();
    out.problem = first_slip(top);
    if (!out.problem.empty()) { return out; }
    const std::string mode = text_of(top, "mode").value_or("soft");
    if (mode != "soft" && mode != "hard") {
        out.problem = "mode must be soft or hard.";
        return out;
    }
    const std::string tenant = text_of(top, "tenant").value_or(o.tenant);
    if (!tenant.empty() && !routing::is_tenant_name(tenant)) {
        out.problem = "tenant is not the name of a tenant.";
        return out;
    }
    const json::value* const scopes = top.if_contains("scopes");
    scopes_read read = read_scopes(scopes != nullptr ? *scopes : json::value(), tenant, o.tenant, p);
    if (!read.problem.empty()) {
        out.problem = std::move(read.problem);
        out.status = read.foreign ? 403 : 400;
        return out;
    }
    out.what.mode = mode == "soft" ? purge_mode::soft : purge_mode::hard;
    out.what.tenant = tenant;
    out.what.actor = o.actor;
    out.what.reason = text_of(top, "reason").value_or("").substr(0, 1024);
    out.what.scopes = std::move(read.scopes);
    out.what.names = std::move(read.names);
    if (const std::string_view wait = parameter(o.query, "wait"); wait == "applied") {
        const std::string_view limit = parameter(o.query, "timeout");
        out.wait = limit.empty() ? 2s : duration_of(limit);
        if (!out.wait || *out.wait > 60s) { out.problem = "timeout must be a time of at most 60s, as in 2s."; }
    } else if (!wait.empty()) {
        out.problem = "wait can only be applied.";
    }
    return out;
}

std::string told(const coherence::receipt& r, const std::vector<std::string>& names, json::array nodes)
{
    return json::serialize(json::object{{"id", r.id},
                                        {"sequence", r.at},
                                        {"state", coherence::name_of(r.state)},
                                        {"scopes", texts(names)},
                                        {"nodes", std::move(nodes)}});
}

}  // namespace

std::string_view parameter(std::string_view query, std::string_view name) noexcept
{
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') { return pair.substr(name.size() + 1); }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return {};
}

scopes_read read_scopes(const json::value& list, std::string_view tenant, std::string_view only_tenant, const flow::process_context& p)
{
    scopes_read out;
    if (!list.is_array() || list.as_array().empty()) {
        out.problem = "scopes must be a list with at least one scope.";
        return out;
    }
    for (const json::value& v : list.as_array()) {
        const auto kind_name = v.is_object() ? text_of(v.as_object(), "kind") : std::nullopt;
        const auto kind = kind_name ? scope_kind_named(*kind_name) : std::nullopt;
        if (!kind || *kind == scope_kind::group) {
            out.problem = kind_name ? "scope: unknown kind \"" + *kind_name + "\"." : "scope: needs a kind.";
            return out;
        }
        const json::object& o = v.as_object();
        const std::string whose = text_of(o, "tenant").value_or(std::string(tenant));
        const auto is_another = [&](const std::string& named) { return *kind == scope_kind::tenant && named != only_tenant; };
        std::vector<std::string> names = names_of(o, *kind_name);
        if (!only_tenant.empty() && (*kind == scope_kind::all || whose != only_tenant || std::any_of(names.begin(), names.end(), is_another))) {
            out.foreign = true;
            out.problem = "Only what belongs to the tenant may be invalidated.";
            return out;
        }
        if (!whose.empty() && !routing::is_tenant_name(whose)) {
            out.problem = "scope: tenant is not the name of a tenant.";
            return out;
        }
        join_entity(o, *kind, names);
        if (*kind == scope_kind::tenant && !names.empty() && only_tenant.empty()) {
            for (const std::string& n : names) {
                if (!routing::is_tenant_name(n)) { out.problem = "scope: \"" + n + "\" cannot be a tenant."; return out; }
            }
        }
        if (names.empty()) { names.emplace_back(); }
        for (const std::string& n : names) {
            const bool named_tenant = *kind == scope_kind::tenant && !n.empty() && only_tenant.empty();
            const std::string& owner = named_tenant ? n : whose;
            flow::named_scopes found = flow::find_scope(*kind, owner, n, p);
            if (!found.problem.empty()) {
                out.problem = "scope " + found.problem + ".";
                return out;
            }
            out.scopes.insert(out.scopes.end(), found.scopes.begin(), found.scopes.end());
            out.names.push_back(std::move(found.name));
            out.kinds.push_back(*kind);
            out.widths.push_back(found.scopes.size());
            out.owners.push_back(*kind == scope_kind::all ? std::string() : owner.empty() ? std::string(routing::default_tenant) : owner);
        }
    }
    if (out.scopes.size() > coherence::most_scopes) { out.problem = "scopes: at most 256 at a time."; }
    return out;
}

void invalidate(const order& o, flow::process_context& p, order_handler done)
{
    parsed read = read_order(o, p);
    if (!read.problem.empty()) {
        done(wrong(std::move(read.problem), read.status));
        return;
    }
    const std::vector<std::string> names = read.what.names;
    flow::invalidate_everywhere(std::move(read.what), p, [&p, names, wait = read.wait, done = std::move(done)](const coherence::receipt& r) {
        if (r.state == coherence::append_state::refused) {
            done(wrong("Too many invalidations wait for Redis; it holds on this instance only.", 503));
        } else if (r.state == coherence::append_state::pending || p.log == nullptr || !wait) {
            const bool over = p.log == nullptr && wait;
            done({over ? 200u : 202u, told(r, names, {})});
        } else {
            p.log->wait_applied(r.at, async::steady::now() + *wait, [&p, names, r, done](bool all, const std::vector<coherence::node_state>& nodes) {
                json::array list;
                std::vector<std::string> reached;
                for (const coherence::node_state& n : nodes) {
                    const bool has = n.applied >= r.at;
                    list.push_back(json::object{{"node", n.name}, {"applied", has}});
                    if (has) { reached.push_back(n.name); }
                }
                if (p.audit != nullptr) {
                    p.audit->change(r.id, [&](coherence::audit_row& row) { row.nodes = reached; });
                }
                done({all ? 200u : 202u, told(r, names, std::move(list))});
            });
        }
    });
}

order_answer list_invalidations(const order& o, const coherence::audit& rows)
{
    std::size_t n = 100;
    if (const std::string_view asked = parameter(o.query, "n"); !asked.empty()) {
        const auto [end, ec] = std::from_chars(asked.data(), asked.data() + asked.size(), n);
        if (ec != std::errc() || end != asked.data() + asked.size() || n > 10'000) { return wrong("n must be a number up to 10000."); }
    }
    json::array list;
    for (const coherence::audit_row& r : rows.newest(n, o.tenant)) { list.push_back(object_of(r)); }
    return {200, json::serialize(json::object{{"invalidations", std::move(list)}})};
}

order_answer show_invalidation(const order& o, std::string_view id, const coherence::audit& rows)
{
    const auto row = rows.find(std::string(id));
    if (!row || (!o.tenant.empty() && row->what.tenant != o.tenant)) { return wrong("There is no such invalidation.", 404); }
    return {200, json::serialize(object_of(*row))};
}

}  // namespace tiercel::events
