#include "events/job_runner.hpp"

#include "flow/writes.hpp"
#include "redis/backoff.hpp"

#include <tiercel/cache_key.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::task;

// Names of events may be long and hold anything. Who speaks for one tenant only can neither know nor take the names of others.
std::string name_of(const event& e, const std::string& only_tenant)
{
    const std::string whose = only_tenant.empty() ? std::string() : std::to_string(only_tenant.size()) + "!" + only_tenant;
    return whose + e.key();
}

// An effect is known by what it is and not by the place of its rule: a replay after the rules were mended finds the old places taken.
std::string mark_of(const event& e, const std::string& only_tenant, const coherence::invalidation& effect)
{
    std::string text = name_of(e, only_tenant) + "#";
    for (const scope_hash s : effect.scopes) { text += coherence::member_of(s, effect.mode); }
    return hex(stable_hash(text));
}

event_result end_of(const job& j) noexcept
{
    if (j.any_applied) { return event_result::applied; }
    if (j.any_coalesced) { return event_result::coalesced; }
    return j.any_duplicate ? event_result::duplicate : event_result::noop;
}

constexpr std::size_t most_waiting = 256;   // in the journal of the log, for feeds to be read on

// Of the journal's places: what stands for whole tenants, and what others than events invalidate, shall not be refused because of single
// events.
constexpr std::size_t kept_for_others = 1'000;

}  // namespace

job_runner::job_runner(async::loop& l, background& beside, source_board& board, feed_lag& lag, dead_letters& dead, loopback& echoes, gathering& orders,
                       flow::process_context& p, const intake_options& o)
    : loop_(l), beside_(beside), board_(board), lag_(lag), dead_(dead), echoes_(echoes), orders_(orders), process_(p), options_(o),
      random_(std::random_device{}()), settled_(l.context(), l.wheel())
{
}

// Whatever has a place now may have to wait in the journal, once Redis does not take it.
std::size_t job_runner::places() const
{
    if (process_.log == nullptr || (is_logged() && !orders_.is_late())) { return options_.events.max_pending; }
    const std::size_t room = process_.log->most_waiting();
    return std::min(room - std::min(room, waiting_in_log() + kept_for_others), options_.events.max_pending);
}

std::size_t job_runner::reserve_up_to(std::size_t n)
{
    const std::size_t most = places();
    std::size_t now = pending();
    std::size_t got = 0;
    do {
        got = std::min(n, most - std::min(now, most));
    } while (!pending_.compare_exchange_weak(now, now + got, std::memory_order_relaxed));
    return got;
}

bool job_runner::try_reserve(std::size_t n)
{
    const std::size_t most = places();
    std::size_t now = pending();
    do {
        if (now + n > most) { return false; }
    } while (!pending_.compare_exchange_weak(now, now + n, std::memory_order_relaxed));
    return true;
}

std::vector<effect> job_runner::effects_of(const event& e, std::size_t source, std::string_view only_tenant) const
{
    return events::effects_of(e, board_.options_of(source), options_.events.rules, only_tenant, process_);
}

bool job_runner::is_full() const
{
    const std::size_t most = options_.events.max_pending;
    return pending() >= most - most / 4 || waiting_in_log() >= most_waiting;
}

// What an instance acknowledges of a stream, all others count as known.
bool job_runner::may_end_in_journal(source_kind k) const noexcept { return options_.has_journal && k != source_kind::redis_stream; }

void job_runner::attempt(const job_ptr& j)
{
    ++j->attempts;
    if (!j->parsed) {
        event_read read = read_event(j->text);
        if (!read.good) {
            on_attempted(j, read.problem, true);
            return;
        }
        j->parsed = std::move(read.good);
    }
    std::vector<effect> effects = effects_of(*j->parsed, j->source, j->only_tenant);
    if (effects.empty()) {
        finish(j, event_result::unmatched, {});
        return;
    }
    carry_out(j, std::move(effects));
}

// Every effect is tried, whatever becomes of the others.
void job_runner::carry_out(const job_ptr& j, std::vector<effect> effects)
{
    struct tally {
        std::size_t open = 1;   // this function itself
        std::string problem;
        bool hopeless = true;   // all that failed
    };
    const auto all = std::make_shared<tally>();
    ++under_way_;
    const auto end_effect = [this, j, all] {
        if (--all->open != 0) { return; }
        on_attempted(j, all->problem, all->hopeless);
        end_one();
    };
    for (std::size_t i = 0; i < effects.size(); ++i) {
        effect& e = effects[i];
        if (j->carried_out.contains(i)) { continue; }
        if (e.what == effect::kind::noop) {
            j->carried_out.insert(i);
            j->any_noop = true;
        } else if (e.what != effect::kind::invalidate) {
            all->problem = e.problem;
            all->hopeless = all->hopeless && e.what != effect::kind::failed;
        } else {
            ++all->open;
            e.order.event = mark_of(*j->parsed, j->only_tenant, e.order);
            const auto on_end = [j, all, i, end_effect](order_end end) {
                using enum order_end::as;
                if (end.what == refused) {
                    all->problem = "too much waits for Redis";
                    all->hopeless = false;
                } else {
                    j->carried_out.insert(i);
                    (end.what == applied ? j->any_applied : end.what == coalesced ? j->any_coalesced : j->any_duplicate) = true;
                    j->any_waits = j->any_waits || end.waits;
                }
                end_effect();
            };
            echoes_.find_rest(*j->parsed, hex(stable_hash(name_of(*j->parsed, j->only_tenant))), e,
                              [this, j, i, end_effect, on_end, order = e.order](std::vector<scope_hash> rest) mutable {
                if (rest.empty()) {   // a write has done it
                    j->carried_out.insert(i);
                    j->any_noop = true;
                    end_effect();
                    return;
                }
                order.scopes = std::move(rest);
                orders_.submit(std::move(order), on_end);
            });
        }
    }
    end_effect();
}

void job_runner::on_attempted(const job_ptr& j, const std::string& problem, bool hopeless)
{
    const source_kind kind = board_.options_of(j->source).kind;
    const bool can_come_again = kind == source_kind::redis_stream || kind == source_kind::poll;
    if (problem.empty() && j->any_waits && can_come_again && !may_end_in_journal(kind)) {
        beside_.spawn(finish_when_logged(j));
    } else if (problem.empty()) {
        finish(j, end_of(*j), {});
    } else if (!hopeless && j->attempts <= options_.events.max_retries) {
        try_again(j, problem);
    } else {
        bury(j, problem);
    }
}

void job_runner::try_again(const job_ptr& j, const std::string& problem)
{
    board_.count(j->source, event_result::failed, problem);
    const double r = std::generate_canonical<double, 24>(random_);
    const milliseconds how_long = redis::full_jitter(j->attempts - 1, options_.retry_base, options_.retry_cap, r);
    beside_.spawn(wait_and_attempt(j, how_long));   // if all is ending, it is not acknowledged, and somebody else will
}

task<> job_runner::wait_and_attempt(job_ptr j, milliseconds how_long)
{
    const bool goes_on = co_await beside_.pause(how_long);
    if (goes_on) { attempt(j); }
}

// It holds here, but nobody else knows of it.
task<> job_runner::finish_when_logged(job_ptr j)
{
    while (!is_logged()) {
        const bool goes_on = co_await beside_.pause(100ms);
        if (!goes_on) { co_return; }   // not acknowledged: it comes again
    }
    j->any_waits = false;
    on_attempted(j, {}, false);
}

void job_runner::bury(const job_ptr& j, const std::string& problem)
{
    if (!dead_.can_keep()) {
        finish(j, event_result::dead, problem);
        return;
    }
    const burial what{j->text, board_.options_of(j->source).label, j->only_tenant, problem, j->attempts};
    ++under_way_;
    dead_.bury(what, [this, j, problem](std::optional<std::string> id) {
        if (id) {
            j->letter = std::move(*id);
            finish(j, event_result::dead, problem);
        } else if (!beside_.is_ending()) {
            try_again(j, problem);   // it must lie somewhere before it is acknowledged
        }
        end_one();
    });
}

void job_runner::end_one()
{
    if (--under_way_ == 0) { settled_.set(); }
}

task<> job_runner::settled(milliseconds at_most)
{
    const auto until = async::steady::now() + at_most;
    bool in_time = true;
    while (under_way_ != 0 && in_time) {
        settled_.reset();
        in_time = co_await settled_.wait_until(until);
    }
}

void job_runner::finish(const job_ptr& j, event_result r, const std::string& problem)
{
    board_.count(j->source, r, problem);
    // How long an entry has lain in a stream its source knows better.
    if (j->parsed && j->parsed->time && board_.options_of(j->source).kind != source_kind::redis_stream) {
        const auto now = process_.time.wall().time_since_epoch();
        lag_.note_event(j->source, std::chrono::duration_cast<milliseconds>(now - std::chrono::microseconds(*j->parsed->time)));
    }
    release(1);
    if (j->done) { std::exchange(j->done, nullptr)(r, problem); }
}

}  // namespace tiercel::events
