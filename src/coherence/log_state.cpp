#include "coherence/log_state.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

namespace tiercel::coherence {
namespace {

using async::steady;
using std::chrono::microseconds;

redis::connection_options connection_of(const log_options& o)
{
    redis::parsed_server_url parsed = redis::parse_server_url(o.url);
    if (!parsed.problem.empty()) { throw std::invalid_argument("cache.l2.url: " + parsed.problem); }
    redis::connection_options how;
    how.address = std::move(parsed.address);
    if (!o.user.empty()) { how.address.user = o.user; }
    if (!o.password.empty()) { how.address.password = o.password; }
    how.name = "tiercel-log";
    how.stall_timeout = std::max(how.stall_timeout, 5 * o.read_block);
    return how;
}

redis::client_options client_of(const log_options& o, const redis::connection_options& how)
{
    redis::client_options c;
    c.connection = how;
    c.timeout = o.append_timeout;
    return c;
}

}  // namespace

// Each invalidation has one: asking the system for entropy each time took longer than all the rest of an event.
std::string random_name()
{
    thread_local std::mt19937_64 source = [] {
        std::random_device entropy;
        std::seed_seq seed{entropy(), entropy(), entropy(), entropy(), entropy(), entropy(), entropy(), entropy()};
        return std::mt19937_64(seed);
    }();
    static constexpr char digits[] = "0123456789abcdef";
    std::uint64_t bits = source();
    std::string out(16, '0');
    for (char& c : out) {
        c = digits[bits & 0xf];
        bits >>= 4;
    }
    return out;
}

std::optional<microseconds> redis_clock::now() const
{
    if (told_.count() == 0) { return std::nullopt; }
    return told_ + std::chrono::duration_cast<microseconds>(steady::now() - told_at_);
}

void redis_clock::set(microseconds t)
{
    told_ = t;
    told_at_ = steady::now();   // not before it was read there, so that our idea of it is never ahead
}

log_state::log_state(log_options o, const clock& local, validity& v, audit& a, log_observer& who)
    : options(std::move(o)), names(options.prefix), node(random_name()), how(connection_of(options)), time(local), valid(v), rows(a),
      observer(who), client(loop, time, client_of(options, how), [](redis::state, std::string_view) {})
{
    status_.node = node;
}

void log_state::advance()
{
    if (const auto now = redis_time.now()) {
        valid.set_shared_minus_local(std::chrono::duration_cast<milliseconds>(*now) - time.now().time_since_epoch());
    }
    valid.advance(position);
}

void log_state::set_contact(contact c, std::string_view why)
{
    {
        const std::lock_guard hold(mutex_);
        if (status_.state == c && valid.contact() == c) { return; }
        status_.state = c;
        status_.problem = c == contact::following ? std::string() : std::string(why);
    }
    valid.set_contact(c);
    observer.on_contact(c, why);
}

void log_state::set_problem(std::string_view why)
{
    const std::lock_guard hold(mutex_);
    status_.problem = why;
}

void log_state::set_refused(std::string_view why)
{
    const std::lock_guard hold(mutex_);
    status_.refused = why;
}

void log_state::show(std::size_t waiting, std::size_t under_way)
{
    const std::lock_guard hold(mutex_);
    status_.applied = position;
    status_.waiting = waiting;
    waiting_.store(waiting, std::memory_order_relaxed);
    status_.under_way = under_way;
    status_.scopes = valid.size();
    const milliseconds silent = time.now() - valid.known_until();
    status_.lag = silent > 2 * options.read_block ? std::max<microseconds>(silent, lag) : lag;
}

log_status log_state::status() const
{
    const std::lock_guard hold(mutex_);
    return status_;
}

}  // namespace tiercel::coherence
