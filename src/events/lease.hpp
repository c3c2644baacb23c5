#pragma once

// The right to do what one instance at a time should do: a random token in Redis that expires unless it is renewed. Whoever stalls may
// believe for a moment that it still holds what another one has taken, so what is done under it must do no harm when done twice.
// Thread: the loop's.

#include "async/task.hpp"
#include "redis/client.hpp"

#include <tiercel/clock.hpp>

#include <optional>
#include <string>

namespace tiercel::events {

class lease {
public:
    // `client` outlives this.
    lease(redis::client& client, std::string name, milliseconds length);

    // Takes it if it is free, makes it last if it is held. Nothing: Redis does not answer; what is held lasts as long as it did.
    async::task<std::optional<bool>> renew();
    async::task<> release();
    bool is_held() const noexcept { return async::steady::now() < until_; }

    // Sets another name, if the lease is ours still. `kept`: it was set.
    struct setting {
        bool kept = false;
        bool lost = false;                 // somebody else holds the lease, or nobody
    };
    async::task<setting> set(std::string name, std::string value);

private:
    redis::client& client_;
    const std::string name_;
    const std::string token_;
    const milliseconds length_;
    async::steady::time_point until_{};
};

}  // namespace tiercel::events
