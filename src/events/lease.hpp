#pragma once

// The right to do what one instance at a time should do: a random token in Redis that expires unless it is renewed. Whoever stalls may
// believe for a moment that it still holds what another one has taken, so what is done under it must do no harm when done twice.
// Each time it is taken begins a term, with a token of its own: what was begun in one term is not ended in a later one.
// Thread: the loop's.

#include "async/task.hpp"
#include "redis/client.hpp"

#include <tiercel/clock.hpp>

#include <cstdint>
#include <string>

namespace tiercel::events {

class lease {
public:
    // `client` outlives this.
    lease(redis::client& client, std::string name, milliseconds length);

    // Takes it if it is free, makes it last if it is held. Unless this is done, what is held lasts as long as it did.
    enum class renewal : std::uint8_t { done, unanswered, refused };
    async::task<renewal> renew();
    const std::string& problem() const noexcept { return problem_; }   // after unanswered or refused: in words
    async::task<> release();
    using term = std::uint64_t;
    term current() const noexcept { return term_; }
    bool is_held() const noexcept { return async::steady::now() < until_; }
    bool is_held(term t) const noexcept { return t == term_ && is_held(); }

    // Sets another name, if the lease is ours still, in that term. `kept`: it was set.
    struct setting {
        bool kept = false;
        bool lost = false;                 // somebody else holds the lease, or nobody
    };
    async::task<setting> set(term t, std::string name, std::string value);

private:
    std::string token_of(term t) const { return token_ + std::to_string(t); }

    redis::client& client_;
    const std::string name_;
    const std::string token_;
    const milliseconds length_;
    term term_ = 0;
    async::steady::time_point until_{};
    std::string problem_;
};

}  // namespace tiercel::events
