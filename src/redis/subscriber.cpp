#include "redis/subscriber.hpp"

#include "async/spawn.hpp"
#include "redis/backoff.hpp"

#include <utility>

namespace tiercel::redis {

using namespace std::chrono_literals;
using async::steady;
using async::task;

subscriber::subscriber(async::loop& loop, subscriber_options options, message_handler on_message, state_handler on_state,
                       alive_handler on_alive)
    : loop_(loop),
      options_(std::move(options)),
      on_message_(std::move(on_message)),
      on_state_(std::move(on_state)),
      on_alive_(std::move(on_alive)),
      random_(std::random_device{}()),
      wake_(loop.context(), loop.wheel()),
      stopped_(loop.context(), loop.wheel())
{
}

subscriber::~subscriber() = default;   // the gate checks that nothing is left

void subscriber::hear_beside(std::string channel, message_handler on_message)
{
    beside_ = std::move(channel);
    on_beside_ = std::move(on_message);
}

void subscriber::start()
{
    async::spawn(loop_.context(), supervise(gate_.try_enter()));
}

task<> subscriber::stop()
{
    if (!stopping_) {
        stopping_ = true;
        if (connection_) { connection_->close(errc::draining, "stopping"); }
        wake_.set();
        gate_.close([this] { stopped_.set(); });
    }
    while (!stopped_.is_set()) {
        co_await stopped_.wait_until(steady::now() + 1h);
    }
}

task<> subscriber::supervise(async::drain_gate::pass)
{
    unsigned failures = 0;
    while (!stopping_) {
        connection_ = std::make_unique<connection>(loop_, options_.connection, static_cast<connection_observer&>(*this));
        connection_->on_push([this](const reply& r) { tell(r); });
        wake_.reset();
        const bool subscribed = co_await subscribe();
        if (subscribed) {
            const auto since = steady::now();
            report(true, "subscribed");
            co_await listen();
            if (steady::now() - since >= options_.backoff_cap) { failures = 0; }
        }
        connection_->close(errc::redis_down, "given up");
        const std::string why = connection_->problem();
        co_await connection_->drained();
        if (stopping_) { break; }
        report(false, why);
        const double r = std::generate_canonical<double, 24>(random_);
        const auto pause = full_jitter(failures++, options_.backoff_base, options_.backoff_cap, r);
        wake_.reset();   // it was for the connection that is gone
        co_await wake_.wait_until(steady::now() + pause);
    }
}

void subscriber::tell(const reply& message) const
{
    if (message.items.size() != 3) { return; }
    const std::string& channel = message.items[1].text;
    if (channel == options_.channel) {
        on_message_(message.items[2].text);
    } else if (on_beside_ && channel == beside_) {
        on_beside_(message.items[2].text);
    }
}

task<bool> subscriber::subscribe()
{
    const result<void> opened = co_await connection_->open();
    if (!opened || stopping_) { co_return false; }
    command c{"SUBSCRIBE", options_.channel};
    const result<reply> answer = co_await connection_->call(std::move(c), options_.connection.connect_timeout);
    const bool good = answer && answer->kind == reply::type::array;
    if (!good) { connection_->close(errc::redis_reply, "SUBSCRIBE: " + (answer ? answer->text : answer.error().message())); }
    if (good && !stopping_ && on_beside_) { co_return co_await subscribe_beside(); }
    co_return good && !stopping_;
}

task<bool> subscriber::subscribe_beside()
{
    command c{"SUBSCRIBE", beside_};
    const result<reply> answer = co_await connection_->call(std::move(c), options_.connection.connect_timeout);
    if (!answer) { co_return false; }
    refusal_beside_ = answer->text;   // of an error
    co_return !stopping_;
}

// Until the connection is lost, or stop().
task<> subscriber::listen()
{
    while (!stopping_ && connection_->is_open()) {
        const bool woken = co_await wake_.wait_until(steady::now() + options_.ping_every);
        if (woken || !connection_->is_open()) { co_return; }
        if (on_alive_) { on_alive_(false); }
        command ping{"PING"};
        const result<reply> pong = co_await connection_->call(std::move(ping), options_.connection.stall_timeout);
        if (!pong || pong->is_error()) {
            connection_->close(errc::redis_timeout, "PING: " + (pong ? pong->text : pong.error().message()));
            co_return;
        }
        if (on_alive_) { on_alive_(true); }
    }
}

void subscriber::report(bool listens, std::string_view why)
{
    listens_ = listens;
    if (on_state_) { on_state_(listens, why); }
}

}  // namespace tiercel::redis
