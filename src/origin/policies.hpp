#pragma once

// The makers of the known policies, for the table in balancing_policy.cpp.

#include "origin/balancing_policy.hpp"

namespace tiercel::origin {

std::unique_ptr<balancing_policy> make_p2c(const std::vector<unsigned>& weights);
std::unique_ptr<balancing_policy> make_round_robin(const std::vector<unsigned>& weights);

}  // namespace tiercel::origin
