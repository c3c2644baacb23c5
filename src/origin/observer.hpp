#pragma once

// What happens on the way to an origin, told to whoever counts and logs it. This module does neither.

#include "async/task.hpp"
#include "async/timer_wheel.hpp"
#include "resilience/circuit_breaker.hpp"

#include <tiercel/error.hpp>

#include <cstdint>
#include <string_view>

namespace tiercel::origin {

class endpoint;

// What was wrong with an answer: the label of origin_invalid_total.
enum class invalid_reason : std::uint8_t {
    head,               // no HTTP/1 response head
    head_too_large,
    length,             // Content-Length or Transfer-Encoding that leaves the end of the content open to doubt
    chunk,              // malformed chunked content
    truncated,          // the content ended too early
    upgrade,            // 101 that nobody asked for
    interim,            // more interim responses than anybody needs
    surplus,            // bytes after the end: the answer passes, but neither it nor the connection is kept
};
std::string_view name_of(invalid_reason r) noexcept;

// What came of a second request that was due because the first was slow: the label of hedged_requests_total.
enum class hedge_result : std::uint8_t {
    won,                // its answer was taken
    lost,               // the first one came after all
    failed,             // it had no answer, or a bad one
    nowhere,            // not sent: no other endpoint is well and has room
    no_budget,          // not sent: too many already
};
std::string_view name_of(hedge_result r) noexcept;

// Why an attempt was repeated: the label of retries_total. The causes of resilience/retry.hpp, and
inline constexpr std::string_view retry_reason_reused = "reused";

// Calls come from the loop of the client it was given to; a call must be short and must not throw.
class observer {
public:
    virtual ~observer() = default;

    // An attempt ended. `outcome` is "1xx" to "5xx", "abandoned", or the name of an error. `took` is the time to the
    // response head or to the failure.
    virtual void on_attempt(const endpoint& where, std::string_view outcome, async::steady::duration took) noexcept = 0;
    // Another attempt begins.
    virtual void on_retry(std::string_view reason) noexcept = 0;
    virtual void on_transition(const endpoint& where, const resilience::breaker_transition& t) noexcept = 0;
    virtual void on_invalid(const endpoint& where, invalid_reason why) noexcept = 0;
    // No secure connection came about; `why` is for people.
    virtual void on_tls_failure(const endpoint& where, std::string_view why) noexcept = 0;
    // A retry was due and there was no token for it.
    virtual void on_budget_exhausted() noexcept = 0;
    virtual void on_hedge(hedge_result how) noexcept = 0;
};

}  // namespace tiercel::origin
