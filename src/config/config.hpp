#pragma once

// Everything that can be set, as the options of the modules. The defaults stand in their structs and nowhere else.

#include "admin/options.hpp"
#include "coherence/options.hpp"
#include "events/options.hpp"
#include "flow/options.hpp"
#include "l2/options.hpp"
#include "origin/options.hpp"
#include "routing/route_table.hpp"
#include "routing/tenant.hpp"
#include "server/options.hpp"
#include "telemetry/options.hpp"

#include <tiercel/memory_store.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tiercel::config {

enum class eviction : std::uint8_t { lru };

struct cache_options {
    memory_store_options l1;
    eviction policy = eviction::lru;
    flow::tier_options tiers;
    l2::l2_options l2;
};

struct invalidation_options {
    events::event_options events;
    milliseconds repeat_after{0};
    coherence::journal_options journal;
};

struct config {
    std::vector<std::string> include;
    server::server_options server;
    admin::admin_options admin;
    cache_options cache;
    routing::tenancy_options tenancy;
    std::map<std::string, origin::origin_options> origins;
    std::vector<routing::route> routes;
    invalidation_options invalidation;
    telemetry::log_options log;
    telemetry::metrics_options metrics;
};

}  // namespace tiercel::config
