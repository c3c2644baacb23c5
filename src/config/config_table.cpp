#include "config/config_table.hpp"

#include "config/spelling.hpp"

#include "async/listener.hpp"
#include "events/event.hpp"
#include "events/feed_credentials.hpp"
#include "http/upgrade.hpp"
#include "origin/address.hpp"
#include "origin/balancing_policy.hpp"
#include "redis/server_address.hpp"
#include "routing/cidr.hpp"
#include "routing/host_pattern.hpp"
#include "routing/path_pattern.hpp"
#include "routing/scope_template.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace tiercel::config {

// The causes of retries are a set of bits, and read like a list.
template <>
struct sequence<resilience::retry_causes> {
    static constexpr bool is_sequence = true;
    using element = resilience::retry_cause;
    static void clear(resilience::retry_causes& s) { s = {}; }
    static void add(resilience::retry_causes& s, element e) { s.add(e); }
    static std::vector<element> all(const resilience::retry_causes& s)
    {
        std::vector<element> list;
        for (unsigned i = 0; i < static_cast<unsigned>(element::last_); ++i) {
            if (s.has(static_cast<element>(i))) {
                list.push_back(static_cast<element>(i));
            }
        }
        return list;
    }
};

namespace {

using namespace std::chrono_literals;
using enum change;
using admin::admin_options;
using admin::token_options;
using origin::endpoint_options;
using origin::origin_options;
using routing::resolver_options;
using routing::route;
using server::listen_options;

constexpr milliseconds longest_wait = std::chrono::hours(1);
constexpr milliseconds longest_life = std::chrono::hours(24 * 365);
constexpr byte_count tebibyte = 1024_GiB;

// ---- checks of texts -------------------------------------------------------------------------------------------------

using complaint_text = std::optional<std::string>;

complaint_text not_empty(std::string_view text)
{
    return text.empty() ? complaint_text("must not be empty") : std::nullopt;
}

// A token (RFC 9110 §5.6.2): names of fields, methods and cookies.
complaint_text token(std::string_view text)
{
    constexpr std::string_view allowed =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const bool good = !text.empty() && text.find_first_not_of(allowed) == text.npos;
    return good ? std::nullopt : complaint_text("must be a name of letters, digits and - _ . or the like");
}

complaint_text token_or_empty(std::string_view text) { return text.empty() ? std::nullopt : token(text); }

// Case matters in methods (RFC 9110 §9.1), and so "get" would match nothing.
complaint_text method_name(std::string_view text)
{
    constexpr auto usual = std::to_array<std::string_view>({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "PROPFIND",
        "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "QUERY"});
    if (auto why = token(text)) {
        return why;
    }
    if (text == "CONNECT" || text == "TRACE") {
        return "is refused before routes are looked at";
    }
    const bool has_lower = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    const auto meant = has_lower ? nearest_name(text, usual) : std::string_view();
    return meant.empty() ? std::nullopt : complaint_text("names no method, since case matters (did you mean " + std::string(meant) + "?)");
}

// "utm_*": the star stands for any text, and is taken as itself anywhere else.
complaint_text name_or_beginning(std::string_view text)
{
    const auto star = text.find('*');
    const bool good = star == text.npos || star + 1 == text.size();
    return good ? not_empty(text) : complaint_text("may have a * at its end only");
}

complaint_text upgrade_name(std::string_view text)
{
    const std::size_t slash = text.find('/');
    const bool good = !token(text.substr(0, slash)) && (slash == text.npos || !token(text.substr(slash + 1)));
    if (!good) {
        return "must be a protocol, as in websocket or chat/2, or \"*\"";
    }
    return carries_requests(text) ? complaint_text("is never passed on: behind it, requests would pass by unseen") : std::nullopt;
}

complaint_text label(std::string_view text)
{
    constexpr std::string_view allowed = "_-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const bool good = !text.empty() && text.size() <= 64 && text.find_first_not_of(allowed) == text.npos;
    return good ? std::nullopt : complaint_text("must have 1 to 64 letters, digits, '_', '-' or '.'");
}

complaint_text cidr_block(std::string_view text)
{
    return routing::cidr::parse(text) ? std::nullopt
                                      : complaint_text("must be a block of addresses, as in 10.0.0.0/8 or fd00::/8, "
                                                       "with no bits set behind the prefix");
}

complaint_text listen_address_or_empty(std::string_view text)
{
    return text.empty() ? std::nullopt : async::problem_of_listen_address(text);
}

complaint_text listen_address(std::string_view text)
{
    return async::problem_of_listen_address(text);
}

complaint_text endpoint_url(std::string_view text)
{
    auto parsed = origin::parse_address(text);
    return parsed.problem.empty() ? std::nullopt : complaint_text(std::move(parsed.problem));
}

complaint_text redis_url(std::string_view text)
{
    auto parsed = redis::parse_server_url(text);
    return parsed.problem.empty() ? std::nullopt : complaint_text(std::move(parsed.problem));
}

complaint_text redis_prefix(std::string_view text)
{
    constexpr std::string_view allowed = "_-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const bool good = !text.empty() && text.size() <= 32 && text.find_first_not_of(allowed) == text.npos;
    return good ? std::nullopt : complaint_text("must have 1 to 32 letters, digits, '_', '-' or '.'");
}

complaint_text tenant_name(std::string_view text)
{
    return text.empty() || routing::is_tenant_name(text) ? std::nullopt : complaint_text("cannot be the name of a tenant");
}

complaint_text scope_template(std::string_view text) { return routing::problem_of_template(text); }

complaint_text path_or_empty(std::string_view text)
{
    const bool good = text.empty() || (text.front() == '/' && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; }));
    return good ? std::nullopt : complaint_text("must be a path that begins with /, percent-encoded");
}

complaint_text bearer_token(std::string_view text)
{
    return text.empty() || events::is_bearer_token(text) ? std::nullopt : complaint_text("must have no blanks and only ASCII");
}

complaint_text query_name_or_empty(std::string_view text)
{
    constexpr std::string_view allowed = "_-.~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return text.find_first_not_of(allowed) == text.npos ? std::nullopt : complaint_text("must have letters, digits and - . _ ~ only");
}

complaint_text event_template(std::string_view text) { return events::problem_of_event_template(text); }

texts checked(complaint_text (*check)(std::string_view), secrecy hide = secrecy::open) { return {.check = check, .hide = hide}; }

words<std::string> balancing_names()
{
    words<std::string> w;
    for (const auto& r : origin::balancing_policies()) {
        w.known.push_back({r.name, std::string(r.name)});
    }
    return w;
}

words<resilience::retry_cause> retry_cause_names()
{
    words<resilience::retry_cause> w;
    for (unsigned i = 0; i < static_cast<unsigned>(resilience::retry_cause::last_); ++i) {
        const auto c = static_cast<resilience::retry_cause>(i);
        w.known.push_back({resilience::name_of(c), c});
    }
    return w;
}

words<routing::resolver_kind> resolver_kinds()
{
    using enum routing::resolver_kind;
    words<routing::resolver_kind> w;
    for (const auto k : {none, header, host, path}) {
        w.known.push_back({routing::name_of(k), k});
    }
    w.unavailable = {{"jwt"}, {"api_key"}, {"client_cert"}};
    return w;
}

// ---- the rows --------------------------------------------------------------------------------------------------------

// Shortens the accessors: AT(config, cache.l1.max_bytes) is a lambda from a config to that member.
#define TIERCEL_AT(owner, member) [](owner& o) -> auto& { return o.member; }

using rows = std::vector<row>;

rows general_rows()
{
    rows r;
    r.push_back(key("include", TIERCEL_AT(config, include), texts{.check = not_empty}, fixed,
        "More files, relative to this one; * and ? match. Lists grow, maps are united; a value may be set in one file only."));
    return r;
}

rows server_rows()
{
    rows r;
    r.push_back(items("server.listen", TIERCEL_AT(config, server.listen), fixed,
        "Where clients connect. A plain address may stand for an item.").or_just("address"));
    r.push_back(key("server.listen[].address", TIERCEL_AT(listen_options, address), checked(listen_address), fixed,
        "host:port, [ipv6]:port or unix:/path; port 0 lets the system choose.").needed("0.0.0.0:8080"));
    r.push_back(key("server.threads", TIERCEL_AT(config, server.threads), counts{.low = 1, .high = 1024, .zero = "auto"}, fixed,
        "Event loops, each with its own thread. auto: one per core."));
    r.push_back(key("server.trusted_proxies", TIERCEL_AT(config, server.trusted_proxies), checked(cidr_block), fixed,
        "Peers whose X-Forwarded-For, X-Forwarded-Proto, X-Request-ID and tenant fields are believed; from everybody else they are replaced or "
        "removed. Never passed on, whoever sends them: Forwarded, other X-Forwarded-*, X-Real-IP, X-Original-*, X-Rewrite-*, "
        "X-HTTP-Method-Override and the like, and names with _, which some origins take for -: part of no key, they would change "
        "answers that others get."));
    r.push_back(key("server.purge.allow", TIERCEL_AT(config, server.purge.allow), checked(cidr_block), fixed,
        "Peers that may send the method PURGE, which invalidates a URL on all instances. Of what a trusted proxy passes on, the client must "
        "be among them as well. [] where a proxy stands here that neither is trusted nor tells of its clients (X-Forwarded-For)."));
    r.push_back(key("server.limits.connections", TIERCEL_AT(config, server.limits.connections), counts{1, 1'000'000}, fixed,
        "Client connections at a time; one more is answered 503 and closed."));
    r.push_back(key("server.limits.connections_per_client", TIERCEL_AT(config, server.limits.connections_per_client),
        counts{0, 1'000'000}, fixed, "Of these, from one address. 0: no limit of its own."));
    r.push_back(key("server.limits.uri", TIERCEL_AT(config, server.limits.uri), between(64, 1_MiB), fixed,
        "Longest request target; 414 beyond."));
    r.push_back(key("server.limits.header_bytes", TIERCEL_AT(config, server.limits.header_bytes), between(1_KiB, 1_MiB), fixed,
        "Largest request head; 431 beyond."));
    r.push_back(key("server.limits.header_count", TIERCEL_AT(config, server.limits.header_count), counts{8, 10'000}, fixed,
        "Most field lines in a request; 431 beyond."));
    r.push_back(key("server.limits.body", TIERCEL_AT(config, server.limits.body), between(0, tebibyte), fixed,
        "Largest request body; 413 beyond."));
    r.push_back(key("server.limits.pipeline", TIERCEL_AT(config, server.limits.pipeline), counts{1, 10'000}, fixed,
        "Pipelined requests of one connection that are answered before other connections get their turn."));
    r.push_back(key("server.timeouts.header", TIERCEL_AT(config, server.timeouts.header), between(10ms, longest_wait), fixed,
        "For a request head to be complete, from its first byte; 408 after."));
    r.push_back(key("server.timeouts.body_idle", TIERCEL_AT(config, server.timeouts.body_idle), between(10ms, longest_wait), fixed,
        "Between two pieces of a request body; 408 after."));
    r.push_back(key("server.timeouts.write_idle", TIERCEL_AT(config, server.timeouts.write_idle), between(10ms, longest_wait), fixed,
        "For a client to take the next piece of an answer; then the connection is closed."));
    r.push_back(key("server.timeouts.keep_alive", TIERCEL_AT(config, server.timeouts.keep_alive), between(0ms, longest_wait), fixed,
        "Between two requests of a connection. 0: closed after each answer."));
    r.push_back(key("server.timeouts.tunnel", TIERCEL_AT(config, server.timeouts.tunnel), between(10ms, 7 * 24h), fixed,
        "For upgraded connections (WebSocket): without a byte either way. Event streams may be silent that long, too."));
    r.push_back(key("server.timeouts.drain", TIERCEL_AT(config, server.timeouts.drain), between(0ms, longest_wait), fixed,
        "At shutdown, for requests that are being answered; what is left then is cut off."));
    return r;
}

rows admin_rows()
{
    using enum admin::role;
    rows r;
    r.push_back(key("admin.listen", TIERCEL_AT(config, admin.listen), checked(listen_address_or_empty), fixed,
        "Where the admin API listens; empty: nowhere. Anywhere but loopback or a unix socket needs a token."));
    r.push_back(items("admin.tokens", TIERCEL_AT(config, admin.tokens), fixed,
        "Who may use the admin API. Empty: everybody who can reach it. Probes (/livez, /readyz) need no token."));
    r.push_back(key("admin.tokens[].token", TIERCEL_AT(token_options, token), checked(not_empty, secrecy::secret), fixed,
        "The bearer token itself; better from the environment than from this file.").needed("${TIERCEL_ADMIN_TOKEN}"));
    r.push_back(key("admin.tokens[].role", TIERCEL_AT(token_options, role),
        words<enum admin::role>{.known = {{"read", read}, {"tenant", tenant}, {"system", system}}}, fixed,
        "read: sees everything, changes nothing; tenant: acts for one tenant alone; system: may do everything."));
    r.push_back(key("admin.tokens[].tenant", TIERCEL_AT(token_options, tenant), checked(tenant_name), fixed,
        "The tenant, when the role is tenant."));
    return r;
}

rows cache_rows()
{
    rows r;
    r.push_back(key("cache.l1.max_bytes", TIERCEL_AT(config, cache.l1.max_bytes), between(0, tebibyte), fixed,
        "Memory that the in-process tier may hold: content, heads, keys and bookkeeping are all counted. 0 turns it off."));
    r.push_back(key("cache.l1.max_object", TIERCEL_AT(config, cache.l1.max_object), between(1_KiB, tebibyte), fixed,
        "Largest single answer kept in memory."));
    r.push_back(key("cache.l1.policy", TIERCEL_AT(config, cache.policy),
        words<eviction>{.known = {{"lru", eviction::lru}}, .unavailable = {{"s3fifo"}}}, fixed,
        "What has to go when the memory is full. lru: what was not used for the longest time."));
    r.push_back(key("cache.l1.max_ttl", TIERCEL_AT(config, cache.tiers.max_ttl), between(0ms, longest_life), fixed,
        "How long memory answers after a store without asking Redis again. Plays no part without L2."));
    r.push_back(key("cache.l1.promote_ttl", TIERCEL_AT(config, cache.tiers.promote_ttl), between(0ms, longest_life), fixed,
        "The same after an answer was taken over from Redis."));
    using flow::blind_rule;
    r.push_back(key("cache.l1.ttl_when_blind", TIERCEL_AT(config, cache.tiers.ttl_when_blind), between(0ms, longest_wait), fixed,
        "The same while the log of invalidations cannot be followed (for 5s) but Redis can be asked: the answer and its scopes are looked up."));
    r.push_back(key("cache.l1.blind_grace", TIERCEL_AT(config, cache.tiers.blind_grace), between(0ms, longest_wait), fixed,
        "While Redis cannot be asked either, memory answers as usual so long after it was last known what had been invalidated."));
    r.push_back(key("cache.l1.when_blind", TIERCEL_AT(config, cache.tiers.when_blind),
        words<blind_rule>{.known = {{"revalidate", blind_rule::revalidate}, {"serve", blind_rule::serve}, {"bypass", blind_rule::bypass}}}, fixed,
        "And then. revalidate: it is served, and validated in the background; serve: served; bypass: the request goes past the cache."));
    r.push_back(key("cache.l2.kind", TIERCEL_AT(config, cache.l2.kind),
        words<enum l2::kind>{.known = {{"redis", l2::kind::redis}, {"memory", l2::kind::memory}, {"none", l2::kind::none}}}, fixed,
        "The tier that instances share. memory: inside this process, for trials; none: each instance is on its own."));
    r.push_back(key("cache.l2.url", TIERCEL_AT(config, cache.l2.url), checked(redis_url, secrecy::url), fixed,
        "redis://[[user]:password@]host[:port][/database] or unix://[[user]:password@]/path[?db=database]."));
    r.push_back(key("cache.l2.user", TIERCEL_AT(config, cache.l2.user), texts{}, fixed,
        "User at Redis, instead of the one in the URL."));
    r.push_back(key("cache.l2.password", TIERCEL_AT(config, cache.l2.password), texts{.hide = secrecy::secret}, fixed,
        "Password at Redis, instead of the one in the URL."));
    r.push_back(key("cache.l2.prefix", TIERCEL_AT(config, cache.l2.prefix), checked(redis_prefix), fixed,
        "First part of every name in Redis; instances that share a cache share it."));
    r.push_back(key("cache.l2.timeout", TIERCEL_AT(config, cache.l2.timeout), between(1ms, 5s), fixed,
        "Longest wait for an answer from Redis; then the request goes on as a miss."));
    r.push_back(key("cache.l2.max_value", TIERCEL_AT(config, cache.l2.max_value), between(1_KiB, 512_MiB), fixed,
        "Largest entry written to Redis; larger ones stay in memory alone."));
    r.push_back(key("cache.l2.max_life", TIERCEL_AT(config, cache.l2.max_life), between(1s, longest_life), fixed,
        "Longest stay of an entry in Redis, whatever its freshness."));
    r.push_back(key("cache.l2.required", TIERCEL_AT(config, cache.l2.required), flag{}, fixed,
        "true: not ready (/readyz) while Redis is away. false: ready on memory alone, and /readyz says degraded."));
    return r;
}

rows tenancy_rows()
{
    using enum routing::missing_rule;
    rows r;
    r.push_back(items("tenancy.resolvers", TIERCEL_AT(config, tenancy.resolvers), fixed,
        "How the tenant of a request is found: tried in order, the first that yields one wins. A plain kind may stand for an item.")
        .or_just("kind"));
    r.push_back(key("tenancy.resolvers[].kind", TIERCEL_AT(resolver_options, kind), resolver_kinds(), fixed,
        "none: everything belongs to the tenant \"default\"; header: a field from a trusted proxy; host, path: the {tenant} in a pattern.")
        .needed("none"));
    r.push_back(key("tenancy.resolvers[].name", TIERCEL_AT(resolver_options, name), checked(token), fixed,
        "header: the field. Believed only from server.trusted_proxies."));
    r.push_back(key("tenancy.resolvers[].pattern", TIERCEL_AT(resolver_options, pattern), texts{}, fixed,
        "host, path: text around {tenant}, as in {tenant}.shop.example or /t/{tenant}/."));
    r.push_back(key("tenancy.on_missing", TIERCEL_AT(config, tenancy.on_missing),
        words<routing::missing_rule>{.known = {{"reject", reject}, {"bypass", bypass}}}, fixed,
        "When no resolver yields a tenant. reject: 401; bypass: passed to the origin, never from or into the cache."));
    r.push_back(key("tenancy.forward_header", TIERCEL_AT(config, tenancy.forward_header), checked(token_or_empty), fixed,
        "Field that tells the origin the tenant; copies from clients are removed first. Empty: none."));
    return r;
}

rows origin_rows()
{
    using resilience::breaker_mode;
    rows r;
    r.push_back(named("origins", TIERCEL_AT(config, origins), fixed, "The servers behind, by name.").needed("shop"));
    r.push_back(items("origins.<name>.endpoints", TIERCEL_AT(origin_options, endpoints), fixed,
        "Where this origin is. A plain URL may stand for an item.").or_just("url").needed("-"));
    r.push_back(key("origins.<name>.endpoints[].url", TIERCEL_AT(endpoint_options, url), checked(endpoint_url, secrecy::url), fixed,
        "http://host[:port], https://host[:port] or unix:/path.").needed("http://127.0.0.1:3000"));
    r.push_back(key("origins.<name>.endpoints[].weight", TIERCEL_AT(endpoint_options, weight), counts{1, 1000}, fixed,
        "Share of the traffic, next to the other endpoints."));
    r.push_back(key("origins.<name>.balance", TIERCEL_AT(origin_options, balance), balancing_names(), fixed,
        "Which endpoint is next. p2c: the less busy of two drawn at random; hash: the same for the same URL, unless it is busy."));
    r.push_back(key("origins.<name>.connect_timeout", TIERCEL_AT(origin_options, connect_timeout), between(1ms, longest_wait), fixed,
        "For a connection to stand."));
    r.push_back(key("origins.<name>.try_timeout", TIERCEL_AT(origin_options, try_timeout), between(1ms, longest_wait), fixed,
        "For the first byte of an answer, and between two pieces of it, per attempt."));
    r.push_back(key("origins.<name>.pool.max", TIERCEL_AT(origin_options, pool.max), counts{1, 65'535}, fixed,
        "Connections to one endpoint, over all threads."));
    r.push_back(key("origins.<name>.pool.idle", TIERCEL_AT(origin_options, pool.idle), counts{0, 65'535}, fixed,
        "Idle connections that one thread keeps to one endpoint; more of them stay for a second. 0: none is reused."));
    r.push_back(key("origins.<name>.pool.idle_timeout", TIERCEL_AT(origin_options, pool.idle_timeout), between(0ms, longest_wait), fixed,
        "How long; below what the origin allows, else requests meet closing connections."));
    r.push_back(key("origins.<name>.pool.max_life", TIERCEL_AT(origin_options, pool.max_life), between(1s, longest_life), fixed,
        "Age at which a connection is no longer reused, give or take a tenth."));
    r.push_back(key("origins.<name>.pool.queue", TIERCEL_AT(origin_options, pool.queue), counts{0, 100'000}, fixed,
        "Requests that may wait for a connection when all are busy. 0: refused at once."));
    r.push_back(key("origins.<name>.pool.queue_timeout", TIERCEL_AT(origin_options, pool.queue_timeout), between(0ms, longest_wait), fixed,
        "And how long."));
    r.push_back(key("origins.<name>.deadline_header", TIERCEL_AT(origin_options, deadline_header), checked(token_or_empty), fixed,
        "Field that tells the origin the milliseconds left for the request. Empty: none."));
    r.push_back(key("origins.<name>.limits.header_bytes", TIERCEL_AT(origin_options, limits.header_bytes), between(1_KiB, 16_MiB), fixed,
        "Largest response head; 502 beyond."));
    r.push_back(key("origins.<name>.limits.header_count", TIERCEL_AT(origin_options, limits.header_count), counts{8, 10'000}, fixed,
        "Most field lines in a response; 502 beyond."));
    r.push_back(key("origins.<name>.retry.max", TIERCEL_AT(origin_options, retry.max), counts{0, 10}, fixed,
        "Retries after the first attempt. 0: none."));
    r.push_back(key("origins.<name>.retry.base", TIERCEL_AT(origin_options, retry.base), between(1ms, 1min), fixed,
        "Longest pause before the first retry; doubles with each. The pause is drawn at random below it."));
    r.push_back(key("origins.<name>.retry.cap", TIERCEL_AT(origin_options, retry.cap), between(1ms, 10min), fixed,
        "Where the doubling ends. What the origin says in Retry-After is waited for instead, however long, if the deadline of the "
        "route leaves time for an attempt after it; else its answer is passed on at once."));
    r.push_back(key("origins.<name>.retry.on", TIERCEL_AT(origin_options, retry.on), retry_cause_names(), fixed,
        "What is retried: failures to connect, resets before an answer, statuses."));
    r.push_back(key("origins.<name>.retry.methods", TIERCEL_AT(origin_options, retry.methods), checked(method_name), fixed,
        "Methods that are safe to send twice. Not those with content, once some of it has gone out: it is not kept."));
    r.push_back(key("origins.<name>.retry.budget", TIERCEL_AT(origin_options, retry.budget), numbers{0, 1}, fixed,
        "Retries per request over the last seconds, so that an origin in trouble does not get a multiple of its load."));
    r.push_back(key("origins.<name>.retry.budget_floor", TIERCEL_AT(origin_options, retry.budget_floor), counts{0, 10'000}, fixed,
        "And so many per second on top."));
    r.push_back(key("origins.<name>.hedge.after", TIERCEL_AT(origin_options, hedge.after), between(0ms, longest_wait), fixed,
        "A GET or HEAD that has no byte of an answer for so long is sent to another endpoint too; the first answer counts. About the "
        "time in which 95 of 100 are answered. 0: never. It does not need retry.max: with 0 of that there are hedges all the same."));
    r.push_back(key("origins.<name>.hedge.budget", TIERCEL_AT(origin_options, hedge.budget), numbers{0, 1}, fixed,
        "Such second attempts per request over the last seconds, and one per second on top. They count as retries in retry.budget."));
    r.push_back(key("origins.<name>.breaker.mode", TIERCEL_AT(origin_options, breaker.mode),
        words<breaker_mode>{.known = {{"hybrid", breaker_mode::hybrid}, {"consecutive", breaker_mode::consecutive}}}, fixed,
        "What opens the breaker of an endpoint. hybrid: a run of failures and a share of failures together; consecutive: the run alone."));
    r.push_back(key("origins.<name>.breaker.failures", TIERCEL_AT(origin_options, breaker.failures),
        counts{1, resilience::circuit_breaker::window_capacity}, fixed, "Length of the run."));
    r.push_back(key("origins.<name>.breaker.window", TIERCEL_AT(origin_options, breaker.window), between(100ms, longest_wait), fixed,
        "hybrid: older attempts are forgotten."));
    r.push_back(key("origins.<name>.breaker.ratio", TIERCEL_AT(origin_options, breaker.ratio), numbers{0, 1}, fixed,
        "hybrid: least share of failures in the window."));
    r.push_back(key("origins.<name>.breaker.open", TIERCEL_AT(origin_options, breaker.open), between(10ms, longest_wait), fixed,
        "How long it stays open before probes may go; doubles each time they fail."));
    r.push_back(key("origins.<name>.breaker.max_open", TIERCEL_AT(origin_options, breaker.max_open), between(10ms, 24h), fixed,
        "Where the doubling ends."));
    r.push_back(key("origins.<name>.breaker.half_open_permits", TIERCEL_AT(origin_options, breaker.half_open_permits), counts{1, 100}, fixed,
        "Probes at a time."));
    r.push_back(key("origins.<name>.breaker.close_after", TIERCEL_AT(origin_options, breaker.close_after), counts{1, 100}, fixed,
        "Probes that must succeed to close it."));
    r.push_back(key("origins.<name>.breaker.reset_after", TIERCEL_AT(origin_options, breaker.reset_after), between(0ms, 24h), fixed,
        "Closed for so long, the next open time is the first one again."));
    r.push_back(key("origins.<name>.breaker.slow_call", TIERCEL_AT(origin_options, breaker.slow_call), between(0ms, longest_wait), fixed,
        "hybrid: an answer that takes longer to begin is slow. 0: slowness never opens."));
    r.push_back(key("origins.<name>.breaker.slow_ratio", TIERCEL_AT(origin_options, breaker.slow_ratio), numbers{0, 1}, fixed,
        "hybrid: share of slow answers in the window that opens."));
    r.push_back(key("origins.<name>.breaker.slow_calls", TIERCEL_AT(origin_options, breaker.slow_calls),
        counts{1, resilience::circuit_breaker::window_capacity}, fixed, "hybrid: fewest answers in the window for that."));
    r.push_back(key("origins.<name>.breaker.probe_timeout", TIERCEL_AT(origin_options, breaker.probe_timeout), between(10ms, longest_wait), fixed,
        "A probe that reported nothing for so long has failed."));
    r.push_back(key("origins.<name>.limit.max_inflight", TIERCEL_AT(origin_options, limit.max_inflight), counts{0, 1'000'000}, fixed,
        "Requests at a time to one endpoint; more are answered 503 or from stale entries. 0: no limit."));
    r.push_back(key("origins.<name>.limit.adaptive", TIERCEL_AT(origin_options, limit.adaptive), flag{}, fixed,
        "Find out by the times of answers how many are good, from 8 up to max_inflight (1024 if that is 0)."));
    r.push_back(key("origins.<name>.limit.refill", TIERCEL_AT(origin_options, limit.refill), counts{0, 1'000'000}, fixed,
        "Of these, at most so many for refreshes that nobody waits for. 0: none."));
    r.push_back(key("origins.<name>.health.path", TIERCEL_AT(origin_options, health.path), texts{}, fixed,
        "Asked for by GET on each endpoint to see whether it is well (2xx, 3xx). Empty: no checks."));
    r.push_back(key("origins.<name>.health.interval", TIERCEL_AT(origin_options, health.interval), between(10ms, longest_wait), fixed,
        "How often, give or take a fifth; once for the whole process."));
    r.push_back(key("origins.<name>.health.timeout", TIERCEL_AT(origin_options, health.timeout), between(1ms, longest_wait), fixed,
        "For the whole check."));
    r.push_back(key("origins.<name>.health.down_after", TIERCEL_AT(origin_options, health.down_after), counts{1, 100}, fixed,
        "Failed checks in a row after which an endpoint gets no traffic, as long as half of them are well."));
    r.push_back(key("origins.<name>.health.up_after", TIERCEL_AT(origin_options, health.up_after), counts{1, 100}, fixed,
        "Good checks in a row after which it gets traffic again."));
    r.push_back(key("origins.<name>.resolve_interval", TIERCEL_AT(origin_options, resolve_interval), between(10ms, longest_wait), fixed,
        "How often names are looked up again, give or take a tenth; also after a failure to connect. The last good answer stays in use."));
    r.push_back(key("origins.<name>.tls.verify", TIERCEL_AT(origin_options, tls.verify), flag{}, fixed,
        "https: believe a server only if its certificate leads to a known authority and names the host."));
    r.push_back(key("origins.<name>.tls.ca", TIERCEL_AT(origin_options, tls.ca), texts{}, fixed,
        "PEM file or directory of the authorities that are known. Empty: those of the system."));
    r.push_back(key("origins.<name>.tls.server_name", TIERCEL_AT(origin_options, tls.server_name), texts{}, fixed,
        "Name that is asked for (SNI) and expected in the certificate. Empty: the host of the endpoint."));
    r.push_back(key("origins.<name>.tls.certificate", TIERCEL_AT(origin_options, tls.certificate), texts{}, fixed,
        "PEM file with the certificate that we show, and its chain. Empty: none."));
    r.push_back(key("origins.<name>.tls.key", TIERCEL_AT(origin_options, tls.key), texts{}, fixed, "PEM file with its private key."));
    return r;
}

rows route_rows()
{
    using routing::route_mode;
    using routing::wait_rule;
    using routing::write_rule;
    constexpr std::string_view no_write_behind =
        "is refused: a write has succeeded when the origin says so; answering before it has the data could lose them";
    rows r;
    r.push_back(items("routes", TIERCEL_AT(config, routes), fixed,
        "Which request goes where, and how it is cached. The first that matches wins; none: 404.").needed("-"));
    r.push_back(key("routes[].name", TIERCEL_AT(route, name), checked(label), fixed,
        "For logs and metrics; made from the path when not given.").shown_as("products"));
    r.push_back(key("routes[].match.hosts", TIERCEL_AT(route, match.hosts), checked(routing::host_pattern::problem), fixed,
        "Names, or *.example.com for all names below. Empty: any host."));
    r.push_back(key("routes[].match.path", TIERCEL_AT(route, match.path), checked(routing::path_pattern::problem), fixed,
        "A prefix that ends on a segment boundary, or a glob over the whole path with * (in a segment) and ** (any segments).")
        .shown_as("/products/"));
    r.push_back(key("routes[].match.methods", TIERCEL_AT(route, match.methods), checked(method_name), fixed,
        "Empty: any. GET includes HEAD. In capitals, as they are sent."));
    r.push_back(key("routes[].origin", TIERCEL_AT(route, origin), checked(not_empty), fixed,
        "One of the names under origins.").needed("shop"));
    r.push_back(key("routes[].mode", TIERCEL_AT(route, mode),
        words<route_mode>{.known = {{"cache", route_mode::cache}, {"pass", route_mode::pass}}, .unavailable = {{"shadow"}}}, fixed,
        "pass: never from, never into the cache."));
    r.push_back(key("routes[].ttl.default", TIERCEL_AT(route, caching.ttl.default_), between(0s, longest_life), fixed,
        "Freshness of answers that name none. 0: the heuristics of RFC 9111."));
    r.push_back(key("routes[].ttl.min", TIERCEL_AT(route, caching.ttl.min), between(0s, longest_life), fixed,
        "Least freshness of what may be stored at all."));
    r.push_back(key("routes[].ttl.max", TIERCEL_AT(route, caching.ttl.max), between(0s, longest_life), fixed,
        "Most freshness, whatever the answer says."));
    r.push_back(key("routes[].ttl.heuristic_max", TIERCEL_AT(route, caching.ttl.heuristic_max), between(0s, longest_life), fixed,
        "Most freshness that is only guessed from Last-Modified. 0: no guessing."));
    r.push_back(key("routes[].ttl.negative", TIERCEL_AT(route, caching.ttl.negative), between(0s, longest_life), fixed,
        "Freshness of 404 and 410 that name none. 0: not stored."));
    r.push_back(key("routes[].stale.while_revalidate", TIERCEL_AT(route, caching.stale.while_revalidate), between(0s, longest_life), fixed,
        "How long an expired answer is served while it is fetched anew, when it does not say so itself (RFC 5861)."));
    r.push_back(key("routes[].stale.if_error", TIERCEL_AT(route, caching.stale.if_error), between(0s, longest_life), fixed,
        "How long it may stand in for a 5xx, when it does not say so itself (RFC 5861)."));
    r.push_back(key("routes[].stale.if_unreachable", TIERCEL_AT(route, caching.stale.if_unreachable), between(0s, longest_life), fixed,
        "How long it may stand in when the origin cannot be reached at all (RFC 9111 §4.2.4)."));
    r.push_back(key("routes[].stale.with_s_maxage", TIERCEL_AT(route, caching.stale.with_s_maxage), flag{}, fixed,
        "Beside s-maxage, do the windows count that the answer itself names (RFC 5861)? RFC 9111 says no. Those above never do."));
    r.push_back(key("routes[].targeted", TIERCEL_AT(route, caching.targeted), checked(token), fixed,
        "Fields that win over Cache-Control (RFC 9213); the first that is present and valid counts."));
    r.push_back(key("routes[].request_directives", TIERCEL_AT(route, caching.request_directives),
        words<request_directives_rule>{.known = {{"ignore", request_directives_rule::ignore}, {"honour", request_directives_rule::honour}}},
        fixed, "Cache-Control in requests: whether clients may ask for fresher answers."));
    r.push_back(key("routes[].store_errors", TIERCEL_AT(route, caching.store_errors),
        words<store_errors_rule>{.known = {{"never", store_errors_rule::never}, {"explicit", store_errors_rule::explicit_}}}, fixed,
        "never: 5xx is never stored; explicit: any final status with freshness of its own."));
    r.push_back(key("routes[].set_cookie", TIERCEL_AT(route, caching.set_cookie),
        words<set_cookie_rule>{.known = {{"refuse", set_cookie_rule::refuse}, {"strip", set_cookie_rule::strip}, {"store", set_cookie_rule::store}}},
        fixed, "Answers with Set-Cookie. refuse: not stored; strip: stored without it; store: stored with it, as RFC 9111 allows."));
    r.push_back(key("routes[].deception_guard", TIERCEL_AT(route, caching.deception_guard), flag{}, fixed,
        "An answer whose type contradicts the extension of the path is not stored, unless it has freshness of its own."));
    r.push_back(key("routes[].key.query", TIERCEL_AT(route, key.query.mode),
        words<query_mode>{.known = {{"sort", query_mode::sort}, {"as_is", query_mode::as_is}, {"none", query_mode::none}}}, fixed,
        "The query in the key. sort: by name; none: not in it, and not sent to the origin either."));
    r.push_back(key("routes[].key.drop", TIERCEL_AT(route, key.query.drop), checked(name_or_beginning), fixed,
        "Query parameters that are removed, also for the origin; a trailing * matches a prefix."));
    r.push_back(key("routes[].key.allow", TIERCEL_AT(route, key.query.allow), checked(name_or_beginning), fixed,
        "When not empty, only these stay."));
    r.push_back(key("routes[].key.headers", TIERCEL_AT(route, key.headers), checked(token), fixed,
        "Request fields whose values are part of the key."));
    r.push_back(key("routes[].key.cookies", TIERCEL_AT(route, key.cookies), checked(token), fixed,
        "Cookies whose values are part of the key."));
    r.push_back(key("routes[].key.vary.languages", TIERCEL_AT(route, caching.vary_languages), checked(not_empty), fixed,
        "Languages that the origin has; Accept-Language is reduced to one of them before it selects."));
    r.push_back(key("routes[].key.vary.allow", TIERCEL_AT(route, caching.vary_allow), checked(token), fixed,
        "Fields that may select an answer (Vary) although they are personal, such as Cookie."));
    r.push_back(key("routes[].stampede.coalesce", TIERCEL_AT(route, stampede.coalesce), flag{}, fixed,
        "Requests for the same key wait for one fetch."));
    r.push_back(key("routes[].stampede.max_wait", TIERCEL_AT(route, stampede.max_wait), between(1ms, longest_wait), fixed,
        "How long one waits for another's fetch."));
    r.push_back(key("routes[].stampede.max_waiters", TIERCEL_AT(route, stampede.max_waiters), counts{0, 1'000'000}, fixed,
        "How many wait for one key; more are answered 503 or from a stale entry."));
    r.push_back(key("routes[].stampede.on_timeout", TIERCEL_AT(route, stampede.on_timeout),
        words<wait_rule>{.known = {{"stale", wait_rule::stale}, {"fetch", wait_rule::fetch}, {"503", wait_rule::unavailable}}}, fixed,
        "When the wait was too long. stale: an expired answer if there is one, else asks the origin itself; fetch: asks in any case."));
    r.push_back(key("routes[].stampede.error_memo", TIERCEL_AT(route, stampede.error_memo), between(0ms, 1min), fixed,
        "How long a key that got no answer is refused without asking again. 0: asked each time."));
    r.push_back(key("routes[].stampede.mark_ttl", TIERCEL_AT(route, stampede.mark_ttl), between(0ms, 24h), fixed,
        "How long a key whose answer could not be stored is not waited for."));
    r.push_back(key("routes[].stampede.xfetch.enabled", TIERCEL_AT(route, stampede.xfetch.enabled), flag{}, fixed,
        "Refreshes a busy answer shortly before it expires, so that nobody has to wait for it."));
    r.push_back(key("routes[].stampede.xfetch.beta", TIERCEL_AT(route, stampede.xfetch.beta), numbers{0.1, 10}, fixed,
        "How early, in durations of the last fetch. Above 1: more fetches, and fewer requests that find the answer expired."));
    r.push_back(key("routes[].stampede.lock.enabled", TIERCEL_AT(route, stampede.lock.enabled), flag{}, fixed,
        "One fetch per key for all instances that share a Redis; off: one for each of them."));
    r.push_back(key("routes[].stampede.lock.lease", TIERCEL_AT(route, stampede.lock.lease), between(100ms, 1min), fixed,
        "How long an instance that died during a fetch holds up the others. Renewed while the fetch runs, so fetches may take longer."));
    r.push_back(key("routes[].stampede.lock.wait", TIERCEL_AT(route, stampede.lock.wait), between(10ms, 400ms), fixed,
        "Who waits for another instance is woken by it; without a word it looks after this time, then after twice as long, up to 400ms."));
    r.push_back(key("routes[].stampede.lock.min_delta", TIERCEL_AT(route, stampede.lock.min_delta), between(0ms, 1min), fixed,
        "A key whose last fetch took less is fetched without the lock."));
    r.push_back(key("routes[].stampede.personal_cookies", TIERCEL_AT(route, stampede.personal_cookies), checked(token), fixed,
        "A request with one of these never waits for another's fetch."));
    r.push_back(key("routes[].strip_tags", TIERCEL_AT(route, caching.strip_tags), flag{}, fixed,
        "Surrogate-Key and Cache-Tag are read here and not sent to clients."));
    r.push_back(key("routes[].range.fill_whole", TIERCEL_AT(route, range.fill_whole), flag{}, fixed,
        "A request with Range for what is not stored fetches the whole, and is answered from it. false: goes to the origin as it came."));
    r.push_back(key("routes[].on_write", TIERCEL_AT(route, on_write),
        words<write_rule>{.known = {{"invalidate", write_rule::invalidate}, {"refresh", write_rule::refresh}, {"off", write_rule::off}},
                          .unavailable = {{"behind", no_write_behind}}},
        fixed, "What an unsafe request that succeeded does to the stored answers of its URL, and of what its answer refers to "
               "(RFC 9111 §4.4). refresh: also fetches its URL anew, if memory had an answer for it."));
    r.push_back(key("routes[].entity.type", TIERCEL_AT(route, scopes.entity_type), checked(scope_template), fixed,
        "What kind of thing the answers show, as in project; {path.2} and {query.NAME} stand for what the request names. For "
        "invalidations of an entity or of all lists of its kind."));
    r.push_back(key("routes[].entity.id", TIERCEL_AT(route, scopes.entity_id), checked(scope_template), fixed,
        "Which one, as in {path.3}. Where nothing comes out, the answer is a list of that kind."));
    r.push_back(key("routes[].tags", TIERCEL_AT(route, scopes.tags), checked(scope_template), fixed,
        "Tags of all answers, beside those that they bring in Surrogate-Key and Cache-Tag. Templates as above; one whose part is "
        "missing is left out."));
    r.push_back(key("routes[].upgrade", TIERCEL_AT(route, upgrade), checked(upgrade_name), fixed,
        "Protocols that clients may upgrade to, as in [websocket]. \"*\": all but HTTP/2 and TLS, which are never passed on; []: none."));
    r.push_back(key("routes[].lag_budget", TIERCEL_AT(route, caching.lag_budget), between(0ms, longest_wait), fixed,
        "Invalidations, and what sources of events say, may be known here so late; what is older is validated on each use while they are "
        "later. 0s: whatever the lag."));
    r.push_back(key("routes[].deadline", TIERCEL_AT(route, deadline), between(10ms, longest_wait), fixed,
        "From the end of a request to the beginning of its answer, all waits and retries included; 504 after. Uploads and answers "
        "that are under way are bounded by their gaps."));
    return r;
}

rows invalidation_rows()
{
    using namespace events;
    rows r;
    r.push_back(items("invalidation.sources", TIERCEL_AT(config, invalidation.events.sources), fixed,
        "Where events come from that say what has changed."));
    r.push_back(key("invalidation.sources[].label", TIERCEL_AT(source_options, label), checked(label), fixed,
        "Its name in metrics, audit and dead letters.").needed("catalog"));
    r.push_back(key("invalidation.sources[].kind", TIERCEL_AT(source_options, kind),
        words<source_kind>{.known = {{"redis_stream", source_kind::redis_stream}, {"redis_pubsub", source_kind::redis_pubsub},
                                     {"webhook", source_kind::webhook}, {"poll", source_kind::poll}}},
        fixed, "redis_stream: a stream in the Redis of cache.l2, in its field event, at least once; redis_pubsub: messages of a channel there, "
               "at most once; webhook: POST /v1/events; poll: a feed over HTTP that is asked, by one instance at a time, at least once."));
    r.push_back(key("invalidation.sources[].stream", TIERCEL_AT(source_options, stream), texts{}, fixed, "The stream, for redis_stream."));
    r.push_back(key("invalidation.sources[].channel", TIERCEL_AT(source_options, channel), texts{}, fixed, "The channel, for redis_pubsub."));
    r.push_back(key("invalidation.sources[].scope", TIERCEL_AT(source_options, scope),
        words<source_scope>{.known = {{"tenant", source_scope::tenant}, {"all", source_scope::all}}}, fixed,
        "tenant: each event must name its tenant; all: one that names none is taken for the default tenant, and may concern everything."));
    r.push_back(key("invalidation.sources[].origin", TIERCEL_AT(source_options, origin), texts{}, fixed, "For poll: the origin that has the feed."));
    r.push_back(key("invalidation.sources[].path", TIERCEL_AT(source_options, path), checked(path_or_empty), fixed,
        "For poll: where it has it, perhaps with a query. The answer to a GET is a JSON array of events, the oldest first."));
    r.push_back(key("invalidation.sources[].cursor", TIERCEL_AT(source_options, cursor),
        words<feed_cursor>{.known = {{"id", feed_cursor::id}, {"time", feed_cursor::time}}}, fixed,
        "For poll: id: asks for what comes after the event of an id; time: for what has a stamp (time, timestamp) or a later one."));
    r.push_back(key("invalidation.sources[].parameter", TIERCEL_AT(source_options, parameter), checked(query_name_or_empty), fixed,
        "For poll: of the query, with the id or stamp. Empty: lastEventId or since."));
    r.push_back(key("invalidation.sources[].interval", TIERCEL_AT(source_options, interval), between(100ms, std::chrono::hours(24)), fixed,
        "For poll: from the end of what there was to the next look."));
    r.push_back(key("invalidation.sources[].timeout", TIERCEL_AT(source_options, timeout), between(10ms, longest_wait), fixed,
        "For poll: for one page, retries included."));
    r.push_back(key("invalidation.sources[].max_page", TIERCEL_AT(source_options, max_page), between(1_KiB, 256_MiB), fixed,
        "For poll: a larger page is refused."));
    r.push_back(key("invalidation.sources[].auth.token", TIERCEL_AT(source_options, auth.token), checked(bearer_token, secrecy::secret), fixed,
        "For poll: sent as Authorization: Bearer. Of token, token_file and origin at most one."));
    r.push_back(key("invalidation.sources[].auth.token_file", TIERCEL_AT(source_options, auth.token_file), texts{}, fixed,
        "For poll: file that holds the token; read again when it changes, and when the token is refused."));
    r.push_back(key("invalidation.sources[].auth.origin", TIERCEL_AT(source_options, auth.origin), texts{}, fixed,
        "For poll: the origin that gives us tokens for our id and secret (OAuth 2.0 client credentials); renewed before they expire, and when "
        "one is refused."));
    r.push_back(key("invalidation.sources[].auth.path", TIERCEL_AT(source_options, auth.path), checked(path_or_empty), fixed, "Where it does so."));
    r.push_back(key("invalidation.sources[].auth.client_id", TIERCEL_AT(source_options, auth.client_id), texts{}, fixed, "Who we are there."));
    r.push_back(key("invalidation.sources[].auth.client_secret", TIERCEL_AT(source_options, auth.client_secret), texts{.hide = secrecy::secret}, fixed,
        "What only we know."));
    r.push_back(key("invalidation.sources[].auth.scope", TIERCEL_AT(source_options, auth.scope), texts{}, fixed,
        "What the token shall be good for; empty: whatever is usual there."));
    r.push_back(items("invalidation.rules", TIERCEL_AT(config, invalidation.events.rules), fixed,
        "What events of other types than tiercel.invalidate.v1 mean. Every rule that matches is carried out."));
    r.push_back(key("invalidation.rules[].on", TIERCEL_AT(rule_options, on), checked(name_or_beginning), fixed,
        "The type of event; a trailing * matches what begins so.").needed("project.updated"));
    r.push_back(key("invalidation.rules[].version", TIERCEL_AT(rule_options, version), texts{}, fixed,
        "Only events of that version: by their attribute version, or the end of their type, as in .v2. Empty: any."));
    r.push_back(key("invalidation.rules[].tenant", TIERCEL_AT(rule_options, tenant), checked(event_template), fixed,
        "Whose it is, as in {data.tenantId}. Empty: as the event says (tenantid)."));
    r.push_back(items("invalidation.rules[].invalidate", TIERCEL_AT(rule_options, invalidate), fixed,
        "What becomes invalid; each item has exactly one of the following keys. {data.x}, {subject}, {id} stand for parts of the "
        "event.").needed(""));
    const auto effect = [&](std::string_view name, auto at, std::string_view text) { r.push_back(key(name, at, checked(event_template), fixed, text)); };
    r.push_back(key("invalidation.rules[].invalidate[].entity", TIERCEL_AT(effect_options, entity), checked(event_template), fixed,
        "Answers that show it: type/id.").shown_as("project/{data.projectId}"));
    effect("invalidation.rules[].invalidate[].entity_list", TIERCEL_AT(effect_options, entity_list), "Lists of that type.");
    effect("invalidation.rules[].invalidate[].tag", TIERCEL_AT(effect_options, tag), "Answers with that tag.");
    effect("invalidation.rules[].invalidate[].url", TIERCEL_AT(effect_options, url), "All answers of that URL.");
    effect("invalidation.rules[].invalidate[].prefix", TIERCEL_AT(effect_options, prefix), "What lies below: host/path/.");
    effect("invalidation.rules[].invalidate[].host", TIERCEL_AT(effect_options, host), "All of a host.");
    effect("invalidation.rules[].invalidate[].tenant", TIERCEL_AT(effect_options, tenant), "All of a tenant.");
    effect("invalidation.rules[].invalidate[].all", TIERCEL_AT(effect_options, all), "Everything; any text. For sources of scope all.");
    r.push_back(key("invalidation.rules[].mode", TIERCEL_AT(rule_options, mode),
        words<effect_mode>{.known = {{"soft", effect_mode::soft}, {"hard", effect_mode::hard}}}, fixed,
        "soft: expired now, may be served stale inside its windows; hard: gone."));
    r.push_back(key("invalidation.rules[].ignore_fields", TIERCEL_AT(rule_options, ignore_fields), texts{}, fixed,
        "An event whose data.changedFields are all among these has no effect."));
    r.push_back(key("invalidation.max_retries", TIERCEL_AT(config, invalidation.events.max_retries), counts{0, 100}, fixed,
        "Attempts after the first, for an event that fails; then it goes to the dead letters."));
    r.push_back(key("invalidation.dedup_ttl", TIERCEL_AT(config, invalidation.events.dedup_ttl), between(seconds(1), longest_life), fixed,
        "How long an event is known by its source and id, and a repetition has no effect."));
    r.push_back(key("invalidation.loopback_ttl", TIERCEL_AT(config, invalidation.events.loopback_ttl), between(0ms, longest_wait), fixed,
        "So long after a write through the proxy has invalidated something, the event by which its origin tells of it has no effect: one "
        "event for each write, and none whose time is after the write. As long as events take, and more. 0s: every event has."));
    r.push_back(key("invalidation.coalesce", TIERCEL_AT(config, invalidation.events.coalesce), between(0ms, seconds(10)), fixed,
        "Events of equal effect: the first has it at once, those that come so soon after it share one invalidation at the end of that time. "
        "0s: each has its own."));
    r.push_back(key("invalidation.max_pending", TIERCEL_AT(config, invalidation.events.max_pending), counts{1, 10'000'000}, fixed,
        "Events under way at most; beyond, streams and feeds are read more slowly, and invalidation.overload says what becomes of others."));
    r.push_back(key("invalidation.overload", TIERCEL_AT(config, invalidation.events.overload),
        words<overload_rule>{.known = {{"coalesce", overload_rule::coalesce}, {"reject", overload_rule::reject}}}, fixed,
        "When more events come by POST /v1/events or on a channel. coalesce: all of the tenant that an event is about is invalidated, once for "
        "many of them; reject: 429, and what a channel brings is lost."));
    r.push_back(key("invalidation.repeat_after", TIERCEL_AT(config, invalidation.repeat_after), between(0ms, longest_wait), fixed,
        "For origins that answer out of replicas: so long after it was, each invalidation is appended to the log once more. 0s: never."));
    r.push_back(key("invalidation.journal.path", TIERCEL_AT(config, invalidation.journal.path), texts{}, fixed,
        "File for what was accepted while Redis is away, so that it outlives this process. Empty: in memory alone."));
    r.push_back(key("invalidation.journal.max_bytes", TIERCEL_AT(config, invalidation.journal.max_bytes), between(4_KiB, 16_GiB), fixed,
        "Of that file; what does not fit is refused."));
    return r;
}

rows telemetry_rows()
{
    using telemetry::log_format;
    using telemetry::log_level;
    const words<log_format> formats{.known = {{"text", log_format::text}, {"json", log_format::json}}};
    rows r;
    r.push_back(key("log.level", TIERCEL_AT(config, log.level),
        words<log_level>{.known = {{"debug", log_level::debug}, {"info", log_level::info}, {"warn", log_level::warn}, {"error", log_level::error}}},
        fixed, "Least weight of a line that is written."));
    r.push_back(key("log.format", TIERCEL_AT(config, log.format), formats, fixed, "Of the log of the program itself."));
    r.push_back(key("log.file", TIERCEL_AT(config, log.file), texts{}, fixed, "Empty: standard error."));
    r.push_back(key("log.rate", TIERCEL_AT(config, log.rate), counts{0, 1'000'000}, fixed,
        "Lines per second from one place in the program; the rest is counted. 0: no limit."));
    r.push_back(key("log.slow_origin", TIERCEL_AT(config, log.slow_origin), between(0ms, longest_wait), fixed,
        "An origin that took longer is worth a line."));
    r.push_back(key("log.access.format", TIERCEL_AT(config, log.access.format), formats, fixed, "Of the line for each request."));
    r.push_back(key("log.access.file", TIERCEL_AT(config, log.access.file), texts{}, fixed,
        "Empty or -: standard output; off: no such lines."));
    r.push_back(key("log.access.sample", TIERCEL_AT(config, log.access.sample), numbers{0, 1}, fixed,
        "Share of the requests that get a line."));
    r.push_back(key("metrics.tenants", TIERCEL_AT(config, metrics.tenants), counts{0, 10'000}, fixed,
        "So many tenants, the busiest, get a label of their own; the rest is \"other\"."));
    return r;
}

#undef TIERCEL_AT

// Known from the documentation, without a row as long as nothing acts on them. A group stands for all in it.
constexpr auto reserved = std::to_array<std::string_view>({
    "server.listen[].proxy_protocol", "server.listen[].tls",
    "limits",
    "cache.admission",
    "cache.l2.compression", "cache.l2.admin_user", "cache.l2.admin_password", "cache.l2.migrate",
    "tenancy.attest_header", "tenancy.on_mismatch", "tenancy.tenants",
    "tenancy.resolvers[].header", "tenancy.resolvers[].keys", "tenancy.resolvers[].claim", "tenancy.resolvers[].issuer",
    "tenancy.resolvers[].audience", "tenancy.resolvers[].algorithms", "tenancy.resolvers[].file", "tenancy.resolvers[].field",
    "routes[].read_your_writes",
    "routes[].key.body",
    "routes[].compress", "routes[].rewrite", "routes[].headers",
    "warm", "tracing",
});

// ---- the tree --------------------------------------------------------------------------------------------------------

// "routes[].ttl.default" -> "routes", "ttl", "default": one item of a list or map is the node of the list or map itself.
std::vector<std::string_view> parts_of(std::string_view name)
{
    std::vector<std::string_view> parts;
    while (!name.empty()) {
        const auto end = std::min(name.find('.'), name.size());
        auto part = name.substr(0, end);
        name.remove_prefix(std::min(end + 1, name.size()));
        if (part.ends_with("[]")) {
            part.remove_suffix(2);
        }
        if (part != "<name>") {
            parts.push_back(part);
        }
    }
    return parts;
}

schema& node_at(schema& top, std::string_view name)
{
    schema* at = &top;
    for (const auto part : parts_of(name)) {
        const auto found = std::find_if(at->keys.begin(), at->keys.end(), [part](const schema& s) { return s.name == part; });
        if (found == at->keys.end()) {
            at->keys.push_back({.name = part, .entry = nullptr, .reserved = false, .keys = {}});
            at = &at->keys.back();
        } else {
            at = &*found;
        }
    }
    return *at;
}

// The pointers that rows take are untyped: here it is made sure that each gets the struct that it was written for.
void check_owners(const schema& s, std::type_index owner)
{
    for (const auto& k : s.keys) {
        if (k.entry == nullptr) {
            check_owners(k, owner);
            continue;
        }
        TIERCEL_CHECK(k.entry->owner == owner);
        if (!k.keys.empty()) {
            check_owners(k, k.entry->item);
        }
    }
}

schema make_schema()
{
    schema top;
    for (const auto& r : table()) {
        auto& node = node_at(top, r.name);
        TIERCEL_CHECK(node.entry == nullptr);
        node.entry = &r;
    }
    for (const auto name : reserved) {
        auto& node = node_at(top, name);
        TIERCEL_CHECK(node.entry == nullptr && node.keys.empty());
        node.reserved = true;
    }
    check_owners(top, typeid(config));
    return top;
}

std::vector<row> make_table()
{
    std::vector<row> all;
    for (auto* const part : {general_rows, server_rows, admin_rows, cache_rows, tenancy_rows, origin_rows, route_rows, invalidation_rows, telemetry_rows}) {
        auto some = part();
        std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    return all;
}

void visit_keys(const schema& s, const void* owner, const std::string& path, const value_visitor& visit)
{
    for (const auto& k : s.keys) {
        const auto inner = path.empty() ? std::string(k.name) : path + "." + std::string(k.name);
        if (k.entry == nullptr) {
            visit_keys(k, owner, inner, visit);
        } else if (k.entry->what == shape::value || k.entry->what == shape::values) {
            visit(inner, *k.entry, owner);
        } else {
            std::size_t i = 0;
            k.entry->each(owner, [&](std::string_view name, const void* item) {
                const auto step = k.entry->what == shape::named ? "." + std::string(name) : "[" + std::to_string(i++) + "]";
                visit_keys(k, item, inner + step, visit);
            });
        }
    }
}

}  // namespace

const std::vector<row>& table()
{
    static const std::vector<row> all = make_table();
    return all;
}

std::span<const std::string_view> reserved_names() { return reserved; }

const schema* schema::find(std::string_view key) const noexcept
{
    const auto found = std::find_if(keys.begin(), keys.end(), [key](const schema& s) { return s.name == key; });
    return found == keys.end() ? nullptr : &*found;
}

const schema& root()
{
    static const schema top = make_schema();
    return top;
}

void for_each_value(const config& c, const value_visitor& visit) { visit_keys(root(), &c, {}, visit); }

}  // namespace tiercel::config
