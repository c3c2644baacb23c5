#include "coherence/log_appender.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tiercel::coherence {

using async::steady;
using async::task;
using redis::reply;

log_appender::log_appender(log_state& s, node_roll& nodes)
    : s_(s), nodes_(nodes), journal_(s.options.journal, s.options.max_waiting), repeats_(s.options.repeat_after, s.options.max_waiting),
      settled_(s.loop.context(), s.loop.wheel())
{
    for (const journal::found_line& f : journal_.take_found()) {
        tell_of(f.what);
        if (!f.into.empty()) { s_.rows.merge(f.what.id, f.into); }
    }
}

void log_appender::tell_of(const invalidation& i)
{
    audit_row row;
    row.what = i;
    row.node = s_.node;
    row.when = s_.time.wall();
    row.coalesced = i.coalesced;
    s_.rows.add(std::move(row));
}

void log_appender::append(invalidation i, steady::time_point since, receipt_handler done)
{
    if (i.repeats.empty()) { s_.observer.on_invalidation(i); }
    tell_of(i);
    if (s_.stopping || s_.client.refusal(redis::lane::write) || !journal_.empty()) {
        keep(i, done);
        return;
    }
    ++under_way_;
    redis::script_call call = make_append(s_.options, s_.names, s_.node, i, s_.valid.applied());
    redis::run_script(s_.client, redis::lane::write, std::move(call), [this, i = std::move(i), since, done = std::move(done)](result<reply> r) {
        on_appended(i, std::move(r), since, done);
        if (--under_way_ == 0) { settled_.set(); }
    });
}

void log_appender::on_appended(const invalidation& i, result<reply> r, steady::time_point since, const receipt_handler& done)
{
    const std::optional<appended> a = r ? read_append(*r) : std::nullopt;
    if (!a) {
        if (r && !r->is_error()) { s_.observer.on_malformed("append"); }
        keep(i, done);
        return;
    }
    if (!a->duplicate) {
        take_own(i, *a);
        note_for_repetition(i);
    }
    const auto took = std::chrono::duration_cast<milliseconds>(steady::now() - since);
    const append_state state = a->duplicate ? append_state::duplicate : append_state::applied;
    s_.rows.change(i.id, [&](audit_row& row) {
        row.state = state;
        row.at = a->at;
        row.took = took;
        row.nodes = {s_.node};
    });
    if (done) { done(receipt{state, a->at, i.id, a->known}); }
}

void log_appender::take_own(const invalidation& i, const appended& a)
{
    s_.observer.on_logged(i, a.at, s_.redis_time.now());
    s_.valid.apply(i.scopes, i.mode, a.at);
    if (a.before == s_.position && s_.position != 0) {
        s_.position = a.at;
        s_.valid.advance(s_.position);
        nodes_.tell();
    } else {
        s_.valid.touch();
    }
}

void log_appender::keep(const invalidation& i, const receipt_handler& done)
{
    if (!i.event.empty()) { s_.valid.raise(i.scopes, i.mode); }
    invalidation kept = i;
    if (!kept.also.empty()) {   // the journal knows one name alone, and others than that event count on it: appended whatever is known
        kept.event.clear();
        kept.also.clear();
    }
    const journal::added added = journal_.add(kept);
    const append_state state = added.what == journal::added::as::full ? append_state::refused : append_state::pending;
    s_.rows.change(i.id, [&](audit_row& row) { row.state = state; });
    if (added.what == journal::added::as::known) { s_.rows.merge(i.id, added.into); }
    s_.show(waiting(), under_way_);
    if (done) { done(receipt{state, 0, i.id}); }
}

task<bool> log_appender::send_waiting(log_connection& c)
{
    sending_ = true;
    bool good = true;
    while (good && !journal_.empty() && !s_.stopping) {
        const invalidation i = journal_.begin_front();
        redis::script_call call = make_append(s_.options, s_.names, s_.node, i, s_.valid.applied());
        const std::optional<reply> r = co_await c.ask(std::move(call));
        const std::optional<appended> a = r ? read_append(*r) : std::nullopt;
        good = a.has_value();
        if (r && !a) { c.refuse("append"); }
        if (good) {
            if (!a->duplicate) {
                s_.observer.on_logged(i, a->at, s_.redis_time.now());
                s_.valid.apply(i.scopes, i.mode, a->at);
                note_for_repetition(i);
            }
            s_.rows.settle(i.id, [&](audit_row& row) {
                row.state = a->duplicate ? append_state::duplicate : append_state::applied;
                row.at = a->at;
                row.took = std::max(milliseconds(0), s_.time.wall() - row.when);
                row.nodes = {s_.node};
            });
            journal_.pop();
            s_.last_contact = steady::now();
        }
    }
    sending_ = false;
    settled_.set();
    s_.valid.touch();
    s_.show(waiting(), under_way_);
    co_return good;
}

// What gets into the log after settle() has ended is repeated by the successor, too.
void log_appender::note_for_repetition(const invalidation& i)
{
    repeats_.add(i, steady::now());
    if (s_.stopping) { leave_repetitions(); }
}

// Holds here at once, like the first time.
void log_appender::repeat(invalidation i)
{
    i.id = random_name();
    s_.valid.raise(i.scopes, i.mode);
    append(std::move(i), steady::now(), {});
}

void log_appender::tick()
{
    while (std::optional<invalidation> i = repeats_.take_due(steady::now())) { repeat(std::move(*i)); }
}

task<> log_appender::settle(steady::time_point limit)
{
    do {
        while (is_busy() && steady::now() < limit) {   // what it appends is to be repeated, too
            settled_.reset();
            co_await settled_.wait_until(limit);
        }
        leave_repetitions();
    } while (is_busy() && steady::now() < limit);
}

void log_appender::leave_repetitions()
{
    std::vector<invalidation> all = repeats_.take_all();
    std::size_t lost = 0;
    if (journal_.outlives_the_process()) {
        for (invalidation& i : all) { i.id = random_name(); }
        lost = journal_.add_all(all);
    } else if (s_.stopping) {
        lost = all.size();
    } else {
        for (invalidation& i : all) { repeat(std::move(i)); }
    }
    if (lost != 0) { s_.observer.on_repetitions_lost(lost); }
}

}  // namespace tiercel::coherence
