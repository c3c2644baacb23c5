#pragma once

// Deadlines of one event loop, kept by one coarse timer.
//
// A timing wheel (Varghese, Lauck, SOSP 1987) of 10 ms slots. Moving a deadline later, which every request does, only
// stores a number: the node stays in its old slot and is hung again when that slot comes round. Cost of the usual
// re-arming: one store. Precision: a deadline fires at most one tick late and never early.
// Thread: the loop's only.

#include "async/task.hpp"

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstdint>

namespace tiercel::async {

using steady = std::chrono::steady_clock;

class timer_wheel;

// One deadline. Fires its handler once, on the loop, unless moved or disarmed before. The handler may re-arm or destroy
// it. REQUIRES: does not outlive the wheel.
class deadline {
public:
    using handler = void (*)(void* context);

    deadline(timer_wheel& wheel, handler on_expire, void* context) noexcept
        : wheel_(&wheel), on_expire_(on_expire), context_(context) {}
    ~deadline() { disarm(); }
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;

    void expires_at(steady::time_point t);
    void expires_after(steady::duration d) { expires_at(steady::now() + d); }
    void disarm() noexcept;
    bool armed() const noexcept { return armed_; }

private:
    friend class timer_wheel;
    void unlink() noexcept;

    timer_wheel* wheel_;
    handler on_expire_;
    void* context_;
    deadline* previous_ = nullptr;
    deadline* next_ = nullptr;
    std::int64_t due_ = 0;        // tick at which it fires
    std::int64_t hung_at_ = 0;    // tick of the slot it hangs in; meaningful while linked
    bool armed_ = false;
};

class timer_wheel {
public:
    static constexpr std::chrono::milliseconds tick{10};

    explicit timer_wheel(asio::io_context& context);
    ~timer_wheel();
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;

    // How late the last tick ran: the loop_lag_seconds gauge.
    steady::duration lag() const noexcept { return lag_; }

private:
    friend class deadline;
    static constexpr std::size_t slots = 1024;

    void hang(deadline& d, std::int64_t at) noexcept;
    void start_ticking();
    void on_tick();
    std::int64_t tick_of(steady::time_point t) const noexcept;   // rounded up

    asio::basic_waitable_timer<steady, asio::wait_traits<steady>, executor> timer_;
    steady::time_point origin_;
    std::int64_t current_ = 0;          // last tick that was handled
    std::size_t hung_ = 0;
    bool ticking_ = false;
    steady::duration lag_{0};
    std::array<deadline*, slots> slots_{};   // heads of circular-free doubly linked lists
};

}  // namespace tiercel::async
