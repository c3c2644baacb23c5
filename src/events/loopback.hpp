#pragma once

// Events that tell of what a request through the proxy has invalidated before (invalidation.loopback_ttl). Such an event has nothing
// left to do: what is valid was fetched after the write. Which event a write explains is agreed on in Redis, since the event
// may arrive at any instance. Whatever is in doubt is carried out: an event without a time, one that is later than the write
// (it may tell of something newer than what was fetched since), or any while Redis does not answer.
// Thread: the intake's.

#include "coherence/log_scripts.hpp"
#include "coherence/recent_writes.hpp"
#include "events/intake_options.hpp"
#include "events/rules.hpp"
#include "flow/context.hpp"
#include "redis/client.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tiercel::events {

class loopback {
public:
    using rest_handler = std::function<void(std::vector<scope_hash> rest)>;

    // `client`: may be none. References outlive this.
    loopback(const intake_options& o, flow::process_context& p, redis::client* client);

    // What of the effect is left to do, now or later. `event`: names it among all.
    void find_rest(const event& e, std::string event_name, const effect& what, rest_handler done);

private:
    struct inquiry {
        std::string event;
        std::vector<scope_hash> scopes;
        std::vector<std::size_t> widths;
        purge_mode mode;
        sequence happened;
        rest_handler done;
    };
    using inquiry_ptr = std::shared_ptr<inquiry>;
    void look(const inquiry_ptr& q);
    void claim(const inquiry_ptr& q, coherence::recent_writes::match m);
    void compare_holder(const inquiry_ptr& q, coherence::recent_writes::match m);

    const intake_options& options_;
    flow::process_context& process_;
    redis::client* const client_;
    const coherence::log_names names_;
};

}  // namespace tiercel::events
