#pragma once

// Whether a failed attempt at an origin is made again, and after how long.
//
// Two questions, asked in this order. `decide_retry` is a pure function of what happened and what is left of the request's
// deadline. `retry_budget` then keeps all requests together from turning an origin's trouble into a storm: retries may
// add only a share to the traffic that is there anyway.

#include <tiercel/clock.hpp>
#include <tiercel/error.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::resilience {

// ---- what may be retried ---------------------------------------------------------------------------------------------

// Kinds of failure that `retry.on` can name.
enum class retry_cause : std::uint8_t { connect, reset, status_429, status_500, status_502, status_503, status_504, last_ };
std::string_view name_of(retry_cause c) noexcept;                                   // as configured: "connect", "502"
std::optional<retry_cause> retry_cause_named(std::string_view name) noexcept;
std::optional<retry_cause> cause_of(errc e) noexcept;                               // nothing: no kind of `retry.on`
std::optional<retry_cause> cause_of_status(int status) noexcept;

class retry_causes {
public:
    constexpr retry_causes() = default;
    constexpr retry_causes(std::initializer_list<retry_cause> list) noexcept
    {
        for (const auto c : list) {
            add(c);
        }
    }
    constexpr void add(retry_cause c) noexcept { bits_ = static_cast<std::uint16_t>(bits_ | bit(c)); }
    constexpr bool has(retry_cause c) const noexcept { return (bits_ & bit(c)) != 0; }
    friend constexpr bool operator==(retry_causes, retry_causes) = default;

private:
    static constexpr unsigned bit(retry_cause c) noexcept { return 1u << static_cast<unsigned>(c); }
    std::uint16_t bits_ = 0;
};

std::string to_text(retry_causes causes);                                           // "connect, reset, 502"
// Comma-separated names, blanks around them allowed. Nothing: one of them is unknown or empty.
std::optional<retry_causes> parse_retry_causes(std::string_view text);

struct retry_options {
    unsigned max = 2;                   // retries after the first attempt; 0 turns them off
    milliseconds base{50};              // longest wait before the first retry; doubles with each
    milliseconds cap{1'000};            // where the doubling ends
    retry_causes on{retry_cause::connect, retry_cause::reset, retry_cause::status_502, retry_cause::status_503,
                    retry_cause::status_504};
    std::vector<std::string> methods{"GET", "HEAD", "OPTIONS"};   // what is safe to send twice; case-sensitive
    double budget = 0.2;                // retries per primary request
    unsigned budget_floor = 10;         // and so many per second on top

    bool allows(std::string_view method) const noexcept;
};

// ---- the decision ----------------------------------------------------------------------------------------------------

// What is known when an attempt has failed.
struct failed_attempt {
    unsigned retries = 0;                       // made for this request so far, the fresh-connection one not counted
    bool method_allowed = false;                // retry_options::allows
    bool sent = true;                           // a byte of the request may have reached the origin
    bool replayable = true;                     // the request body, if any, can be sent again
    bool forwarded = false;                     // a byte of an answer has gone to the client
    bool reused_connection = false;             // the connection had served another request before
    bool fresh_tried = false;                   // such a connection has already been replaced once for this request
    std::optional<errc> error;                  // no usable answer; otherwise
    int status = 0;                             // the answer's status
    std::optional<milliseconds> retry_after;    // from the answer
    milliseconds remaining{0};                  // of the request's deadline
    milliseconds typical{0};                    // median time of this origin; 0: not known
    bool stale_will_do = false;                 // a stale answer may be served instead
    bool breaker_open = false;                  // no endpoint would let it through
};

enum class retry_verdict : std::uint8_t {
    again,               // after `delay`, if the budget agrees
    fresh_connection,    // at once on a new connection; outside the budget, none of the breaker's business
    // Stop; the name is the metric's label.
    not_retryable,       // a failure of a kind that is not retried
    method,              // it may have been executed, and must not be twice
    body,                // it cannot be sent again
    forwarded,           // the client has seen a part of the answer
    stale,               // a stale answer is at hand
    breaker,
    exhausted,           // `max` retries were made
    deadline,            // the wait, or the attempt after it, would not fit
};
std::string_view name_of(retry_verdict v) noexcept;

struct retry_plan {
    retry_verdict verdict = retry_verdict::not_retryable;
    milliseconds delay{0};
    bool go() const noexcept { return verdict == retry_verdict::again || verdict == retry_verdict::fresh_connection; }
};

// Pure. `uniform` is a random number in [0, 1).
retry_plan decide_retry(const failed_attempt& what, const retry_options& options, double uniform) noexcept;

// Full jitter: uniform in (0, min(cap, base * 2^retries)].
milliseconds retry_delay(unsigned retries, const retry_options& options, double uniform) noexcept;

// ---- the budget ------------------------------------------------------------------------------------------------------

// A token bucket of one origin: each primary request adds `budget` tokens, each second `budget_floor`, a retry takes one.
// A token lives ten seconds, so quiet hours do not pay for a storm.
// Thread: any; guards itself.
class retry_budget {
public:
    retry_budget(const retry_options& options, instant now) noexcept;
    retry_budget(const retry_budget&) = delete;
    retry_budget& operator=(const retry_budget&) = delete;

    // A first attempt begins (not a retry).
    void on_primary(instant now) noexcept;
    // Takes the token of one retry, if there is one.
    [[nodiscard]] bool try_take(instant now) noexcept;
    // Whole tokens left.
    std::int64_t available(instant now) noexcept;

private:
    static constexpr std::int64_t lifetime = 10;       // seconds, and slots
    static constexpr std::int64_t one_token = 1'000;   // counted in thousandths

    void advance(instant now) noexcept;                // REQUIRES the lock

    const std::int64_t per_primary_;
    const std::int64_t per_second_;
    std::mutex mutex_;
    std::int64_t second_;                              // the newest one; its slot is second_ % lifetime
    std::array<std::int64_t, lifetime> unspent_{};     // per second in which the tokens came
    std::int64_t total_ = 0;                           // of unspent_
};

}  // namespace tiercel::resilience
