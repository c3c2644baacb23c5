#include "origin/connection_pool.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel::origin {
namespace {

// How long a connection beyond `pool.idle` stays. Under load they come back in bursts and are wanted again a moment later
// (docs/decisions.md).
constexpr milliseconds surplus_stay{1'000};

// xorshift64*: jitter needs no more.
std::uint64_t next_random(std::uint64_t& state) noexcept
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
}

}  // namespace

connection_pool::connection_pool(async::loop& l, endpoint& where, const origin_options& options)
    : loop_(l), endpoint_(where), options_(options),
      holder_(std::make_shared<connection_slots::idle_holder>(l, this)),
      random_(reinterpret_cast<std::uintptr_t>(this) | 1)
{
    endpoint_.slots().enroll(holder_);
}

connection_pool::~connection_pool()
{
    endpoint_.slots().withdraw(*holder_);
    holder_->pool = nullptr;
    idle_.clear();
    TIERCEL_CHECK(live_.empty());
}

std::unique_ptr<connection> connection_pool::try_take_idle(steady::time_point now)
{
    while (!idle_.empty()) {
        const std::size_t rested = count_rested();
        auto c = remove_idle((rested > 0 ? rested : idle_.size()) - 1);
        c->has_rested(rested > 0);
        if (now < c->retire_at() && leads_there(*c)) {
            return c;
        }
    }
    return nullptr;
}

// The first of those that are idle. Since they came back a turn has ended, so the system has been asked what came on them.
std::size_t connection_pool::count_rested() const noexcept
{
    const std::uint64_t now = loop_.turn_end().count();
    const auto has_rested = [now](const auto& c) { return c->parked_in_turn() < now; };
    return static_cast<std::size_t>(std::partition_point(idle_.begin(), idle_.end(), has_rested) - idle_.begin());
}

std::unique_ptr<connection> connection_pool::remove_idle(std::size_t at)
{
    const auto where = idle_.begin() + static_cast<std::ptrdiff_t>(at);
    auto c = std::move(*where);
    idle_.erase(where);
    publish_idle();
    return c;
}

async::task<result<std::unique_ptr<connection>>> connection_pool::open(steady::time_point deadline)
{
    if (endpoint_.addresses()->empty()) {
        endpoint_.known()->doubt();
        co_return errc::origin_unresolved;
    }
    auto& slots = endpoint_.slots();
    if (!idle_.empty() && slots.is_full()) {
        drop_oldest_idle();   // a new one was asked for although there are idle ones
    }
    auto claim = slots.try_claim(loop_, options_.pool.queue);
    if (!claim.granted && !claim.queued) {
        co_return errc::origin_busy;
    }
    if (claim.queued) {
        const auto until = std::min(deadline, steady::now() + options_.pool.queue_timeout);
        if (!co_await claim.queued->ready.wait_until(until)) {
            slots.leave(*claim.queued);
            co_return errc::origin_busy;
        }
        // Looked at as late as possible, as if it had been idle: it came here one turn of the loop ago.
        auto handed = std::move(claim.queued->handed);
        if (handed && handed->is_quiet()) {
            co_return std::move(handed);
        }
        claim.granted = handed ? handed->take_slot() : std::move(claim.queued->granted);
    }
    const head_limits limits{.header_bytes = options_.limits.header_bytes, .header_count = options_.limits.header_count};
    auto fresh = std::make_unique<connection>(loop_, std::move(claim.granted), limits);
    live_.push_back(*fresh);
    const auto now = steady::now();
    const auto until = std::min(deadline, now + options_.connect_timeout);
    fresh->names_seen(endpoint_.known()->generation());
    const address_list addresses = endpoint_.addresses();
    const error_code ec = co_await fresh->connect(*addresses, until, endpoint_.tls(), tls_memory_);
    if (ec) {
        endpoint_.known()->doubt();
        tls_problem_ = fresh->tls_problem();
        co_return ec;
    }
    fresh->retire_at(now + life());
    co_return std::move(fresh);
}

bool connection_pool::leads_there(connection& c) const
{
    const auto& known = *endpoint_.known();
    const std::uint64_t now = known.generation();
    if (c.names_seen() == now) {
        return true;   // nothing has changed since it was opened or looked at
    }
    c.names_seen(now);
    return known.has(c.peer());
}

steady::duration connection_pool::life() noexcept
{
    const double jitter = static_cast<double>(next_random(random_) >> 11) * 0x1p-53;   // [0, 1)
    const std::chrono::duration<double, std::milli> all = options_.pool.max_life;
    return std::chrono::duration_cast<steady::duration>(all * (0.9 + 0.2 * jitter));
}

void connection_pool::give_back(std::unique_ptr<connection> c, seconds announced)
{
    const auto now = steady::now();
    if (now >= c->retire_at() || loop_.gate().closed() || !leads_there(*c)) {
        return;
    }
    if (auto turn = endpoint_.slots().whose_turn(loop_); turn.here) {
        turn.here->handed = std::move(c);
        turn.here->ready.set();
        return;
    } else if (turn.elsewhere) {
        return;
    }
    milliseconds keep = options_.pool.idle_timeout;
    if (announced >= seconds{0}) {
        keep = std::min<milliseconds>(keep, announced);
    }
    if (keep <= milliseconds{0} || options_.pool.idle == 0) {
        return;
    }
    if (idle_.size() >= options_.pool.idle) {
        keep = std::min(keep, surplus_stay);
    }
    c->park(*this, loop_.turn_end().count(), std::min(now + keep, c->retire_at()));
    idle_.push_back(std::move(c));
    publish_idle();
}

void connection_pool::drop_idle() noexcept
{
    idle_.clear();
    publish_idle();
}

void connection_pool::abort() noexcept
{
    drop_idle();
    for (auto& c : live_) {
        c.abort();
    }
}

void connection_pool::drop_oldest_idle() noexcept
{
    if (!idle_.empty()) {
        remove_idle(0);
    }
}

void connection_pool::expire(connection& c) noexcept
{
    const auto at = std::find_if(idle_.begin(), idle_.end(), [&c](const auto& held) { return held.get() == &c; });
    TIERCEL_CHECK(at != idle_.end());
    remove_idle(static_cast<std::size_t>(at - idle_.begin()));
}

}  // namespace tiercel::origin
