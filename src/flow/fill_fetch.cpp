#include "flow/fill_fetch.hpp"

#include "flow/exchange_times.hpp"
#include "flow/fill_arrival.hpp"
#include "flow/keep.hpp"
#include "flow/reply.hpp"
#include "flow/upstream_head.hpp"
#include "flow/variants.hpp"

#include <string>
#include <utility>

namespace tiercel::flow {
namespace {


// Interim answers come before it is known whether the answer may be shared (it may be private, or of another variant), so
// they are for the client whose own request is out, and for nobody else who waits.
class interim_handover final : public origin::interim_sink {
public:
    interim_handover(const request& rq, handover& over, flight& joined) : rq_(rq), over_(over), joined_(joined) {}

    async::task<> relay(const response_head& head) override
    {
        if (head.status != 100 && over_.awaited) {
            compose_interim(over_.interim, rq_, head);
            joined_.publish_progress();
        }
        co_return;
    }

private:
    const request& rq_;
    handover& over_;
    flight& joined_;
};

// All lines of one field as one value.
std::string all_values(const response_head& rs, header which)
{
    std::string out;
    for (const field& f : rs.fields) {
        if (f.id == which) {
            out.append(out.empty() ? "" : ", ").append(f.value);
        }
    }
    return out;
}

storing_verdict refused(detail why, bool mark = false)
{
    storing_verdict v;
    v.why = why;
    v.mark = mark;
    return v;
}

class fill_fetch {
public:
    fill_fetch(fill_job& job, const entry_ptr& known, fill_end& end, worker_context& cx)
        : job_(job), known_(known), end_(end), cx_(cx), p_(cx.process), rq_(job.rq.view())
    {
    }

    async::task<> run()
    {
        bool conditional = job_.stored != nullptr;
        for (;;) {
            conditional = prepare(conditional);
            origin::exchange_ptr ex = co_await ask();
            if (ex == nullptr) {
                co_return;
            }
            if (ex->head().status != 304) {
                co_await take(std::move(ex));
                co_return;
            }
            if (!conditional) {   // nobody asked whether anything was modified
                end_.fail(flight_failure::no_answer(errc::origin_invalid));
                co_return;
            }
            if (update(*ex)) {
                co_return;
            }
            conditional = false;   // it confirms something else than what we have: ask for the whole
        }
    }

private:
    // False: what is stored has nothing to ask by.
    bool prepare(bool conditional)
    {
        origin::outgoing& out = job_.over->asked;
        out = origin::outgoing();
        out.verb = rq_.head.verb;
        out.verb_text = rq_.head.verb_text;
        out.head = upstream_head(rq_, p_.tenants, purpose::fill);
        out.deadline = job_.deadline;
        out.may_retry = job_.stored == nullptr || !may_serve_on_failure(*job_.stored, failure::unreachable, p_.time.now());
        out.background = job_.background;
        return conditional && add_conditions(out.head, *job_.stored);
    }

    // Null: the flight has ended.
    async::task<origin::exchange_ptr> ask()
    {
        origin::outgoing& out = job_.over->asked;
        interim_handover interim(rq_, *job_.over, *job_.joined);
        out.interim = rq_.head.minor_version != 0 ? &interim : nullptr;   // an old client knows none (RFC 9110 §15.2)
        auto fetched = co_await cx_.origin_of(*rq_.route).fetch(out);
        out.interim = nullptr;
        if (!fetched) {
            end_.fail(flight_failure::no_answer(errc_of(fetched.error()), out.report.retry_after));
            co_return nullptr;
        }
        origin::exchange_ptr ex = std::move(*fetched);
        when_ = times_of(*ex, p_);
        flight_report& report = end_.report();
        report.attempts = ex->attempts();
        report.origin_status = ex->head().status;
        report.origin_time = origin_time(*ex);
        report.age = all_values(ex->head(), header::age);
        co_return ex;
    }

    // 304 to our conditions. False: it does not confirm what is stored.
    bool update(const origin::exchange& ex)
    {
        const kept k = keep_updated(job_.stored, rq_, ex.head(), when_, job_.joined->stamp(), smoothed(job_.stored, time_to_head(ex)),
                                    l2_ties(known_, end_.lease()), cx_);
        if (k.made == nullptr) {
            return false;
        }
        end_.report().what = outcome::revalidated;
        end_.report().own_fields = lines_of(ex.head(), k.withheld);
        end_.complete(k);
        return true;
    }

    // A full answer: judged by its head, then stored while it arrives, or handed to the one client that may have it.
    async::task<> take(origin::exchange_ptr ex)
    {
        const int status = ex->head().status;
        if (is_failure(status) && job_.stored != nullptr && may_serve_on_failure(*job_.stored, failure::server_error, p_.time.now())) {
            end_.fail(flight_failure::error_answer(status));
            co_return;
        }
        storing_verdict verdict = judge(*ex);
        if (!verdict.store) {
            hand_over(std::move(ex), verdict);
            co_return;
        }
        storable s = make_storable(rq_, ex->head(), std::move(verdict), job_.joined->stamp(), when_);
        if (is_too_many(s, rq_, known_, p_)) {
            hand_over(std::move(ex), refused(detail::variants));
            co_return;
        }
        end_.report().what = outcome::miss;
        end_.report().own_fields = lines_of(ex->head(), s.verdict.drop_fields);
        end_.report().selection = selection_of(rq_, s.selecting, p_);
        fill_arrival arriving(job_, std::move(ex), std::move(s), known_, end_, cx_);
        co_await arriving.run();
    }

    storing_verdict judge(const origin::exchange& ex) const
    {
        storing_verdict verdict = judge_storing(rq_.head, rq_.target.path, ex.head(), rq_.route->caching, when_);
        if (verdict.store && ex.head().status >= 500 && is_good(job_.stored)) {
            return refused(detail::status);   // an error never takes the place of a good answer
        }
        if (verdict.store && ex.framing().kind == framing_kind::length && ex.framing().length > p_.max_object) {
            return refused(detail::too_large, true);
        }
        return verdict;
    }

    void hand_over(origin::exchange_ptr ex, const storing_verdict& verdict)
    {
        const int status = ex->head().status;
        cx_.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx_.index_of(*rq_.route)), verdict.why);
        if (status < 500 && job_.stored != nullptr) {   // RFC 9111 §4.3.3: the full answer replaces it, and is not to be kept
            discard(*job_.stored, rq_, cx_);
        }
        if (verdict.mark) {
            p_.marks.mark_uncacheable(rq_.hash, p_.time.now() + rq_.route->stampede.mark_ttl);
        }
        end_.report().why = verdict.why;
        end_.report().what = outcome::miss;
        if (job_.over->awaited) {
            job_.over->answer = std::move(ex);
        }
        if (status >= 500) {   // everybody's failure; only the client that caused the request gets the origin's own words
            end_.fail_all(flight_failure::error_answer(status));
        } else {
            end_.let_go({.what = verdict.mark ? l2::fill_outcome::uncacheable : l2::fill_outcome::alone});
            end_.leave_alone();
        }
    }

    fill_job& job_;
    const entry_ptr& known_;
    fill_end& end_;
    worker_context& cx_;
    process_context& p_;
    const request& rq_;
    fetch_times when_;             // of the last answer
};

}  // namespace

async::task<> fetch_from_origin(fill_job& job, const entry_ptr& known, fill_end& end, worker_context& cx)
{
    fill_fetch one(job, known, end, cx);
    co_await one.run();
}

}  // namespace tiercel::flow
