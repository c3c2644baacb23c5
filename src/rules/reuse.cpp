#include <tiercel/rules.hpp>

#include "http/cache_control.hpp"
#include "http/http_date.hpp"
#include "http/validators.hpp"

namespace tiercel {
namespace {

reuse_verdict verdict(action what, detail why, forward_reason forward = forward_reason::none) noexcept
{
    return {what, why, forward};
}

detail how_fresh(const entry& e) noexcept
{
    return e.is(entry_flag::negative) ? detail::negative : detail::l1;
}

// What the client's own directives demand of a stored answer (RFC 9111 §5.2.1); only where the route honours them.
struct demands {
    bool no_store = false;
    bool validate = false;                       // no-cache, or Pragma without Cache-Control
    bool only_stored = false;
    std::optional<seconds> max_age;
    std::optional<seconds> min_fresh;
    std::optional<seconds> max_stale;
};

demands demands_of(const request_head& rq)
{
    demands d;
    const cache_directives c = parse_cache_control(rq);
    d.no_store = c.no_store;
    d.validate = c.no_cache;
    d.only_stored = c.only_if_cached;
    d.max_age = c.max_age;
    d.min_fresh = c.min_fresh;
    d.max_stale = c.max_stale;
    if (!c.present) {
        for (const field& f : rq.fields) {
            if (f.id == header::pragma && parse_cache_control(f.value).no_cache) {
                d.validate = true;
            }
        }
    }
    return d;
}

// The part of the decision that every request shares: times alone, no parsing.
reuse_verdict judge_by_time(const entry& e, instant now) noexcept
{
    if (now < e.times().fresh_until && !e.is(entry_flag::no_cache)) {
        return verdict(action::serve, how_fresh(e));
    }
    if (now < e.times().swr_until && !e.is(entry_flag::no_cache) && !e.is(entry_flag::must_revalidate)) {
        return verdict(action::serve_and_refresh, detail::swr);
    }
    return verdict(action::fetch, detail::none, forward_reason::stale);
}

bool is_young_enough(const demands& d, const entry& e, instant now) noexcept
{
    // max-age=0 asks for validation, also of what came in the very same millisecond.
    return !d.max_age || (d.max_age->count() > 0 && e.age(now) <= *d.max_age);
}

// How long the answer must still be fresh, or (negative) may have been stale. Who limits age or freshness wants nothing stale,
// unless max-stale says so (RFC 9111 §5.2.1.1, §5.2.1.3); without any of them the answer's own windows decide.
bool is_fresh_enough(const demands& d, milliseconds remaining) noexcept
{
    if (d.min_fresh && remaining < *d.min_fresh) {
        return false;
    }
    if (remaining.count() > 0) {
        return true;
    }
    return d.max_stale ? -remaining <= *d.max_stale : !d.max_age && !d.min_fresh;
}

reuse_verdict judge_by_demand(const demands& d, const entry& e, instant now) noexcept
{
    if (d.no_store) {
        return verdict(action::pass, detail::request_no_store, forward_reason::request);
    }
    const milliseconds remaining = e.times().fresh_until - now;
    if (d.validate || !is_young_enough(d, e, now) || !is_fresh_enough(d, remaining)) {
        return verdict(action::fetch, detail::none, remaining.count() > 0 ? forward_reason::request : forward_reason::stale);
    }
    const reuse_verdict v = judge_by_time(e, now);
    const bool may_be_stale = !e.is(entry_flag::must_revalidate) && !e.is(entry_flag::no_cache);
    return v.what == action::fetch && d.max_stale && may_be_stale ? verdict(action::serve, detail::max_stale) : v;
}

}  // namespace

namespace {

reuse_verdict judge(const request_head& rq, const entry* e, const caching_policy& policy, instant now) noexcept
{
    if (policy.request_directives == request_directives_rule::ignore ||
        (!rq.has(header::cache_control) && !rq.has(header::pragma))) {
        return e == nullptr ? verdict(action::fetch, detail::none, forward_reason::uri_miss) : judge_by_time(*e, now);
    }
    const demands d = demands_of(rq);
    if (e != nullptr) {
        return judge_by_demand(d, *e, now);
    }
    return d.no_store ? verdict(action::pass, detail::request_no_store, forward_reason::request)
                      : verdict(action::fetch, detail::none, forward_reason::uri_miss);
}

// An answer that came a moment ago is not further behind than that, whatever may have been invalidated since.
bool may_be_outdated(const entry& e, milliseconds budget, instant now, instant known_until) noexcept
{
    return budget.count() > 0 && now - known_until > budget && now - e.times().received > budget;
}

}  // namespace

reuse_verdict judge_reuse(const request_head& rq, const entry* e, const caching_policy& policy, instant now,
                          instant known_until) noexcept
{
    const reuse_verdict v = judge(rq, e, policy, now);
    const bool serves = v.what == action::serve || v.what == action::serve_and_refresh;
    return serves && may_be_outdated(*e, policy.lag_budget, now, known_until)
               ? verdict(action::fetch, detail::lag, forward_reason::stale)
               : v;
}

bool wants_only_stored(const request_head& rq, const caching_policy& policy) noexcept
{
    return policy.request_directives == request_directives_rule::honour && rq.has(header::cache_control) &&
           demands_of(rq).only_stored;
}

bool is_failure(int status) noexcept
{
    return status == 500 || (status >= 502 && status <= 504);
}

bool may_serve_on_failure(const entry& e, failure f, instant now) noexcept
{
    if (e.is(entry_flag::must_revalidate) || e.is(entry_flag::no_cache)) {
        return false;
    }
    const entry_times& t = e.times();
    if (now < t.fresh_until || now < t.sie_until) {
        return true;
    }
    return f == failure::unreachable && now < t.unreachable_until;
}

bool is_not_modified(const request_head& rq, const entry& e) noexcept
{
    if (e.status() != 200) {
        return false;   // RFC 9110 §13.2.1: conditions count where the answer would be a success
    }
    if (rq.has(header::if_none_match)) {
        for (const field& f : rq.fields) {
            if (f.id == header::if_none_match && list_holds(f.value, e.etag())) {
                return true;
            }
        }
        return false;   // If-Modified-Since beside it does not count (RFC 9110 §13.1.3)
    }
    if (!rq.has(header::if_modified_since) || rq.count(header::if_modified_since) != 1) {
        return false;
    }
    const auto& known = e.last_modified() ? e.last_modified() : e.date();
    // Two-digit years are placed by the time of reception: near enough, and it needs no clock here.
    const std::int64_t now = std::chrono::floor<seconds>(e.times().received).time_since_epoch().count();
    const auto since = parse_http_date(rq.first(header::if_modified_since), now);
    return known && since && *since >= *known;
}

}  // namespace tiercel
