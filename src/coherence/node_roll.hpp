#pragma once

// Which instances there are and how far each has applied the log, as all of them tell it in one hash in Redis. Thread: the log's.

#include "async/drain_gate.hpp"
#include "async/task.hpp"
#include "coherence/log_connection.hpp"
#include "coherence/log_state.hpp"

#include <tiercel/clock.hpp>

#include <functional>
#include <string>
#include <vector>

namespace tiercel::coherence {

struct node_state {
    std::string name;
    sequence applied = 0;
    milliseconds silent{0};      // since it was heard of
};
using nodes_handler = std::function<void(bool all, std::vector<node_state>)>;

class node_roll {
public:
    explicit node_roll(log_state& s) : s_(s) {}

    // How far this one is; not awaited. tick() says it again where nothing has happened.
    void tell();
    void tick();
    // The same, and waits until it is there. False: the connection was lost.
    async::task<bool> announce(log_connection& c);
    async::task<> leave();   // is no node any more

    // Calls when all live nodes have applied `at`, or at the limit, with those that are known.
    async::task<> wait_for_all(sequence at, async::steady::time_point limit, nodes_handler done, async::drain_gate::pass inside);

private:
    redis::command row_of_this_node(std::chrono::microseconds now) const;
    std::vector<node_state> live_nodes(const redis::reply& rows, std::chrono::microseconds now);
    void forget(const std::string& name);

    log_state& s_;
    bool telling_ = false;
    async::steady::time_point last_told_{};
};

}  // namespace tiercel::coherence
