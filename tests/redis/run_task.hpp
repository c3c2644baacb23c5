#pragma once

// Runs coroutines to their end on a loop that the test drives itself.

#include "async/loop.hpp"

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace tiercel::redis {

inline constexpr std::chrono::seconds patience{20};   // a healthy test never waits so long

// Drives the loop until `done()`; false when patience ends first.
template <class Predicate>
bool run_until(async::loop& l, Predicate done)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= until) { return false; }
        l.context().restart();
        l.context().run_one_for(std::chrono::milliseconds(100));
    }
    return true;
}

template <class T>
T run(async::loop& l, async::task<T> t)
{
    std::optional<T> out;
    std::exception_ptr failure;
    async::asio::co_spawn(l.context(), std::move(t), [&](std::exception_ptr e, T value) {
        failure = e;
        out.emplace(std::move(value));
    });
    if (!run_until(l, [&] { return out.has_value(); })) { throw std::runtime_error("the coroutine did not end"); }
    if (failure) { std::rethrow_exception(failure); }
    return std::move(*out);
}

inline void run(async::loop& l, async::task<> t)
{
    bool done = false;
    std::exception_ptr failure;
    async::asio::co_spawn(l.context(), std::move(t), [&](std::exception_ptr e) {
        failure = e;
        done = true;
    });
    if (!run_until(l, [&] { return done; })) { throw std::runtime_error("the coroutine did not end"); }
    if (failure) { std::rethrow_exception(failure); }
}

}  // namespace tiercel::redis
