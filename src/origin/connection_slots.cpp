#include "origin/connection_slots.hpp"

#include "origin/connection.hpp"
#include "origin/connection_pool.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel::origin {

connection_slots::waiter::waiter(async::loop& l) : loop(l), ready(l.context(), l.wheel()) {}
connection_slots::waiter::~waiter() = default;

connection_slots::claim connection_slots::try_claim(async::loop& l, std::size_t queue)
{
    const std::lock_guard lock(mutex_);
    claim c;
    if (open_ < max_) {
        ++open_;
        c.granted = slot(*this);
        return c;
    }
    const std::size_t idle = idle_elsewhere(l);
    if (queue_.size() >= queue + idle) {
        return c;
    }
    c.queued = std::make_shared<waiter>(l);
    queue_.push_back(c.queued);
    waiting_.store(queue_.size(), std::memory_order_relaxed);
    if (idle > 0) {
        ask_for_idle(l);
    }
    return c;
}

void connection_slots::leave(waiter& w)
{
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(queue_.begin(), queue_.end(), [&w](const auto& q) { return q.get() == &w; });
    if (at != queue_.end()) {
        queue_.erase(at);
        waiting_.store(queue_.size(), std::memory_order_relaxed);
    }
    w.gone = true;
}

void connection_slots::give_back()
{
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
        TIERCEL_CHECK(open_ > 0);
        --open_;
        return;
    }
    auto next = std::move(queue_.front());
    queue_.pop_front();
    waiting_.store(queue_.size(), std::memory_order_relaxed);
    // The slot stays counted and moves on. Posted under the lock: the waiter's loop lives at least until it has left.
    auto& loop = next->loop;
    loop.post([this, w = std::move(next)] {
        slot passed(*this);
        if (!w->gone) {
            w->granted = std::move(passed);
            w->ready.set();
        }
    });
}

connection_slots::turn connection_slots::whose_turn(async::loop& l)
{
    if (waiting() == 0) {
        return {};
    }
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
        return {};
    }
    const auto& first = *queue_.front();
    if (&first.loop != &l && async::steady::now() - first.since > patience) {
        return {nullptr, true};
    }
    const auto at = std::find_if(queue_.begin(), queue_.end(), [&l](const auto& w) { return &w->loop == &l; });
    if (at == queue_.end()) {
        return {nullptr, true};
    }
    turn t;
    t.here = std::move(*at);
    queue_.erase(at);
    waiting_.store(queue_.size(), std::memory_order_relaxed);
    return t;
}

void connection_slots::enroll(std::shared_ptr<idle_holder> h)
{
    const std::lock_guard lock(mutex_);
    holders_.push_back(std::move(h));
}

void connection_slots::withdraw(const idle_holder& h)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(holders_, [&h](const auto& held) { return held.get() == &h; });
}

bool connection_slots::is_full() const
{
    const std::lock_guard lock(mutex_);
    return open_ >= max_;
}

unsigned connection_slots::open() const
{
    const std::lock_guard lock(mutex_);
    return open_;
}

std::size_t connection_slots::idle_elsewhere(const async::loop& l) const
{
    std::size_t n = 0;
    for (const auto& h : holders_) {
        const std::size_t idle = h->idle.load(std::memory_order_relaxed);
        if (&h->loop != &l && idle > h->asked) {
            n += idle - h->asked;
        }
    }
    return n;
}

void connection_slots::ask_for_idle(const async::loop& l)
{
    for (const auto& h : holders_) {
        if (&h->loop != &l && h->idle.load(std::memory_order_relaxed) > h->asked) {
            ++h->asked;
            h->loop.post([this, h] {
                {
                    const std::lock_guard lock(mutex_);
                    --h->asked;
                }
                if (h->pool != nullptr) {
                    h->pool->drop_oldest_idle();
                }
            });
            return;
        }
    }
}

}  // namespace tiercel::origin
