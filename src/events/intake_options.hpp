#pragma once

#include "events/options.hpp"
#include "events/origin_call.hpp"

#include <tiercel/clock.hpp>

#include <functional>
#include <map>
#include <string>

namespace tiercel::events {

struct intake_options {
    event_options events;
    std::string url;                       // of Redis; empty: there is none, and no dead letters either
    std::string user;
    std::string password;
    std::string prefix = "tcl";
    std::string node;                      // this process, among the consumers
    milliseconds retry_base{100};
    milliseconds retry_cap{5'000};
    milliseconds claim_idle{30'000};       // what another consumer has not acknowledged for so long is taken over
    milliseconds redis_timeout{1'000};
    std::size_t most_dead_letters = 10'000;
    std::map<std::string, known_origin> origins;   // for feeds, by their names
    bool has_journal = false;              // what waits for Redis outlives the process
    // Whether anything was asked of an origin since the process began. Thread: any.
    std::function<bool()> has_fetched = [] { return true; };
};

}  // namespace tiercel::events
