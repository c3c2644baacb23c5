#pragma once

// The way of one request, as a list of steps. decide() is a plain call: a hit or a refusal is known when it returns, and
// the session answers without having suspended. Everything else is answer().

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/request.hpp"

#include <memory>

namespace tiercel::flow {

struct part_answer;   // flow/parts

enum class renewal : std::uint8_t {
    none,
    revisit,   // L2 alone is asked
    early,     // about to expire (rules/early_refresh)
    stale,     // expired (stale-while-revalidate)
};

struct decision {
    errc refused{};                  // set: answer with that error; nothing else counts
    action what = action::fetch;
    bool alone = false;              // fetch, but share with nobody (credentials, range, HEAD, marked)
    detail why = detail::none;
    forward_reason forward = forward_reason::none;
    entry_ptr stored;                // what was found, fresh or stale
    renewal renew = renewal::none;   // serve, and see in the background whether there is something better
    bool ranged = false;             // serve, but by the Range of the request: answer() does that
    entry_ptr known;                 // the descriptor that L2 has, where it was asked already
    std::shared_ptr<const part_answer> parts;   // serve out of these; fetch: they lack but the gap
};

// Steps 1-7: framing, target, tenant, route, key, L1, rules. Fills in `rq`, whose head, raw, from and now are set.
// Allocates nothing when the answer is a hit. REQUIRES: scratch lives as long as rq.
decision decide(request& rq, request_scratch& scratch, worker_context& cx);

// A hit, a 304 or a refusal, composed into io.out(); returns what was done and the content to send after it (empty when it
// is in io.out() already).
struct prepared {
    answered done;
    const entry* content_of = nullptr;   // send its body after io.out()
};
prepared prepare(const request& rq, const decision& d, client_io& io, const clock& time);

// Steps 8-11 for all that must wait, and ranges of what is stored. Background work that the decision asks for is started too.
struct client_limits {
    byte_count largest_content = 0;
    std::chrono::milliseconds content_idle{0};
    std::chrono::milliseconds write_idle{0};
    std::chrono::milliseconds tunnel_idle{0};
};
async::task<answered> answer(request& rq, request_scratch& scratch, decision d, client_io& io, const client_limits& limits,
                             worker_context& cx);

// Starts a background flight for the key (refresh or revisit), unless one is under way.
void refresh(const request& rq, const decision& d, worker_context& cx);

}  // namespace tiercel::flow
