#pragma once

// Where coroutines of a loop wait for the end of its turn, to go on back to back. A turn is all that the reactor found ready
// at once.
//
// Sends to one process that follow each other closely find it awake after the first. Scattered between other work each of
// them wakes it up again, and waking another core costs as much as the send itself (docs/decisions.md).
// Thread: the loop's only.

#include "async/task.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace tiercel::async {

class turn_end {
public:
    explicit turn_end(asio::io_context& context) noexcept : context_(context) {}
    turn_end(const turn_end&) = delete;
    turn_end& operator=(const turn_end&) = delete;

    // To be awaited; those who wait go on in the order of their coming. Needs no deadline: it is posted already.
    auto reached()
    {
        return asio::async_initiate<const asio::deferred_t&, void()>([this](auto handler) { add(std::move(handler)); }, asio::deferred);
    }

    // How many ends somebody has waited for. Since an operation of the loop completed when it was lower, the loop has asked the system for
    // news, and takes in what it is told (of 128 sockets at a time) before the next end.
    std::uint64_t count() const noexcept { return count_; }

private:
    using waiter = asio::detail::awaitable_async_op_handler<void(), executor>;   // what co_await makes of the token

    void add(waiter w)
    {
        if (waiters_.empty()) {
            asio::post(context_, [this] { go_on(); });
        }
        waiters_.push_back(std::move(w));
    }

    void go_on()
    {
        ++count_;
        going_.swap(waiters_);   // who waits again meanwhile waits for the next one
        for (waiter& w : going_) {
            w();
        }
        going_.clear();
    }

    asio::io_context& context_;
    std::uint64_t count_ = 0;
    std::vector<waiter> waiters_;
    std::vector<waiter> going_;   // empty but in go_on(): its capacity is kept
};

}  // namespace tiercel::async
