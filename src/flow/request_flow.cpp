#include "flow/request_flow.hpp"

#include "flow/blind.hpp"
#include "flow/complete_parts.hpp"
#include "flow/delivery.hpp"
#include "flow/fill.hpp"
#include "flow/join.hpp"
#include "flow/keying.hpp"
#include "flow/l2_lookup.hpp"
#include "flow/parts.hpp"
#include "flow/purge.hpp"
#include "flow/problem_table.hpp"
#include "flow/ranged.hpp"
#include "flow/relay.hpp"
#include "flow/reply.hpp"
#include "flow/standing.hpp"
#include "flow/variants.hpp"
#include "http/ascii.hpp"
#include "http/cookies.hpp"
#include "http/event_stream.hpp"
#include "http/forwarding.hpp"
#include "http/upgrade.hpp"
#include "http/vary.hpp"
#include "rules/early_refresh.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel::flow {
namespace {

decision refused(errc e)
{
    decision d;
    d.refused = e;
    return d;
}

decision passed(detail why, forward_reason forward)
{
    decision d;
    d.what = action::pass;
    d.alone = true;
    d.why = why;
    d.forward = forward;
    return d;
}

bool asks_for_debug(const request_head& head) noexcept
{
    return std::any_of(head.fields.begin(), head.fields.end(), [](const field& f) {
        return f.id == header::other && f.value == "1" && equal_lower(f.name, "tiercel-debug");
    });
}

bool expects_continue_only(const request_head& head) noexcept
{
    return std::all_of(head.fields.begin(), head.fields.end(), [](const field& f) {
        return f.id != header::expect || equal_lower(f.value, "100-continue");
    });
}

// The request's own name, if a trusted peer has given it one that can stand in logs and JSON as it is.
std::string_view given_id(const request_head& head) noexcept
{
    constexpr std::size_t longest = 128;
    if (head.count(header::x_request_id) != 1) {
        return {};
    }
    const std::string_view id = head.first(header::x_request_id);
    const bool harmless = std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
    return harmless && id.size() <= longest ? id : std::string_view();
}

// Whoever switches has no content to send before (and most who ask have none at all).
void note_upgrade(request& rq, request_scratch& scratch)
{
    scratch.upgrade.clear();
    if (rq.content.kind == framing_kind::none || (rq.content.kind == framing_kind::length && rq.content.length == 0)) {
        append_upgrades(scratch.upgrade, rq.head, rq.route->upgrade);
    }
    rq.upgrade = scratch.upgrade;
}

// The scheme that the client has used, and the target by it. A proxy in front that we trust knows better than our listener; else
// who asks for https in the open has no right to it (RFC 9110 §7.4).
errc find_target(request& rq, request_scratch& scratch)
{
    std::string_view told;
    if (rq.from->trusted && rq.head.has(header::x_forwarded_proto)) {
        told = forwarded_scheme(rq.head).value_or(std::string_view());
    }
    const auto target = canonicalise_target(rq.head, scratch.target, rq.own_authority, told);
    if (!target) {
        return errc_of(target.error());
    }
    rq.target = *target;
    if (told.empty() && rq.target.scheme == "https") {
        if (!rq.from->trusted) {
            return errc::misdirected;
        }
        told = rq.target.scheme;
    }
    if (!told.empty()) {
        rq.scheme = told;
    }
    return {};
}

// Where the spellings of the path that the origin may take for one lead to different routes, the first of these is taken, and
// nothing is kept: the rules for one reading would be used for the answer to another.
void consider_other_reading(request& rq, const routing::route_table& routes)
{
    const routing::route* const other = routes.match(rq.target.host, other_reading(rq.target.path), rq.head.verb_text);
    if (other == rq.route) {
        return;
    }
    rq.ambiguous = true;
    if (other != nullptr && (rq.route == nullptr || other < rq.route)) {   // in the order of one vector
        rq.route = other;
    }
}

// Steps 1-5: what must hold before any cache operation. errc{} when all is well.
errc identify(request& rq, request_scratch& scratch, const worker_context& cx)
{
    const process_context& p = cx.process;
    if (rq.from->trusted && rq.head.has(header::x_request_id)) {
        if (const std::string_view id = given_id(rq.head); !id.empty()) {
            rq.id = id;
        }
    }
    const auto content = request_framing(rq.head);
    if (!content) {
        return errc_of(content.error());
    }
    const bool is_read = rq.head.verb == method::get || rq.head.verb == method::head;
    if (!is_read || content->kind != framing_kind::length || content->length != 0) {   // "Content-Length: 0" is no content
        rq.content = *content;
    }
    if (rq.head.verb == method::connect) {
        return errc::method_unknown;   // no tunnels to anywhere
    }
    if (rq.head.verb == method::trace) {
        return errc::method_not_allowed;
    }
    if (rq.head.has(header::expect) && rq.head.minor_version != 0 && !expects_continue_only(rq.head)) {
        return errc::expectation_failed;   // RFC 9110 §10.1.1
    }
    if (const errc e = find_target(rq, scratch); e != errc{}) {
        return e;
    }
    rq.debug = rq.from->trusted && asks_for_debug(rq.head);
    const auto who = p.tenants.resolve(rq.head, rq.target.host, rq.target.path, rq.from->trusted);
    if (!who) {
        return errc_of(who.error());
    }
    rq.tenant = who->is_bypass() ? std::string_view() : who->who().view();
    rq.route = p.routes.match(rq.target.host, rq.target.path, rq.head.verb_text);
    if (p.routes.routes().size() > 1 && has_other_reading(rq.target.path)) [[unlikely]] {
        consider_other_reading(rq, p.routes);
    }
    if (rq.route == nullptr) {
        return p.routes.serves(rq.target.host) ? errc::no_route
               : rq.target.absolute_form       ? errc::misdirected
                                               : errc::no_route;
    }
    if (rq.head.has(header::upgrade)) {
        note_upgrade(rq, scratch);
    }
    rq.has_query = rq.target.has_query;
    rq.query = apply(rq.route->key.query, rq.target.query, rq.has_query, scratch.query);
    return {};
}

// A Range is answered from a shared fetch where that is wanted, or where what is stored may only have to be confirmed.
bool shares_in_spite_of_range(const request& rq, const entry* stored) noexcept
{
    return rq.route->range.fill_whole ||
           (stored != nullptr && (stored->is(entry_flag::has_etag) || stored->is(entry_flag::has_last_modified)));
}

// Requests whose answer must not be shared with those who wait for the same key, or cannot be made from a fill.
detail reason_to_go_alone(const request& rq, const entry* stored)
{
    if (rq.head.has(header::authorization)) {
        return detail::request_authorization;
    }
    if (rq.head.verb == method::head) {
        return detail::method;
    }
    if (rq.head.has(header::range) && !shares_in_spite_of_range(rq, stored)) {
        return detail::range;
    }
    if (!rq.route->stampede.coalesce) {
        return detail::coalesce_off;
    }
    if (wants_event_stream(rq.head)) {
        return detail::type;   // some origins send not even the head before the first event
    }
    for (const std::string& name : rq.route->stampede.personal_cookies) {
        if (find_cookie(rq.head, name).sense != cookie_sense::absent) {
            return detail::request_authorization;
        }
    }
    return detail::none;
}

// Is it time to fetch the fresh answer anew? Not while the origin's breaker is open, nor right after an attempt that failed.
bool is_due_early(const entry& e, const request& rq, worker_context& cx)
{
    const routing::xfetch_options& o = rq.route->stampede.xfetch;
    return o.enabled && may_refresh_early(e.times(), o.beta, rq.now) && !e.is(entry_flag::immutable) && e.may_refresh(rq.now) &&
           refresh_early(e.times(), o.beta, rq.now, cx.random.uniform()) && !cx.origin_of(*rq.route).refuses_background();
}

// What will be served has been found; what is to be done about it afterwards?
void plan_renewal(decision& d, const request& rq, worker_context& cx)
{
    if (d.what == action::serve_and_refresh) {
        d.renew = renewal::stale;
    } else if (is_due_early(*d.stored, rq, cx)) {
        d.renew = renewal::early;
        d.why = detail::xfetch;
    } else if (d.stored->is_revisit_due(rq.now)) {
        d.renew = is_blind(cx.process) ? d.renew : renewal::revisit;   // then each look is awaited: doubt()
    }
}

// No coroutine itself.
async::task<answered> fetch_alone(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
{
    if (d.parts != nullptr) {
        return complete_parts(rq, std::move(d), io, limits, cx);
    }
    return relay(rq, std::move(d), io, limits, cx);
}

// What was asked about because it may have been invalidated.
bool may_serve_after_look(const decision& d, bool is_seen, const request& rq, const worker_context& cx)
{
    const instant now = cx.process.time.now();
    return d.stored != nullptr && reuse_of(d.stored.get(), rq, now, cx.process).what == action::serve &&
           (is_seen || may_serve_unseen(*d.stored, now, cx.process));
}

// Who shares no fetch may still find what others have left in L2.
async::task<answered> answer_from_l2(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
{
    answered a;
    bool is_seen = false;
    if (d.is_unsure) {
        blind_look seen = co_await look_blindly(d.stored, cx);
        is_seen = seen.answered;
        d.stored = std::move(seen.left);
    }
    l2_answer found = co_await find_in_l2(rq, cx);
    if (!found.usable && d.is_unsure && may_serve_after_look(d, is_seen, rq, cx)) {
        a.what = outcome::hit_l1;
        a.why = is_seen ? detail::l1 : detail::blind;
        a = co_await send_entry(rq, std::move(d.stored), a, {}, io, limits);
    } else if (found.usable) {
        a.what = outcome::hit_l2;
        a.why = detail::l2;
        a = co_await send_entry(rq, std::move(found.stored), a, {}, io, limits);
    } else {
        if (found.stored != nullptr && (d.stored == nullptr || d.stored->times().received < found.stored->times().received)) {
            d.stored = std::move(found.stored);   // stale: it can be confirmed, or stand in for the origin
            d.forward = forward_reason::stale;
        } else if (d.stored == nullptr && found.descriptor != nullptr && !vary_lists_of(*found.descriptor).empty()) {
            d.forward = forward_reason::vary_miss;
        }
        d.known = std::move(found.descriptor);
        a = co_await fetch_alone(rq, std::move(d), io, limits, cx);
    }
    co_return a;
}

// Parts may answer a Range where no whole can.
void look_for_parts(decision& d, const request& rq, process_context& p)
{
    part_lookup found = find_parts(rq, d.stored.get(), p);
    if (found.any && d.stored == nullptr) {
        d.forward = forward_reason::partial;
    }
    d.parts = std::move(found.answer);
    if (d.parts != nullptr && !d.parts->gap()) {
        d.what = action::serve;
        d.why = detail::partial;
        d.forward = forward_reason::none;
        d.ranged = true;
    }
}

async::task<answered> answer_by_range(const request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
{
    answered a;
    a.what = d.what == action::serve_and_refresh ? outcome::stale : outcome::hit_l1;
    a.why = d.why;
    if (d.parts != nullptr) {
        answered part = co_await send_parts(rq, d.parts, a, io, limits);
        co_return part;
    }
    answered done = co_await send_entry(rq, d.stored, a, {}, io, limits);
    if (d.renew != renewal::none) {
        refresh(rq, d, cx);
    }
    co_return done;
}

}  // namespace

decision decide(request& rq, request_scratch& scratch, worker_context& cx)
{
    process_context& p = cx.process;
    if (const errc e = identify(rq, scratch, cx); e != errc{}) {
        return refused(e);
    }
    if (rq.tenant.empty()) {
        return passed(detail::tenant, forward_reason::bypass);
    }
    make_key(rq, scratch.key, p);
    if (!rq.upgrade.empty()) {
        return passed(detail::upgrade, forward_reason::bypass);
    }
    if (rq.head.verb != method::get && rq.head.verb != method::head) {
        return passed(detail::method, forward_reason::method);
    }
    if (rq.route->mode == routing::route_mode::pass || rq.ambiguous) {
        return passed(detail::pass, forward_reason::bypass);
    }
    if (rq.content.kind != framing_kind::none) {
        return passed(detail::request_body, forward_reason::bypass);
    }
    if (rq.head.has(header::if_match) || rq.head.has(header::if_unmodified_since)) {
        return passed(detail::pass, forward_reason::request);   // the origin's to evaluate (RFC 9111 §4.3.2)
    }

    decision d;
    found_entry found = find_stored(rq, scratch.secondary, p);
    d.stored = std::move(found.stored);
    const reuse_verdict v = reuse_of(d.stored.get(), rq, rq.now, p);
    d.what = v.what;
    d.why = v.why;
    d.forward = v.forward;
    const bool would_serve = d.what == action::serve || d.what == action::serve_and_refresh;
    if (would_serve && is_blind(p)) [[unlikely]] {
        doubt(d, rq, cx);
        if (d.what == action::pass) {
            return d;
        }
    }
    if (d.what == action::serve || d.what == action::serve_and_refresh) {
        plan_renewal(d, rq, cx);
        d.ranged = rq.head.has(header::range);
        return d;
    }
    if (d.stored == nullptr && d.what == action::fetch) {
        d.forward = scratch.secondary.empty() ? forward_reason::uri_miss : forward_reason::vary_miss;
    }
    if (d.what == action::fetch && rq.head.has(header::range) && rq.head.verb == method::get) {
        look_for_parts(d, rq, p);
        if (d.ranged) {
            return d;
        }
    }
    if (d.what == action::fetch && wants_only_stored(rq.head, rq.route->caching)) {
        return refused(errc::only_if_cached);
    }
    if (const detail why = reason_to_go_alone(rq, d.stored.get()); why != detail::none) {
        d.alone = true;
        d.why = why;
    } else if (d.stored == nullptr && p.marks.is_uncacheable(rq.hash, rq.now)) {
        d.alone = true;
        d.why = detail::mark;
    } else if (d.stored == nullptr && found.descriptor != nullptr && is_full_for(rq, *found.descriptor, p)) {
        d.alone = true;
        d.why = detail::variants;
    }
    return d;
}

prepared prepare(const request& rq, const decision& d, client_io& io, const clock& time)
{
    prepared p;
    io.out().clear();
    if (d.refused != errc{}) {
        p.done.failure = d.refused;
        p.done.status = status_of(d.refused);
        compose_problem(io.out(), rq, d.refused, p.done.status, seconds(0), p.done, time.wall());
        return p;
    }
    const entry& e = *d.stored;
    const bool stale = d.what == action::serve_and_refresh;
    p.done.what = stale ? outcome::stale : outcome::hit_l1;
    p.done.why = d.why;
    if ((rq.head.has(header::if_none_match) || rq.head.has(header::if_modified_since)) && is_not_modified(rq.head, e)) {
        p.done.status = 304;
        compose_not_modified(io.out(), rq, e, p.done);
        return p;
    }
    p.done.status = e.status();
    compose_entry(io.out(), rq, e, p.done, {});
    if (rq.head.verb != method::head) {
        p.done.content_bytes = e.body_size();
        p.content_of = &e;
    }
    return p;
}

// No coroutine itself: it only chooses the one that answers.
async::task<answered> answer(request& rq, request_scratch& scratch, decision d, client_io& io, const client_limits& limits,
                             worker_context& cx)
{
    rq.deadline = rq.began + rq.route->deadline;
    if (d.ranged) {
        return answer_by_range(rq, std::move(d), io, limits, cx);
    }
    if (d.alone && d.what == action::fetch && d.why != detail::mark && cx.l2 != nullptr) {
        return answer_from_l2(rq, std::move(d), io, limits, cx);
    }
    if (d.what == action::pass && is_purge(rq)) {
        return purge(rq, io, limits, cx);
    }
    if (d.alone || d.what == action::pass) {
        return fetch_alone(rq, std::move(d), io, limits, cx);
    }
    return join(rq, scratch, std::move(d), io, limits, cx);
}

}  // namespace tiercel::flow
