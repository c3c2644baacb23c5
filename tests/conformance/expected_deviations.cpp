#include "expected_deviations.hpp"

#include <vector>

namespace tiercel::conformance {

std::span<const expected_deviation> expected_deviations()
{
    static const std::vector<expected_deviation> list{
        {"20.1 another coding", "501 so far"},
    };
    return list;
}

}  // namespace tiercel::conformance
