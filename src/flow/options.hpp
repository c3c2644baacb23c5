#pragma once

// What can be set about the way of an answer through the tiers.

#include <tiercel/clock.hpp>

namespace tiercel::flow {

// How long L1 may answer without asking L2 again. They play no part when L2 is off: then nothing else could know better.
struct tier_options {
    milliseconds max_ttl{60'000};       // after an answer was stored here
    milliseconds promote_ttl{30'000};   // after it was taken over from L2
};

}  // namespace tiercel::flow
