#pragma once

// Stops asking an endpoint that only fails, and finds out by a few probes when it is well again.
//
// A run of failures alone is a poor sign of death: at one error in five, five in a row happen all the time on a busy
// endpoint. A failure ratio alone is slow: it must first outweigh the successes of the whole window. `hybrid` asks for
// both, over the last few calls only, so it ignores partial failure and still notices death within a fraction of a second.
//
//   closed ----(the rule of the mode)----> open ----(open time over)----> half_open
//      ^                                    ^                               |   |
//      |                                    +------(one probe fails)--------+   |
//      +---------------------------(`close_after` probes succeed)--------------+
//
// Every move between states begins a new epoch. A permit remembers the epoch it was given in, and its outcome counts only
// there: calls that began before the breaker opened and fail long after change nothing.
//
// Thread: any; guards itself. While closed, and while open and not yet due, try_acquire takes no lock.

#include <tiercel/clock.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::resilience {

enum class breaker_mode : std::uint8_t {
    hybrid,        // a run of failures and a failure ratio together; or nearly everything slow
    consecutive,   // a run of failures, nothing else
};

struct breaker_options {
    breaker_mode mode = breaker_mode::hybrid;
    unsigned failures = 5;                // length of the run; at least 1
    milliseconds window{10'000};          // hybrid: calls older than this are forgotten
    double ratio = 0.5;                   // hybrid: least share of failures in the window
    milliseconds open{30'000};            // first open time, +-10 %; doubles after each failed half-open
    milliseconds max_open{300'000};       // where the doubling ends
    unsigned half_open_permits = 3;       // probes at a time; at least 1
    unsigned close_after = 3;             // successful probes that close it; at least 1
    milliseconds reset_after{300'000};    // closed for so long: the next open time is the first one again
    milliseconds slow_call{5'000};        // hybrid: a call that took longer is slow; 0 turns the slow rule off
    double slow_ratio = 0.8;              // hybrid: least share of slow calls that opens
    unsigned slow_calls = 20;             // hybrid: fewest calls in the window for the slow rule; at most 100
    milliseconds probe_timeout{30'000};   // a probe that reported nothing for so long has failed; above the limits of an attempt
};

enum class breaker_state : std::uint8_t { closed, open, half_open };
std::string_view name_of(breaker_state s) noexcept;

// What moved the breaker.
enum class breaker_reason : std::uint8_t {
    failures,       // the run of failures (and the ratio)
    slow,           // nearly every call was slow
    elapsed,        // the open time is over
    probe_failed,
    probe_lost,     // a probe reported nothing in time
    recovered,      // enough probes succeeded
    forced,         // by an operator
};
std::string_view name_of(breaker_reason r) noexcept;

// What an operator wants: the rule, or one state until told otherwise.
enum class breaker_override : std::uint8_t { automatic, open, closed };

// One move between states. Given to exactly one caller: the one whose call made it, who logs and counts it.
struct breaker_transition {
    breaker_state from = breaker_state::closed;
    breaker_state to = breaker_state::closed;
    breaker_reason reason = breaker_reason::failures;
    unsigned run = 0;               // failures in a row at that moment
    unsigned window_failures = 0;   // of `window_calls`
    unsigned window_calls = 0;
    milliseconds open_for{0};       // when `to` is open; max(): until released by hand
};

class circuit_breaker {
public:
    // The right to make one attempt. Hand it back with on_success or on_failure; dropped instead (the client left, the
    // request was cancelled), it counts nothing and frees its probe slot. REQUIRES: does not outlive the breaker.
    class permit {
    public:
        permit() = default;
        permit(permit&& o) noexcept : owner_(std::exchange(o.owner_, nullptr)), epoch_(o.epoch_), slot_(o.slot_) {}
        permit& operator=(permit&& o) noexcept
        {
            permit taken(std::move(o));
            std::swap(owner_, taken.owner_);
            std::swap(epoch_, taken.epoch_);
            std::swap(slot_, taken.slot_);
            return *this;
        }
        ~permit() { abandon(); }

        explicit operator bool() const noexcept { return owner_ != nullptr; }
        bool is_probe() const noexcept { return slot_ != no_slot; }
        // Frees it now, counting nothing.
        void abandon() noexcept
        {
            if (circuit_breaker* const owner = std::exchange(owner_, nullptr); owner != nullptr && is_probe()) {
                owner->release(epoch_, slot_);
            }
        }

    private:
        friend class circuit_breaker;
        static constexpr std::uint32_t no_slot = UINT32_MAX;
        permit(circuit_breaker& owner, std::uint64_t epoch, std::uint32_t slot = no_slot) noexcept
            : owner_(&owner), epoch_(epoch), slot_(slot) {}

        circuit_breaker* owner_ = nullptr;
        std::uint64_t epoch_ = 0;
        std::uint32_t slot_ = no_slot;
    };

    struct admission {
        permit pass;                               // empty: refused
        std::optional<breaker_transition> moved;   // may be set with or without a permit
        explicit operator bool() const noexcept { return static_cast<bool>(pass); }
    };

    // The ratios look at no more than so many calls.
    static constexpr std::size_t window_capacity = 100;

    // `seed` drives the jitter of the open times; give each breaker its own, so that not all probe at one moment.
    circuit_breaker(const breaker_options& options, std::uint64_t seed);
    circuit_breaker(const circuit_breaker&) = delete;
    circuit_breaker& operator=(const circuit_breaker&) = delete;

    // May one attempt go ahead?
    [[nodiscard]] admission try_acquire(instant now)
    {
        const auto seen = word_.load(std::memory_order_acquire);
        if (state_in(seen) == breaker_state::closed) {
            return {permit(*this, epoch_in(seen)), std::nullopt};
        }
        return acquire_unless_closed(now);
    }

    // The outcome of an attempt. `took` is the time to the response head (or to the failure): a long download is not slow.
    std::optional<breaker_transition> on_success(permit p, instant now, milliseconds took);
    std::optional<breaker_transition> on_failure(permit p, instant now, milliseconds took = milliseconds{0});

    // An override holds until the next call; `automatic` after an override starts closed with no memory, and without one
    // changes nothing.
    std::optional<breaker_transition> force(breaker_override wanted, instant now);

    // As of the last call that changed it: open stays open until somebody asks for a permit.
    breaker_state state() const noexcept { return state_in(word_.load(std::memory_order_acquire)); }
    breaker_override held() const;
    // Until the first probe may go: what Retry-After is made of. Zero unless open.
    milliseconds remaining_open(instant now) const noexcept;

private:
    // The last calls of the current closed epoch, at most window_capacity of them and none older than the window.
    class outcome_window {
    public:
        void add(instant at, bool failed, bool slow) noexcept;
        void forget_before(instant at) noexcept;
        void clear() noexcept;
        unsigned calls() const noexcept { return static_cast<unsigned>(size_); }
        unsigned failed() const noexcept { return failed_; }
        unsigned slow() const noexcept { return slow_; }

    private:
        struct sample {
            instant at;
            bool failed;
            bool slow;
        };
        void drop_oldest() noexcept;

        std::array<sample, window_capacity> ring_{};
        std::size_t first_ = 0;
        std::size_t size_ = 0;
        unsigned failed_ = 0;
        unsigned slow_ = 0;
    };

    // State and epoch in one word, so that one load gives a consistent pair.
    static constexpr unsigned state_bits = 2;
    static breaker_state state_in(std::uint64_t word) noexcept { return static_cast<breaker_state>(word & 3); }
    static std::uint64_t epoch_in(std::uint64_t word) noexcept { return word >> state_bits; }

    using guard = std::lock_guard<std::mutex>;
    // The functions below REQUIRE the lock, but for the first two.
    admission acquire_unless_closed(instant now);
    void release(std::uint64_t epoch, std::uint32_t slot) noexcept;
    bool is_current(const permit& p) const noexcept;
    permit take_probe_slot(instant now);
    bool has_lost_probe(instant now) const noexcept;
    std::optional<breaker_reason> reason_to_open(bool failed) const noexcept;
    std::optional<breaker_transition> record(instant now, bool failed, milliseconds took);
    breaker_transition move_to(breaker_state to, breaker_reason why, instant now);
    breaker_transition open_again(breaker_reason why, instant now);
    milliseconds next_open_time() noexcept;

    const breaker_options options_;
    std::atomic<std::uint64_t> word_{0};            // written under the lock only
    std::atomic<instant::rep> open_until_{0};       // written before word_ says open

    mutable std::mutex mutex_;
    outcome_window window_;
    unsigned run_ = 0;                              // failures in a row in this closed epoch
    std::vector<std::optional<instant>> probes_;    // per slot: when the probe in it is given up
    unsigned probe_successes_ = 0;
    milliseconds open_time_;                        // without jitter
    instant closed_since_ = instant::min();
    breaker_override override_ = breaker_override::automatic;
    std::uint64_t random_;
};

}  // namespace tiercel::resilience
