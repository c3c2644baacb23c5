#include "flow/fill_search.hpp"

#include "async/event.hpp"
#include "cache/vary_index.hpp"
#include "flow/blind.hpp"
#include "flow/keep.hpp"
#include "flow/standing.hpp"
#include "flow/variants.hpp"

#include <utility>

namespace tiercel::flow {

using namespace std::chrono_literals;
using async::steady;
using telemetry::lock_result;

namespace {

constexpr milliseconds longest_wait_for_log{1'000};   // after a standstill was noticed; then the origin is asked

}  // namespace

async::task<bool> fill_search::run()
{
    if (p_.valid.contact() == contact::resumed) [[unlikely]] {
        co_await wait_for_log();
    }
    if (job_.why != renewal::revisit && is_stored_meanwhile()) {
        co_return false;
    }
    if (cx_.l2 != nullptr) {
        const bool over = co_await is_over_by_l2();
        if (over) {
            co_return false;
        }
    }
    if (job_.why == renewal::revisit) {
        end_.report().what = outcome::hit_l1;
        end_.report().why = detail::l1;
        end_.complete(job_.stored);
        co_return false;
    }
    const bool is_free = co_await clear_the_way();
    co_return is_free;
}

// After a standstill what is in memory may be good, but nobody knows, and all that is asked for would be fetched: better wait for a moment
// until the log was read.
async::task<> fill_search::wait_for_log()
{
    if (cx_.standstill != p_.valid.suspensions()) {
        cx_.standstill = p_.valid.suspensions();
        cx_.log_awaited_until = steady::now() + longest_wait_for_log;
    }
    async::event pause(cx_.loop.context(), cx_.loop.wheel());
    while (p_.valid.contact() == contact::resumed && steady::now() < cx_.log_awaited_until && !cx_.giving_up) {
        co_await pause.wait_until(steady::now() + 2ms);
    }
}

// Between the lookup that found nothing and the creation of this flight another one may have ended.
bool fill_search::is_stored_meanwhile()
{
    std::string secondary;
    entry_ptr e = find_stored(rq_, secondary, p_).stored;
    if (e == nullptr || e == job_.stored || reuse_of(e.get(), rq_, rq_.now, p_).what != action::serve) {
        return false;
    }
    end_.report().what = outcome::hit_l1;
    end_.report().why = detail::l1;
    end_.complete(std::move(e));
    return true;
}

// What is stored may have been invalidated: the table tells, or nobody does.
async::task<bool> fill_search::is_over_by_look()
{
    blind_look seen = co_await look_blindly(job_.stored, cx_);
    is_seen_ = seen.answered;
    job_.stored = std::move(seen.left);
    if (job_.stored == nullptr && job_.why == renewal::revisit) {   // of what is gone there is nothing to be looked for
        end_.leave_alone();
        co_return true;
    }
    const bool may_serve = job_.is_unsure && job_.stored != nullptr && may_serve_unseen(*job_.stored, p_.time.now(), p_);
    if (is_seen_ || !may_serve) { co_return false; }
    end_.report().what = outcome::hit_l1;
    end_.report().why = detail::blind;
    end_.complete(job_.stored);
    co_return true;
}

// L2 has nothing newer.
bool fill_search::is_over_by_what_was_seen()
{
    if (!is_seen_ || !job_.is_unsure || job_.stored == nullptr || reuse_of(job_.stored.get(), rq_, p_.time.now(), p_).what != action::serve) { return false; }
    end_.report().what = outcome::hit_l1;
    end_.report().why = detail::l1;
    end_.complete(job_.stored);
    return true;
}

async::task<bool> fill_search::is_over_by_l2()
{
    if (job_.stored != nullptr && is_blind(p_)) [[unlikely]] {
        const bool over = co_await is_over_by_look();
        if (over) { co_return true; }
    }
    l2_answer found = co_await read_l2(rq_, cx_);
    is_away_ = found.failed;
    known_ = std::move(found.descriptor);
    there_ = found.stored;
    end_.report().varies = known_ != nullptr && found.stored == nullptr;
    co_return is_answered_by_l2(std::move(found.stored));
}

// The copy that was received last counts, whatever the lifetimes say: the other one is of an older state.
bool fill_search::is_answered_by_l2(entry_ptr found)
{
    const instant now = p_.time.now();
    if (found == nullptr) {
        if (job_.why == renewal::revisit) {
            job_.stored->revisit_at(now + p_.tiers.max_ttl);   // evicted there, or not written yet; it is not written back
        }
        return is_over_by_what_was_seen();
    }
    // The same copy may seem to differ by what the sampling of Redis's clock leaves.
    const milliseconds later = job_.stored == nullptr ? end_of_time.time_since_epoch()
                                                      : found->times().received - job_.stored->times().received;
    const bool newer = later > clock_margin;
    if (job_.why == renewal::early && !newer) {
        return false;   // the copy in L2 is about to expire as well
    }
    if (job_.why == renewal::revisit && !newer) {
        job_.stored->revisit_at(now + p_.tiers.promote_ttl);
        return false;
    }
    if (later < -clock_margin) {
        return is_over_by_what_was_seen();
    }
    const reuse_verdict v = reuse_of(found.get(), rq_, now, p_);
    if (v.what == action::serve && promote(found, cx_, now)) {
        end_.report().what = outcome::hit_l2;
        end_.report().why = detail::l2;
        end_.complete(std::move(found));
        return true;
    }
    if (newer) {
        end_.report().was_stale = true;
        end_.report().was_behind = v.why == detail::lag;
        if (job_.why == renewal::revisit) {
            promote(found, cx_, now);     // ours may not be served any more
        }
        job_.stored = std::move(found);   // stale, but it has validators and may have to stand in for the origin
    }
    return false;
}

// ---- the other instances ---------------------------------------------------------------------------------------------

// Takes the lock of the key, or waits for the instance that has it. False: the flight has ended.
async::task<bool> fill_search::clear_the_way()
{
    if (cx_.l2 == nullptr || !cx_.l2->has_locks()) {
        co_return true;
    }
    if (!is_worth_a_lock()) {
        count(lock_result::skipped);
        co_return true;
    }
    cluster_wait others(rq_, cx_);
    for (;;) {
        if (is_away_) {   // one wait in vain is enough
            count(lock_result::unavailable);
            co_return true;
        }
        l2::lock_attempt attempt = co_await others.try_lock(lock_key());
        const milliseconds remaining = attempt.remaining;
        std::string holder = attempt.holder;
        way w = co_await heed(std::move(attempt), others.has_waited());
        if (w == way::blocked) {
            const std::optional<l2::fill_news> news = co_await others.wait(remaining, std::move(holder), job_.deadline);
            w = co_await heed(news);
        }
        if (w != way::blocked) {
            co_return w == way::free;
        }
    }
}

bool fill_search::is_worth_a_lock() const
{
    const routing::fill_lock_options& o = rq_.route->stampede.lock;
    const bool is_quick = job_.stored != nullptr && job_.stored->times().delta < o.min_delta;
    // A second one would wait for the first of this process, and with it for what is of no use any more.
    return o.enabled && !is_quick && !job_.joined->is_second() && !p_.marks.is_uncacheable(rq_.hash, p_.time.now());
}

// Of the variant, once it is known which one it will be; the flight may have begun before.
std::string fill_search::lock_key() const
{
    std::string secondary;
    if (job_.joined->key() == rq_.key) {
        find_stored(rq_, secondary, p_);
    }
    return secondary.empty() ? job_.joined->key() : secondary;
}

async::task<fill_search::way> fill_search::heed(l2::lock_attempt attempt, bool has_waited)
{
    const bool is_ours = attempt.lease != nullptr;
    end_.hold(std::move(attempt.lease));
    const bool answered = co_await is_answered_by(std::move(attempt.found), has_waited);
    if (answered) {
        end_.let_go({.what = l2::fill_outcome::stored});
        count(lock_result::found);
        co_return way::over;
    }
    if (attempt.is != l2::lock_attempt::state::busy) {
        count(!is_ours ? lock_result::unavailable : has_waited ? lock_result::taken_over : lock_result::acquired);
        co_return way::free;
    }
    co_return leave_it_to_the_other(attempt.remaining) ? way::over : way::blocked;
}

// What came with an attempt at the lock: newer than what was read before.
async::task<bool> fill_search::is_answered_by(entry_ptr found, bool has_waited)
{
    l2_answer now;
    if (found != nullptr && found->is(entry_flag::vary_descriptor)) {
        now = co_await read_l2(rq_, cx_);
        is_away_ = now.failed;
        known_ = std::move(now.descriptor);
    } else if (found != nullptr) {
        now.stored = as_it_stands(found, p_.time.now(), p_);
        now.is_outdated = now.stored != found;
    }
    co_return now.stored != nullptr && ((has_waited && is_answered_by_their_fetch(now)) || is_answered_by_l2(std::move(now.stored)));
}

// In the background the fetch of another instance will do. Who joins in this very moment fetches alone.
bool fill_search::leave_it_to_the_other(milliseconds remaining)
{
    if (!job_.background || job_.joined->readers() != 0) {
        return false;
    }
    count(lock_result::busy);
    if (job_.refreshed != nullptr) {
        job_.refreshed->put_off_refresh(p_.time.now() + remaining);
    }
    end_.report().elsewhere = true;
    end_.leave_alone();
    return true;
}

// How the other fill ended, or nothing: then it is time to look again.
async::task<fill_search::way> fill_search::heed(std::optional<l2::fill_news> news)
{
    way w = way::blocked;
    if (news && news->what == l2::fill_outcome::stored) {
        w = co_await look_in_l2_again();
    } else if (news) {
        w = follow(*news);
    } else {
        end_.report().elsewhere = false;
    }
    co_return w == way::blocked ? keep_waiting() : w;
}

async::task<fill_search::way> fill_search::look_in_l2_again()
{
    end_.report().elsewhere = true;
    l2_answer found = co_await read_l2(rq_, cx_);
    is_away_ = found.failed;
    known_ = std::move(found.descriptor);
    if (is_answered_by_their_fetch(found) || is_answered_by_l2(std::move(found.stored))) {
        count(lock_result::found);
        co_return way::over;
    }
    end_.report().elsewhere = false;
    co_return way::blocked;
}

// Who waited for a fetch may have what it brought, like a waiter of this process, even if the next one may not (no-cache): else the
// instances would validate one after the other. What was there before, or was purged since, is nothing that the fetch has brought.
bool fill_search::is_answered_by_their_fetch(const l2_answer& found)
{
    if (found.stored == nullptr || found.is_outdated || was_there_before(*found.stored)) {
        return false;
    }
    const instant now = p_.time.now();
    const bool is_everybodys = reuse_of(found.stored.get(), rq_, now, p_).what == action::serve;
    if (is_everybodys || !promote(found.stored, cx_, now)) {
        return false;
    }
    end_.report().what = outcome::miss;
    end_.report().elsewhere = true;
    end_.report().origin_status = found.stored->status();
    end_.complete(found.stored);
    return true;
}

// The wall clock of its writer goes with each copy and is the same in all of them; other times differ by the sampling of Redis's clock.
bool fill_search::was_there_before(const entry& e) const
{
    const auto by_their_clock = [](const entry& one) { return one.times().received + one.times().wall_offset; };
    return e.times().received < began_ - clock_margin || (there_ != nullptr && by_their_clock(*there_) == by_their_clock(e));
}

fill_search::way fill_search::follow(const l2::fill_news& news)
{
    using l2::fill_outcome;
    end_.report().elsewhere = news.what != fill_outcome::released && news.what != fill_outcome::unshared;
    switch (news.what) {
    case fill_outcome::unshared:
        count(lock_result::skipped);
        return way::free;
    case fill_outcome::uncacheable:
        p_.marks.mark_uncacheable(rq_.hash, p_.time.now() + rq_.route->stampede.mark_ttl);
        end_.leave_alone();
        return way::over;
    case fill_outcome::alone:
        end_.leave_alone();
        return way::over;
    case fill_outcome::failed:
        end_.report().origin_status = news.status;
        end_.fail(news.status != 0 ? flight_failure::error_answer(news.status) : flight_failure::no_answer(news.why));
        return way::over;
    default: return way::blocked;
    }
}

fill_search::way fill_search::keep_waiting()
{
    const bool stopping = cx_.giving_up || cx_.loop.gate().closed();
    if (!stopping && steady::now() < job_.deadline) {
        return way::blocked;
    }
    end_.fail(flight_failure::no_answer(stopping ? errc::draining : errc::deadline_exceeded));
    return way::over;
}

}  // namespace tiercel::flow
