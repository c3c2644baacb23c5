#pragma once

// One origin: its endpoints and what all loops share about it. Chooses where an attempt goes and lets it through or not.
// Thread: any. REQUIRES: outlives the clients that use it.

#include "origin/balancing_policy.hpp"
#include "origin/endpoint.hpp"
#include "origin/observer.hpp"
#include "origin/options.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/error.hpp>
#include <tiercel/split_mix.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tiercel::origin {

// The right to make one attempt at one endpoint: past its breaker, and counted by its limit.
struct admission {
    endpoint* where = nullptr;
    resilience::circuit_breaker::permit permit;
    resilience::inflight_limit::token place;
};

class upstream {
public:
    // REQUIRES: problem(options) is empty; `c` outlives this.
    upstream(std::string name, origin_options options, const clock& c, std::uint64_t seed = split_mix_step);
    ~upstream();

    const std::string& name() const noexcept { return name_; }
    const origin_options& options() const noexcept { return options_; }
    const std::vector<std::unique_ptr<endpoint>>& endpoints() const noexcept { return endpoints_; }
    resilience::retry_budget& budget() noexcept { return budget_; }
    instant now() const { return clock_.now(); }
    wall_time wall() const { return clock_.wall(); }

    // Looks up all endpoints; blocks for names. Errors: origin_unresolved when none has an address; an endpoint without one
    // is refused at each attempt.
    error_code resolve(const lookup& look = origin::resolve);

    // Does the choice of an endpoint depend on what is asked for?
    bool goes_by_key() const noexcept { return by_key_; }

    // What one attempt asks for.
    struct wish {
        resilience::attempt_class what = resilience::attempt_class::foreground;
        const endpoint* avoid = nullptr;             // taken only if no other lets it through
        std::uint64_t random = 0;
        std::uint64_t key = 0;                       // of what is asked for; see goes_by_key()
        async::steady::time_point now;
        instant at;                                  // the same moment, on the breakers' clock
    };
    // The policy's choice among those that are well and let it through; health counts as long as half of them have it.
    // Errors: breaker_open when all breakers are open, origin_busy when the others are at their limit.
    result<admission> admit(const wish& w, observer& seen);

    // For a second attempt beside one that is slow: at another endpoint than the one to avoid, that is well, whose breaker is closed
    // and whose limit is not used beyond three quarters. Nothing: there is none.
    std::optional<admission> try_hedge(const wish& w, observer& seen);
    // A first attempt begins; a second one beside it is due, and here is its token.
    void on_primary(instant now) noexcept;
    [[nodiscard]] bool try_take_hedge(instant now) noexcept;

    // Would every breaker refuse at this moment?
    bool all_breakers_open() const;
    // How long until the first of them lets a probe through; zero when one is not open.
    milliseconds until_first_probe() const;

private:
    bool heeds_health() const noexcept;
    result<admission> try_enter(endpoint& e, const wish& w, observer& seen);
    template <class Predicate>
    std::vector<candidate> candidates_for(const wish& w, Predicate also) const;

    const std::string name_;
    const origin_options options_;
    const clock& clock_;
    std::vector<std::unique_ptr<endpoint>> endpoints_;
    std::unique_ptr<balancing_policy> policy_;
    bool by_key_ = false;
    resilience::retry_budget budget_;
    resilience::retry_budget hedge_budget_;
};

}  // namespace tiercel::origin
