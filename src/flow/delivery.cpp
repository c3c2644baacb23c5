#include "flow/delivery.hpp"

#include "flow/client_watch.hpp"
#include "flow/exchange_times.hpp"
#include "flow/framed_run.hpp"
#include "flow/keeping.hpp"
#include "flow/problem_table.hpp"
#include "flow/ranged.hpp"
#include "flow/reply.hpp"
#include "http/event_stream.hpp"
#include "rules/ranges.hpp"

#include <array>
#include <optional>
#include <utility>

namespace tiercel::flow {
namespace {

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
    case errc::origin_tls:
    case errc::origin_unresolved: return detail::unreachable;
    default: return detail::none;
    }
}

// Sends io.out() and the first a.content_bytes of the entry's content.
async::task<answered> send_whole(entry_ptr e, answered a, client_io& io, client_limits limits)
{
    std::array<std::string_view, async::max_pieces> out{io.out()};
    std::size_t used = 1;
    byte_count at = 0;
    do {
        if (at < a.content_bytes) {
            used += take_content(*e, at, std::span(out).subspan(used));
        }
        const error_code gone = co_await io.send(pieces(out.data(), used), limits.write_idle);
        if (gone) {
            co_return left_by_client(a);
        }
        used = 0;
    } while (at < a.content_bytes);
    co_return a;
}

// Never a clean end for content that is not whole (RFC 9112 §8). Status 0: nothing was sent.
answered broken_off(answered a, errc why, bool head_sent, client_framing framed)
{
    a.failure = why;
    a.close = true;
    a.reset = head_sent && framed == client_framing::close;
    a.status = head_sent ? a.status : 0;
    return a;
}

// What the head says about that.
void note_keeping(answered& a, const keeping& kept)
{
    a.stored = kept.refused() == detail::none;
    a.why = a.stored ? a.why : kept.refused();
}

// The head for the client, of an answer of which what is here has been taken in.
client_framing compose_head(const request& rq, const origin::exchange& ex, answered& a, const keeping* kept, client_io& io, const clock& time)
{
    if (kept != nullptr) {
        note_keeping(a, *kept);
    }
    io.out().clear();
    const auto lifetime = kept != nullptr && a.stored ? std::optional(kept->lifetime()) : std::nullopt;
    const client_framing framed = compose_relayed(io.out(), rq, ex.head(), ex.framing(), a, lifetime, time);
    a.close = a.close || framed == client_framing::close;
    return framed;
}

// There is an answer, and only the origin could allow its use (RFC 9111 §5.2.2.2).
bool needs_origin(const entry& stale) noexcept
{
    return stale.is(entry_flag::must_revalidate) || stale.is(entry_flag::no_cache);
}

}  // namespace

std::size_t take_content(const entry& e, byte_count& at, std::span<std::string_view> room) noexcept
{
    std::size_t used = 0;
    while (used < room.size() && at < e.body_size()) {
        room[used] = e.body_at(at);
        at += room[used++].size();
    }
    return used;
}

async::task<bool> send_out(client_io& io, client_limits limits)
{
    const std::array<std::string_view, 1> out{io.out()};
    const error_code gone = co_await io.send(out, limits.write_idle);
    co_return !gone;
}

answered left_by_client(answered a)
{
    a.failure = errc::client_gone;
    a.close = true;
    return a;
}

void note_exchange(answered& a, const origin::exchange& ex)
{
    a.forward_status = ex.head().status;
    a.attempts = ex.attempts();
    a.origin_time = origin_time(ex);
}

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
    answered done = co_await send_whole(std::move(e), a, io, limits);
    co_return done;
}

async::task<answered> answer_failure(const request& rq, const entry_ptr& stale, const flight_failure& f, answered a,
                                     client_io& io, client_limits limits, worker_context& cx)
{
    const failure how = f.status != 0 ? failure::server_error : failure::unreachable;
    a.stored = false;   // an answer that broke off before its head went out would have been
    // It may have been found to be gone since it was taken from memory.
    const bool is_left = stale != nullptr && cx.process.valid.survives(stale->scopes(), stale->stamp());
    if (is_left && may_serve_on_failure(*stale, how, cx.process.time.now())) {
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
    if (stale != nullptr && how == failure::unreachable && fault_of(f.code) == fault::origin && needs_origin(*stale)) {
        a.status = 504;
    }
    io.out().clear();
    compose_problem(io.out(), rq, f.code, a.status, f.retry_after, a, cx.process.time.wall());
    const bool sent = co_await send_out(io, limits);
    a.close = a.close || !sent;
    co_return a;
}

async::task<answered> relay_answer(const request& rq, origin::exchange& ex, answered a, keeping* kept, client_io& io,
                                   client_limits limits, worker_context& cx)
{
    note_exchange(a, ex);
    const bool to_head = rq.head.verb == method::head;
    a.status = ex.head().status;
    std::optional<client_watch> watch;
    if (is_event_stream(ex.head()) && !ex.is_uploading()) {
        ex.may_pause(limits.tunnel_idle);
        watch.emplace(io, ex);
    }
    client_framing framed{};
    bool head_sent = false;
    // Content that is here already travels with the head, in one send, and the head knows what became of it. What is not here does
    // not hold the head back.
    std::optional<result<std::string_view>> run = ex.try_read();
    for (;;) {
        if (run && !*run) {
            a = broken_off(a, errc_of(run->error()), head_sent, framed);
            break;
        }
        const std::string_view content = run ? **run : std::string_view();
        if (kept != nullptr) {
            kept->add(content);
        }
        if (!head_sent) {
            framed = compose_head(rq, ex, a, kept, io, cx.process.time);
        }
        const bool chunked = framed == client_framing::chunked && !to_head;
        const framed_run out(head_sent ? std::string_view() : std::string_view(io.out()), to_head ? std::string_view() : content,
                             chunked, ex.is_complete());
        head_sent = true;
        const result<std::size_t> sent = io.try_send(out.pieces());   // nearly always all of it, without a coroutine
        error_code gone = sent ? error_code() : sent.error();
        if (sent && *sent < async::size_of(out.pieces())) {
            gone = co_await io.send_rest(out.pieces(), *sent, limits.write_idle);
        }
        if (gone) {
            a = left_by_client(a);
            break;
        }
        a.content_bytes += content.size();
        if (ex.is_complete()) {
            break;
        }
        run = ex.try_read();
        if (!run) {
            result<std::string_view> awaited = co_await ex.read();
            run = std::move(awaited);
        }
    }
    watch.reset();
    if (ex.is_uploading()) {
        co_await ex.finish();
    }
    if (a.status == 0) {
        const auto f = flight_failure::no_answer(a.failure);
        a.close = false;
        a = co_await answer_failure(rq, nullptr, f, a, io, limits, cx);
    }
    co_return a;
}

}  // namespace tiercel::flow
