#pragma once

// PURGE: whoever may, invalidates a URL by asking for it with that method.

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/request.hpp"

namespace tiercel::flow {

bool is_purge(const request& rq) noexcept;

// 200 when the log has it, 202 when Redis is away and it waits, 503 when too much waits already; 403 for those who may not:
// the peer must be in server.purge.allow, and if it is a trusted proxy that tells of a client, that client, too. Hard, or soft with
// `Tiercel-Purge: soft`.
async::task<answered> purge(request& rq, client_io& io, client_limits limits, worker_context& cx);

}  // namespace tiercel::flow
