#include "expected_deviations.hpp"

#include <vector>

namespace tiercel::conformance {

std::span<const expected_deviation> expected_deviations()
{
    static const std::vector<expected_deviation> none{};
    return none;
}

}  // namespace tiercel::conformance
