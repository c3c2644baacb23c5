#include "coherence/invalidation_log.hpp"

#include "async/spawn.hpp"

#include <tiercel/check.hpp>

#include <chrono>
#include <utility>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;

constexpr milliseconds lost_after{1'000};        // without contact: what others share is not judged here any more
constexpr milliseconds longest_distrust{30'000}; // of memory after a standstill, when Redis cannot be asked
constexpr sequence assumed_margin = 1'000'000;   // µs: how far our idea of Redis's clock may be wrong without it

}  // namespace

// What was accepted by a former process holds here, too: L1 is empty, and L2 waits until the log was read.
invalidation_log::invalidation_log(log_options o, const clock& time, validity& valid, audit& rows, log_observer& observer)
    : state_(std::move(o), time, valid, rows, observer), nodes_(state_), appender_(state_, nodes_), reader_(state_, appender_, nodes_),
      ticking_(state_.loop.context(), state_.loop.wheel())
{
    state_.show(appender_.waiting(), 0);
    valid.set_contact(contact::unread);
    valid.know_until(time.now());
}

invalidation_log::~invalidation_log() { stop(); }

void invalidation_log::start()
{
    async::loop& loop = state_.loop;
    keep_running_.emplace(loop.get_executor());
    state_.client.start();
    async::spawn(loop.context(), reader_.follow(loop.gate().try_enter()));
    async::spawn(loop.context(), tick(loop.gate().try_enter()));
    thread_ = std::thread([&loop] { loop.context().run(); });
}

void invalidation_log::stop()
{
    if (!thread_.joinable()) { return; }
    state_.loop.post([this] { async::spawn(state_.loop.context(), stop_on_loop()); });
    thread_.join();
}

task<> invalidation_log::stop_on_loop()
{
    co_await appender_.settle(steady::now() + 500ms);
    state_.stopping = true;
    co_await nodes_.leave();
    reader_.stop();
    ticking_.set();
    async::event empty(state_.loop.context(), state_.loop.wheel());
    state_.loop.gate().close([&empty] { empty.set(); });
    co_await empty.wait_until(steady::now() + 1h);
    co_await state_.client.stop();
    keep_running_.reset();
}

task<> invalidation_log::tick(async::drain_gate::pass)
{
    while (!state_.stopping) {
        ticking_.reset();
        co_await ticking_.wait_until(steady::now() + 200ms);
        if (state_.stopping) { break; }
        look_at_contact();
        appender_.tick();
        nodes_.tick();
        state_.show(appender_.waiting(), appender_.under_way());
    }
}

void invalidation_log::look_at_contact()
{
    const auto silent = steady::now() - state_.last_contact;
    const bool resumed = state_.valid.contact() == contact::resumed;
    if (!resumed) { resumed_at_ = steady::now(); }
    const bool waits_in_vain = resumed && steady::now() - resumed_at_ > longest_distrust;
    if (silent <= lost_after || (resumed && !waits_in_vain)) { return; }
    const bool long_ago = state_.time.now() - state_.valid.known_until() > state_.options.blind_after;
    if (state_.position == 0 && !long_ago) { return; }   // it may be read yet
    state_.set_contact(long_ago ? contact::blind : contact::lost, "no contact to Redis");
    // Nobody can have appended anything below what Redis's clock showed a second ago that a fetch from now on would not know
    // the effect of at its origin.
    const auto now = state_.redis_time.now();
    const auto at = now ? static_cast<sequence>(now->count()) : 0;
    if (at > assumed_margin) { state_.valid.assume(at - assumed_margin); }
}

void invalidation_log::submit(invalidation i, receipt_handler done)
{
    TIERCEL_CHECK(i.scopes.size() <= most_scopes);
    if (i.id.empty()) { i.id = random_name(); }
    // An event may have been appended before: then it is of no concern any more.
    if (i.event.empty()) { state_.valid.raise(i.scopes, i.mode); }
    state_.loop.post([this, i = std::move(i), done = std::move(done)]() mutable { appender_.append(std::move(i), steady::now(), std::move(done)); });
}

void invalidation_log::wait_applied(sequence at, steady::time_point limit, nodes_handler done)
{
    state_.loop.post([this, at, limit, done = std::move(done)]() mutable {
        async::spawn(state_.loop.context(), nodes_.wait_for_all(at, limit, std::move(done), state_.loop.gate().try_enter()));
    });
}

}  // namespace tiercel::coherence
