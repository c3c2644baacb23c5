#pragma once

// A place that events come from. It reads its feed on the intake's loop, hands each event to the runner (one place reserved for
// each), and what it remembers of its way through the feed moves on only when those events have ended: they are in the log or with
// the dead letters. If the process ends before, they come again.

#include "events/background.hpp"
#include "events/feed_lag.hpp"
#include "events/intake_options.hpp"
#include "events/job_runner.hpp"
#include "events/source_board.hpp"
#include "events/surplus.hpp"
#include "flow/context.hpp"
#include "redis/client.hpp"
#include "redis/connection.hpp"

#include <string>

namespace tiercel::events {

// What every source uses. All of it outlives the sources.
struct source_means {
    async::loop& loop;
    background& beside;
    source_board& board;
    job_runner& runner;
    feed_lag& lag;
    events::surplus& surplus;              // for what there is no place for
    const intake_options& options;
    flow::process_context& process;
    redis::client& client;                 // for commands that do not wait
    const redis::connection_options& redis;   // for connections of one's own
    async::steady::time_point began;       // before anything was read of the log
};

class source {
public:
    virtual ~source() = default;
    source(const source&) = delete;
    source& operator=(const source&) = delete;

    virtual void start() = 0;
    // Called once, when pauses are over: nothing more is read. What it has spawned may end later.
    virtual async::task<> stop() = 0;
    // After that, when the events that could still end have ended.
    virtual async::task<> conclude() { co_return; }

protected:
    source(const source_means& m, std::size_t at) : means_(m), at_(at) {}

    const source_options& options() const noexcept { return means_.board.options_of(at_); }
    void note(bool works, std::string_view why) { means_.board.note(at_, works, why); }
    // Everything expires now, and is revalidated on its next use. True: that is in the log of invalidations (or in the journal on this
    // disk, if that will do). False: all is ending.
    async::task<bool> expire_everything(std::string why);
    // The same, because events may have been lost, and nobody knows whose.
    async::task<bool> bridge_gap(std::string why);

    const source_means& means_;
    const std::size_t at_;                 // its place in the options
};

}  // namespace tiercel::events
