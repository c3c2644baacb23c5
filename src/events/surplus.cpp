#include "events/surplus.hpp"

#include "events/sure_order.hpp"
#include "flow/named_scope.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::task;

constexpr milliseconds between_orders = 100ms;   // for one tenant, so that in between something can be fetched and used

// Of a rule that fails it is not known which tenant it would have been about, unless the event says.
whole guessed(const event& e, purge_mode mode)
{
    whole w;
    w.everything = e.tenant.empty() || !routing::is_tenant_name(e.tenant);
    w.tenant = w.everything ? std::string() : e.tenant;
    w.mode = mode;
    return w;
}

purge_mode hardest_of(const std::vector<whole>& all)
{
    const bool any = std::any_of(all.begin(), all.end(), [](const whole& w) { return w.mode == purge_mode::hard; });
    return any ? purge_mode::hard : purge_mode::soft;
}

}  // namespace

surplus_event widen(const event& e, const std::vector<effect>& effects, const source_options& source, std::string_view only_tenant)
{
    std::set<whole> all;
    surplus_event out;
    out.result = effects.empty() ? event_result::unmatched : event_result::noop;
    for (const effect& one : effects) {
        using enum effect::kind;
        const bool may_guess = source.scope == source_scope::all || !e.tenant.empty();
        if (one.what == invalidate && one.everything) {
            all.insert({.everything = true, .tenant = {}, .mode = one.order.mode});
        } else if (one.what == invalidate) {
            for (const std::string& t : one.tenants) { all.insert({.everything = false, .tenant = t, .mode = one.order.mode}); }
        } else if (one.what == failed && may_guess) {
            all.insert(guessed(e, one.order.mode));
        } else if (one.what != noop) {
            out.result = event_result::dropped;
            out.problem = one.problem;
        }
    }
    if (!all.empty()) {
        out.result = event_result::surplus;
        out.problem.clear();
    }
    if (!all.empty() && !only_tenant.empty()) {
        const purge_mode mode = hardest_of({all.begin(), all.end()});
        all = {whole{.everything = false, .tenant = std::string(only_tenant), .mode = mode}};
    }
    out.covers.assign(all.begin(), all.end());
    return out;
}

surplus_event surplus::read(std::string_view text, std::size_t source, std::string_view only_tenant) const
{
    surplus_event out;
    const event_read found = read_event(text);
    if (found.good) {
        const source_options& from = board_.options_of(source);
        out = widen(*found.good, effects_of(*found.good, from, options_.rules, only_tenant, process_), from, only_tenant);
    } else {
        out.result = event_result::dropped;
        out.problem = found.problem;
    }
    out.source = source;
    return out;
}

bool surplus::try_take(const std::vector<surplus_event>& events, const ended_handler& ended)
{
    if (events.empty()) { return true; }
    const std::lock_guard hold(mutex_);
    std::set<whole> added;
    for (const surplus_event& e : events) {
        for (const whole& w : e.covers) {
            if (!lines_.contains(w)) { added.insert(w); }
        }
    }
    if (lines_.size() + added.size() > most_wholes) { return false; }
    loop_.post([this, counted = events, ended] {
        for (const surplus_event& e : counted) {
            board_.count(e.source, e.result, e.problem);
            if (e.covers.empty()) { ended(e); }
        }
    });
    for (const surplus_event& e : events) {
        const auto open = std::make_shared<std::size_t>(e.covers.size());   // counted down on the loop
        for (const whole& w : e.covers) {
            add(e, w, [open, e, ended] {
                if (--*open == 0) { ended(e); }
            });
        }
    }
    return true;
}

void surplus::take(surplus_event e)
{
    board_.count(e.source, e.result, e.problem);
    const std::lock_guard hold(mutex_);
    const std::size_t added = static_cast<std::size_t>(std::count_if(e.covers.begin(), e.covers.end(), [&](const whole& w) { return !lines_.contains(w); }));
    if (lines_.size() + added > most_wholes) { e.covers = {whole{.everything = true, .tenant = {}, .mode = hardest_of(e.covers)}}; }
    for (const whole& w : e.covers) { add(e, w, {}); }
}

// REQUIRES: the lock is held.
void surplus::add(const surplus_event& e, const whole& w, std::function<void()> told)
{
    const auto [found, is_new] = lines_.try_emplace(w);
    line& l = found->second;
    if (l.events++ == 0) { l.source = board_.options_of(e.source).label; }
    if (told) { l.told.push_back(std::move(told)); }
    if (const auto [at, is_oldest] = l.since.try_emplace(e.source, process_.time.now()); is_oldest) { open_.insert(*at); }
    if (is_new) {
        loop_.post([this, w] { beside_.spawn(carry_out(w)); });
    }
}

void surplus::settle(const line& l)
{
    const std::lock_guard hold(mutex_);
    for (const auto& one : l.since) { open_.erase(open_.find(one)); }
}

std::optional<instant> surplus::oldest_of(std::size_t source) const
{
    const std::lock_guard hold(mutex_);
    const auto first = open_.lower_bound({source, instant::min()});
    return first != open_.end() && first->first == source ? std::optional(first->second) : std::nullopt;
}

// Empty: nothing has come, and the line is gone.
surplus::line surplus::take_line(const whole& w)
{
    const std::lock_guard hold(mutex_);
    const auto found = lines_.find(w);
    if (found->second.events == 0) {
        lines_.erase(found);
        return {};
    }
    return std::exchange(found->second, line());
}

coherence::invalidation surplus::order_for(const whole& w, const line& l) const
{
    flow::named_scopes all = flow::find_scope(w.everything ? scope_kind::all : scope_kind::tenant, w.tenant, {}, process_);
    coherence::invalidation i;
    i.action = coherence::source_of::event;
    i.source = l.source;
    i.mode = w.mode;
    i.tenant = w.tenant;
    i.coalesced = l.events - 1;
    i.reason = "surplus: " + std::to_string(l.events) + " events";
    i.scopes = std::move(all.scopes);
    i.names = {std::move(all.name)};
    return i;
}

task<> surplus::carry_out(whole w)
{
    for (line l = take_line(w); l.events != 0; l = take_line(w)) {
        coherence::invalidation order = order_for(w, l);
        const bool taken = co_await invalidate_surely(std::move(order), loop_, beside_, process_);
        if (!taken) { co_return; }
        settle(l);
        for (const auto& told : l.told) { told(); }
        const bool goes_on = co_await beside_.pause(between_orders);
        if (!goes_on) { co_return; }
    }
}

}  // namespace tiercel::events
