#include "flow/join.hpp"

#include "flow/delivery.hpp"
#include "flow/fill.hpp"
#include "flow/live.hpp"
#include "flow/relay.hpp"
#include "flow/scopes.hpp"
#include "flow/standing.hpp"
#include "flow/variants.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace tiercel::flow {
namespace {

using async::steady;

// One client at one flight. The flight is joined before anything is awaited.
class flight_client {
public:
    // `since`: what was applied when the client came.
    flight_client(request& rq, std::string_view key, const hash128& hash, decision d, sequence since, client_io& io,
                  client_limits limits, worker_context& cx)
        : rq_(rq), d_(std::move(d)), io_(io), limits_(limits), cx_(cx), p_(cx.process), hash_(hash), since_(since),
          place_(p_.flights.join(key, hash, p_.valid, url_scope(rq))), is_outdated_(was_invalidated_before_we_came(url_scope(rq))),
          conditional_(rq.head.has(header::if_none_match) || rq.head.has(header::if_modified_since))
    {
        a_.forward = d_.forward;
    }

    async::task<answered> run()
    {
        answered done;
        if (!place_.created && place_.joined->readers() >= rq_.route->stampede.max_waiters) {
            place_.settle();
            done = co_await answer_busy();
        } else {
            take_seat();
            const event what = co_await wait();
            switch (what) {
            case event::brought: done = co_await answer_with_what_came(); break;
            case event::late: done = co_await answer_late(); break;
            case event::left: done = leave(); break;
            }
        }
        co_return done;
    }

    // The flight was over for us, without an answer: with this decision another one is to be joined.
    std::optional<decision> another_round() { return goes_round_ ? std::optional(std::move(d_)) : std::nullopt; }

private:
    enum class event : std::uint8_t {
        brought,   // seen_ has what there is
        late,      // nothing came in time
        left,      // the client went away
    };

    void take_seat()
    {
        reader_.emplace(place_.joined, cx_.loop);
        place_.settle();
        limit_ = rq_.deadline;
        if (!place_.created) {
            limit_ = std::min(limit_, steady::now() + rq_.route->stampede.max_wait);
            cx_.counts.count(telemetry::metric::coalesced_total, telemetry::route_index(cx_.index_of(*rq_.route)));
            return;
        }
        auto job = std::make_unique<fill_job>(rq_, place_.joined, hash_);
        job->stored = d_.stored;
        job->is_unsure = d_.is_unsure;
        over_ = start_fill(std::move(job), place_, cx_);
    }

    async::task<event> wait()
    {
        for (;;) {
            const bool changed = co_await reader_->next(limit_);
            seen_ = reader_->look();
            if (!changed && seen_.state != flight_state::streaming) {
                co_return event::late;
            }
            if (over_ != nullptr && !over_->interim.empty()) {
                const bool sent = co_await pass_interim();
                if (!sent) {
                    co_return event::left;
                }
            }
            if (!is_worth_waiting(changed)) {
                co_return event::brought;
            }
        }
    }

    async::task<bool> pass_interim()
    {
        io_.out() = over_->interim;
        over_->interim.clear();
        const bool sent = co_await send_out(io_, limits_);
        co_return sent;
    }

    // Passed on but not kept, it may be complete before this reader has begun.
    bool is_live() const
    {
        return seen_.state == flight_state::streaming || (seen_.state == flight_state::complete && seen_.entry == nullptr);
    }

    // A condition is evaluated against the complete answer, and so are most ranges; as long as there is time for that.
    bool is_worth_waiting(bool changed)
    {
        if (is_outdated_) {
            return seen_.state == flight_state::fetching;
        }
        if (is_live() && !is_planned_) {
            plan_ = plan_live(rq_, *seen_.live);
            is_planned_ = true;
        }
        const bool can_wait = changed && !seen_.relayed && (conditional_ || !plan_);
        return seen_.state == flight_state::fetching || (seen_.state == flight_state::streaming && can_wait);
    }

    async::task<answered> answer_with_what_came()
    {
        answered done;
        if (is_of_before()) {
            // Where it is still arriving, others would join it and have to go round as well.
            p_.flights.remove(*place_.joined, hash_);
            goes_round_ = true;
            co_return done;
        }
        note_report();
        const bool fits = matches(rq_, seen_.report.selection, p_);
        if (is_live() && fits) {
            done = co_await answer_live();
        } else if (may_not_be_content_with_it()) {
            done = co_await go_alone();
        } else if (seen_.state == flight_state::complete && seen_.entry != nullptr && fits) {
            done = co_await send_entry(rq_, seen_.entry, a_, seen_.report.age, io_, limits_);
        } else if (is_handed_over()) {
            const origin::exchange_ptr answer = std::move(over_->answer);
            done = co_await relay_answer(rq_, *answer, a_, nullptr, io_, limits_, cx_);
        } else if (seen_.state == flight_state::failed || seen_.state == flight_state::broken) {
            done = co_await answer_failure(rq_, d_.stored, seen_.failure, a_, io_, limits_, cx_);
        } else {
            done = co_await go_alone();   // not ours to share
        }
        co_return done;
    }

    // Who came later than an invalidation may not have what was asked for before it. That is known at once if it is the URL that was
    // invalidated; else the head of the answer tells what it belongs to. What has not come harms nobody.
    bool is_of_before() const
    {
        if (seen_.entry != nullptr) {
            return is_outdated_ || was_invalidated_before_we_came(seen_.entry->scopes());
        }
        return is_live() && (is_outdated_ || was_invalidated_before_we_came(seen_.live->scopes));
    }

    bool was_invalidated_before_we_came(std::span<const scope_hash> scopes) const
    {
        return !place_.created && place_.joined->stamp() < since_ && !p_.valid.is_valid(scopes, place_.joined->stamp());
    }
    bool was_invalidated_before_we_came(scope_hash scope) const
    {
        return was_invalidated_before_we_came(std::span(&scope, 1));
    }

    detail why_of(const flight_report& r) const
    {
        if (r.why != detail::none) { return r.why; }
        if (d_.why == detail::lag || d_.why == detail::blind) { return d_.why; }
        return r.was_behind ? detail::lag : detail::none;
    }

    void note_report()
    {
        const flight_report& r = seen_.report;
        a_.what = r.what;
        a_.why = why_of(r);
        a_.stored = r.stored;
        a_.attempts = place_.created ? r.attempts : 0;
        a_.forward_status = r.origin_status;
        a_.origin_time = r.origin_time;
        const bool forwarded = r.what != outcome::hit_l1 && r.what != outcome::hit_l2;
        a_.forward = !forwarded    ? forward_reason::none
                     : r.was_stale ? forward_reason::stale
                     : r.varies    ? forward_reason::vary_miss
                                   : d_.forward;
        a_.collapsed = forwarded && (!place_.created || r.elsewhere);
        a_.own_fields = place_.created ? std::string_view(r.own_fields) : std::string_view();
    }

    async::task<answered> answer_live()
    {
        std::optional<byte_span> part;
        if (!conditional_ && plan_ && plan_->how == range_answer::one) {
            part = plan_->spans.front();
        }
        answered done = co_await send_live(rq_, *seen_.live, part, *reader_, a_, seen_.report.age, io_, limits_);
        if (done.status == 0) {
            const flight_failure broken = reader_->look().failure;
            done = co_await answer_failure(rq_, d_.stored, broken, a_, io_, limits_, cx_);
        }
        co_return done;
    }

    // What others were content with, without asking the origin, need not be what this request may have.
    bool may_not_be_content_with_it() const
    {
        return seen_.entry != nullptr && !place_.created && seen_.report.origin_status == 0 &&
               seen_.report.what != outcome::stale &&
               reuse_of(seen_.entry.get(), rq_, p_.time.now(), p_).what == action::fetch;
    }

    bool is_handed_over()
    {
        if (over_ == nullptr || over_->answer == nullptr) {
            return false;
        }
        if (over_->answer->head().status == 200 && rq_.head.has(header::range)) {
            over_->answer.reset();   // all of it, for a client that wants a part: better ask for that
        }
        return over_->answer != nullptr;
    }

    // Who goes its own way leaves the flight first: a relayed fetch waits for the slowest of its readers.
    async::task<answered> go_alone()
    {
        reader_.reset();
        answered own = co_await relay(rq_, std::move(d_), io_, limits_, cx_);
        co_return own;
    }

    async::task<answered> answer_busy()
    {
        const auto f = flight_failure::no_answer(errc::origin_busy, seconds(1));
        answered busy = co_await answer_failure(rq_, d_.stored, f, a_, io_, limits_, cx_);
        co_return busy;
    }

    async::task<answered> answer_late()
    {
        reader_.reset();
        answered late;
        if (place_.created) {
            if (over_ != nullptr) {
                over_->decline();
            }
            const auto f = flight_failure::no_answer(errc::deadline_exceeded);
            late = co_await answer_failure(rq_, d_.stored, f, a_, io_, limits_, cx_);
        } else if (may_fetch_after_timeout()) {
            late = co_await go_alone();
        } else {
            late = co_await answer_busy();
        }
        co_return late;
    }

    bool may_fetch_after_timeout() const
    {
        switch (rq_.route->stampede.on_timeout) {
        case routing::wait_rule::unavailable: return false;
        case routing::wait_rule::stale:
            return d_.stored == nullptr || !may_serve_on_failure(*d_.stored, failure::unreachable, p_.time.now());
        default: return true;
        }
    }

    // Perhaps in the middle of an interim head: nothing else may be sent.
    answered leave()
    {
        over_->decline();
        a_.what = outcome::miss;
        return left_by_client(a_);
    }

    request& rq_;
    decision d_;
    client_io& io_;
    client_limits limits_;
    worker_context& cx_;
    process_context& p_;
    const hash128 hash_;
    const sequence since_;
    flight_table::place place_;
    const bool is_outdated_;
    bool goes_round_ = false;
    const bool conditional_;
    std::shared_ptr<handover> over_;        // of the one who created the flight
    std::optional<flight_reader> reader_;
    steady::time_point limit_;
    flight::view seen_;
    std::optional<range_plan> plan_;        // for a live answer
    bool is_planned_ = false;
    answered a_;                            // refers to seen_
};

}  // namespace

async::task<answered> join(request& rq, request_scratch& scratch, decision d, client_io& io, client_limits limits,
                           worker_context& cx)
{
    process_context& p = cx.process;
    if (const auto memo = p.marks.recent_failure(rq.hash, rq.now)) {
        answered a;
        a.forward = d.forward;
        const auto f = flight_failure::no_answer(*memo);
        answered repeated = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
        co_return repeated;
    }
    const std::string_view key = scratch.secondary.empty() ? rq.key : std::string_view(scratch.secondary);
    const hash128 hash = scratch.secondary.empty() ? rq.hash : seeded_hash(key, p.hash_seed);
    const sequence since = p.valid.applied();
    for (;;) {   // twice at most: a flight that begins from now on is good enough
        flight_client one(rq, key, hash, std::move(d), since, io, limits, cx);
        answered done = co_await one.run();
        std::optional<decision> again = one.another_round();
        if (!again) {
            co_return done;
        }
        d = std::move(*again);
    }
}

}  // namespace tiercel::flow
