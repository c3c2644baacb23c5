#pragma once

// What is to be done with a request, as far as memory alone can tell.

#include <tiercel/entry.hpp>
#include <tiercel/error.hpp>
#include <tiercel/rules.hpp>

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
    bool is_unsure = false;          // fetch: because it may have been invalidated; where L2 denies that, it is served
    renewal renew = renewal::none;   // serve, and see in the background whether there is something better
    bool ranged = false;             // serve, but by the Range of the request: answer() does that
    entry_ptr known;                 // the descriptor that L2 has, where it was asked already
    std::shared_ptr<const part_answer> parts;   // serve out of these; fetch: they lack but the gap
};

}  // namespace tiercel::flow
