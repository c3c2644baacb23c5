#include "flow/relay.hpp"

#include "flow/client_body.hpp"
#include "flow/client_watch.hpp"
#include "flow/fill_budget.hpp"
#include "flow/keep.hpp"
#include "flow/parts.hpp"
#include "flow/ranged.hpp"
#include "flow/reply.hpp"
#include "flow/tunnel.hpp"
#include "flow/upstream_head.hpp"
#include "flow/writes.hpp"
#include "http/event_stream.hpp"
#include "http/forwarding.hpp"
#include "http/validators.hpp"
#include "rules/merge.hpp"
#include "rules/ranges.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace tiercel::flow {
namespace {

using async::steady;

// What is stored may answer this client, too, once the origin has confirmed it. Not every stored answer may when the client
// has credentials (RFC 9111 §3.5).
bool is_worth_confirming(const request& rq, const decision& d, const process_context& p)
{
    if (d.what != action::fetch || d.stored == nullptr || rq.head.verb != method::get || rq.head.has(header::range)) {
        return false;
    }
    if (!d.stored->is(entry_flag::has_etag) && !d.stored->is(entry_flag::has_last_modified)) {
        return false;   // nothing to ask by; the client's own conditions go to the origin
    }
    const head_block block(d.stored->head());
    const fetch_times now{.requested = rq.now, .received = rq.now, .received_wall = p.time.wall()};
    return judge_storing(rq.head, rq.target.path, block.head(), rq.route->caching, now).why != detail::request_authorization;
}

// Collects an answer's content on its way to one client. Stored when it is complete and before the client has the last of it:
// whoever has heard of the answer finds it.
class keeping {
public:
    // `known`: as in keep(). All references outlive this.
    keeping(storable what, entry_ptr known, const request& rq, const origin::exchange& ex, worker_context& cx)
        : what_(std::move(what)), known_(std::move(known)), budget_(cx.process.l1), rq_(rq), ex_(ex), cx_(cx)
    {
    }
    // It is a 206 to that Range.
    void be_part(const content_range& says, std::string_view asked)
    {
        part_ = says;
        asked_ = asked;
    }

    // The next run; the last one when the exchange is complete.
    void add(std::string_view run)
    {
        if (content_ == nullptr) {
            return;
        }
        content_->append(run);
        if (content_->size() > cx_.process.max_object || !budget_.covers(content_->footprint())) {
            content_.reset();   // too much to store, or too much at once
            budget_.give_back();
        } else if (ex_.has_surplus()) {
            content_.reset();
            budget_.give_back();
            cx_.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx_.index_of(*rq_.route)), detail::surplus);
        } else if (ex_.is_complete()) {
            store();
        }
    }

private:
    void store()
    {
        const auto delta = std::chrono::duration_cast<milliseconds>(steady::now() - ex_.requested_at());
        budget_.give_back();   // from here on the store counts it
        if (part_) {
            keep_part(what_, *part_, asked_, delta, std::move(content_), rq_, cx_);
        } else {
            keep(what_, rq_, delta, {}, std::move(content_), known_, cx_);
        }
        content_.reset();
    }

    storable what_;
    std::optional<content_range> part_;
    std::string asked_;
    entry_ptr known_;
    body_ptr content_ = body::make();   // null: over
    fill_budget budget_;
    const request& rq_;
    const origin::exchange& ex_;
    worker_context& cx_;
};

std::string_view chunk_line(std::array<char, 20>& space, std::size_t n)
{
    char* end = std::to_chars(space.data(), space.data() + 16, n, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    return {space.data(), static_cast<std::size_t>(end - space.data())};
}

fetch_times times_of(const origin::exchange& ex, const process_context& p)
{
    fetch_times t;
    t.received = p.time.now();
    t.requested = t.received - std::chrono::duration_cast<milliseconds>(ex.answered_at() - ex.requested_at());
    t.received_wall = p.time.wall();
    return t;
}

void note_exchange(answered& a, const origin::exchange& ex)
{
    a.forward_status = ex.head().status;
    a.attempts = ex.attempts();
    a.origin_time = std::chrono::duration_cast<std::chrono::microseconds>(ex.answered_at() - ex.requested_at());
}

// Sends head and content; stops at the first trouble. `kept` may be null.
async::task<answered> stream(const request& rq, origin::exchange& ex, answered a, keeping* kept, client_io& io,
                             client_limits limits, const clock& time)
{
    const bool to_head = rq.head.verb == method::head;
    io.out().clear();
    a.status = ex.head().status;
    const client_framing framed = compose_relayed(io.out(), rq, ex.head(), ex.framing(), a, time);
    if (framed == client_framing::close) {
        a.close = true;
    }
    std::optional<client_watch> watch;
    if (is_event_stream(ex.head()) && !ex.is_uploading()) {
        ex.may_pause(limits.tunnel_idle);
        watch.emplace(io, ex);
    }
    bool head_sent = false;
    while (!ex.is_complete() || !head_sent) {
        // Content that is here already travels with the head, in one send. What is not does not hold the head back.
        std::optional<result<std::string_view>> run = ex.try_read();
        if (!run && head_sent) {
            result<std::string_view> awaited = co_await ex.read();
            run = std::move(awaited);
        }
        if (run && !*run) {
            a.failure = errc_of(run->error());
            a.close = true;   // never a clean end for content that is not whole (RFC 9112 §8)
            a.reset = head_sent && framed == client_framing::close;
            if (!head_sent) {
                a.status = 0;
            }
            co_return a;
        }
        const std::string_view content = run ? **run : std::string_view();
        std::array<char, 20> line;
        std::array<std::string_view, 5> out{};
        out[0] = head_sent ? std::string_view() : std::string_view(io.out());
        if (!content.empty() && !to_head) {
            out[2] = content;
            if (framed == client_framing::chunked) {
                out[1] = chunk_line(line, content.size());
                out[3] = "\r\n";
            }
        }
        if (ex.is_complete() && framed == client_framing::chunked && !to_head) {
            out[4] = "0\r\n\r\n";
        }
        if (kept != nullptr) {
            kept->add(content);
        }
        head_sent = true;
        const result<std::size_t> sent = io.try_send(out);   // nearly always all of it, without a coroutine
        error_code gone = sent ? error_code() : sent.error();
        if (sent && *sent < async::size_of(out)) {
            gone = co_await io.send_rest(out, *sent, limits.write_idle);
        }
        if (gone) {
            a.failure = errc::client_gone;
            a.close = true;
            co_return a;
        }
        a.content_bytes += content.size();
    }
    co_return a;
}

// The answer to a POST that a later GET may have, if it says for how long (RFC 9110 §9.3.3). The POST has invalidated what was
// there, so it is stamped anew.
std::optional<storable> storable_for_gets(const request& get, const origin::exchange& ex, const process_context& p)
{
    storing_verdict verdict = judge_storing(get.head, get.target.path, ex.head(), get.route->caching, times_of(ex, p));
    const bool fits = ex.framing().kind != framing_kind::length || ex.framing().length <= p.max_object;
    if (!verdict.store || !has(verdict.flags, entry_flag::explicit_lifetime) || !fits) {
        return std::nullopt;
    }
    storable s = make_storable(get, ex.head(), std::move(verdict), p.valid.applied(), times_of(ex, p));
    return is_too_many(s, get, nullptr, p) ? std::nullopt : std::optional(std::move(s));
}

// An answer that failed before anything was sent: an error of our own takes its place.
async::task<answered> answer_invalid(const request& rq, answered a, client_io& io, client_limits limits, worker_context& cx)
{
    flight_failure f;
    f.code = a.failure;
    a.close = false;
    answered b = co_await answer_failure(rq, nullptr, f, a, io, limits, cx);
    co_return b;
}

// 101, and then whatever the two have to say to each other.
async::task<answered> switch_protocols(const request& rq, origin::exchange& ex, answered a, client_io& io, client_limits limits)
{
    io.out().clear();
    a.status = ex.head().status;
    a.close = true;
    compose_switch(io.out(), rq, ex.head(), a);
    const std::array<std::string_view, 1> out{io.out()};
    const error_code gone = co_await io.send(out, limits.write_idle);
    if (gone) {
        a.failure = errc::client_gone;
        co_return a;
    }
    const byte_count before = io.bytes_sent();
    const tunnel_end how = co_await run_tunnel(io, ex.link(), limits.tunnel_idle);
    a.content_bytes = io.bytes_sent() - before;
    a.reset = how == tunnel_end::reset_by_origin;
    co_return a;
}

bool is_success(int status) noexcept { return status >= 200 && status < 400; }

// Whether the client waits for a word before it sends its content. An old one cannot (RFC 9110 §10.1.1).
bool expects_continue(const request& rq)
{
    return rq.head.minor_version != 0 && rq.head.has(header::expect);
}

// Passes interim answers on as they come: 100 to a client that waits for it, the others to all who know them.
class interim_relay final : public origin::interim_sink {
public:
    interim_relay(const request& rq, client_body& body, client_io& io, std::chrono::milliseconds idle)
        : rq_(rq), body_(body), io_(io), idle_(idle) {}

    async::task<> relay(const response_head& head) override
    {
        const bool wanted = head.status == 100 ? body_.is_waiting() : rq_.head.minor_version != 0;
        if (!wanted || client_gone_) {
            co_return;
        }
        io_.out().clear();
        compose_interim(io_.out(), rq_, head);
        const std::array<std::string_view, 1> out{io_.out()};
        const error_code gone = co_await io_.send(out, idle_);
        client_gone_ = static_cast<bool>(gone);
        if (head.status == 100) {
            body_.on_told();
        }
    }
    // Perhaps in the middle of a head: nothing else may be sent then.
    bool client_gone() const noexcept { return client_gone_; }

private:
    const request& rq_;
    client_body& body_;
    client_io& io_;
    const std::chrono::milliseconds idle_;
    bool client_gone_ = false;
};

// An answer to somebody who went alone may still be good for everybody else.
struct relayed_verdict {
    std::optional<storable> what;
    std::optional<content_range> part;     // of a 206
    detail refused = detail::none;         // the rule that forbids it
};

// `asked`: the Range that went to the origin, empty if none.
relayed_verdict judge_relayed(const request& rq, const origin::exchange& ex, std::string_view asked, const decision& d,
                              sequence stamp, worker_context& cx)
{
    const response_head& rs = ex.head();
    const process_context& p = cx.process;
    const bool has_length = ex.framing().kind == framing_kind::length;
    const auto length = has_length ? std::optional<byte_count>(ex.framing().length) : std::nullopt;
    const fetch_times when = times_of(ex, p);
    storing_verdict verdict = rs.status == 206 ? judge_storing_part(rq.head, rq.target.path, rs, length, rq.route->caching, when)
                                               : judge_storing(rq.head, rq.target.path, rs, rq.route->caching, when);
    if (verdict.store && rs.status >= 500 && is_good(d.stored)) {   // an error never takes the place of a good answer
        verdict = storing_verdict();
        verdict.why = detail::status;
    }
    if (!verdict.store && verdict.mark && rs.status < 500 && d.stored != nullptr && asked.empty()) {
        discard(*d.stored, rq, cx);   // RFC 9111 §4.3.3: the full answer replaces it, and is not to be kept
    }
    relayed_verdict v;
    v.refused = verdict.why;
    // Whatever else a Range may lead to (errors above all) says nothing about the whole.
    const bool is_answer_to_range = !asked.empty() && rs.status != 206 && (rs.status != 200 || rs.has(header::content_range));
    if (!verdict.store || is_answer_to_range || length.value_or(0) > p.max_object) {
        return v;
    }
    storable what = make_storable(rq, rs, std::move(verdict), stamp, when);
    if (rs.status == 206) {
        v.part = range_of(rs);
    } else if (is_too_many(what, rq, d.known, p)) {
        v.refused = detail::variants;
        return v;
    }
    v.what = std::move(what);
    return v;
}

detail detail_of(errc e) noexcept
{
    switch (e) {
    case errc::breaker_open: return detail::breaker;
    case errc::origin_busy: return detail::shed;
    case errc::origin_timeout:
    case errc::origin_connect_timeout: return detail::timeout;
    case errc::deadline_exceeded: return detail::deadline;
    case errc::origin_invalid:
    case errc::origin_head_too_large:
    case errc::origin_truncated: return detail::invalid;
    case errc::origin_refused:
    case errc::origin_reset:
    case errc::origin_unresolved: return detail::unreachable;
    default: return detail::none;
    }
}

}  // namespace

async::task<answered> send_entry(const request& rq, entry_ptr e, answered a, std::string_view origin_age, client_io& io,
                                 client_limits limits)
{
    io.out().clear();
    const bool asks = rq.head.has(header::if_none_match) || rq.head.has(header::if_modified_since);
    if (asks && is_not_modified(rq.head, *e)) {
        a.status = 304;
        compose_not_modified(io.out(), rq, *e, a);
    } else {
        if (rq.head.has(header::range)) {
            range_plan plan = judge_range(rq.head, *e);
            if (plan.how != range_answer::whole) {
                answered done = co_await send_ranges(rq, std::move(e), std::move(plan), a, origin_age, io, limits);
                co_return done;
            }
        }
        a.status = e->status();
        compose_entry(io.out(), rq, *e, a, origin_age);
        a.content_bytes = rq.head.verb == method::head ? 0 : e->body_size();
    }
    byte_count at = 0;
    bool head_sent = false;
    do {
        std::array<std::string_view, 2> out{};
        out[0] = head_sent ? std::string_view() : std::string_view(io.out());
        if (at < a.content_bytes) {
            out[1] = e->body_at(at);
        }
        head_sent = true;
        at += out[1].size();
        const error_code gone = co_await io.send(out, limits.write_idle);
        if (gone) {
            a.failure = errc::client_gone;
            a.close = true;
            co_return a;
        }
    } while (at < a.content_bytes);
    co_return a;
}

async::task<answered> answer_failure(const request& rq, const entry_ptr& stale, const flight_failure& f, answered a,
                                     client_io& io, client_limits limits, worker_context& cx)
{
    const failure how = f.status != 0 ? failure::server_error : failure::unreachable;
    if (stale != nullptr && may_serve_on_failure(*stale, how, cx.process.time.now())) {
        a.what = outcome::stale;
        a.why = detail::sie;
        a.failure = errc{};
        const answered done = co_await send_entry(rq, stale, a, {}, io, limits);
        co_return done;
    }
    a.what = outcome::error;
    a.failure = f.code;
    a.why = detail_of(f.code);
    a.status = f.status != 0 ? f.status : status_of(f.code);
    if (stale != nullptr && how == failure::unreachable && fault_of(f.code) == fault::origin &&
        (stale->is(entry_flag::must_revalidate) || stale->is(entry_flag::no_cache))) {
        a.status = 504;   // there is an answer, and only the origin could allow its use (RFC 9111 §5.2.2.2)
    }
    io.out().clear();
    compose_problem(io.out(), rq, f.code, a.status, f.retry_after, a, cx.process.time.wall());
    const std::array<std::string_view, 1> out{io.out()};
    const error_code gone = co_await io.send(out, limits.write_idle);
    a.close = a.close || static_cast<bool>(gone);
    co_return a;
}

async::task<answered> relay_answer(const request& rq, origin::exchange& ex, answered a, client_io& io,
                                   client_limits limits, worker_context& cx)
{
    note_exchange(a, ex);
    answered done = co_await stream(rq, ex, a, nullptr, io, limits, cx.process.time);
    if (done.status == 0) {
        done = co_await answer_invalid(rq, done, io, limits, cx);
    }
    co_return done;
}

// This is the last one that the request may reach.
async::task<answered> answer_options(const request& rq, answered a, client_io& io, client_limits limits, worker_context& cx)
{
    a.status = 204;
    io.out().clear();
    compose_options(io.out(), rq, a, cx.process.time.wall());
    const std::array<std::string_view, 1> out{io.out()};
    const error_code gone = co_await io.send(out, limits.write_idle);
    a.close = static_cast<bool>(gone);
    co_return a;
}

async::task<answered> relay(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
{
    process_context& p = cx.process;
    answered a;
    a.what = outcome::pass;
    a.why = d.why;
    if (hops_left(rq.head) == 0 && rq.content.kind == framing_kind::none) {
        answered last = co_await answer_options(rq, a, io, limits, cx);
        co_return last;
    }
    a.forward = d.forward;
    if (rq.content.kind == framing_kind::length && rq.content.length > limits.largest_content) {
        flight_failure f;
        f.code = errc::body_too_large;
        a.close = true;
        rq.keep_alive = false;
        answered refused = co_await answer_failure(rq, nullptr, f, a, io, limits, cx);
        co_return refused;
    }

    const sequence stamp = p.valid.applied();
    client_body body(io, rq.content, {limits.largest_content, limits.content_idle}, expects_continue(rq));
    interim_relay interim(rq, body, io, limits.write_idle);
    origin::outgoing out;
    out.verb = rq.head.verb;
    out.verb_text = rq.head.verb_text;
    const bool confirming = is_worth_confirming(rq, d, p);
    out.head = upstream_head(rq, p.tenants, confirming ? purpose::fill : purpose::alone);
    if (confirming) {
        add_conditions(out.head, *d.stored);
    }
    out.body = rq.content.kind == framing_kind::none ? nullptr : &body;
    out.chunked_body = rq.content.kind == framing_kind::chunked;
    out.expects_continue = body.is_waiting();
    out.interim = &interim;
    out.upgrade = rq.upgrade;
    out.deadline = steady::now() + rq.route->deadline;
    out.may_retry = d.stored == nullptr || !may_serve_on_failure(*d.stored, failure::unreachable, rq.now);

    auto fetched = co_await cx.origin_of(*rq.route).fetch(out);
    body.on_told();              // by the answer
    if (!body.is_complete()) {
        rq.keep_alive = false;   // unread content stands between us and the next request
    }
    if (interim.client_gone()) {
        if (fetched) {
            co_await (*fetched)->finish();
        }
        a.failure = errc::client_gone;
        a.close = true;
        co_return a;
    }
    if (!fetched) {
        flight_failure f;
        f.code = body.failure() != errc{} ? body.failure() : errc_of(fetched.error());
        f.retry_after = out.report.retry_after;
        a.attempts = out.report.attempts;
        a.close = !rq.keep_alive;
        answered failed = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
        co_return failed;
    }
    const origin::exchange_ptr ex = std::move(*fetched);
    note_exchange(a, *ex);
    if (ex->is_upgraded()) {
        answered switched = co_await switch_protocols(rq, *ex, a, io, limits);
        co_return switched;
    }
    const int status = ex->head().status;
    if (!is_safe(rq.head.verb) && is_success(status) && rq.route->on_write != routing::write_rule::off) {
        invalidate(rq, ex->head(), cx);
    }
    if (is_failure(status) && d.stored != nullptr && may_serve_on_failure(*d.stored, failure::server_error, p.time.now())) {
        flight_failure f;
        f.status = status;
        answered stale = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
        co_return stale;
    }

    if (confirming && status == 304) {
        const auto took = std::chrono::duration_cast<milliseconds>(ex->answered_at() - ex->requested_at());
        kept updated = keep_updated(d.stored, rq, ex->head(), times_of(*ex, p), stamp, took, d.known, cx);
        if (updated.made == nullptr) {
            d.stored = nullptr;   // it confirms something else: ask for the whole
            answered whole = co_await relay(rq, std::move(d), io, limits, cx);
            co_return whole;
        }
        discard_if_replaced(*d.stored, updated, rq, cx);
        const std::string own_fields = lines_of(ex->head(), updated.withheld);
        a.what = outcome::revalidated;
        a.why = updated.refused;
        a.stored = updated.stored();
        a.own_fields = own_fields;
        answered confirmed = co_await send_entry(rq, std::move(updated.made), a, {}, io, limits);
        co_return confirmed;
    }
    if (rq.head.verb == method::head && status == 200 && d.what == action::fetch && d.stored != nullptr) {
        const auto took = std::chrono::duration_cast<milliseconds>(ex->answered_at() - ex->requested_at());
        keep_updated_by_head(d.stored, rq, ex->head(), times_of(*ex, p), stamp, took, d.known, cx);
    }

    std::optional<keeping> kept;
    const std::unique_ptr<implied_get> answered_too = get_answered_by(rq, ex->head(), p);
    if (answered_too != nullptr) {
        if (std::optional<storable> what = storable_for_gets(answered_too->view(), *ex, p)) {
            kept.emplace(std::move(*what), d.known, answered_too->view(), *ex, cx);
            a.stored = true;
            a.why = detail::none;
        }
    } else if (d.what == action::fetch && rq.head.verb == method::get) {
        relayed_verdict v = judge_relayed(rq, *ex, rq.head.first(header::range), d, stamp, cx);
        if (v.what) {
            kept.emplace(std::move(*v.what), d.known, rq, *ex, cx);
            a.what = outcome::miss;
            a.stored = true;
            a.why = a.why == detail::variants ? detail::none : a.why;   // it does not vary any more
            if (v.part) {
                kept->be_part(*v.part, rq.head.first(header::range));
                a.why = detail::partial;
            }
        } else if (v.refused != detail::none) {
            cx.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx.index_of(*rq.route)), v.refused);
            a.why = a.why == detail::mark ? a.why : v.refused;
        }
    }
    answered done = co_await stream(rq, *ex, a, kept ? &*kept : nullptr, io, limits, p.time);
    if (ex->is_uploading()) {
        co_await ex->finish();
    }
    if (!body.is_complete()) {
        rq.keep_alive = false;
        done.close = true;
    }
    if (done.status == 0) {
        done = co_await answer_invalid(rq, done, io, limits, cx);
    }
    co_return done;
}

// ---- completing stored parts -----------------------------------------------------------------------------------------

namespace {

std::string text_of(const byte_span& s)
{
    return "bytes=" + std::to_string(s.first) + "-" + std::to_string(s.last);
}

// Are these exactly the bytes that were missing, of exactly the state that the parts are of (RFC 9110 §15.3.7.3)?
bool fills_gap(const origin::exchange& ex, const part_answer& parts)
{
    const response_head& rs = ex.head();
    const byte_span gap = *parts.gap();
    return range_of(rs) == content_range{gap, parts.total} && ex.framing().kind == framing_kind::length &&
           ex.framing().length == gap.size() && rs.count(header::etag) == 1 &&
           strong_equal(rs.first(header::etag), parts.parts.front().e->etag());
}

// The content of an exchange and nothing around it.
async::task<answered> pass_on(origin::exchange& ex, answered a, keeping* kept, client_io& io, client_limits limits)
{
    while (!ex.is_complete()) {
        const result<std::string_view> run = co_await ex.read();
        if (!run) {
            a.failure = errc_of(run.error());
            a.close = true;
            co_return a;
        }
        if (kept != nullptr) {
            kept->add(*run);
        }
        const std::array<std::string_view, 1> out{*run};
        const error_code gone = co_await io.send(out, limits.write_idle);
        if (gone) {
            a.failure = errc::client_gone;
            a.close = true;
            co_return a;
        }
        a.content_bytes += run->size();
    }
    co_return a;
}

}  // namespace

async::task<answered> complete_parts(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
{
    process_context& p = cx.process;
    const std::shared_ptr<const part_answer> parts = std::move(d.parts);
    const part_cover& cover = parts->covers.front();
    const std::string asked = text_of(*cover.gap);
    answered a;
    a.what = outcome::miss;
    a.why = detail::partial;
    a.forward = d.forward;

    const sequence stamp = p.valid.applied();
    client_body no_body(io, rq.content, {limits.largest_content, limits.content_idle}, false);
    interim_relay interim(rq, no_body, io, limits.write_idle);
    origin::outgoing out;
    out.interim = &interim;
    out.head = upstream_head(rq, p.tenants, purpose::fill);
    out.head.append("Range: ").append(asked).append("\r\nIf-Range: ").append(parts->parts.front().e->etag()).append("\r\n");
    out.deadline = steady::now() + rq.route->deadline;
    out.may_retry = d.stored == nullptr || !may_serve_on_failure(*d.stored, failure::unreachable, rq.now);
    auto fetched = co_await cx.origin_of(*rq.route).fetch(out);
    if (interim.client_gone()) {
        a.failure = errc::client_gone;
        a.close = true;
        co_return a;
    }
    if (!fetched) {
        flight_failure f;
        f.code = errc_of(fetched.error());
        f.retry_after = out.report.retry_after;
        a.attempts = out.report.attempts;
        answered failed = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
        co_return failed;
    }
    origin::exchange_ptr ex = std::move(*fetched);
    const int status = ex->head().status;
    if (is_failure(status) && d.stored != nullptr && may_serve_on_failure(*d.stored, failure::server_error, p.time.now())) {
        flight_failure f;
        f.status = status;
        note_exchange(a, *ex);
        answered stale = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
        co_return stale;
    }
    if (status == 200 || status == 304 || status == 416 || (status == 206 && !fills_gap(*ex, *parts))) {
        ex.reset();   // the resource is in another state, or this is no answer to what was asked: the request goes out as it came
        answered own = co_await relay(rq, std::move(d), io, limits, cx);
        co_return own;
    }
    if (status != 206) {
        a.what = outcome::pass;
        a.why = detail::range;
        answered other = co_await relay_answer(rq, *ex, a, io, limits, cx);
        co_return other;
    }
    note_exchange(a, *ex);
    relayed_verdict v = judge_relayed(rq, *ex, asked, d, stamp, cx);
    std::optional<keeping> kept;
    if (v.what) {
        kept.emplace(std::move(*v.what), nullptr, rq, *ex, cx);
        kept->be_part(*v.part, asked);
        a.stored = true;
    }
    a.status = 206;
    const std::string fields = storable_head(ex->head(), {}, rq.route->caching.strip_tags, p.time.wall());
    partial_head h;
    h.fields = fields;
    h.range = content_range{parts->spans.front(), parts->total};
    h.length = parts->spans.front().size();
    h.age = ex->head().first(header::age);
    io.out().clear();
    compose_partial(io.out(), rq, h, a);
    gathered before;
    before.add(*parts, cover.before);
    a = co_await send_gathered(a, std::move(before), io, limits);
    if (a.failure == errc{}) {
        a = co_await pass_on(*ex, a, kept ? &*kept : nullptr, io, limits);
    }
    if (a.failure == errc{} && !cover.after.empty()) {
        gathered after;
        after.add(*parts, cover.after);
        io.out().clear();
        a = co_await send_gathered(a, std::move(after), io, limits);
    }
    co_return a;
}

}  // namespace tiercel::flow
