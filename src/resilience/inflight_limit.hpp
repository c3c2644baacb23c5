#pragma once

// How many attempts may be under way at one endpoint at the same time. The one thing that saves a saturated origin: work
// beyond it is refused at once instead of queued until nobody wants the answer any more.
//
// One counter for all loops: a limit cut into a part per thread starves at low numbers. Relaxed order is enough, because
// the counters guard no other memory.
// Thread: any.

#include <tiercel/check.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

namespace tiercel::resilience {

struct inflight_options {
    unsigned max_inflight = 256;   // per endpoint and process; 0: no limit
    bool adaptive = false;         // find out how many are good (resilience/gradient.hpp), up to max_inflight
    unsigned refill = 64;          // of these, at most so many for background refreshes and refills after a purge; 0: none
};

enum class attempt_class : std::uint8_t {
    background,   // nobody waits: the first to go when it gets crowded, beyond three quarters of the limit
    alone,        // for one client, nothing of it will be stored: the next, beyond nine tenths
    foreground,
};

class inflight_limit {
public:
    // One place, held while the attempt runs. REQUIRES: does not outlive the limit.
    class token {
    public:
        token() = default;
        token(token&& o) noexcept : owner_(std::exchange(o.owner_, nullptr)), class_(o.class_) {}
        token& operator=(token&& o) noexcept
        {
            token taken(std::move(o));
            std::swap(owner_, taken.owner_);
            std::swap(class_, taken.class_);
            return *this;
        }
        ~token()
        {
            if (owner_ != nullptr) {
                owner_->leave(class_);
            }
        }
        explicit operator bool() const noexcept { return owner_ != nullptr; }

    private:
        friend class inflight_limit;
        token(inflight_limit& owner, attempt_class c) noexcept : owner_(&owner), class_(c) {}
        inflight_limit* owner_ = nullptr;
        attempt_class class_ = attempt_class::foreground;
    };

    explicit inflight_limit(const inflight_options& options) noexcept
        : refill_(options.refill), max_(options.max_inflight) {}
    inflight_limit(const inflight_limit&) = delete;
    inflight_limit& operator=(const inflight_limit&) = delete;
    ~inflight_limit() { TIERCEL_CHECK(inflight() == 0); }

    // An empty token when the limit is reached.
    [[nodiscard]] token try_enter(attempt_class c) noexcept
    {
        if (c == attempt_class::background && !try_count(background_, refill_)) {
            return {};
        }
        if (!try_count(all_, room_for(c))) {
            if (c == attempt_class::background) {
                background_.fetch_sub(1, std::memory_order_relaxed);
            }
            return {};
        }
        return token(*this, c);
    }

    std::uint32_t inflight() const noexcept { return all_.load(std::memory_order_relaxed); }
    std::uint32_t max() const noexcept { return max_.load(std::memory_order_relaxed); }   // 0: none
    void max(std::uint32_t n) noexcept { max_.store(n, std::memory_order_relaxed); }       // what is under way stays
    std::uint32_t background() const noexcept { return background_.load(std::memory_order_relaxed); }

private:
    // Compares before it counts: adding first and taking back would let one refusal cause another.
    static bool try_count(std::atomic<std::uint32_t>& counter, std::uint32_t limit) noexcept
    {
        auto n = counter.load(std::memory_order_relaxed);
        while (n < limit) {
            if (counter.compare_exchange_weak(n, n + 1, std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

    // How many may be under way for one more of that class to be let in.
    std::uint32_t room_for(attempt_class c) const noexcept
    {
        const std::uint32_t all = max();
        if (all == 0) {
            return UINT32_MAX;
        }
        switch (c) {
            case attempt_class::background: return all - all / 4;
            case attempt_class::alone: return all - all / 10;
            case attempt_class::foreground: break;
        }
        return all;
    }

    void leave(attempt_class c) noexcept
    {
        if (c == attempt_class::background) {
            background_.fetch_sub(1, std::memory_order_relaxed);
        }
        all_.fetch_sub(1, std::memory_order_relaxed);
    }

    const std::uint32_t refill_;
    std::atomic<std::uint32_t> max_;
    std::atomic<std::uint32_t> all_{0};
    std::atomic<std::uint32_t> background_{0};
};

}  // namespace tiercel::resilience
