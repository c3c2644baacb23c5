#pragma once

// What the intake does on its loop beside answering calls: coroutines that are accounted for, and their pauses, which end at once
// when it is to stop. Thread: the loop's only.

#include "async/event.hpp"
#include "async/loop.hpp"

#include <tiercel/clock.hpp>

#include <list>

namespace tiercel::events {

class background {
public:
    explicit background(async::loop& l) : loop_(l) {}
    background(const background&) = delete;
    background& operator=(const background&) = delete;

    // Starts it, or drops it if all is ending.
    void spawn(async::task<> work);
    // False: all is ending.
    async::task<bool> pause(milliseconds how_long);
    // The same, over as soon as `e` is set. REQUIRES: nobody else waits for `e`, which stays as it is.
    async::task<bool> wait(async::event& e, milliseconds at_most);
    bool is_ending() const noexcept { return ending_; }

    // From now on pauses are over.
    void end();
    // Nothing more is started; waits for what runs. REQUIRES: end() was called.
    async::task<> ended();

private:
    async::loop& loop_;
    std::list<async::event*> waits_;
    bool ending_ = false;
};

}  // namespace tiercel::events
