#include "origin/balancing_policy.hpp"

#include "origin/policies.hpp"

#include <algorithm>
#include <array>

namespace tiercel::origin {
namespace {

constexpr std::array table{
    balancing_policy_row{"p2c", make_p2c},
    balancing_policy_row{"round_robin", make_round_robin},
    balancing_policy_row{"hash", make_hash, true},
};

}  // namespace

std::span<const balancing_policy_row> balancing_policies() noexcept { return table; }

const balancing_policy_row* find_balancing_policy(std::string_view name) noexcept
{
    const auto row = std::find_if(table.begin(), table.end(), [name](const auto& r) { return r.name == name; });
    return row == table.end() ? nullptr : &*row;
}

}  // namespace tiercel::origin
