#include "flow/purge.hpp"

#include "flow/delivery.hpp"
#include "flow/keying.hpp"
#include "flow/reply.hpp"
#include "flow/scopes.hpp"
#include "flow/writes.hpp"
#include "http/ascii.hpp"

#include <optional>

namespace tiercel::flow {
namespace {

purge_mode mode_of(const request_head& head)
{
    for (const field& f : head.fields) {
        if (f.id == header::other && equal_ignoring_case(f.name, "tiercel-purge") && equal_ignoring_case(f.value, "soft")) {
            return purge_mode::soft;
        }
    }
    return purge_mode::hard;
}

async::task<answered> refuse(request& rq, errc why, client_io& io, client_limits limits, worker_context& cx)
{
    const auto f = flight_failure::no_answer(why, why == errc::draining ? seconds(1) : seconds(0));
    answered a;
    answered refused = co_await answer_failure(rq, nullptr, f, a, io, limits, cx);
    co_return refused;
}

}  // namespace

bool is_purge(const request& rq) noexcept { return rq.head.verb_text == "PURGE"; }

async::task<answered> purge(request& rq, client_io& io, client_limits limits, worker_context& cx)
{
    if (rq.content.kind != framing_kind::none) { rq.keep_alive = false; }   // nobody reads it
    if (!rq.from->may_purge || rq.tenant.empty()) {
        answered no = co_await refuse(rq, errc::forbidden, io, limits, cx);
        co_return no;
    }
    coherence::invalidation what;
    what.action = coherence::source_of::purge;
    const purge_mode what_mode = mode_of(rq.head);
    what.mode = what_mode;
    what.actor = rq.from->address;
    what.tenant = rq.tenant;
    what.scopes = {url_scope(rq)};
    what.names = {"url:" + key_text(rq.resource)};
    const std::optional<coherence::receipt> r = co_await invalidate_and_wait(std::move(what), cx, std::chrono::seconds(2));
    if (r && r->state == coherence::append_state::refused) {
        answered no = co_await refuse(rq, errc::redis_overload, io, limits, cx);
        co_return no;
    }
    const bool applied = r && r->state == coherence::append_state::applied;
    if (what_mode == purge_mode::hard) { cx.process.l1.remove(rq.key, rq.hash, cause::invalidated); }
    answered a;
    a.what = outcome::pass;
    a.why = detail::method;
    a.status = applied ? 200 : 202;
    const std::string content = std::string("{\"state\":\"") + (applied ? "applied" : "pending") + "\",\"id\":\"" + (r ? r->id : "") +
                                "\",\"sequence\":" + std::to_string(r ? r->at : 0) + "}\n";
    compose_own(io.out(), rq, a.status, "application/json", content, a, cx.process.time.wall());
    const bool sent = co_await send_out(io, limits);
    co_return sent ? a : left_by_client(a);
}

}  // namespace tiercel::flow
