#pragma once

// For who does not follow the log: asks the table what was invalidated of some scopes.

#include "coherence/log_scripts.hpp"
#include "redis/resp_codec.hpp"

#include <tiercel/scope.hpp>

#include <span>

namespace tiercel::coherence {

redis::command make_lookup(const log_names& names, std::span<const scope_hash> scopes);

// Brings `v` up to what came back, ahead of what it has read of the log. False, and nothing changed: that is no answer to rely on. The
// table is gone, or it is of an older copy than the one that was read here before, or malformed.
bool take_lookup(const redis::reply& r, std::span<const scope_hash> scopes, validity& v);

}  // namespace tiercel::coherence
