#pragma once

// What stored answers are good for while the log of invalidations cannot be followed (contact::blind). Redis may still answer on
// other connections: then L2 and the table of invalidations are asked about each answer now and then. If not, memory serves on for
// a while, and then as it is told.

#include "async/task.hpp"
#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/options.hpp"
#include "flow/request.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/entry.hpp>

namespace tiercel::flow {

enum class trust : std::uint8_t {
    full,         // as if one could see
    after_look,   // L2 is to be asked first
    revalidate, serve, bypass,   // as blind_rule
};
// `unheard`: for so long nothing is known of what may have been invalidated.
trust trust_after(milliseconds unheard, bool l2_answers, const tier_options& o) noexcept;

inline bool is_blind(const process_context& p) noexcept { return p.valid.contact() == contact::blind; }

// For how long it may have been invalidated without anybody here knowing.
milliseconds unheard_of(const entry& e, instant now, const process_context& p) noexcept;

// Changes the decision to serve `d.stored` accordingly. REQUIRES: is_blind().
void doubt(decision& d, const request& rq, const worker_context& cx);

// Asks the table of invalidations about a stored answer. Null: it is gone. Unchanged if nobody answers who knows; `answered` tells.
struct blind_look {
    entry_ptr left;
    bool answered = false;
};
async::task<blind_look> look_blindly(entry_ptr stored, worker_context& cx);

// Nobody has answered: is it served nevertheless?
bool may_serve_unseen(const entry& e, instant now, const process_context& p) noexcept;

}  // namespace tiercel::flow
