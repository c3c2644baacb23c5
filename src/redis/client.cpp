#include "redis/client.hpp"

#include "async/spawn.hpp"
#include "redis/backoff.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace tiercel::redis {

using namespace std::chrono_literals;

namespace {

using async::steady;
using async::task;
using std::chrono::microseconds;

std::optional<microseconds> read_time(const reply& r)
{
    if (r.items.size() != 2) { return std::nullopt; }
    std::int64_t parts[2]{};
    for (int i = 0; i < 2; ++i) {
        const std::string& text = r.items[static_cast<std::size_t>(i)].text;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), parts[i]);
        // A bound far beyond any date keeps the sum from overflowing.
        if (ec != std::errc() || end != text.data() + text.size() || parts[i] < 0 || parts[i] > 1'000'000'000'000) {
            return std::nullopt;
        }
    }
    return seconds(parts[0]) + microseconds(parts[1]);
}

}  // namespace

std::string_view name_of(state s) noexcept
{
    switch (s) {
        case state::connecting: return "connecting";
        case state::up: return "up";
        case state::open: return "open";
    }
    return "unknown";
}

client::client(async::loop& loop, const clock& time, client_options options, state_handler on_state)
    : loop_(loop),
      time_(time),
      options_(std::move(options)),
      on_state_(std::move(on_state)),
      breaker_(options_.opening),
      random_(std::random_device{}()),
      wake_(loop.context(), loop.wheel()),
      stopped_(loop.context(), loop.wheel())
{
}

client::~client() = default;   // the gate checks that nothing is left

void client::start()
{
    report("starting");
    async::spawn(loop_.context(), supervise(gate_.try_enter()));
}

task<> client::stop()
{
    if (!stopping_) {
        stopping_ = true;
        for (const auto& c : connections_) {
            if (c) { c->close(errc::draining, "stopping"); }
        }
        wake_.set();
        gate_.close([this] { stopped_.set(); });
    }
    while (!stopped_.is_set()) {
        co_await stopped_.wait_until(steady::now() + 1h);
    }
}

// ---- calls

state client::current() const noexcept
{
    if (breaker_.is_open()) { return state::open; }
    return all_connected() ? state::up : state::connecting;
}

std::optional<errc> client::refusal(lane l) const noexcept
{
    if (stopping_) { return errc::draining; }
    if (breaker_.is_open()) { return errc::redis_breaker; }
    const connection* const c = at(l);
    if (c == nullptr || !c->is_open()) { return errc::redis_down; }
    return c->refusal();
}

task<result<reply>> client::call(lane l, command c)
{
    if (const auto why = refusal(l)) { co_return *why; }
    co_return co_await at(l)->call(std::move(c), options_.timeout);
}

void client::send(lane l, command c, reply_handler on_reply)
{
    if (const auto why = refusal(l)) {
        asio::post(loop_.context(), [why = *why, on_reply = std::move(on_reply), inside = gate_.try_enter()] { on_reply(why); });
        return;
    }
    at(l)->send(std::move(c), options_.timeout, std::move(on_reply));
}

// ---- what connections tell

void client::on_call_ended(bool failed)
{
    if (!breaker_.on_call(failed, steady::now())) { return; }
    plan_probe();
    report("too many calls failed or came late");
    wake_.set();
}

void client::on_closed()
{
    if (stopping_) { return; }
    const auto now = steady::now();
    losses_ = now - up_since_ < options_.backoff_cap ? losses_ + 1 : 0;
    next_attempt_ = now + full_jitter(losses_, options_.backoff_base, options_.backoff_cap, random());
    for (const auto& c : connections_) {
        if (c && !c->is_open() && !c->problem().empty()) { last_problem_ = c->problem(); }
    }
    report(last_problem_);
    wake_.set();
}

// ---- mending

task<> client::supervise(async::drain_gate::pass)
{
    while (!stopping_) {
        co_await mend();
        if (stopping_) { break; }
        co_await wake_.wait_until(next_look());
        wake_.reset();
    }
    for (const auto& c : connections_) {
        if (c) {
            c->close(errc::draining, "stopping");
            co_await c->drained();
        }
    }
}

// Whatever is due, one thing.
task<> client::mend()
{
    const auto now = steady::now();
    if (now < next_look()) { co_return; }
    if (breaker_.is_open()) {
        const bool well = co_await probe();
        if (stopping_) { co_return; }
        if (well) {
            breaker_.close();
            up_since_ = steady::now();
            report("answers again");
        } else {
            plan_probe();
        }
        co_return;
    }
    if (!all_connected()) {
        const bool connected = co_await connect_all();
        if (stopping_) { co_return; }
        if (!connected && breaker_.on_connect_failure()) { plan_probe(); }
        report(connected ? "connected" : last_problem_);
        co_return;
    }
    co_await sample_clock();
}

steady::time_point client::next_look() const noexcept
{
    if (breaker_.is_open()) { return next_probe_; }
    return all_connected() ? next_sample_ : next_attempt_;
}

// Makes what is missing. A connection counts once the clock was read through it, since nothing can be stored or judged
// without.
task<bool> client::connect_all()
{
    for (auto& c : connections_) {
        if (c && c->is_open()) { continue; }
        if (c) { co_await c->drained(); }
        if (stopping_) { co_return false; }
        c = std::make_unique<connection>(loop_, options_.connection, static_cast<connection_observer&>(*this));
        const result<void> opened = co_await c->open();
        if (!opened) {
            last_problem_ = c->problem();
            co_return false;
        }
    }
    up_since_ = steady::now();
    co_return co_await sample_clock();
}

task<bool> client::probe()
{
    bool well = co_await connect_all();
    if (well) { well = co_await ping(lane::read); }
    if (well) { well = co_await ping(lane::write); }
    co_return well && all_connected();
}

task<bool> client::ping(lane l)
{
    if (!at(l)->is_open()) { co_return false; }
    command c{"PING"};
    const result<reply> answer = co_await at(l)->call(std::move(c), options_.timeout);
    const bool pong = answer && answer->is_status("PONG");
    if (!pong) { last_problem_ = "PING: " + (answer ? answer->text : answer.error().message()); }
    co_return pong;
}

task<bool> client::sample_clock()
{
    next_sample_ = steady::now() + options_.sample_every;
    command c{"TIME"};
    const auto sent = steady::now();
    const result<reply> answer = co_await at(lane::read)->call(std::move(c), options_.timeout);
    const auto trip = std::chrono::duration_cast<microseconds>(steady::now() - sent);
    const auto shared = answer ? read_time(*answer) : std::nullopt;
    if (!shared) {
        last_problem_ = "TIME: " + (answer ? answer->text : answer.error().message());
        co_return false;
    }
    const microseconds local = time_.now().time_since_epoch() - trip / 2;
    offset_.add({.offset = std::chrono::round<milliseconds>(*shared - local), .round_trip = trip});
    co_return true;
}

bool client::all_connected() const noexcept
{
    return std::all_of(connections_.begin(), connections_.end(), [](const auto& c) { return c && c->is_open(); });
}

void client::plan_probe()
{
    next_probe_ = steady::now() + around(options_.probe_every, random());
}

void client::report(std::string_view reason)
{
    const state now = current();
    if (reported_ == now) { return; }
    reported_ = now;
    if (on_state_) { on_state_(now, reason); }
}

double client::random()
{
    return std::generate_canonical<double, 24>(random_);
}

}  // namespace tiercel::redis
