#include "events/gathering.hpp"

#include "flow/writes.hpp"

#include <chrono>
#include <utility>

namespace tiercel::events {
namespace {

using async::steady;
using async::task;

constexpr std::size_t most_windows = 100'000;   // beyond, orders go by themselves
constexpr std::size_t most_sharing = 4'096;     // of one append

// Appends without an answer: enough to keep Redis busy, and few enough that the log's connection takes them all. What that refuses
// has to wait in the journal, whose appends go one by one, and fails when that is full.
constexpr std::size_t most_under_way = 256;

constexpr std::chrono::milliseconds late_after{50};   // many times what a Redis takes that is well

// What became of each of those who share it.
std::vector<order_end> ends_of(const coherence::receipt& r, std::size_t n)
{
    using enum coherence::append_state;
    std::vector<order_end> out(n);
    if (r.state == refused) { return out; }
    bool is_first = true;
    for (std::size_t i = 0; i < n; ++i) {
        if (r.state == duplicate || (i < r.known.size() && r.known[i])) {
            out[i] = {order_end::as::duplicate};
        } else {
            out[i] = {std::exchange(is_first, false) ? order_end::as::applied : order_end::as::coalesced, r.state == pending};
        }
    }
    return out;
}

}  // namespace

gathering::gathering(async::loop& l, background& beside, flow::process_context& p, milliseconds length)
    : loop_(l), beside_(beside), process_(p), length_(length)
{
}

gathering::effect_name gathering::name_of(const coherence::invalidation& order)
{
    std::string text = std::to_string(order.tenant.size()) + ":" + order.tenant + std::to_string(order.source.size()) + ":" + order.source;
    for (const scope_hash s : order.scopes) { text += coherence::member_of(s, order.mode); }
    const hash128 h = stable_hash(text);
    return {h.hi, h.lo};
}

void gathering::submit(coherence::invalidation order, end_handler done)
{
    const effect_name name = name_of(order);
    const auto found = windows_.find(name);
    if (found == windows_.end()) {
        if (length_.count() > 0 && windows_.size() < most_windows) { open(name); }
        send(std::move(order), {std::move(done)});
        return;
    }
    window& w = found->second;
    w.waiting.push_back(std::move(done));
    if (w.order) {
        w.order->also.push_back(std::move(order.event));
        w.order->coalesced = w.order->also.size();
    } else {
        w.order = std::move(order);
    }
    if (w.waiting.size() == most_sharing) { send(w); }
}

void gathering::open(const effect_name& name)
{
    windows_[name];
    ends_.emplace_back(steady::now() + length_, name);
    if (!closing_) {
        closing_ = true;
        beside_.spawn(close_windows());
    }
}

task<> gathering::close_windows()
{
    while (!ends_.empty()) {
        const auto left = std::chrono::ceil<milliseconds>(ends_.front().first - steady::now());
        if (left.count() > 0) { co_await beside_.pause(left); }   // when all ends, all are sent at once
        const effect_name name = ends_.front().second;
        ends_.pop_front();
        window& w = windows_.at(name);
        if (!w.order) {
            windows_.erase(name);
            continue;
        }
        send(w);
        ends_.emplace_back(steady::now() + length_, name);
    }
    closing_ = false;
}

void gathering::send(window& w)
{
    coherence::invalidation order = std::move(*w.order);
    w.order.reset();
    send(std::move(order), std::exchange(w.waiting, {}));
}

void gathering::send(coherence::invalidation order, std::vector<end_handler> waiting)
{
    queue_.push_back({std::move(order), std::move(waiting)});
    send_queued();
}

bool gathering::is_late() const noexcept
{
    const steady::rep since = none_ended_since_.load(std::memory_order_relaxed);
    return since != 0 && steady::now().time_since_epoch() - steady::duration(since) > late_after;
}

void gathering::note_progress() noexcept
{
    none_ended_since_.store(under_way_ == 0 ? 0 : steady::now().time_since_epoch().count(), std::memory_order_relaxed);
}

void gathering::send_queued()
{
    while (!queue_.empty() && under_way_ < most_under_way) {
        queued next = std::move(queue_.front());
        queue_.pop_front();
        if (++under_way_ == 1) { note_progress(); }
        flow::invalidate_everywhere(std::move(next.order), process_, [this, waiting = std::move(next.waiting)](const coherence::receipt& r) {
            loop_.post([this, waiting, r] {
                --under_way_;
                note_progress();
                const std::vector<order_end> ends = ends_of(r, waiting.size());
                for (std::size_t i = 0; i < waiting.size(); ++i) { waiting[i](ends[i]); }
                send_queued();
            });
        });
    }
}

}  // namespace tiercel::events
