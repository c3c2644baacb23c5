#include "flow/relay.hpp"

#include "flow/client_body.hpp"
#include "flow/delivery.hpp"
#include "flow/exchange_times.hpp"
#include "flow/interim_relay.hpp"
#include "flow/keep.hpp"
#include "flow/keeping.hpp"
#include "flow/reply.hpp"
#include "flow/tunnel.hpp"
#include "flow/upstream_head.hpp"
#include "flow/writes.hpp"
#include "http/forwarding.hpp"
#include "rules/merge.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tiercel::flow {
namespace {


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

// Whether the client waits for a word before it sends its content. An old one cannot (RFC 9110 §10.1.1).
bool expects_continue(const request& rq)
{
    return rq.head.minor_version != 0 && rq.head.has(header::expect);
}

bool is_success(int status) noexcept { return status >= 200 && status < 400; }

// This is the last one that the request may reach.
async::task<answered> answer_options(const request& rq, answered a, client_io& io, client_limits limits, worker_context& cx)
{
    a.status = 204;
    io.out().clear();
    compose_options(io.out(), rq, a, cx.process.time.wall());
    const bool sent = co_await send_out(io, limits);
    a.close = !sent;
    co_return a;
}

// 101, and then whatever the two have to say to each other.
async::task<answered> switch_protocols(const request& rq, origin::exchange& ex, answered a, client_io& io, client_limits limits)
{
    io.out().clear();
    a.status = ex.head().status;
    a.close = true;
    compose_switch(io.out(), rq, ex.head(), a);
    const bool sent = co_await send_out(io, limits);
    if (!sent) {
        co_return left_by_client(a);
    }
    const byte_count before = io.bytes_sent();
    const tunnel_end how = co_await run_tunnel(io, ex.link(), limits.tunnel_idle);
    a.content_bytes = io.bytes_sent() - before;
    a.reset = how == tunnel_end::reset_by_origin;
    co_return a;
}

// One request out and one answer back. `io` is the client's, whose content is read while the request is under way.
class own_way {
public:
    own_way(request& rq, decision d, answered a, client_io& io, client_limits limits, worker_context& cx)
        : rq_(rq), d_(std::move(d)), a_(a), io_(io), limits_(limits), cx_(cx), p_(cx.process), stamp_(p_.valid.applied()),
          body_(io, rq.content, {limits.largest_content, limits.content_idle}, expects_continue(rq)),
          interim_(rq, body_, io, limits.write_idle), confirming_(is_worth_confirming(rq, d_, p_))
    {
    }

    origin::outgoing& compose()
    {
        out_.verb = rq_.head.verb;
        out_.verb_text = rq_.head.verb_text;
        out_.head = upstream_head(rq_, p_.tenants, confirming_ ? purpose::fill : purpose::alone);
        if (confirming_) {
            add_conditions(out_.head, *d_.stored);
        }
        out_.body = rq_.content.kind == framing_kind::none ? nullptr : &body_;
        out_.chunked_body = rq_.content.kind == framing_kind::chunked;
        out_.expects_continue = body_.is_waiting();
        out_.interim = &interim_;
        out_.upgrade = rq_.upgrade;
        out_.alone = true;
        out_.deadline = rq_.deadline;
        out_.may_retry = d_.stored == nullptr || !may_serve_on_failure(*d_.stored, failure::unreachable, rq_.now);
        return out_;
    }

    // What came of it.
    void take(result<origin::exchange_ptr> fetched)
    {
        body_.on_told();              // by the answer
        if (!body_.is_complete()) {
            rq_.keep_alive = false;   // unread content stands between us and the next request
        }
        if (fetched) {
            ex_ = std::move(*fetched);
            note_exchange(a_, *ex_);
        } else {
            failed_ = fetched.error();
        }
    }

    // The origin has done what may outdate what is stored: nobody gets the answer before that is gone (RFC 9111 §4.4).
    bool may_have_changed_something() const
    {
        return ex_ != nullptr && !ex_->is_upgraded() && !is_safe(rq_.head.verb) &&
               is_success(ex_->head().status) && rq_.route->on_write != routing::write_rule::off;
    }
    const response_head& answer_head() const noexcept { return ex_->head(); }
    // The client's content is not in the way of its next request.
    bool has_read_all() const noexcept { return body_.is_complete(); }

    // No coroutine itself: it only chooses the one that answers.
    async::task<answered> answer()
    {
        if (interim_.client_gone()) {
            return leave();
        }
        if (ex_ == nullptr) {
            return answer_no_answer();
        }
        const int status = ex_->head().status;
        if (ex_->is_upgraded()) {
            return switch_protocols(rq_, *ex_, a_, io_, limits_);
        }
        if (is_failure(status) && d_.stored != nullptr && may_serve_on_failure(*d_.stored, failure::server_error, p_.time.now())) {
            return answer_instead();
        }
        if (confirming_ && status == 304) {
            return answer_confirmed();
        }
        return pass_on();
    }

private:
    // Nobody wants the answer any more.
    async::task<answered> leave()
    {
        if (ex_ != nullptr) {
            co_await ex_->finish();
        }
        co_return left_by_client(a_);
    }

    async::task<answered> answer_no_answer()
    {
        const errc code = body_.failure() != errc{} ? body_.failure() : errc_of(failed_);
        const auto f = flight_failure::no_answer(code, out_.report.retry_after);
        a_.attempts = out_.report.attempts;
        a_.close = !rq_.keep_alive;
        answered failed = co_await answer_failure(rq_, d_.stored, f, a_, io_, limits_, cx_);
        co_return failed;
    }

    // What is stored stands in for an error of the origin.
    async::task<answered> answer_instead()
    {
        const auto f = flight_failure::error_answer(ex_->head().status);
        co_await let_go();
        answered done = co_await answer_failure(rq_, d_.stored, f, a_, io_, limits_, cx_);
        co_return done;
    }

    // A 304 to our own conditions.
    async::task<answered> answer_confirmed()
    {
        kept updated = keep_updated(d_.stored, rq_, ex_->head(), times_of(*ex_, p_), stamp_, time_to_head(*ex_), d_.known, cx_);
        if (updated.made == nullptr) {
            d_.stored = nullptr;   // it confirms something else: ask for the whole
            co_await let_go();
            answered whole = co_await relay(rq_, std::move(d_), io_, limits_, cx_);
            co_return whole;
        }
        discard_if_replaced(*d_.stored, updated, rq_, cx_);
        const std::string own_fields = lines_of(ex_->head(), updated.withheld);
        a_.what = outcome::revalidated;
        a_.why = updated.refused;
        a_.stored = updated.stored();
        a_.own_fields = own_fields;
        co_await let_go();
        answered confirmed = co_await send_entry(rq_, std::move(updated.made), a_, {}, io_, limits_);
        co_return confirmed;
    }

    // All that is wanted of the exchange is known. Its connection must not wait for a client, or for another exchange.
    async::task<> let_go()
    {
        if (ex_->is_uploading()) {
            co_await ex_->finish();
        }
        ex_.reset();
    }

    async::task<answered> pass_on()   // no coroutine either
    {
        if (rq_.head.verb == method::head && ex_->head().status == 200 && d_.what == action::fetch && d_.stored != nullptr) {
            keep_updated_by_head(d_.stored, rq_, ex_->head(), times_of(*ex_, p_), stamp_, time_to_head(*ex_), d_.known, cx_);
        }
        answered_too_ = get_answered_by(rq_, ex_->head(), p_);
        if (answered_too_ != nullptr) {
            keep_for_gets(answered_too_->view());
        } else if (d_.what == action::fetch && rq_.head.verb == method::get) {
            keep_for_others();
        }
        return relay_answer(rq_, *ex_, a_, kept_ ? &*kept_ : nullptr, io_, limits_, cx_);
    }

    void keep_for_gets(const request& get)
    {
        if (std::optional<storable> what = storable_for_gets(get, *ex_, p_)) {
            kept_.emplace(std::move(*what), d_.known, get, *ex_, cx_);
            a_.why = detail::none;
        }
    }

    void keep_for_others()
    {
        const std::string_view asked = rq_.head.first(header::range);
        relayed_verdict v = judge_relayed(rq_, *ex_, asked, d_, stamp_, cx_);
        if (v.what) {
            kept_.emplace(std::move(*v.what), d_.known, rq_, *ex_, cx_);
            a_.what = outcome::miss;
            a_.why = a_.why == detail::variants ? detail::none : a_.why;   // it does not vary any more
            if (v.part) {
                kept_->be_part(*v.part, asked);
                a_.why = detail::partial;
            }
        } else if (v.refused != detail::none) {
            cx_.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx_.index_of(*rq_.route)), v.refused);
            a_.why = a_.why == detail::mark ? a_.why : v.refused;
        }
    }

    request& rq_;
    decision d_;
    answered a_;
    client_io& io_;
    client_limits limits_;
    worker_context& cx_;
    process_context& p_;
    const sequence stamp_;
    client_body body_;
    interim_relay interim_;
    const bool confirming_;        // what is stored, by our own conditions
    origin::outgoing out_;
    origin::exchange_ptr ex_;      // refers to out_
    error_code failed_;            // why there is none
    std::unique_ptr<implied_get> answered_too_;
    std::optional<keeping> kept_;  // refers to all of them
};

}  // namespace

async::task<answered> relay(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
{
    answered a;
    a.what = outcome::pass;
    a.why = d.why;
    if (hops_left(rq.head) == 0) {
        rq.keep_alive = rq.keep_alive && rq.content.kind == framing_kind::none;   // nobody reads content that goes nowhere
        answered last = co_await answer_options(rq, a, io, limits, cx);
        co_return last;
    }
    a.forward = d.forward;
    if (rq.content.kind == framing_kind::length && rq.content.length > limits.largest_content) {
        const auto f = flight_failure::no_answer(errc::body_too_large);
        a.close = true;
        rq.keep_alive = false;
        answered refused = co_await answer_failure(rq, nullptr, f, a, io, limits, cx);
        co_return refused;
    }
    own_way one(rq, std::move(d), a, io, limits, cx);
    result<origin::exchange_ptr> fetched = co_await cx.origin_of(*rq.route).fetch(one.compose());
    one.take(std::move(fetched));
    if (one.may_have_changed_something()) {
        co_await invalidate(rq, one.answer_head(), cx);
    }
    answered done = co_await one.answer();
    if (!one.has_read_all()) {
        rq.keep_alive = false;
        done.close = true;
    }
    co_return done;
}

}  // namespace tiercel::flow
