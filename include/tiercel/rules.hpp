#pragma once

// The vocabulary of every decision about a response: what happened (outcome), why exactly (detail), and what a route wants
// (caching_policy). The same names reach the access log, the metric labels and the Cache-Status field.

#include <tiercel/clock.hpp>
#include <tiercel/entry.hpp>
#include <tiercel/error.hpp>
#include <tiercel/message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

// By what a client request was answered: label of requests_total.
enum class outcome : std::uint8_t { hit_l1, hit_l2, stale, revalidated, miss, pass, error, last_ };
std::string_view name_of(outcome o) noexcept;

// The `fwd` parameter of Cache-Status (RFC 9211 §2.2).
enum class forward_reason : std::uint8_t { none, miss, uri_miss, vary_miss, stale, request, method, bypass, partial, last_ };
std::string_view name_of(forward_reason r) noexcept;

// The `detail` parameter of Cache-Status: which tier answered, or which rule decided. docs/cache-status.md explains each.
enum class detail : std::uint8_t {
    none,
    l1, l2,                 // tier that answered
    xfetch,                 // fresh, while an early refresh runs
    swr,                    // stale, while a refresh runs
    sie,                    // stale, because the origin failed
    max_stale,              // stale, because the client takes it so
    negative,               // a stored 404, 410 …
    not_modified,           // answered 304 from the store (also after validation)
    // why an answer was not stored
    method, request_authorization, request_no_store, no_store, private_, set_cookie, vary_star, vary_cookie, no_lifetime,
    status, partial, too_large, type, must_understand, bad_directives, tenant, attest, fence, truncated, surplus, range, upgrade,
    request_body, variants, tags,
    // why the cache was left out
    pass, mark, bypass, coalesce_off, lag, blind,
    // why an error was made here
    breaker, shed, timeout, unreachable, invalid, deadline,
    last_
};
std::string_view name_of(detail d) noexcept;   // spelled as in Cache-Status: "no-store", "l1", "vary-star"

enum class set_cookie_rule : std::uint8_t { refuse, strip, store };
enum class store_errors_rule : std::uint8_t { never, explicit_ };
enum class request_directives_rule : std::uint8_t { ignore, honour };

// What a route wants from the cache; a plain value filled from the configuration (`routes[]`).
struct caching_policy {
    struct ttl_options {
        seconds default_{0};             // for answers without freshness; 0 -> heuristics only
        seconds min{0};
        seconds max{7 * 24 * 3600};
        seconds heuristic_max{24 * 3600};
        seconds negative{10};            // for 404 and 410 without freshness of their own
    } ttl;
    struct stale_options {
        seconds while_revalidate{0};
        seconds if_error{0};
        seconds if_unreachable{3600};
        bool with_s_maxage = false;
    } stale;
    std::vector<std::string> targeted{"CDN-Cache-Control"};
    request_directives_rule request_directives = request_directives_rule::ignore;
    store_errors_rule store_errors = store_errors_rule::never;
    set_cookie_rule set_cookie = set_cookie_rule::refuse;
    bool deception_guard = true;
    milliseconds lag_budget{0};                // 0: no matter how late invalidations are known
    bool strip_tags = true;                    // Surrogate-Key and Cache-Tag do not go to clients
    std::vector<std::string> vary_languages;   // key.vary.languages
    std::vector<std::string> vary_allow;       // key.vary.allow: fields that may select although personal
};

// ---- storing: may this response be stored, and with which times ------------------------------------------------------

struct fetch_times {
    instant requested{};                 // request sent
    instant received{};                  // response head complete
    wall_time received_wall{};
};

// Where a lifetime comes from, in the order in which they are asked (RFC 9111 §4.2.1).
enum class lifetime_source : std::uint8_t {
    none,
    explicit_,     // the origin's own word, valid or not: nothing else may replace it
    negative,      // ttl.negative
    default_,      // ttl.default
    heuristic,     // a share of the time since Last-Modified
    last_
};
std::string_view name_of(lifetime_source s) noexcept;

struct storing_verdict {
    bool store = false;
    detail why = detail::none;           // reason when not stored
    bool mark = false;                   // remember the key as uncacheable for a while (hit-for-miss)
    entry_times times;                   // valid when store; `delta` is left to the caller
    entry_flag flags = entry_flag::none;
    lifetime_source source = lifetime_source::none;
    milliseconds lifetime{0};            // within the route's bounds; what is left of it, `times` say
    std::optional<std::size_t> targeted; // the member of policy.targeted that decides; nothing: Cache-Control does
    std::vector<std::string> drop_fields;   // lower-case names not to be stored (private="…", no-cache="…", Set-Cookie with strip)
};

// Pure. Judges the head alone: content that ends too early or grows too large is refused later, by who receives it.
storing_verdict judge_storing(const request_head& rq, std::string_view path, const response_head& rs,
                              const caching_policy& policy, const fetch_times& when);

// ---- reuse: may this entry answer this request now -------------------------------------------------------------------

enum class action : std::uint8_t {
    serve,               // fresh
    serve_and_refresh,   // stale-while-revalidate: serve, refresh in the background
    fetch,               // nothing usable; go and get it (validating if the entry has a validator)
    pass,                // do not use the cache for this request
};

struct reuse_verdict {
    action what = action::fetch;
    detail why = detail::none;
    forward_reason forward = forward_reason::none;   // for Cache-Status when what is fetch or pass
};

// What a failed fetch means for a stored, stale answer.
enum class failure : std::uint8_t { server_error, unreachable };
// The statuses that stale-if-error is about (RFC 5861 §4): 500, 502, 503, 504. Any other one is the origin's answer.
bool is_failure(int status) noexcept;

// Cheap: no parsing unless the route honours request directives. `e` may be null. `known_until`: what was invalidated before that is
// known here (validity::all_known_until).
reuse_verdict judge_reuse(const request_head& rq, const entry* e, const caching_policy& policy, instant now,
                          instant known_until = end_of_time) noexcept;
// only-if-cached on a route that honours it (RFC 9111 §5.2.1.7): what judge_reuse would fetch is answered with 504 instead.
bool wants_only_stored(const request_head& rq, const caching_policy& policy) noexcept;
// May the stale entry answer although the origin failed in that way (RFC 5861 §4, stale.if_unreachable)?
bool may_serve_on_failure(const entry& e, failure f, instant now) noexcept;

// Answers a client's If-None-Match / If-Modified-Since against a stored 200 (RFC 9110 §13.2.2, RFC 9111 §4.3.2).
// True: 304 Not Modified is the answer.
bool is_not_modified(const request_head& rq, const entry& e) noexcept;

}  // namespace tiercel
