#pragma once

// Times as logs write them, in UTC. The calendar is computed once per second, not per line.

#include <tiercel/clock.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace tiercel::telemetry {

// Thread: one at a time. The views are good until the next call.
class timestamp {
public:
    // RFC 3339 with milliseconds: 2025-01-31T23:59:59.123Z
    std::string_view iso(wall_time t) noexcept;
    // What web server logs have always had: 31/Jan/2025:23:59:59 +0000
    std::string_view clf(wall_time t) noexcept;

private:
    static constexpr std::int64_t nothing = INT64_MIN;

    std::int64_t iso_second_ = nothing;
    std::int64_t clf_second_ = nothing;
    std::array<char, 24> iso_{};
    std::array<char, 26> clf_{};
};

}  // namespace tiercel::telemetry
