#pragma once

// Listens to a channel, on a connection of its own, and makes that connection again whenever it is lost. What is published
// meanwhile is lost for good: publishing promises no more than "at most once". Thread: the loop's only.

#include "redis/connection.hpp"

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>

namespace tiercel::redis {

struct subscriber_options {
    connection_options connection;
    std::string channel;
    milliseconds ping_every{2000};     // a link that is dead shows itself by this only
    milliseconds backoff_base{50};     // of the pause before the connection is made again, full jitter
    milliseconds backoff_cap{2000};
};

class subscriber final : private connection_observer {
public:
    using message_handler = std::function<void(std::string_view)>;
    // Called when it begins to listen, when it stops, and for each attempt that fails.
    using state_handler = std::function<void(bool listens, std::string_view why)>;

    // Called with false before the link is tried and with true when it has answered: then all that was published before the former has
    // been told.
    using alive_handler = std::function<void(bool answered)>;

    subscriber(async::loop& loop, subscriber_options options, message_handler on_message, state_handler on_state, alive_handler on_alive = {});
    // REQUIRES: never started, or stop() was awaited.
    ~subscriber();

    // Another channel, heard on the same connection: so between the messages of both the order is that in which they were published. Being
    // refused that one alone is no failure. REQUIRES: not started.
    void hear_beside(std::string channel, message_handler on_message);
    // Why it is not heard; empty: it is, if anything is.
    const std::string& refusal_beside() const noexcept { return refusal_beside_; }

    void start();
    async::task<> stop();
    bool listens() const noexcept { return listens_; }

private:
    void on_call_ended(bool) override {}
    void on_closed() override { wake_.set(); }

    async::task<> supervise(async::drain_gate::pass inside);
    void tell(const reply& message) const;
    async::task<bool> subscribe();
    async::task<bool> subscribe_beside();
    async::task<> listen();
    void report(bool listens, std::string_view why);

    async::loop& loop_;
    subscriber_options options_;
    message_handler on_message_;
    state_handler on_state_;
    alive_handler on_alive_;
    std::string beside_;              // the other channel; empty: there is none
    message_handler on_beside_;
    std::string refusal_beside_;
    std::unique_ptr<connection> connection_;
    std::minstd_rand random_;
    async::event wake_;               // closed, or to stop
    async::event stopped_;
    async::drain_gate gate_;
    bool stopping_ = false;
    bool listens_ = false;
};

}  // namespace tiercel::redis
