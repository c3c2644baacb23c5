#pragma once

// One endpoint of an origin as the whole process sees it: where it is, whether it is well, how much is under way there.
// Thread: any; each part guards itself.

#include "origin/address.hpp"
#include "origin/connection_slots.hpp"
#include "origin/names.hpp"
#include "origin/options.hpp"
#include "resilience/gradient.hpp"
#include "origin/tls.hpp"

#include <tiercel/clock.hpp>

#include <atomic>
#include <mutex>
#include <optional>
#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace tiercel::origin {

class endpoint {
public:
    // REQUIRES: problem(options) is empty; `which` is one of its endpoints. Throws what tls_settings throws.
    endpoint(const origin_options& options, const endpoint_options& which, std::size_t number, std::uint64_t seed);

    const std::string& name() const noexcept { return name_; }   // the URL as configured: label of metrics and logs
    unsigned weight() const noexcept { return weight_; }
    std::size_t number() const noexcept { return number_; }      // place in its upstream

    const address& where() const noexcept { return addresses_->where(); }
    // Looks the address up; blocks for names. Errors: origin_unresolved, with what was known left as it is.
    error_code resolve(const lookup& look);
    address_list addresses() const { return addresses_->current(); }
    // Shared with the keeper of names, which may outlive this.
    const std::shared_ptr<known_addresses>& known() const noexcept { return addresses_; }
    const std::shared_ptr<tls_settings>& shared_tls() const noexcept { return tls_; }
    // How to speak TLS there; nullptr: not at all.
    tls_settings* tls() noexcept { return tls_.get(); }

    // What the health checks say; true without them.
    bool is_healthy() const noexcept { return healthy_.load(std::memory_order_relaxed); }
    void is_healthy(bool well) noexcept { healthy_.store(well, std::memory_order_relaxed); }

    resilience::circuit_breaker& breaker() noexcept { return breaker_; }
    const resilience::circuit_breaker& breaker() const noexcept { return breaker_; }
    resilience::inflight_limit& limit() noexcept { return limit_; }
    const resilience::inflight_limit& limit() const noexcept { return limit_; }
    connection_slots& slots() noexcept { return slots_; }
    const connection_slots& slots() const noexcept { return slots_; }

    // The time to the response head, of answers only; a moving average.
    void on_answer(async::steady::duration took, async::steady::time_point now) noexcept;
    // No answer in that time.
    void on_timeout(async::steady::duration waited, async::steady::time_point now) noexcept;
    // Nobody waits any more: another endpoint was faster. It would have taken longer than that; how long is not known.
    void on_outrun(async::steady::duration waited, async::steady::time_point now) noexcept;
    milliseconds typical() const noexcept;                       // 0: not known yet
    // The minor version of its last answer. What speaks 1.0 never says 100 (Continue) (RFC 9110 §10.1.1).
    void speaks(int minor_version) noexcept;
    bool is_of_old() const noexcept { return of_old_.load(std::memory_order_relaxed); }
    // What one more attempt would cost in waiting. An average that nobody refreshes fades, so that an endpoint that
    // was slow once gets tried again.
    double cost(async::steady::time_point now) const noexcept;

    // It said "too many" (429): no background traffic for so long.
    void pause_background(async::steady::time_point until) noexcept;
    bool is_background_paused(async::steady::time_point now) const noexcept;

private:
    void average(async::steady::duration took, async::steady::time_point now) noexcept;
    void tune(async::steady::duration took, async::steady::time_point now) noexcept;

    const std::string name_;
    const std::size_t number_;
    const unsigned weight_;
    const std::shared_ptr<known_addresses> addresses_;
    const std::shared_ptr<tls_settings> tls_;
    std::atomic<bool> healthy_{true};
    resilience::circuit_breaker breaker_;
    resilience::inflight_limit limit_;
    std::mutex tuning_mutex_;
    std::optional<resilience::gradient> tuning_;   // of limit_, if it is adaptive
    connection_slots slots_;
    std::atomic<std::int64_t> average_us_{0};
    std::atomic<async::steady::rep> averaged_at_{0};
    std::atomic<bool> of_old_{false};
    std::atomic<async::steady::rep> background_paused_until_{0};
};

}  // namespace tiercel::origin
