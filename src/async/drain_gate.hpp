#pragma once

// Counts what runs on one loop, refuses newcomers once closed, and wakes whoever waits for empty. Every spawned coroutine
// holds a pass, so that an owner can prove that nothing of its own is still running before it dies.
// Thread: the loop's only.

#include <tiercel/check.hpp>

#include <cstddef>
#include <functional>
#include <utility>

namespace tiercel::async {

class drain_gate {
public:
    class pass {
    public:
        pass() = default;
        explicit pass(drain_gate& g) noexcept : gate_(&g) { ++g.inside_; }
        pass(pass&& o) noexcept : gate_(std::exchange(o.gate_, nullptr)) {}
        pass& operator=(pass&& o) noexcept
        {
            std::swap(gate_, o.gate_);
            return *this;
        }
        ~pass()
        {
            if (gate_ != nullptr) {
                gate_->leave();
            }
        }
        explicit operator bool() const noexcept { return gate_ != nullptr; }

    private:
        drain_gate* gate_ = nullptr;
    };

    drain_gate() = default;
    drain_gate(const drain_gate&) = delete;
    drain_gate& operator=(const drain_gate&) = delete;
    ~drain_gate() { TIERCEL_CHECK(inside_ == 0); }

    // An empty pass when the gate is closed.
    pass try_enter() noexcept { return closed_ ? pass() : pass(*this); }

    // From now on nobody enters; `on_empty` runs once, when the last one has left (at once if nobody is inside).
    void close(std::function<void()> on_empty)
    {
        closed_ = true;
        on_empty_ = std::move(on_empty);
        if (inside_ == 0 && on_empty_) {
            std::exchange(on_empty_, nullptr)();
        }
    }

    bool closed() const noexcept { return closed_; }
    std::size_t inside() const noexcept { return inside_; }

private:
    void leave() noexcept
    {
        TIERCEL_CHECK(inside_ > 0);
        if (--inside_ == 0 && on_empty_) {
            std::exchange(on_empty_, nullptr)();
        }
    }

    std::size_t inside_ = 0;
    bool closed_ = false;
    std::function<void()> on_empty_;
};

}  // namespace tiercel::async
