#pragma once

// Starts a coroutine that nobody awaits. What it throws ends the loop that it runs on, and with it the process: such coroutines handle
// everything that can be expected. Thread: that of `on`, which runs it.

#include "async/task.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace tiercel::async {

// REQUIRES: `work` holds a pass of a gate (drain_gate) until it ends, or ends the loop itself: what is spawned is accounted for.
inline void spawn(asio::io_context& on, task<> work)
{
    asio::co_spawn(on, std::move(work), [](const std::exception_ptr& e) {
        if (e) { std::rethrow_exception(e); }
    });
}

}  // namespace tiercel::async
