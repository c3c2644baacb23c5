#include "flow/fill.hpp"

#include "cache/vary_index.hpp"
#include "flow/cluster_wait.hpp"
#include "flow/fill_budget.hpp"
#include "flow/keep.hpp"
#include "flow/relay.hpp"
#include "flow/reply.hpp"
#include "flow/scopes.hpp"
#include "flow/upstream_head.hpp"
#include "flow/variants.hpp"
#include "http/http_date.hpp"
#include "http/vary.hpp"
#include "rules/merge.hpp"
#include "rules/ranges.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace tiercel::flow {
namespace {

using async::steady;

// How far the origin may run ahead of the slowest reader when the content is not kept.
constexpr byte_count relay_window = 1 << 20;

// An answer that turned out to be for one client only, on its way from the fill to the client that caused it. Both run on
// one loop. The exchange refers to the request that it was made for, hence they travel together.
struct handover {
    origin::outgoing asked;
    origin::exchange_ptr answer;   // destroyed before `asked`
    bool awaited = true;           // the client is still there
    std::string interim;           // heads of interim answers that it has not got yet
};

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

struct fill_job {
    explicit fill_job(const request& original) : rq(original) {}

    kept_request rq;
    std::shared_ptr<flight> joined;
    hash128 hash;                  // of the flight's key
    entry_ptr stored;              // stale, or fresh when only L2 is to be asked
    bool background = false;       // nobody waits
    renewal why = renewal::none;   // in the background: what for
    entry_ptr refreshed;           // in the background: the one that serves on meanwhile
    std::shared_ptr<handover> over;
};

// ---- the fill --------------------------------------------------------------------------------------------------------

// Ends the flight: first out of the table, then the word to those who wait, so that nobody joins what is over.
class ending {
public:
    ending(fill_job& job, worker_context& cx) : job_(job), cx_(cx) {}

    void complete(entry_ptr e, flight_report report)
    {
        leave_table();
        job_.joined->complete(std::move(e), std::move(report));
    }
    void fail(flight_failure f, flight_report report)
    {
        leave_table();
        job_.joined->fail(f, std::move(report));
    }
    void leave_alone(flight_report report)
    {
        leave_table();
        job_.joined->leave_alone(std::move(report));
    }
    void break_off(errc code, detail why)
    {
        leave_table();
        job_.joined->break_off(code, why);
    }
    void give_up(errc why)
    {
        leave_table();
        job_.joined->give_up(why);
    }
    void leave_table() { cx_.process.flights.remove(*job_.joined, job_.hash); }

private:
    fill_job& job_;
    worker_context& cx_;
};

flight_report report_of(outcome what, detail why)
{
    flight_report r;
    r.what = what;
    r.why = why;
    return r;
}

// Redis time and ours differ by what their sampling leaves; who compares them allows for that much, which can only cost a fetch.
constexpr milliseconds clock_margin{250};

// An entry that another node stored, unless an invalidation that this node knows of came after.
bool outlived_invalidations(const entry& e, const process_context& p)
{
    const auto as_of = e.times().received.time_since_epoch() - clock_margin;
    return p.valid.is_valid(e.scopes(), static_cast<sequence>(std::max<std::int64_t>(as_of.count(), 0)) * 1000);
}

async::task<l2_answer> read_l2(const request& rq, sequence stamp, worker_context& cx)
{
    process_context& p = cx.process;
    l2_answer a;
    a.stored = co_await cx.l2->get(rq.tenant, rq.key, rq.hash, stamp);
    if (a.stored == nullptr || !outlived_invalidations(*a.stored, p)) {
        co_return l2_answer();
    }
    if (!a.stored->is(entry_flag::vary_descriptor)) {
        co_return a;
    }
    a.descriptor = std::move(a.stored);
    a.stored = nullptr;
    promote_descriptor(a.descriptor, rq, cx);
    for (const vary_list names : vary_lists_of(*a.descriptor)) {
        std::string key(rq.key);
        append_generation(key, generation_of(*a.descriptor));
        append_selection(key, rq, names, p);
        const entry_ptr variant = co_await cx.l2->get(rq.tenant, key, seeded_hash(key, p.hash_seed), stamp);
        const bool usable = variant != nullptr && outlived_invalidations(*variant, p);
        if (usable && (a.stored == nullptr || variant->date().value_or(0) > a.stored->date().value_or(0))) {
            a.stored = variant;
        }
    }
    co_return a;
}

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

fetch_times times_of(const origin::exchange& ex, const process_context& p)
{
    fetch_times t;
    t.received = p.time.now();
    t.requested = t.received - std::chrono::duration_cast<milliseconds>(ex.answered_at() - ex.requested_at());
    t.received_wall = p.time.wall();
    return t;
}

milliseconds smoothed(const entry_ptr& old, milliseconds now)
{
    // Moving average over refills, weight 0.3 for the new one.
    return old == nullptr || old->times().delta.count() == 0 ? now : (old->times().delta * 7 + now * 3) / 10;
}

bool is_no_answer(errc e) noexcept
{
    return fault_of(e) == fault::origin && e != errc::breaker_open && e != errc::origin_busy;
}

class fill {
public:
    fill(fill_job& job, worker_context& cx) : job_(job), cx_(cx), p_(cx.process), end_(job, cx), rq_(job.rq.view()) {}

    async::task<> run()
    {
        if (job_.why != renewal::revisit && is_stored_meanwhile()) {
            co_return;
        }
        if (cx_.l2 != nullptr) {
            l2_answer found = co_await read_l2(rq_, job_.joined->stamp(), cx_);
            known_ = std::move(found.descriptor);
            report_.varies = known_ != nullptr && found.stored == nullptr && !vary_lists_of(*known_).empty();
            if (is_superseded()) {
                co_return;
            }
            if (is_answered_by_l2(std::move(found.stored))) {
                co_return;
            }
        }
        if (job_.why == renewal::revisit) {
            report_ = report_of(outcome::hit_l1, detail::l1);
            complete_with(job_.stored);
            co_return;
        }
        const bool is_free = co_await clear_the_way();
        if (is_free) {
            co_await ask_origin();
        }
    }

private:
    // Between the lookup that found nothing and the creation of this flight another one may have ended.
    bool is_stored_meanwhile()
    {
        std::string secondary;
        entry_ptr e = find_stored(rq_, secondary, p_).stored;
        if (e == nullptr || e == job_.stored || judge_reuse(rq_.head, e.get(), rq_.route->caching, rq_.now).what != action::serve) {
            return false;
        }
        report_ = report_of(outcome::hit_l1, detail::l1);
        complete_with(std::move(e));
        return true;
    }

    // The flight looks after what L1 has, and L2 says that the resource was invalidated since: another instance has done so.
    bool is_superseded()
    {
        if (job_.why != renewal::revisit || known_ == nullptr || !vary_lists_of(*known_).empty() ||
            job_.stored->times().received > known_->times().received + clock_margin) {
            return false;
        }
        p_.l1.remove(*job_.stored, cause::invalidated);
        end_.leave_alone(report_of(outcome::miss, detail::none));
        return true;
    }

    // The copy that was received last counts, whatever the lifetimes say: the other one is of an older state.
    bool is_answered_by_l2(entry_ptr found)
    {
        const instant now = p_.time.now();
        if (found == nullptr) {
            if (job_.why == renewal::revisit) {
                // Evicted there, or not written yet: our copy serves on, but is not written back.
                job_.stored->revisit().store((now + p_.tiers.max_ttl).time_since_epoch().count(), std::memory_order_relaxed);
            }
            return false;
        }
        // The same copy may seem to differ by what the sampling of Redis's clock leaves.
        const milliseconds later = job_.stored == nullptr ? end_of_time.time_since_epoch()
                                                          : found->times().received - job_.stored->times().received;
        const bool newer = later > clock_margin;
        if (job_.why == renewal::early && !newer) {
            return false;   // the copy in L2 is about to expire as well
        }
        if (job_.why == renewal::revisit && !newer) {
            job_.stored->revisit().store((now + p_.tiers.promote_ttl).time_since_epoch().count(), std::memory_order_relaxed);
            return false;
        }
        if (later < -clock_margin) {
            return false;
        }
        if (judge_reuse(rq_.head, found.get(), rq_.route->caching, now).what == action::serve && promote(found, cx_, now)) {
            report_ = report_of(outcome::hit_l2, detail::l2);
            complete_with(std::move(found));
            return true;
        }
        if (newer) {
            report_.was_stale = true;
            if (job_.why == renewal::revisit) {
                promote(found, cx_, now);     // ours may not be served any more
            }
            job_.stored = std::move(found);   // stale, but it has validators and may have to stand in for the origin
        }
        return false;
    }

    // ---- the other instances

    enum class way : std::uint8_t { free, blocked, over };   // over: the flight has ended without a fetch of its own

    // Takes the lock of the key, or waits for the instance that has it. False: the flight has ended.
    async::task<bool> clear_the_way()
    {
        if (cx_.l2 == nullptr || !cx_.l2->has_locks()) {
            co_return true;
        }
        if (!is_worth_a_lock()) {
            count(telemetry::lock_result::skipped);
            co_return true;
        }
        cluster_wait others(rq_, job_.joined->stamp(), cx_);
        const auto limit = steady::now() + rq_.route->deadline;
        for (;;) {
            l2::lock_attempt attempt = co_await others.try_lock(lock_key());
            const milliseconds remaining = attempt.remaining;
            way w = co_await heed(std::move(attempt), others.has_waited());
            if (w == way::blocked) {
                const std::optional<l2::fill_news> news = co_await others.wait(remaining, limit);
                w = co_await heed(news, limit);
            }
            if (w != way::blocked) {
                co_return w == way::free;
            }
        }
    }

    bool is_worth_a_lock() const
    {
        const routing::fill_lock_options& o = rq_.route->stampede.lock;
        const bool is_quick = job_.stored != nullptr && job_.stored->times().delta < o.min_delta;
        return o.enabled && !is_quick && !p_.marks.is_uncacheable(rq_.hash, p_.time.now());
    }

    // Of the variant, once it is known which one it will be; the flight may have begun before.
    std::string lock_key() const
    {
        std::string secondary;
        if (job_.joined->key() == rq_.key) {
            find_stored(rq_, secondary, p_);
        }
        return secondary.empty() ? job_.joined->key() : secondary;
    }

    async::task<way> heed(l2::lock_attempt attempt, bool has_waited)
    {
        using telemetry::lock_result;
        lease_ = std::move(attempt.lease);
        const bool answered = co_await is_answered_by(std::move(attempt.found));
        if (answered) {
            let_go({.what = l2::fill_outcome::stored});
            count(lock_result::found);
            co_return way::over;
        }
        if (attempt.is != l2::lock_attempt::state::busy) {
            count(lease_ == nullptr ? lock_result::unavailable : has_waited ? lock_result::taken_over : lock_result::acquired);
            co_return way::free;
        }
        if (job_.background && job_.joined->readers() == 0) {   // the other will do; who joins in this very moment fetches alone
            count(lock_result::busy);
            job_.refreshed->put_off_refresh(p_.time.now() + attempt.remaining);
            report_.elsewhere = true;
            end_.leave_alone(std::move(report_));
            co_return way::over;
        }
        co_return way::blocked;
    }

    // What came with an attempt at the lock: newer than what was read before.
    async::task<bool> is_answered_by(entry_ptr found)
    {
        if (found != nullptr && found->is(entry_flag::vary_descriptor)) {
            l2_answer now = co_await read_l2(rq_, job_.joined->stamp(), cx_);
            known_ = std::move(now.descriptor);
            found = std::move(now.stored);
        } else if (found != nullptr && !outlived_invalidations(*found, p_)) {
            found = nullptr;
        }
        co_return found != nullptr && is_answered_by_l2(std::move(found));
    }

    // How the other fill ended, or nothing: then it is time to look again.
    async::task<way> heed(std::optional<l2::fill_news> news, steady::time_point limit)
    {
        using l2::fill_outcome;
        const fill_outcome what = news ? news->what : fill_outcome::released;
        report_.elsewhere = what != fill_outcome::released && what != fill_outcome::unshared;
        if (what == fill_outcome::stored) {
            l2_answer found = co_await read_l2(rq_, job_.joined->stamp(), cx_);
            known_ = std::move(found.descriptor);
            if (is_answered_by_l2(std::move(found.stored))) {
                count(telemetry::lock_result::found);
                co_return way::over;
            }
            report_.elsewhere = false;
        } else if (what == fill_outcome::unshared) {
            count(telemetry::lock_result::skipped);
            co_return way::free;
        } else if (what == fill_outcome::uncacheable || what == fill_outcome::alone) {
            if (what == fill_outcome::uncacheable) {
                p_.marks.mark_uncacheable(rq_.hash, p_.time.now() + rq_.route->stampede.mark_ttl);
            }
            end_.leave_alone(std::move(report_));
            co_return way::over;
        } else if (what == fill_outcome::failed) {
            report_.origin_status = news->status;
            fail(flight_failure{.code = news->why, .status = news->status});
            co_return way::over;
        }
        const bool stopping = cx_.giving_up || cx_.loop.gate().closed();
        if (stopping || steady::now() >= limit) {
            fail(flight_failure{.code = stopping ? errc::draining : errc::deadline_exceeded});
            co_return way::over;
        }
        co_return way::blocked;
    }

    // Tells those who wait elsewhere how this fill ends, as soon as that is known.
    void let_go(const l2::fill_news& news)
    {
        if (lease_ != nullptr) {
            lease_->release(news);
        }
    }

    // What this instance refused is not the others' business: the next one may try.
    void let_go_after(errc e)
    {
        if (is_no_answer(e)) {
            let_go({.what = l2::fill_outcome::failed, .why = e});
        } else {
            let_go({});
        }
    }

    void count(telemetry::lock_result r) { cx_.counts.count(telemetry::metric::lock_total, r); }

    // ---- the origin

    async::task<> ask_origin()
    {
        interim_handover interim(rq_, *job_.over, *job_.joined);
        for (bool conditional = job_.stored != nullptr;;) {
            origin::outgoing& out = job_.over->asked;
            out = origin::outgoing();
            out.verb = rq_.head.verb;
            out.verb_text = rq_.head.verb_text;
            out.head = upstream_head(rq_, p_.tenants, purpose::fill);
            conditional = conditional && add_conditions(out.head, *job_.stored);
            out.deadline = steady::now() + rq_.route->deadline;
            out.may_retry = job_.stored == nullptr || !may_serve_on_failure(*job_.stored, failure::unreachable, p_.time.now());
            out.background = job_.background;
            out.interim = rq_.head.minor_version != 0 ? &interim : nullptr;   // an old client knows none (RFC 9110 §15.2)
            auto fetched = co_await cx_.origin_of(*rq_.route).fetch(out);
            out.interim = nullptr;
            if (!fetched) {
                flight_failure f;
                f.code = errc_of(fetched.error());
                f.retry_after = out.report.retry_after;
                fail(f);
                co_return;
            }
            origin::exchange_ptr ex = std::move(*fetched);
            const fetch_times when = times_of(*ex, p_);
            report_.attempts = ex->attempts();
            report_.origin_status = ex->head().status;
            report_.origin_time = std::chrono::duration_cast<std::chrono::microseconds>(ex->answered_at() - ex->requested_at());
            report_.age = all_values(ex->head(), header::age);
            if (ex->head().status == 304) {
                if (conditional && !update(*ex, when)) {
                    conditional = false;   // it confirms something else than what we have: ask for the whole
                    continue;
                }
                if (!conditional) {
                    flight_failure f;
                    f.code = errc::origin_invalid;   // nobody asked whether anything was modified
                    fail(f);
                }
                co_return;
            }
            co_await take(std::move(ex), when);
            co_return;
        }
    }

    // 304 to our conditions. False: it does not confirm what is stored.
    bool update(origin::exchange& ex, const fetch_times& when)
    {
        const auto took = std::chrono::duration_cast<milliseconds>(ex.answered_at() - ex.requested_at());
        const kept k = keep_updated(job_.stored, rq_, ex.head(), when, job_.joined->stamp(), smoothed(job_.stored, took), ties(), cx_);
        if (k.made == nullptr) {
            return false;
        }
        report_.what = outcome::revalidated;
        report_.own_fields = lines_of(ex.head(), k.withheld);
        end_with(k);
        return true;
    }

    // A full answer: judged by its head, then stored while it arrives, or handed to the one client that may have it.
    async::task<> take(origin::exchange_ptr ex, fetch_times when)
    {
        const int status = ex->head().status;
        if (is_failure(status) && job_.stored != nullptr && may_serve_on_failure(*job_.stored, failure::server_error, p_.time.now())) {
            flight_failure f;
            f.status = status;
            fail(f);
            co_return;
        }
        storing_verdict verdict = judge_storing(rq_.head, rq_.target.path, ex->head(), rq_.route->caching, when);
        if (verdict.store && status >= 500 && is_good(job_.stored)) {   // an error never takes the place of a good answer
            verdict = storing_verdict();
            verdict.why = detail::status;
        }
        if (verdict.store && ex->framing().kind == framing_kind::length && ex->framing().length > p_.max_object) {
            verdict = storing_verdict();
            verdict.why = detail::too_large;
            verdict.mark = true;
        }
        if (!verdict.store) {
            hand_over(std::move(ex), verdict);
            co_return;
        }
        storable s = make_storable(rq_, ex->head(), std::move(verdict), job_.joined->stamp(), when);
        if (is_too_many(s, rq_, known_, p_)) {
            storing_verdict too_many;
            too_many.why = detail::variants;
            hand_over(std::move(ex), too_many);
            co_return;
        }
        report_.own_fields = lines_of(ex->head(), s.verdict.drop_fields);
        report_.selection = selection_of(rq_, s.selecting, p_);
        co_await store(std::move(ex), std::move(s));
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
        report_.why = verdict.why;
        report_.what = outcome::miss;
        if (job_.over->awaited) {
            job_.over->answer = std::move(ex);
        }
        if (status >= 500) {
            let_go({.what = l2::fill_outcome::failed, .why = errc::origin_error, .status = status});
            // The failure is everybody's; only the client that caused the request gets the origin's own words.
            flight_failure f;
            f.code = errc::origin_error;
            f.status = status;
            end_.fail(f, std::move(report_));
        } else {
            let_go({.what = verdict.mark ? l2::fill_outcome::uncacheable : l2::fill_outcome::alone});
            end_.leave_alone(std::move(report_));
        }
    }

    async::task<> store(origin::exchange_ptr ex, storable s)
    {
        report_.what = outcome::miss;
        std::optional<result<std::string_view>> run = ex->try_read();
        const std::string_view first = run && *run ? **run : std::string_view();
        if (ex->is_complete()) {   // small answers are here as a whole: one allocation, no chunks
            note_flaw(s, *ex);
            end_with(keep(s, rq_, smoothed(job_.stored, since(*ex)), first, nullptr, ties(), cx_));
            co_return;
        }
        body_ptr content = body::make(ex->framing().kind == framing_kind::length ? ex->framing().length : 0);
        content->append(first);
        live_answer live;
        live.head = s.head;
        live.status = s.status;
        live.content = content;
        live.scopes = s.scopes;
        live.ttl = std::chrono::floor<seconds>(s.verdict.times.fresh_until - s.verdict.times.received);
        if (ex->framing().kind == framing_kind::length) {
            live.length = ex->framing().length;
            if (cx_.l2 != nullptr && *live.length > cx_.l2->largest_content()) {
                let_go({.what = l2::fill_outcome::unshared});
            }
        }
        report_.stored = true;
        job_.joined->publish_head(std::move(live), report_);
        fill_budget budget(p_.l1);
        bool relayed = false;
        while (!ex->is_complete()) {
            const result<std::string_view> more = co_await ex->read();
            if (!more) {
                let_go_after(errc_of(more.error()));
                end_.break_off(errc_of(more.error()), detail::truncated);
                co_return;
            }
            content->append(*more);
            if (cx_.l2 != nullptr && content->size() > cx_.l2->largest_content()) {
                let_go({.what = l2::fill_outcome::unshared});
            }
            if (!relayed && (content->size() > p_.max_object || !budget.covers(content->footprint()))) {
                // Too much to keep: no more readers, nothing stored, and those that are here set the pace.
                relayed = true;
                let_go({.what = content->size() > p_.max_object ? l2::fill_outcome::uncacheable : l2::fill_outcome::unshared});
                budget.give_back();
                p_.l1.hold(content);
                p_.marks.mark_uncacheable(rq_.hash, p_.time.now() + rq_.route->stampede.mark_ttl);
                cx_.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx_.index_of(*rq_.route)),
                                 detail::too_large);
                end_.leave_table();
                job_.joined->begin_relay();
            }
            job_.joined->publish_progress();
            if (relayed) {
                const std::optional<byte_count> slowest =
                    co_await job_.joined->pace(cx_.loop, content->size(), relay_window, steady::now() + rq_.route->deadline);
                if (!slowest || content->size() > body::max_size / 2) {
                    end_.break_off(errc::client_gone, detail::too_large);
                    co_return;
                }
                content->discard_before(*slowest);
            }
        }
        if (relayed) {
            report_.stored = false;
            report_.why = detail::too_large;
            end_.complete(nullptr, std::move(report_));
            co_return;
        }
        budget.give_back();   // from here on the store counts it
        note_flaw(s, *ex);
        end_with(keep(s, rq_, smoothed(job_.stored, since(*ex)), {}, content, ties(), cx_));
    }

    l2_ties ties() const { return l2_ties(known_, lease_.get()); }

    void note_flaw(storable& s, const origin::exchange& ex)
    {
        if (ex.has_surplus()) {
            s.flaw = detail::surplus;
            cx_.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx_.index_of(*rq_.route)), s.flaw);
        }
    }

    void end_with(const kept& k)
    {
        report_.stored = k.stored();
        report_.why = k.refused;
        if (k.stored() && report_.what == outcome::miss && k.made->is(entry_flag::negative)) {
            report_.why = detail::negative;
        }
        if (job_.stored != nullptr) {
            discard_if_replaced(*job_.stored, k, rq_, cx_);
        }
        complete_with(k.made);
    }

    void complete_with(entry_ptr e)
    {
        report_.selection = selection_in(*e, rq_.key);
        end_.complete(std::move(e), std::move(report_));
    }

    // No answer, or one that the stale copy is better than.
    void fail(flight_failure f)
    {
        if (f.status != 0) {
            let_go({.what = l2::fill_outcome::failed, .why = errc::origin_error, .status = f.status});
        } else {
            let_go_after(f.code);
        }
        const failure how = f.status != 0 ? failure::server_error : failure::unreachable;
        if (f.status == 0 && is_no_answer(f.code)) {
            p_.marks.note_failure(rq_.hash, f.code, p_.time.now(), rq_.route->stampede.error_memo);
        }
        if (job_.stored != nullptr && may_serve_on_failure(*job_.stored, how, p_.time.now())) {
            report_.what = outcome::stale;
            report_.why = detail::sie;
            complete_with(job_.stored);
            return;
        }
        end_.fail(f, std::move(report_));
    }

    static milliseconds since(const origin::exchange& ex)
    {
        return std::chrono::duration_cast<milliseconds>(steady::now() - ex.requested_at());
    }

    fill_job& job_;
    worker_context& cx_;
    process_context& p_;
    ending end_;
    const request& rq_;
    entry_ptr known_;              // the descriptor that L2 has
    std::unique_ptr<l2::fill_lease> lease_;
    flight_report report_;
};

telemetry::xfetch_result result_of(const flight::view& ended)
{
    if (ended.state == flight_state::alone && ended.report.elsewhere) {
        return telemetry::xfetch_result::elsewhere;
    }
    if (ended.state != flight_state::complete || ended.report.what == outcome::stale) {
        return telemetry::xfetch_result::failed;
    }
    if (ended.report.what == outcome::hit_l2) {
        return telemetry::xfetch_result::adopted;
    }
    return ended.report.stored ? telemetry::xfetch_result::refreshed : telemetry::xfetch_result::failed;
}

async::task<> run_fill(std::unique_ptr<fill_job> job, worker_context& cx, async::drain_gate::pass inside)
{
    const async::drain_gate::pass held = std::move(inside);
    const std::unique_ptr<fill_job> mine = std::move(job);
    try {
        fill one(*mine, cx);
        co_await one.run();
        if (mine->why == renewal::early) {
            cx.counts.count(telemetry::metric::xfetch_total, result_of(mine->joined->look()));
        }
    } catch (...) {
        // Out of memory, most likely. Nobody who waits may be left behind.
        ending(*mine, cx).give_up(errc::internal);
    }
}

// The client's share of the hand-over when there is a client; null when the loop takes no more work.
std::shared_ptr<handover> start_fill(std::unique_ptr<fill_job> job, worker_context& cx)
{
    auto pass = cx.loop.gate().try_enter();
    if (!pass) {
        ending(*job, cx).give_up(errc::draining);
        return nullptr;
    }
    auto over = std::make_shared<handover>();
    over->awaited = !job->background;
    job->over = over;
    auto work = run_fill(std::move(job), cx, std::move(pass));
    boost::asio::co_spawn(cx.loop.get_executor(), std::move(work), boost::asio::detached);
    return over;
}

// ---- the client's side -----------------------------------------------------------------------------------------------

void note_report(answered& a, const flight_report& r, const decision& d, bool created)
{
    a.what = r.what;
    a.why = r.why;
    a.stored = r.stored;
    a.attempts = created ? r.attempts : 0;
    a.forward_status = r.origin_status;
    a.origin_time = r.origin_time;
    const bool forwarded = r.what != outcome::hit_l1 && r.what != outcome::hit_l2;
    a.forward = !forwarded   ? forward_reason::none
                : r.was_stale ? forward_reason::stale
                : r.varies    ? forward_reason::vary_miss
                              : d.forward;
    a.collapsed = forwarded && (!created || r.elsewhere);
}

// How a request is answered from what is still arriving: as a whole, or by one range of it. Nothing: not before it is complete,
// since the length is not known, or the answer has another form.
std::optional<range_plan> plan_live(const request& rq, const live_answer& live)
{
    if (!rq.head.has(header::range) || live.status != 200) {
        return range_plan();
    }
    if (!live.length) {
        return std::nullopt;
    }
    const std::int64_t now = std::chrono::floor<seconds>(rq.now).time_since_epoch().count();
    const head_block block(live.head);
    range_validators known{block.head().first(header::etag), {}, {}, now};
    known.last_modified = parse_http_date(block.head().first(header::last_modified), now);
    known.date = parse_http_date(block.head().first(header::date), now);
    range_plan plan = judge_range(rq.head, live.status, known, *live.length);
    const bool later = plan.how == range_answer::several || plan.how == range_answer::unsatisfiable;
    return later ? std::nullopt : std::optional(std::move(plan));
}

client_framing compose_live_range(std::string& out, const request& rq, const live_answer& live, const byte_span& part, const answered& a,
                                  std::string_view age)
{
    partial_head h;
    h.fields = live.head;
    h.range = content_range{part, live.length};
    h.length = part.size();
    h.age = age;
    if (live.will_store) {
        h.ttl = live.ttl.count();
    }
    compose_partial(out, rq, h, a);
    return client_framing::length;
}

// All of it, or one range of a content whose length is known. Status 0: it broke before anything was sent.
async::task<answered> send_live(const request& rq, const live_answer& live, std::optional<byte_span> part, flight_reader& reader,
                                answered a, std::string_view age, client_io& io, client_limits limits)
{
    io.out().clear();
    a.status = part ? 206 : live.status;
    const client_framing framed = part ? compose_live_range(io.out(), rq, live, *part, a, age)
                                       : compose_live(io.out(), rq, live, a, age);
    a.close = framed == client_framing::close;
    const byte_count first = part ? part->first : 0;
    const byte_count limit = part ? part->last + 1 : body::max_size;
    byte_count at = first;
    bool head_sent = false;
    bool relayed = false;
    for (bool over = false; !over;) {
        const flight::view v = reader.look();   // before the content: complete means that no more will come
        const flight_state state = v.state;
        if (v.relayed) {
            relayed = true;
            reader.advance(std::min(at, live.content->size()));
        }
        const std::string_view run = live.content->at(at).substr(0, static_cast<std::size_t>(limit - at));
        over = at + run.size() == limit || (run.empty() && state == flight_state::complete);
        if (run.empty() && !over && state == flight_state::broken) {
            a.close = true;
            a.reset = head_sent && framed == client_framing::close;
            a.failure = errc::origin_truncated;
            a.status = head_sent ? a.status : 0;
            co_return a;
        }
        std::array<char, 20> line;
        std::array<std::string_view, 4> out{};
        out[0] = head_sent ? std::string_view() : std::string_view(io.out());
        out[2] = run;
        if (framed == client_framing::chunked && !run.empty()) {
            char* end = std::to_chars(line.data(), line.data() + 16, run.size(), 16).ptr;
            *end++ = '\r';
            *end++ = '\n';
            out[1] = std::string_view(line.data(), static_cast<std::size_t>(end - line.data()));
            out[3] = "\r\n";
        } else if (framed == client_framing::chunked && over) {
            out[3] = "0\r\n\r\n";
        }
        const error_code gone = co_await io.send(out, limits.write_idle);
        if (gone) {
            a.close = true;
            a.failure = errc::client_gone;
            co_return a;
        }
        head_sent = true;
        at += run.size();
        a.content_bytes = at - first;
        if (relayed) {
            reader.advance(std::min(at, live.content->size()));   // a range may begin further on
        }
        if (!over && run.empty()) {
            const bool progress = co_await reader.next(steady::now() + rq.route->deadline);
            if (!progress) {
                a.close = true;
                a.reset = framed == client_framing::close;
                a.failure = errc::origin_timeout;
                co_return a;
            }
        }
    }
    co_return a;
}

}  // namespace

async::task<answered> join(request& rq, request_scratch& scratch, decision d, client_io& io, client_limits limits,
                           worker_context& cx)
{
    process_context& p = cx.process;
    answered a;
    a.forward = d.forward;
    if (const auto memo = p.marks.recent_failure(rq.hash, rq.now)) {
        flight_failure f;
        f.code = *memo;
        answered repeated = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
        co_return repeated;
    }

    const std::string_view key = scratch.secondary.empty() ? rq.key : std::string_view(scratch.secondary);
    const hash128 hash = scratch.secondary.empty() ? rq.hash : seeded_hash(key, p.hash_seed);
    const flight_table::place place = p.flights.join(key, hash, p.valid.applied());
    const sequence joined_at = p.valid.applied();
    const scope_hash scope[] = {url_scope(rq)};
    if (!place.created && !p.valid.is_valid(scope, place.joined->stamp())) {
        answered own = co_await relay(rq, d, io, limits, cx);   // it fetches what was invalidated before we came
        co_return own;
    }
    if (!place.created && place.joined->readers() >= rq.route->stampede.max_waiters) {
        flight_failure f;
        f.code = errc::origin_busy;
        f.retry_after = seconds(1);
        answered crowded = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
        co_return crowded;
    }
    // Who goes its own way leaves the flight first: a relayed fetch waits for the slowest of its readers.
    std::optional<flight_reader> reader(std::in_place, place.joined, cx.loop);
    std::shared_ptr<handover> over;
    if (place.created) {
        auto job = std::make_unique<fill_job>(rq);
        job->joined = place.joined;
        job->hash = hash;
        job->stored = d.stored;
        over = start_fill(std::move(job), cx);
    } else {
        cx.counts.count(telemetry::metric::coalesced_total, telemetry::route_index(cx.index_of(*rq.route)));
    }

    const bool conditional = rq.head.has(header::if_none_match) || rq.head.has(header::if_modified_since);
    const auto limit = steady::now() + (place.created ? rq.route->deadline : std::min(rq.route->stampede.max_wait, rq.route->deadline));
    std::optional<range_plan> plan;   // for a live answer
    bool is_planned = false;
    for (;;) {
        const bool changed = co_await reader->next(limit);
        const flight::view v = reader->look();
        if (!changed && v.state != flight_state::streaming) {
            break;
        }
        if (over != nullptr && !over->interim.empty()) {
            const std::string heads = std::exchange(over->interim, std::string());
            const std::array<std::string_view, 1> out{heads};
            const error_code gone = co_await io.send(out, limits.write_idle);
            if (gone) {   // perhaps in the middle of a head: nothing else may be sent
                over->awaited = false;
                over->answer.reset();
                a.what = outcome::miss;
                a.failure = errc::client_gone;
                a.close = true;
                co_return a;
            }
        }
        // Passed on but not kept, it may be complete before this reader has begun.
        const bool live = v.state == flight_state::streaming || (v.state == flight_state::complete && v.entry == nullptr);
        if (live && !is_planned) {
            plan = plan_live(rq, *v.live);
            is_planned = true;
        }
        // A condition is evaluated against the complete answer, and so are most ranges; as long as there is time for that.
        const bool can_wait = changed && !v.relayed && (conditional || !plan);
        if (v.state == flight_state::fetching || (v.state == flight_state::streaming && can_wait)) {
            continue;
        }
        // By its head it may turn out to belong to what was invalidated after the fetch had begun and before we came (M-05).
        if (!place.created && joined_at != place.joined->stamp()) {
            const auto scopes = v.entry != nullptr ? v.entry->scopes() : live ? std::span<const scope_hash>(v.live->scopes) : std::span<const scope_hash>();
            if (!p.valid.is_valid(scopes, place.joined->stamp())) {
                reader.reset();
                answered own = co_await relay(rq, d, io, limits, cx);
                co_return own;
            }
        }
        note_report(a, v.report, d, place.created);
        a.own_fields = place.created ? std::string_view(v.report.own_fields) : std::string_view();
        if (live && matches(rq, v.report.selection, p)) {
            std::optional<byte_span> part;
            if (!conditional && plan && plan->how == range_answer::one) {
                part = plan->spans.front();
            }
            answered done = co_await send_live(rq, *v.live, part, *reader, a, v.report.age, io, limits);
            if (done.status == 0) {
                const flight_failure broken = reader->look().failure;
                done = co_await answer_failure(rq, d.stored, broken, a, io, limits, cx);
            }
            co_return done;
        }
        // What others were content with, without asking the origin, need not be what this request may have.
        if (v.entry != nullptr && !place.created && v.report.origin_status == 0 && v.report.what != outcome::stale &&
            judge_reuse(rq.head, v.entry.get(), rq.route->caching, p.time.now()).what == action::fetch) {
            answered own = co_await relay(rq, d, io, limits, cx);
            co_return own;
        }
        if (v.state == flight_state::complete && v.entry != nullptr && matches(rq, v.report.selection, p)) {
            answered done = co_await send_entry(rq, v.entry, a, v.report.age, io, limits);
            co_return done;
        }
        if (over != nullptr && over->answer != nullptr && over->answer->head().status == 200 && rq.head.has(header::range)) {
            over->answer.reset();   // all of it, for a client that wants a part: better ask for that
        }
        if (over != nullptr && over->answer != nullptr) {
            const origin::exchange_ptr answer = std::move(over->answer);
            answered done = co_await relay_answer(rq, *answer, a, io, limits, cx);
            co_return done;
        }
        if (v.state == flight_state::failed || v.state == flight_state::broken) {
            answered failed = co_await answer_failure(rq, d.stored, v.failure, a, io, limits, cx);
            co_return failed;
        }
        reader.reset();
        answered own = co_await relay(rq, d, io, limits, cx);   // not ours to share
        co_return own;
    }

    // Nothing came in time.
    reader.reset();
    if (over != nullptr) {
        over->awaited = false;
        over->answer.reset();
    }
    if (!place.created && rq.route->stampede.on_timeout != routing::wait_rule::unavailable) {
        const bool stale = rq.route->stampede.on_timeout == routing::wait_rule::stale && d.stored != nullptr &&
                           may_serve_on_failure(*d.stored, failure::unreachable, p.time.now());
        if (!stale) {
            answered own = co_await relay(rq, d, io, limits, cx);
            co_return own;
        }
    }
    flight_failure f;
    f.code = place.created ? errc::deadline_exceeded : errc::origin_busy;
    f.retry_after = place.created ? seconds(0) : seconds(1);
    answered late = co_await answer_failure(rq, d.stored, f, a, io, limits, cx);
    co_return late;
}

async::task<l2_answer> find_in_l2(const request& rq, worker_context& cx)
{
    l2_answer found = co_await read_l2(rq, cx.process.valid.applied(), cx);
    const instant now = cx.process.time.now();
    found.usable = found.stored != nullptr &&
                   judge_reuse(rq.head, found.stored.get(), rq.route->caching, now).what == action::serve &&
                   promote(found.stored, cx, now);
    co_return found;
}

void fetch_in_background(const request& get, worker_context& cx)
{
    const flight_table::place place = cx.process.flights.join(get.key, get.hash, cx.process.valid.applied());
    if (!place.created) {
        return;
    }
    auto job = std::make_unique<fill_job>(get);
    job->joined = place.joined;
    job->hash = get.hash;
    job->background = true;
    start_fill(std::move(job), cx);
}

void refresh(const request& rq, const decision& d, worker_context& cx)
{
    process_context& p = cx.process;
    if (d.renew != renewal::revisit && (p.marks.recent_failure(rq.hash, rq.now) || !d.stored->may_refresh(rq.now))) {
        return;   // the last refresh failed a moment ago
    }
    const flight_table::place place = p.flights.join(d.stored->key(), d.stored->hash(), p.valid.applied());
    if (!place.created) {
        return;
    }
    auto job = std::make_unique<fill_job>(rq);
    job->joined = place.joined;
    job->hash = d.stored->hash();
    job->stored = d.stored;
    job->background = true;
    job->why = d.renew;
    job->refreshed = d.stored;
    if (d.renew != renewal::revisit) {
        d.stored->note_refresh(rq.now, 0.8 + 0.4 * cx.random.uniform());
    }
    if (d.renew == renewal::early) {
        cx.counts.observe(telemetry::metric::refresh_lead_seconds, d.stored->times().fresh_until - rq.now);
    }
    start_fill(std::move(job), cx);
}

}  // namespace tiercel::flow
