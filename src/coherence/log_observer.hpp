#pragma once

// Who is told what goes on with the log of invalidations.

#include "coherence/invalidation.hpp"

#include <tiercel/scope.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace tiercel::coherence {

// Called on the log's thread.
class log_observer {
public:
    virtual void on_invalidation(const invalidation& i) = 0;            // taken in here
    // In the log under that number, by whichever instance; before it is applied here. `redis_now`: if it is known.
    virtual void on_logged(const invalidation& i, sequence at, std::optional<std::chrono::microseconds> redis_now) = 0;
    virtual void on_repetitions_lost(std::size_t n) = 0;                // at the stop: there was no room for so many in the journal, or none
    virtual void on_contact(contact c, std::string_view why) = 0;       // changes only
    virtual void on_lag(std::chrono::microseconds lag) = 0;             // of what was just applied, by the clock of Redis
    virtual void on_repair(std::string_view why, std::size_t scopes) = 0;
    virtual void on_malformed(std::string_view what) = 0;               // Redis has answered something that nobody here wrote

protected:
    ~log_observer() = default;
};

}  // namespace tiercel::coherence
