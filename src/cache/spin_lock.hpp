#pragma once

#include <atomic>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tiercel {

// A lock for critical sections of a few dozen nanoseconds: spins a little, then gives the core away, because with more
// threads than cores the holder may not be running. One byte, no system call unless contended for long. Satisfies Lockable.
class spin_lock {
public:
    void lock() noexcept
    {
        unsigned spins = 0;
        while (!try_lock()) {
            // Wait on a plain load, so that the cache line stays shared until the holder writes it.
            while (held_.load(std::memory_order_relaxed)) {
                if (spins < spins_before_yield) {
                    ++spins;
                    relax();
                } else {
                    std::this_thread::yield();
                }
            }
        }
    }
    bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }
    void unlock() noexcept { held_.store(false, std::memory_order_release); }

private:
    static constexpr unsigned spins_before_yield = 100;

    static void relax() noexcept
    {
#if defined(__x86_64__)
        _mm_pause();
#endif
    }

    std::atomic<bool> held_{false};
};

}  // namespace tiercel
