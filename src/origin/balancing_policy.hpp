#pragma once

// Which of several endpoints gets the next attempt. A policy only orders; whether an endpoint lets the attempt through is
// asked afterwards, and those that refuse are taken out of the candidates before the policy is asked again.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tiercel::origin {

struct candidate {
    std::size_t endpoint = 0;   // number in the upstream
    double cost = 0;            // what one more attempt there costs in waiting: (in flight + 1) * usual time / weight
    unsigned inflight = 0;
};

// What a choice may depend on besides.
struct draw {
    std::uint64_t random = 0;   // 64 fresh random bits
    std::uint64_t key = 0;      // of what is asked for, the same for the same; 0 unless the policy goes by it
};

// One endpoint as configured.
struct share {
    std::string_view name;
    unsigned weight = 1;
};

// Thread: any; one object serves all loops.
class balancing_policy {
public:
    virtual ~balancing_policy() = default;
    // Index into `candidates`. REQUIRES: not empty.
    virtual std::size_t pick(std::span<const candidate> candidates, const draw& d) noexcept = 0;
};

struct balancing_policy_row {
    std::string_view name;   // as configured
    std::unique_ptr<balancing_policy> (*make)(std::span<const share> shares);   // by number of the endpoint
    bool by_key = false;     // looks at draw::key
};

// The table of known policies.
std::span<const balancing_policy_row> balancing_policies() noexcept;
const balancing_policy_row* find_balancing_policy(std::string_view name) noexcept;   // nullptr: unknown

}  // namespace tiercel::origin
