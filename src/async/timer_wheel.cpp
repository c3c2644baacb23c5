#include "async/timer_wheel.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel::async {

void deadline::expires_at(steady::time_point t)
{
    const std::int64_t due = wheel_->tick_of(t);
    const bool linked = armed_;
    due_ = due;
    if (linked && hung_at_ <= due) {
        return;   // the usual case: later than before, found again when the old slot comes round
    }
    if (linked) {
        unlink();
    }
    armed_ = true;
    wheel_->hang(*this, due);
    wheel_->start_ticking();
}

void deadline::disarm() noexcept
{
    if (armed_) {
        unlink();
        armed_ = false;
    }
}

void deadline::unlink() noexcept
{
    if (previous_ != nullptr) {
        previous_->next_ = next_;
    } else {
        wheel_->slots_[static_cast<std::size_t>(hung_at_) % timer_wheel::slots] = next_;
    }
    if (next_ != nullptr) {
        next_->previous_ = previous_;
    }
    previous_ = nullptr;
    next_ = nullptr;
    --wheel_->hung_;
}

timer_wheel::timer_wheel(asio::io_context& context) : timer_(context.get_executor()), origin_(steady::now()) {}

timer_wheel::~timer_wheel()
{
    TIERCEL_CHECK(hung_ == 0);
}

std::int64_t timer_wheel::tick_of(steady::time_point t) const noexcept
{
    const auto since = t - origin_;
    const auto ticks = (since + tick - steady::duration(1)) / tick;
    return std::max<std::int64_t>(ticks, current_ + 1);
}

// Hangs the node into the slot of that tick, or into the farthest one when it lies beyond the horizon.
void timer_wheel::hang(deadline& d, std::int64_t at) noexcept
{
    if (!ticking_) {
        current_ = std::max(current_, (steady::now() - origin_) / tick);   // nothing hung: the hand may jump
        at = std::max(at, current_ + 1);
    }
    d.hung_at_ = std::clamp<std::int64_t>(at, current_ + 1, current_ + static_cast<std::int64_t>(slots) - 1);
    deadline*& head = slots_[static_cast<std::size_t>(d.hung_at_) % slots];
    d.previous_ = nullptr;
    d.next_ = head;
    if (head != nullptr) {
        head->previous_ = &d;
    }
    head = &d;
    ++hung_;
}

void timer_wheel::start_ticking()
{
    if (ticking_) {
        return;
    }
    ticking_ = true;
    timer_.expires_at(origin_ + tick * (current_ + 1));
    timer_.async_wait([this](const boost::system::error_code& ec) {
        if (!ec) {
            on_tick();
        }
    });
}

void timer_wheel::on_tick()
{
    const auto now = steady::now();
    const std::int64_t target = (now - origin_) / tick;
    lag_ = now - (origin_ + tick * (current_ + 1));
    // After a long stall each slot is visited once; further rounds would find the same nodes.
    const std::int64_t first = std::max(current_ + 1, target - static_cast<std::int64_t>(slots) + 1);
    for (std::int64_t t = first; t <= target; ++t) {
        current_ = t;
        deadline* list = slots_[static_cast<std::size_t>(t) % slots];
        slots_[static_cast<std::size_t>(t) % slots] = nullptr;
        // Take the whole slot out first, as handlers may arm, disarm or destroy any node: what is due is put into a chain
        // whose links stay those of a list that unlink() understands.
        deadline* due = nullptr;
        while (list != nullptr) {
            deadline* d = list;
            list = d->next_;
            d->previous_ = nullptr;
            d->next_ = nullptr;
            --hung_;
            if (d->due_ > target) {
                hang(*d, d->due_);
                continue;
            }
            d->next_ = due;
            if (due != nullptr) {
                due->previous_ = d;
            }
            due = d;
            ++hung_;
        }
        // Put the due ones back as the slot's list, then pop one at a time: a handler that disarms another due node
        // unlinks it from exactly this list.
        deadline*& slot = slots_[static_cast<std::size_t>(t) % slots];
        for (deadline* d = due; d != nullptr; d = d->next_) {
            d->hung_at_ = t;
        }
        slot = due;
        while (slot != nullptr) {
            deadline* d = slot;
            d->unlink();
            d->armed_ = false;
            d->on_expire_(d->context_);
        }
    }
    ticking_ = false;
    if (hung_ > 0) {
        start_ticking();
    }
}

}  // namespace tiercel::async
