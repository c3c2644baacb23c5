#pragma once

// Follows the log: reads the stream, and the table where the stream does not say it all. Thread: the log's.
//
// Each entry of the stream names the one before it. If that is what was applied last, it is applied; if not, the stream was trimmed
// or lost, and everything newer than what was applied is read from the table, which knows the last sequence of each scope. So it
// is at the start (all of the table) and after each reconnection. What the server knows less of than this process (an older copy
// has taken over) is appended again; if it knows nothing, that makes a new table with a floor.

#include "async/drain_gate.hpp"
#include "async/event.hpp"
#include "async/task.hpp"
#include "coherence/log_appender.hpp"
#include "coherence/log_connection.hpp"
#include "coherence/log_state.hpp"
#include "coherence/node_roll.hpp"

#include <tiercel/scope.hpp>

#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tiercel::coherence {

class log_reader {
public:
    log_reader(log_state& s, log_appender& appender, node_roll& nodes);

    // Until stop(); makes the connection again whenever it is lost.
    async::task<> follow(async::drain_gate::pass inside);
    // REQUIRES: log_state::stopping.
    void stop();

private:
    // What the table was found to hold.
    struct known_there {
        std::unordered_map<std::string, sequence> scores;   // by member; where it matters
        std::size_t count = 0;
    };

    async::task<> read_on();
    async::task<bool> catch_up();
    bool take_entries(const redis::reply& r);     // false: a gap
    void apply(const log_entry& e);
    async::task<bool> look_at_clock();
    async::task<bool> look_at_head();
    async::task<bool> repair(std::string_view why);
    async::task<bool> make_floor();
    async::task<bool> read_table(sequence above, sequence head, known_there& known, bool remember);
    async::task<bool> append_again(const known_there& known);

    log_state& s_;
    log_appender& appender_;
    node_roll& nodes_;
    std::unique_ptr<log_connection> connection_;
    async::event pause_;
    std::minstd_rand random_;
    unsigned passed_over_ = 0;                    // looks at a head that was not read yet, in a row
};

}  // namespace tiercel::coherence
