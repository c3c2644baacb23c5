#pragma once

// More events than may be under way (invalidation.max_pending, overload: coalesce): instead of each, what it may reach becomes
// outdated: its tenant, or everything. That is too much, and never too little. Of each tenant one such order is under way at a
// time; events that come meanwhile share the next one, so a flood costs two orders and no memory. Thread: the loop's.

#include "async/loop.hpp"
#include "events/background.hpp"
#include "events/rules.hpp"
#include "flow/context.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tiercel::events {

class surplus {
public:
    using end_handler = std::function<void()>;

    // References outlive this.
    surplus(async::loop& l, background& beside, flow::process_context& p) : loop_(l), beside_(beside), process_(p) {}

    // `label`: of the source. `done` (may be empty) is called when an order that was sent afterwards holds here, and is in the log or
    // waits for Redis. Never if the process stops before.
    void outdate(const reach& what, const std::string& label, end_handler done);

private:
    struct state {
        bool sent = false;                 // one is under way
        bool again = false;                // and another one follows
        std::size_t events = 0;            // that share the next
        std::string label;
        std::vector<end_handler> waiting;
    };
    void join(const std::string& tenant, const std::string& label, end_handler done);
    void send(const std::string& tenant);
    void on_sent(const std::string& tenant, bool refused, std::vector<end_handler> waited);
    async::task<> send_later(std::string tenant);

    async::loop& loop_;
    background& beside_;
    flow::process_context& process_;
    std::map<std::string, state, std::less<>> by_tenant_;   // empty: everything
};

}  // namespace tiercel::events
