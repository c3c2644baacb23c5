#pragma once

// What L2 holds for a request, as far as it may still be used.

#include "flow/context.hpp"
#include "flow/request.hpp"

#include <tiercel/entry.hpp>

namespace tiercel::flow {

struct l2_answer {
    entry_ptr stored;
    entry_ptr descriptor;      // null: the resource does not vary, or L2 does not know it
    bool is_outdated = false;  // stored was purged (soft) after it had been fetched
    bool failed = false;       // it did not answer
    bool usable = false;       // stored may be served as it is; as far as find_in_l2() says
};

// Redis time and ours differ by what their sampling leaves; who compares them allows for that much, which can only cost a fetch.
constexpr milliseconds clock_margin{250};

// As it stands after all invalidations: the answer under the primary key, or the newest of the variants that fit; a descriptor
// goes to L1. REQUIRES: cx.l2 is not null.
async::task<l2_answer> read_l2(const request& rq, worker_context& cx);

// For requests that share no fetch: what L2 has, in L1 as well from now on if it may be served. REQUIRES: cx.l2 is not null.
async::task<l2_answer> find_in_l2(const request& rq, worker_context& cx);

}  // namespace tiercel::flow
