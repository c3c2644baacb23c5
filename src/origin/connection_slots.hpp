#pragma once

// The cap on open connections to one endpoint, kept over all loops, and the queue of those who wait for one.
//
// A loop reuses its idle connections without coming here; this is for opening, closing, and for the hour when all are
// busy. Then a slot that comes free is passed on to whoever has waited longest, on whatever loop: by waking it there. As
// slots may also be stuck in idle connections of other loops, a waiter makes one of those loops give one up.
//
// Thread: any, but for what is said to belong to a loop.

#include "async/event.hpp"
#include "async/loop.hpp"

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tiercel::origin {

class connection;
class connection_pool;

class connection_slots {
public:
    // The right to hold one open connection. REQUIRES: does not outlive the slots.
    class slot {
    public:
        slot() = default;
        slot(slot&& o) noexcept : owner_(std::exchange(o.owner_, nullptr)) {}
        slot& operator=(slot&& o) noexcept
        {
            slot taken(std::move(o));
            std::swap(owner_, taken.owner_);
            return *this;
        }
        ~slot()
        {
            if (owner_ != nullptr) {
                owner_->give_back();
            }
        }
        explicit operator bool() const noexcept { return owner_ != nullptr; }

    private:
        friend class connection_slots;
        explicit slot(connection_slots& owner) noexcept : owner_(&owner) {}
        connection_slots* owner_ = nullptr;
    };

    // One place in the queue. It ends with a slot, or with a whole connection when one came free on the same loop.
    // Thread: the loop's.
    struct waiter {
        explicit waiter(async::loop& l);
        ~waiter();

        async::loop& loop;
        async::event ready;
        slot granted;
        std::unique_ptr<connection> handed;

    private:
        friend class connection_slots;
        async::steady::time_point since = async::steady::now();
        bool gone = false;
    };

    // What one loop holds idle; tells the others where a slot could be had.
    struct idle_holder {
        explicit idle_holder(async::loop& l, connection_pool* p) : loop(l), pool(p) {}
        async::loop& loop;
        connection_pool* pool;               // touched on its loop only; nullptr once withdrawn
        std::atomic<std::size_t> idle{0};

    private:
        friend class connection_slots;
        std::size_t asked = 0;               // requests to give one up that are under way; under the lock
    };

    explicit connection_slots(unsigned max) noexcept : max_(max) {}
    connection_slots(const connection_slots&) = delete;
    connection_slots& operator=(const connection_slots&) = delete;

    struct claim {
        slot granted;                        // else
        std::shared_ptr<waiter> queued;      // neither: refused
    };
    // A slot, or a place in the queue if fewer than `queue` wait (or an idle connection elsewhere can be given up for it).
    claim try_claim(async::loop& l, std::size_t queue);
    // Leaves the queue; what was granted at the same moment goes on to the next one.
    void leave(waiter& w);

    // Who should get a connection that just came free on this loop. The loop's own waiters come first, as they can take it
    // as it is, unless somebody elsewhere has waited too long already.
    struct turn {
        std::shared_ptr<waiter> here;        // taken out of the queue: hand it the connection
        bool elsewhere = false;              // close the connection, so that its slot moves on
    };
    turn whose_turn(async::loop& l);

    void enroll(std::shared_ptr<idle_holder> h);
    void withdraw(const idle_holder& h);

    bool is_full() const;
    unsigned open() const;
    std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

private:
    static constexpr std::chrono::milliseconds patience{100};

    void give_back();
    std::size_t idle_elsewhere(const async::loop& l) const;   // REQUIRES the lock, as those below
    void ask_for_idle(const async::loop& l);

    const unsigned max_;
    mutable std::mutex mutex_;
    unsigned open_ = 0;
    std::deque<std::shared_ptr<waiter>> queue_;
    std::vector<std::shared_ptr<idle_holder>> holders_;
    std::atomic<std::size_t> waiting_{0};   // queue_.size(), to be looked at without the lock
};

}  // namespace tiercel::origin
