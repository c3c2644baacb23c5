#include "flow/purge.hpp"

#include "flow/delivery.hpp"
#include "flow/keying.hpp"
#include "flow/reply.hpp"
#include "flow/scopes.hpp"
#include "flow/writes.hpp"
#include "http/ascii.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {
namespace {

// Nothing: what it asks for is not known, and must not be taken for the mode that cannot be undone.
std::optional<purge_mode> mode_of(const request_head& head)
{
    purge_mode mode = purge_mode::hard;
    for (const field& f : head.fields) {
        if (f.id != header::other || !equal_ignoring_case(f.name, "tiercel-purge")) { continue; }
        const bool is_soft = equal_ignoring_case(f.value, "soft");
        if (!is_soft && !equal_ignoring_case(f.value, "hard")) { return std::nullopt; }
        mode = is_soft ? purge_mode::soft : mode;
    }
    return mode;
}

// The members of all X-Forwarded-For lines, in their order.
std::vector<std::string_view> forwarded_for(const request_head& head)
{
    std::vector<std::string_view> all;
    for (const field& f : head.fields) {
        if (f.id != header::x_forwarded_for) { continue; }
        std::string_view rest = f.value;
        for (bool more = true; more;) {
            const std::size_t comma = rest.find(',');
            more = comma != rest.npos;
            std::string_view member = rest.substr(0, comma);
            rest.remove_prefix(more ? comma + 1 : rest.size());
            member.remove_prefix(std::min(member.find_first_not_of(" \t"), member.size()));
            all.push_back(member.substr(0, member.find_last_not_of(" \t") + 1));
        }
    }
    return all;
}

// Who asks for the purge, if that one may. A request that has come through a proxy is its client's: the address of the proxy says
// nothing then, and would open PURGE to the world where the proxy is on loopback. Whoever stands behind somebody who is not trusted,
// or behind one that does not tell, is unknown.
std::optional<std::string> allowed_purger(const request& rq, const process_context& p)
{
    if (!rq.from->may_purge) { return std::nullopt; }
    const request_head& head = rq.head;
    if (!head.has(header::x_forwarded_for) && !head.has(header::forwarded) && !head.has(header::via)) { return rq.from->address; }
    const std::vector<std::string_view> way = forwarded_for(head);
    if (!rq.from->trusted || way.empty()) { return std::nullopt; }
    // From the end, which our neighbour has written, back to the first that nobody here vouches for.
    for (std::size_t i = way.size(); i-- > 0;) {
        const auto address = routing::parse_ip(way[i]);
        if (!address) { return std::nullopt; }
        if (i == 0 || !p.trusted.contains(*address)) {
            return p.purgers.contains(*address) ? std::optional(std::string(way[i])) : std::nullopt;
        }
    }
    return std::nullopt;
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
    std::optional<std::string> who = rq.tenant.empty() ? std::nullopt : allowed_purger(rq, cx.process);
    if (!who) {
        answered no = co_await refuse(rq, errc::forbidden, io, limits, cx);
        co_return no;
    }
    const std::optional<purge_mode> asked = mode_of(rq.head);
    if (!asked) {
        answered no = co_await refuse(rq, errc::bad_request, io, limits, cx);
        co_return no;
    }
    coherence::invalidation what;
    what.action = coherence::source_of::purge;
    const purge_mode what_mode = *asked;
    what.mode = what_mode;
    what.actor = std::move(*who);
    what.tenant = rq.tenant;
    what.scopes = url_scopes_of_both_schemes(rq);
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
