#include "cache/expiry_wheel.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tiercel {
namespace {

// Long enough for a page that is asked for a few times an hour.
constexpr std::chrono::hours kept_for_validation{1};

std::int64_t second_of(instant t) noexcept { return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count(); }

}  // namespace

instant useless_from(const entry_times& times, entry_flag flags) noexcept
{
    const instant t = times.useless_from();
    const bool can_be_confirmed =
        has(flags, entry_flag::has_etag) || has(flags, entry_flag::has_last_modified) || has(flags, entry_flag::vary_descriptor);
    return can_be_confirmed && t < end_of_time - kept_for_validation ? t + kept_for_validation : t;
}

instant useless_from(const entry& e) noexcept { return useless_from(e.times(), e.flags()); }

void expiry_wheel::insert(const entry& e) noexcept
{
    if (useless_from(e) == end_of_time) { return; }
    link(e, slot_of(e));
    ++size_;
}

void expiry_wheel::remove(const entry& e) noexcept
{
    if (store_access::wheel(e).back == nullptr) { return; }
    unlink(e);
    --size_;
}

const entry* expiry_wheel::next_due(instant now, std::size_t& looks) noexcept
{
    const std::int64_t current = second_of(now);
    // After a long pause one round finds everything.
    const auto round = static_cast<std::int64_t>(slot_count);
    if (!started_ || tick_ < current - round) {
        tick_ = current - round;
        started_ = true;
    }
    for (;;) {
        while (pending_ != nullptr) {
            if (looks == 0) { return nullptr; }
            --looks;
            const entry& e = *pending_;
            if (useless_from(e) <= now) { return &e; }
            unlink(e);
            link(e, slot_of(e));
        }
        if (tick_ >= current) { return nullptr; }
        ++tick_;
        const entry*& slot = slots_[static_cast<std::size_t>(tick_) % slot_count];
        pending_ = std::exchange(slot, nullptr);
        if (pending_ != nullptr) { store_access::wheel(*pending_).back = &pending_; }
    }
}

// The first second that begins when e is useless, but never one whose slot has been looked through already.
const entry*& expiry_wheel::slot_of(const entry& e) noexcept
{
    std::int64_t due = second_of(useless_from(e)) + 1;
    if (started_) { due = std::max(due, tick_ + 1); }
    return slots_[static_cast<std::size_t>(due) % slot_count];
}

void expiry_wheel::link(const entry& e, const entry*& head) noexcept
{
    store_access::wheel(e) = {.next = head, .back = &head};
    if (head != nullptr) { store_access::wheel(*head).back = &store_access::wheel(e).next; }
    head = &e;
}

void expiry_wheel::unlink(const entry& e) noexcept
{
    const auto [next, back] = store_access::wheel(e);
    *back = next;
    if (next != nullptr) { store_access::wheel(*next).back = back; }
    store_access::wheel(e) = {};
}

}  // namespace tiercel
