#pragma once

// From an event to what it invalidates. Pure, but for the routes that say how a URL is keyed.

#include "coherence/invalidation.hpp"
#include "events/event.hpp"
#include "events/options.hpp"
#include "flow/context.hpp"

#include <set>
#include <string>
#include <vector>

namespace tiercel::events {

// What one rule (or the event itself, if it is of our own type) makes of an event.
struct effect {
    enum class kind : std::uint8_t {
        invalidate,
        noop,          // only fields that do not matter were changed
        failed,        // something is missing; it may be there after a change of the configuration
        hopeless,      // trying again is of no use
        foreign,       // neither, and whoever sent it may not do this
    };
    kind what = kind::invalidate;
    coherence::invalidation order;   // without its id; unless it is to invalidate, the mode alone
    std::vector<std::size_t> widths; // of each name in the order: so many of the scopes, in the same order
    std::set<std::string> tenants;   // that have what it names
    bool everything = false;         // is what it names
    std::string problem;
};

// In the order of the rules; empty: nobody is interested in the event. `only_tenant`: who sent it may act for that tenant alone, so
// that whatever the event and the rules say, nothing else is named in the end; empty: for everybody.
std::vector<effect> effects_of(const event& e, const source_options& source, const std::vector<rule_options>& rules,
                               std::string_view only_tenant, const flow::process_context& p);

}  // namespace tiercel::events
