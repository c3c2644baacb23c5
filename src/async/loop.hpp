#pragma once

// One event loop with what everything on it shares: its io_context, its deadlines, its gate and the end of its turns.
// Thread: constructed anywhere, run by exactly one thread; post() from any thread.

#include "async/drain_gate.hpp"
#include "async/timer_wheel.hpp"
#include "async/turn_end.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace tiercel::async {

class loop {
public:
    // UNSAFE_IO: sockets and timers of a loop are touched by its thread only, so Asio need not lock them; posting stays safe.
    loop() : context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO), wheel_(context_), turn_end_(context_) {}
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    asio::io_context& context() noexcept { return context_; }
    executor get_executor() noexcept { return context_.get_executor(); }
    timer_wheel& wheel() noexcept { return wheel_; }
    drain_gate& gate() noexcept { return gate_; }
    async::turn_end& turn_end() noexcept { return turn_end_; }

    template <class F>
    void post(F&& f)
    {
        asio::post(context_, std::forward<F>(f));
    }

private:
    asio::io_context context_;
    timer_wheel wheel_;
    drain_gate gate_;
    async::turn_end turn_end_;
};

}  // namespace tiercel::async
