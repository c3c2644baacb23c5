#pragma once

// What can be set about the way of an answer through the tiers.

#include <tiercel/clock.hpp>

#include <cstdint>

namespace tiercel::flow {

// What becomes of an answer in L1 once nobody can tell any more whether it was invalidated.
enum class blind_rule : std::uint8_t {
    revalidate,   // it is served, and validated in the background
    serve,
    bypass,       // the request goes past the cache
};

// How long L1 may answer without asking L2 again. They play no part when L2 is off: then nothing else could know better.
struct tier_options {
    milliseconds max_ttl{60'000};       // after an answer was stored here
    milliseconds promote_ttl{30'000};   // after it was taken over from L2
    milliseconds ttl_when_blind{5'000};   // while the log of invalidations cannot be followed, but L2 can be asked
    milliseconds blind_grace{30'000};     // while neither can: so long it is served as usual,
    blind_rule when_blind = blind_rule::revalidate;   // and then like this
};

}  // namespace tiercel::flow
