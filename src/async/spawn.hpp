#pragma once

// Starts a coroutine that nobody awaits. What it throws ends the loop that it runs on, and with it the process: such coroutines handle
// everything that can be expected.

#include "async/task.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace tiercel::async {

inline void spawn(asio::io_context& on, task<> work)
{
    asio::co_spawn(on, std::move(work), [](const std::exception_ptr& e) {
        if (e) { std::rethrow_exception(e); }
    });
}

}  // namespace tiercel::async
