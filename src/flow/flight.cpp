#include "flow/flight.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <span>

namespace tiercel::flow {

// Applies a change and wakes everybody who had seen all before it.
template <class Change>
void flight::change(Change&& c)
{
    std::vector<std::shared_ptr<waiter>> sleepers;
    {
        const std::lock_guard hold(mutex_);
        c(view_);
        ++version_;
        sleepers.swap(sleepers_);
        for (const auto& w : sleepers) {
            w->asleep = false;
        }
    }
    wake(std::move(sleepers));
}

// One post per loop, whatever the number of waiters on it.
void flight::wake(std::vector<std::shared_ptr<waiter>> sleepers)
{
    std::sort(sleepers.begin(), sleepers.end(), [](const auto& a, const auto& b) { return &a->loop < &b->loop; });
    for (auto first = sleepers.begin(); first != sleepers.end();) {
        async::loop& loop = (*first)->loop;
        const auto last = std::find_if(first, sleepers.end(), [&](const auto& w) { return &w->loop != &loop; });
        std::vector<std::shared_ptr<waiter>> mine(std::make_move_iterator(first), std::make_move_iterator(last));
        loop.post([mine = std::move(mine)] {
            for (const auto& w : mine) {
                w->ready.set();
            }
        });
        first = last;
    }
}

void flight::publish_head(live_answer head, flight_report report)
{
    auto shared = std::make_shared<const live_answer>(std::move(head));
    change([&](view& v) {
        TIERCEL_CHECK(v.state == flight_state::fetching);
        v.state = flight_state::streaming;
        v.live = std::move(shared);
        v.report = std::move(report);
    });
}

void flight::publish_progress()
{
    change([](view&) {});
}

void flight::complete(entry_ptr e, flight_report report)
{
    change([&](view& v) {
        TIERCEL_CHECK(v.state == flight_state::fetching || v.state == flight_state::streaming);
        v.state = flight_state::complete;
        v.entry = std::move(e);
        v.report = std::move(report);
    });
}

void flight::break_off(errc code, detail why)
{
    change([&](view& v) {
        TIERCEL_CHECK(v.state == flight_state::streaming);
        v.state = flight_state::broken;
        v.failure = flight_failure::no_answer(code);
        v.report.why = why;
        v.report.stored = false;
    });
}

void flight::fail(flight_failure f, flight_report report)
{
    change([&](view& v) {
        TIERCEL_CHECK(v.state == flight_state::fetching);
        v.state = flight_state::failed;
        v.failure = f;
        v.report = std::move(report);
    });
}

void flight::leave_alone(flight_report report)
{
    change([&](view& v) {
        TIERCEL_CHECK(v.state == flight_state::fetching);
        v.state = flight_state::alone;
        v.report = std::move(report);
    });
}

void flight::give_up(errc why)
{
    change([&](view& v) {
        if (v.state == flight_state::fetching || v.state == flight_state::streaming) {
            v.state = v.state == flight_state::fetching ? flight_state::failed : flight_state::broken;
            v.failure = flight_failure::no_answer(why);
        }
    });
}

void flight::begin_relay()
{
    change([](view& v) {
        TIERCEL_CHECK(v.state == flight_state::streaming);
        v.relayed = true;
        v.report.stored = false;   // who has not begun yet need not be told otherwise
        v.report.why = detail::too_large;
    });
}

std::optional<byte_count> flight::slowest() const
{
    if (arriving_ > 0) {
        return 0;
    }
    std::optional<byte_count> least;
    for (const flight_reader* r : present_) {
        least = least ? std::min(*least, r->position_) : r->position_;
    }
    return least;
}

void flight::wake_pacer()
{
    if (pacer_ != nullptr) {
        const std::shared_ptr<waiter> sleeper = std::move(pacer_);
        pacer_.reset();
        sleeper->loop.post([sleeper] { sleeper->ready.set(); });
    }
}

async::task<std::optional<byte_count>> flight::pace(async::loop& l, byte_count written, byte_count window,
                                                    std::chrono::milliseconds patience)
{
    const auto self = std::make_shared<waiter>(l);
    async::steady::time_point limit = async::steady::now() + patience;
    std::optional<byte_count> before;
    for (;;) {
        {
            const std::lock_guard hold(mutex_);
            const std::optional<byte_count> least = slowest();
            if (!least || *least + window >= written) {   // a reader of a range may be ahead of what is written
                pacer_.reset();
                co_return least;
            }
            if (before && *least > *before) {
                limit = async::steady::now() + patience;   // slow, but it gets on
            }
            before = least;
            self->ready.reset();
            pacer_ = self;
        }
        const bool moved = co_await self->ready.wait_until(limit);
        if (!moved) {
            const std::lock_guard hold(mutex_);
            pacer_.reset();
            co_return std::nullopt;
        }
    }
}

flight::view flight::look() const
{
    const std::lock_guard hold(mutex_);
    return view_;
}

bool flight::is_second() const
{
    const std::shared_ptr<const flight> before = before_.lock();
    if (before == nullptr) {
        return false;
    }
    const std::lock_guard hold(before->mutex_);
    return before->view_.state == flight_state::fetching;
}

flight_reader::flight_reader(std::shared_ptr<flight> f, async::loop& l)
    : flight_(std::move(f)), waiter_(std::make_shared<flight::waiter>(l))
{
    flight_->readers_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard hold(flight_->mutex_);
    flight_->present_.push_back(this);
}

// A wake-up under way keeps the waiter alive by itself; it is then set without anybody waiting, which harms nobody.
flight_reader::~flight_reader()
{
    flight_->readers_.fetch_sub(1, std::memory_order_relaxed);
    const std::lock_guard hold(flight_->mutex_);
    if (waiter_->asleep) {
        std::erase(flight_->sleepers_, waiter_);
    }
    const auto here = std::find(flight_->present_.begin(), flight_->present_.end(), this);
    *here = flight_->present_.back();
    flight_->present_.pop_back();
    flight_->wake_pacer();
}

void flight_reader::advance(byte_count position)
{
    const std::lock_guard hold(flight_->mutex_);
    position_ = position;
    flight_->wake_pacer();
}

async::task<bool> flight_reader::next(async::steady::time_point limit)
{
    for (;;) {
        {
            const std::lock_guard hold(flight_->mutex_);
            if (!seen_ || *seen_ != flight_->version_) {
                seen_ = flight_->version_;
                co_return true;
            }
            waiter_->ready.reset();
            if (!waiter_->asleep) {
                waiter_->asleep = true;
                flight_->sleepers_.push_back(waiter_);
            }
        }
        const bool woken = co_await waiter_->ready.wait_until(limit);
        if (!woken && async::steady::now() >= limit) {
            co_return false;
        }
    }
}

void flight::arrive()
{
    const std::lock_guard hold(mutex_);
    ++arriving_;
}

void flight::settle()
{
    const std::lock_guard hold(mutex_);
    --arriving_;
    wake_pacer();
}

void flight_table::place::settle()
{
    if (std::exchange(arriving_, false)) {
        joined->settle();
    }
}

flight_table::place::~place()
{
    settle();
    if (!unowned_) {
        return;
    }
    table_.remove(*joined, hash_);
    try {
        joined->give_up(errc::internal);
    } catch (...) {
        // Even to wake them there is no memory: their own limits end their waits.
    }
}

flight_table::place flight_table::join(std::string_view key, const hash128& hash, const validity& valid, scope_hash url)
{
    stripe& s = stripes_[hash.hi % stripes];
    const std::lock_guard hold(s.mutex);
    auto& slot = s.flights[hash];
    if (slot != nullptr && slot->key() != key) {
        // An equal hash of another key (practically never) simply is not entered: it flies without companions.
        return {*this, std::make_shared<flight>(std::string(key), valid.applied()), hash, true};
    }
    if (slot != nullptr && (valid.is_valid(std::span(&url, 1), slot->stamp()) || slot->is_second())) {
        slot->arrive();   // before the fill can take it out of the table, and free what its readers have got
        return {*this, slot, hash, false};
    }
    slot = std::make_shared<flight>(std::string(key), valid.applied(), std::move(slot));
    return {*this, slot, hash, true};
}

void flight_table::remove(const flight& f, const hash128& hash)
{
    stripe& s = stripes_[hash.hi % stripes];
    const std::lock_guard hold(s.mutex);
    const auto found = s.flights.find(hash);
    if (found != s.flights.end() && found->second.get() == &f) {
        s.flights.erase(found);
    }
}

std::size_t flight_table::size() const
{
    std::size_t n = 0;
    for (const stripe& s : stripes_) {
        const std::lock_guard hold(s.mutex);
        n += s.flights.size();
    }
    return n;
}

}  // namespace tiercel::flow
