#pragma once

// Redis as one loop sees it: two connections (one for reads, so that they never wait behind a long write, and one for writes),
// made again whenever they are lost, under one breaker. Calls never wait for a connection: what cannot be sent now fails now.
//
// One supervisor coroutine does all the mending, one thing at a time: reconnect, probe, sample the clock.
// Thread: the loop's only.

#include "redis/breaker.hpp"
#include "redis/connection.hpp"
#include "redis/time_offset.hpp"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace tiercel::redis {

struct client_options {
    connection_options connection;
    milliseconds timeout{50};                 // per command; later is redis_timeout
    breaker::options opening;                 // when the breaker opens
    milliseconds probe_every{1000};           // ± 20 %, while the breaker is open
    milliseconds sample_every{1000};          // of the clock, while connected
    milliseconds backoff_base{50};            // of the pause before a lost connection is made again, full jitter
    milliseconds backoff_cap{2000};
};

enum class state : std::uint8_t {
    connecting,   // not all connections stand, and none has failed yet
    up,
    open,         // the breaker refuses calls
};
std::string_view name_of(state s) noexcept;

enum class lane : std::uint8_t { read, write };

// Called on each change of state, once, with the reason: the place to log and to set a gauge. Must not stop the client.
using state_handler = std::function<void(state, std::string_view reason)>;

class client final : private connection_observer {
public:
    client(async::loop& loop, const clock& time, client_options options, state_handler on_state);
    // REQUIRES: never started, or stop() was awaited.
    ~client();

    // Connects in the background.
    void start();
    // Fails what is outstanding with `draining`, closes, and waits until nothing of the client runs.
    async::task<> stop();

    state current() const noexcept;
    // Why a call on that lane would fail at once: redis_breaker, redis_down or redis_overload. Costs nothing.
    std::optional<errc> refusal(lane l) const noexcept;

    async::task<result<reply>> call(lane l, command c);
    // Not awaited. `on_reply` runs later on the loop, exactly once, also when it was refused.
    void send(lane l, command c, reply_handler on_reply);

    // Redis clock minus our clock, in milliseconds; nothing until the first connection.
    std::optional<milliseconds> shared_minus_local() const noexcept { return offset_.best(); }

    // For calls from now on.
    void set_timeout(milliseconds t) noexcept { options_.timeout = t; }

private:
    static constexpr std::size_t lanes = 2;

    void on_call_ended(bool failed) override;
    void on_closed() override;

    async::task<> supervise(async::drain_gate::pass inside);
    async::task<> mend();
    async::steady::time_point next_look() const noexcept;
    async::task<bool> connect_all();
    async::task<bool> probe();
    async::task<bool> ping(lane l);
    async::task<bool> sample_clock();

    connection* at(lane l) const noexcept { return connections_[static_cast<std::size_t>(l)].get(); }
    bool all_connected() const noexcept;
    void plan_probe();
    void report(std::string_view reason);
    double random();

    async::loop& loop_;
    const clock& time_;
    client_options options_;
    state_handler on_state_;
    breaker breaker_;
    time_offset offset_;
    std::array<std::unique_ptr<connection>, lanes> connections_;

    std::minstd_rand random_;
    async::event wake_;                           // something for the supervisor
    async::event stopped_;
    async::drain_gate gate_;
    async::steady::time_point next_attempt_{};    // while a connection is missing and the breaker closed
    async::steady::time_point next_probe_{};      // while the breaker is open
    async::steady::time_point next_sample_{};     // while all is well
    async::steady::time_point up_since_{};
    unsigned losses_ = 0;                         // connections lost soon after they were made, in a row
    bool stopping_ = false;
    std::optional<state> reported_;
    std::string last_problem_;
};

}  // namespace tiercel::redis
