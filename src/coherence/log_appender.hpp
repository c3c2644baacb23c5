#pragma once

// Puts invalidations into the log. One that cannot be appended waits in the journal; what waits goes first once there is contact
// again. The number that the log gives is applied as soon as it is known. Thread: the log's.

#include "async/event.hpp"
#include "async/task.hpp"
#include "coherence/invalidation.hpp"
#include "coherence/journal.hpp"
#include "coherence/log_connection.hpp"
#include "coherence/log_state.hpp"
#include "coherence/node_roll.hpp"
#include "coherence/repeat_queue.hpp"

#include <tiercel/clock.hpp>

#include <cstddef>
#include <functional>

namespace tiercel::coherence {

using receipt_handler = std::function<void(receipt)>;

class log_appender {
public:
    // Throws std::runtime_error (the journal).
    log_appender(log_state& s, node_roll& nodes);

    // REQUIRES: it holds here already, or it is an event. `done` (may be empty) gets to know when it is in the log, or in the journal, or
    // refused.
    void append(invalidation i, async::steady::time_point since, receipt_handler done);
    // All that waits, over that connection. False: it was lost.
    async::task<bool> send_waiting(log_connection& c);
    // Now and then: appends what is to be repeated.
    void tick();
    // The end: what is being appended gets until then. What was to be repeated waits in the journal, or without one is appended now.
    async::task<> settle(async::steady::time_point limit);

    bool has_waiting() const noexcept { return !journal_.empty() && !sending_; }
    std::size_t waiting() const noexcept { return journal_.size(); }
    std::size_t under_way() const noexcept { return under_way_; }

private:
    void tell_of(const invalidation& i);
    void on_appended(const invalidation& i, result<redis::reply> r, async::steady::time_point since, const receipt_handler& done);
    void take_own(const invalidation& i, const appended& a);
    void keep(const invalidation& i, const receipt_handler& done);
    void note_for_repetition(const invalidation& i);
    void repeat(invalidation i);
    void leave_repetitions();
    bool is_busy() const noexcept { return under_way_ != 0 || sending_; }

    log_state& s_;
    node_roll& nodes_;
    journal journal_;
    repeat_queue repeats_;
    async::event settled_;
    std::size_t under_way_ = 0;
    bool sending_ = false;
};

}  // namespace tiercel::coherence
