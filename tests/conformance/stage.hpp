#pragma once

// Where cases are played: one server with its origin, kept for all cases of a profile.

#include "script.hpp"
#include "support/fake_origin.hpp"

#include <tiercel/clock.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace tiercel::conformance {

class stage {
public:
    virtual ~stage() = default;
    virtual test::fake_origin& origin() = 0;
    virtual std::uint16_t port() const = 0;
    virtual wall_time now() const = 0;
    // REQUIRES: moves_time().
    virtual void advance(milliseconds by) = 0;
    virtual bool moves_time() const = 0;
    // Requests that waited for the fetch of another one, since the start.
    virtual int collapsed() const = 0;
    // Waits until no fetch is under way: what is going to be stored is stored then. False: that took too long.
    virtual bool settle() const = 0;
};

// The server in this program, with a clock that stands still until a case moves it.
std::unique_ptr<stage> make_scenario_stage(profile p);
// The configuration of such a server, as YAML without addresses to listen at.
std::string configuration_of(profile p, stage& on);
// The program as users run it, with the machine's clock.
std::unique_ptr<stage> make_binary_stage(profile p);

}  // namespace tiercel::conformance
