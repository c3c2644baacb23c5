#include "config/config_checks.hpp"

#include "config/config_loader.hpp"
#include "config/problems.hpp"
#include "config/spelling.hpp"
#include "config/value.hpp"

#include "async/listener.hpp"
#include "flow/upstream_head.hpp"
#include "origin/tls.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace tiercel::config {
namespace {

std::string item(std::string_view list, std::size_t i) { return std::string(list) + "[" + std::to_string(i) + "]"; }

class checker {
public:
    checker(const loaded& what, problem_list& problems) : what_(what), c_(what.value), problems_(problems) {}

    void check()
    {
        check_listeners();
        check_admin();
        check_tiers();
        check_files();
        check_tenancy();
        check_origins();
        check_routes();
        check_events();
    }

private:
    void complain(const std::string& key, std::string why) { problems_.add(what_.place_of(key), key, std::move(why)); }
    // What a module says about a part of which each value was fine.
    void complain_unless_known(const std::string& key, std::string why)
    {
        if (!problems_.has_inside(key)) {
            complain(key, std::move(why));
        }
    }
    bool is_set(const std::string& key) const { return what_.mentions.contains(key); }

    void check_events()
    {
        const events::event_options& o = c_.invalidation.events;
        std::map<std::string_view, std::size_t> seen;
        for (std::size_t i = 0; i < o.sources.size(); ++i) {
            const events::source_options& s = o.sources[i];
            const std::string at = item("invalidation.sources", i);
            if (const auto [first, is_new] = seen.emplace(s.label, i); !is_new) {
                complain(at + ".label", "is the label of " + item("invalidation.sources", first->second) + ", too");
            }
            if (s.label == "api") { complain(at + ".label", "is the label of what POST /v1/events takes without a source of its own"); }
            check_keys(at, s);
            check_stream(at, s);
            if (s.kind == events::source_kind::redis_pubsub && s.channel.empty()) { complain(at, "needs a channel"); }
            if (s.kind == events::source_kind::poll) { check_feed(at, s); }
            if (s.kind != events::source_kind::poll && is_set(at + ".auth")) { complain(at + ".auth", "is for sources of the kind poll"); }
            if (s.kind != events::source_kind::webhook && c_.cache.l2.kind != l2::kind::redis) {
                complain(at + ".kind", "needs cache.l2.kind: redis");
            }
        }
        for (std::size_t i = 0; i < o.rules.size(); ++i) {
            const std::string at = item("invalidation.rules", i);
            if (o.rules[i].invalidate.empty()) { complain(at, "invalidates nothing"); }
            check_version(at, o.rules[i]);
            for (std::size_t k = 0; k < o.rules[i].invalidate.size(); ++k) {
                const events::effect_options& e = o.rules[i].invalidate[k];
                const std::string* const all[] = {&e.url, &e.prefix, &e.host, &e.entity, &e.entity_list, &e.tag, &e.tenant, &e.all};
                if (std::count_if(std::begin(all), std::end(all), [](const std::string* t) { return !t->empty(); }) != 1) {
                    complain_unless_known(item(at + ".invalidate", k), "must have exactly one key");
                }
                check_effect(item(at + ".invalidate", k), e);
            }
        }
    }

    // What a source of that kind never looks at was meant for something.
    void check_keys(const std::string& at, const events::source_options& s)
    {
        using enum events::source_kind;
        const std::tuple<const char*, events::source_kind, const char*> all[] = {
            {"stream", redis_stream, "redis_stream"}, {"channel", redis_pubsub, "redis_pubsub"}, {"origin", poll, "poll"},
            {"path", poll, "poll"},                   {"cursor", poll, "poll"},                  {"parameter", poll, "poll"},
            {"interval", poll, "poll"},               {"timeout", poll, "poll"},                 {"max_page", poll, "poll"}};
        for (const auto& [name, kind, kind_name] : all) {
            const std::string key = at + "." + name;
            if (s.kind != kind && is_set(key)) { complain(key, "has no meaning unless the kind is " + std::string(kind_name)); }
        }
    }

    void check_stream(const std::string& at, const events::source_options& s)
    {
        if (s.kind != events::source_kind::redis_stream) { return; }
        const std::string& ours = c_.cache.l2.prefix;
        if (s.stream.empty()) { complain(at, "needs a stream"); }
        if (s.stream.starts_with(ours + ":{") || s.stream == ours + ":dlq") {
            complain(at + ".stream", "is among the names that Tiercel has for itself (cache.l2.prefix)");
        }
    }

    void check_version(const std::string& at, const events::rule_options& r)
    {
        const std::size_t suffix = r.on.rfind(".v");
        if (suffix == r.on.npos || r.version.empty()) { return; }
        const std::string version = r.on.substr(suffix + 2);
        const bool is_number = !version.empty() && version.find_first_not_of("0123456789") == version.npos;
        if (is_number && version != r.version) { complain(at + ".version", "is another one than that of the type, " + r.on); }
    }

    void check_effect(const std::string& at, const events::effect_options& e)
    {
        const bool is_absolute = e.url.starts_with("http://") || e.url.starts_with("https://") || e.url.starts_with('{');
        if (!e.url.empty() && !is_absolute && !problems_.has_inside(at + ".url")) {
            complain(at + ".url", "must be http://host/path or https://host/path, or begin with a part of the event");
        }
        if (!e.entity.empty() && e.entity.find_first_of("/{") == e.entity.npos) { complain(at + ".entity", "must be type/id"); }
    }

    void check_feed(const std::string& at, const events::source_options& s)
    {
        if (s.path.empty() && !problems_.has_inside(at + ".path")) { complain(at, "needs a path"); }
        const std::string parameter = !s.parameter.empty() ? s.parameter : s.cursor == events::feed_cursor::id ? "lastEventId" : "since";
        if (s.path.find("?" + parameter + "=") != s.path.npos || s.path.find("&" + parameter + "=") != s.path.npos) {
            complain(at + ".path", "has " + parameter + " in its query, which is for the cursor");
        }
        if (s.origin.empty()) { complain(at, "needs an origin"); }
        check_origin_name(at + ".origin", s.origin);
        check_auth(at + ".auth", s.auth);
    }

    void check_auth(const std::string& at, const events::auth_options& a)
    {
        const bool ways[] = {!a.token.empty(), !a.token_file.empty(), !a.origin.empty()};
        if (std::count(std::begin(ways), std::end(ways), true) > 1) { complain(at, "has more than one of token, token_file and origin"); }
        if (a.origin.empty() && !(a.path + a.client_id + a.client_secret + a.scope).empty()) { complain(at, "needs an origin, which gives tokens"); }
        if (!a.origin.empty() && (a.path.empty() || a.client_id.empty() || a.client_secret.empty())) {
            complain(at, "needs a path, a client_id and a client_secret beside its origin");
        }
        check_origin_name(at + ".origin", a.origin);
    }

    void check_origin_name(const std::string& key, const std::string& wanted)
    {
        if (wanted.empty() || c_.origins.contains(wanted)) { return; }
        std::vector<std::string_view> origins;
        for (const auto& [name, o] : c_.origins) { origins.push_back(name); }
        const auto near = nearest_name(wanted, origins);
        complain(key, "there is no origin \"" + wanted + "\"" + (near.empty() ? std::string() : " (did you mean " + std::string(near) + "?)"));
    }

    template <class T>
    void check_order(const std::string& low, T low_value, const std::string& high, T high_value)
    {
        // Blames the one that was written; a default is nobody's mistake.
        if (low_value > high_value) {
            if (is_set(high)) {
                complain(high, "is less than " + low);
            } else {
                complain(low, "is more than " + high);
            }
        }
    }

    // Two that cannot listen at the same time.
    void check_listeners()
    {
        std::vector<std::pair<std::string, async::listen_address>> before;
        const auto add = [&](std::string key, const std::string& text) {
            const auto where = async::parse_listen_address(text);
            if (!where || problems_.has_inside(key)) {
                return;
            }
            for (const auto& [name, other] : before) {
                if (async::collide(*where, other)) {
                    complain(key, "is taken by " + name + ", which listens there, too");
                    break;
                }
            }
            before.emplace_back(std::move(key), *where);
        };
        for (std::size_t i = 0; i < c_.server.listen.size(); ++i) {
            add(item("server.listen", i), c_.server.listen[i].address);
        }
        add("admin.listen", c_.admin.listen);
        if (c_.server.listen.empty()) {
            complain("server.listen", "needs at least one address");
        }
    }

    void check_admin()
    {
        const auto where = async::parse_listen_address(c_.admin.listen);
        if (where && !async::is_local(*where) && c_.admin.tokens.empty()) {
            complain("admin.listen", "is open to other machines, which needs at least one of admin.tokens");
        }
        for (std::size_t i = 0; i < c_.admin.tokens.size(); ++i) {
            const auto& t = c_.admin.tokens[i];
            const auto key = item("admin.tokens", i);
            const bool is_tenant = t.role == admin::role::tenant;
            if (is_tenant && t.tenant.empty()) {
                complain(key + ".tenant", "must name the tenant, since the role is tenant");
            } else if (!is_tenant && !t.tenant.empty()) {
                complain(key + ".tenant", "has no meaning unless the role is tenant");
            }
            const auto same = [&](const auto& other) { return other.token == t.token; };
            const auto before = c_.admin.tokens.begin() + static_cast<std::ptrdiff_t>(i);
            if (std::any_of(c_.admin.tokens.begin(), before, same)) {
                complain(key + ".token", "is given twice");
            }
        }
    }

    void check_tiers()
    {
        const auto& l1 = c_.cache.l1;
        if (l1.max_bytes != 0 && is_set("cache.l1.max_object") && l1.max_object > l1.max_bytes) {
            complain("cache.l1.max_object", "is more than cache.l1.max_bytes");
        }
        if (c_.cache.l2.kind == l2::kind::redis && c_.cache.l2.url.empty()) {
            complain("cache.l2.url", "is needed for kind redis");
        }
        if (c_.cache.l2.kind != l2::kind::redis && c_.cache.l2.required) {
            complain("cache.l2.required", "has no meaning unless cache.l2.kind is redis");
        }
    }

    // Two writers would tear each other's lines.
    void check_files()
    {
        const std::pair<std::string, const std::string*> files[] = {{"log.file", &c_.log.file},
                                                                    {"log.access.file", &c_.log.access.file},
                                                                    {"invalidation.journal.path", &c_.invalidation.journal.path}};
        for (auto one = std::begin(files); one != std::end(files); ++one) {
            const std::filesystem::path path = std::filesystem::path(*one->second).lexically_normal();
            const auto same = std::find_if(std::begin(files), one, [&](const auto& f) { return std::filesystem::path(*f.second).lexically_normal() == path; });
            if (!path.empty() && path.parent_path() != "/dev" && same != one) {
                complain(one->first, "is the file of " + same->first + ", too");
            }
        }
    }

    void check_tenancy()
    {
        if (auto why = routing::problem(c_.tenancy)) {
            complain_unless_known("tenancy", std::move(*why));
        }
        const auto is_unix = [](const auto& l) { return l.address.starts_with("unix:"); };
        const bool trusts_somebody =
            !c_.server.trusted_proxies.empty() || std::any_of(c_.server.listen.begin(), c_.server.listen.end(), is_unix);
        for (std::size_t i = 0; i < c_.tenancy.resolvers.size() && !trusts_somebody; ++i) {
            if (c_.tenancy.resolvers[i].kind == routing::resolver_kind::header) {
                complain(item("tenancy.resolvers", i), "never yields a tenant: the field is believed only from server.trusted_proxies, "
                                                       "and there are none");
            }
        }
    }

    void check_origins()
    {
        if (c_.origins.empty() && is_set("origins")) {
            complain_unless_known("origins", "needs at least one origin");
        }
        for (const auto& [name, o] : c_.origins) {
            const auto key = "origins." + name;
            check_order(key + ".breaker.open", o.breaker.open, key + ".breaker.max_open", o.breaker.max_open);
            check_order(key + ".retry.base", o.retry.base, key + ".retry.cap", o.retry.cap);
            if (o.limit.max_inflight != 0 && is_set(key + ".limit.refill")) {   // else it ends at max_inflight
                check_order(key + ".limit.refill", o.limit.refill, key + ".limit.max_inflight", o.limit.max_inflight);
            }
            if (auto why = origin::problem(o); !why.empty()) {
                complain_unless_known(key, without_userinfo(why));
            } else if (auto unusable = origin::problem(o.tls); !unusable.empty()) {
                complain(key + ".tls", std::move(unusable));
            }
        }
    }

    void check_routes()
    {
        if (c_.routes.empty() && is_set("routes")) {
            complain_unless_known("routes", "needs at least one route");
        }
        std::map<std::string_view, std::size_t> names;
        for (std::size_t i = 0; i < c_.routes.size(); ++i) {
            const auto& r = c_.routes[i];
            const auto key = item("routes", i);
            check_origin_name(key + ".origin", r.origin);
            const auto [first, fresh] = names.emplace(r.name, i);
            if (!fresh && !r.name.empty()) {
                complain(key + ".name", "is the name of " + item("routes", first->second) + " already");
            }
            check_order(key + ".ttl.min", r.caching.ttl.min, key + ".ttl.max", r.caching.ttl.max);
            check_key(key + ".key", r.key);
        }
        if (auto why = routing::problem(c_.routes)) {
            complain_unless_known("routes", std::move(*why));
            return;
        }
        for (std::size_t i = 0; i < c_.routes.size(); ++i) {
            const auto by = routing::first_that_covers(c_.routes, i);
            if (by && !problems_.has_inside(item("routes", *by)) && !problems_.has_inside(item("routes", i))) {
                complain(item("routes", i), "is never reached: " + item("routes", *by) + " takes all of its requests, and the first that matches wins");
            }
        }
    }

    void check_key(const std::string& key, const routing::key_rules& k)
    {
        if (k.query.mode == query_mode::none && !k.query.allow.empty()) {
            complain(key + ".allow", "lets nothing stay beside query: none, which removes the whole query");
        }
        for (const std::string& name : k.headers) {
            if (const auto why = flow::why_never_selects(name); !why.empty()) {
                complain(key + ".headers", name + " " + std::string(why));
            }
        }
    }

    const loaded& what_;
    const config& c_;
    problem_list& problems_;
};

}  // namespace

void check_together(const loaded& what, problem_list& problems) { checker(what, problems).check(); }

}  // namespace tiercel::config
