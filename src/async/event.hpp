#pragma once

// A wake-up for one waiting coroutine, with a deadline. The waiter suspends on wait(); somebody on the same loop calls
// set(). Set before wait means no suspension. Reusable after reset().
// Thread: the loop's only; other threads post to the loop first.

#include "async/timer_wheel.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <utility>

namespace tiercel::async {

class event {
public:
    event(asio::io_context& context, timer_wheel& wheel)
        : context_(context), limit_(wheel, [](void* self) { static_cast<event*>(self)->on_deadline(); }, this) {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    // Idempotent. The waiter resumes from the loop, not from inside this call.
    void set()
    {
        if (!set_) {
            set_ = true;
            wake();
        }
    }
    bool is_set() const noexcept { return set_; }
    void reset() noexcept { set_ = false; }

    // True: was set. False: the deadline passed first. REQUIRES: nobody else waits.
    task<bool> wait_until(steady::time_point t)
    {
        if (!set_) {
            limit_.expires_at(t);
            co_await asio::async_initiate<const asio::deferred_t&, void()>(
                [this](auto handler) { waiter_.emplace(std::move(handler)); }, asio::deferred);
            limit_.disarm();
        }
        co_return set_;
    }

private:
    using waiter = asio::detail::awaitable_async_op_handler<void(), executor>;   // what co_await makes of the token

    void wake()
    {
        if (waiter_) {
            asio::post(context_, std::move(*waiter_));
            waiter_.reset();
        }
    }
    void on_deadline() { wake(); }

    asio::io_context& context_;
    deadline limit_;
    std::optional<waiter> waiter_;
    bool set_ = false;
};

}  // namespace tiercel::async
