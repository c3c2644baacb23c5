#pragma once

// What the flow of every request uses: the process's shared objects, and those of the worker it runs on. References go
// downward only; the owners (app, server/worker) outlive every request.

#include "async/loop.hpp"
#include "coherence/invalidation_log.hpp"
#include "coherence/recent_writes.hpp"
#include "flow/draws.hpp"
#include "flow/flight.hpp"
#include "flow/marks.hpp"
#include "flow/options.hpp"
#include "flow/request_id.hpp"
#include "flow/variants.hpp"
#include "l2/l2_store.hpp"
#include "origin/client.hpp"
#include "routing/cidr.hpp"
#include "routing/route_table.hpp"
#include "routing/tenant.hpp"
#include "telemetry/metrics.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/memory_store.hpp>
#include <tiercel/scope.hpp>

#include <vector>

namespace tiercel::flow {

// Thread: shared by all workers; each member guards itself or is constant.
struct process_context {
    const clock& time;
    memory_store& l1;
    validity& valid;
    flight_table& flights;
    mark_table& marks;
    descriptor_desk& descriptors;
    const routing::tenancy& tenants;
    const routing::route_table& routes;
    std::uint64_t hash_seed = 0;
    tier_options tiers;
    byte_count max_object = 0;                       // larger answers are passed through, not stored
    coherence::invalidation_log* log = nullptr;      // shared with other instances; null: there are none
    coherence::audit* audit = nullptr;
    coherence::recent_writes* writes = nullptr;      // null: nobody asks
    routing::cidr_set trusted{};                     // server.trusted_proxies
    routing::cidr_set purgers{};                     // server.purge.allow
};

// Thread: one worker's.
struct worker_context {
    process_context& process;
    async::loop& loop;
    l2::store* l2 = nullptr;                         // null: no L2 configured
    std::vector<origin::client*> origins;            // by route index
    telemetry::cells& counts;
    request_id_source ids;
    draws random;
    async::steady::time_point awake_until{};         // moved on every second: a request that comes later was preceded by a standstill
    std::uint64_t standstill = 0;                    // the last one that was noticed here,
    async::steady::time_point log_awaited_until{};   // and how long fills wait for the log to be read after it
    bool giving_up = false;                          // whoever waits for other instances need not any more

    std::size_t index_of(const routing::route& r) const noexcept
    {
        return static_cast<std::size_t>(&r - process.routes.routes().data());
    }
    origin::client& origin_of(const routing::route& r) const noexcept { return *origins[index_of(r)]; }
};

}  // namespace tiercel::flow
