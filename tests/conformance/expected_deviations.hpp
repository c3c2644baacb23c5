#pragma once

#include <span>
#include <string_view>

namespace tiercel::conformance {

// A case that is known not to hold, and why. The run prints it, and fails as soon as the case holds: this list can only
// become shorter.
struct expected_deviation {
    std::string_view title;    // as script::title()
    std::string_view reason;
};
std::span<const expected_deviation> expected_deviations();

}  // namespace tiercel::conformance
