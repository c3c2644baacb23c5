#include "l2/redis_tier.hpp"

#include "coherence/table_lookup.hpp"
#include "l2/redis_name.hpp"
#include "l2/wake_board.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tiercel::l2 {
namespace {

state of(redis::state s) noexcept
{
    switch (s) {
        case redis::state::connecting: return state::connecting;
        case redis::state::up: return state::up;
        case redis::state::open: return state::open;
    }
    return state::connecting;
}

redis::client_options client_options_of(const l2_options& o)
{
    redis::parsed_server_url parsed = redis::parse_server_url(o.url);
    if (!parsed.problem.empty()) { throw std::invalid_argument("cache.l2.url: " + parsed.problem); }
    redis::client_options out;
    out.connection.address = std::move(parsed.address);
    if (!o.user.empty()) { out.connection.address.user = o.user; }
    if (!o.password.empty()) { out.connection.address.password = o.password; }
    out.timeout = o.timeout;
    out.connection.max_reply = std::max(out.connection.max_reply, 2 * o.max_value);   // others may be configured for more
    return out;
}

result<std::optional<std::string>> value_of(result<redis::reply> answer)
{
    if (!answer) { return answer.error(); }
    if (answer->is_nil()) { return std::optional<std::string>(); }
    if (!answer->is_bulk()) { return errc::redis_reply; }
    return std::optional<std::string>(std::move(answer->text));
}

// Answers that are awaited together.
struct gathering {
    gathering(async::loop& loop, std::size_t n) : left(n), answers(n, errc::redis_down), complete(loop.context(), loop.wheel()) {}

    std::size_t left;
    std::vector<result<std::optional<std::string>>> answers;
    async::event complete;
};

}  // namespace

redis_tier::redis_tier(const l2_options& o, const store_context& context) : redis_tier(o, context, client_options_of(o)) {}

redis_tier::redis_tier(const l2_options& o, const store_context& context, redis::client_options how)
    : loop_(context.loop), timeout_(o.timeout), log_names_(o.prefix),
      client_(context.loop, context.time, how,
              [&counts = context.counts](redis::state s, std::string_view why) { counts.on_state(of(s), why); }),
      locks_(context.loop, client_, wake_channel(o.prefix, how.connection.address.database))
{
    if (!context.hears_wakes) { return; }
    redis::subscriber_options s;
    s.connection = how.connection;
    s.channel = wake_channel(o.prefix, how.connection.address.database);
    wakes_.emplace(
        context.loop, std::move(s),
        [board = context.wakes](std::string_view message) {
            if (const auto w = parse_wake(message)) { board->tell(*w); }
        },
        [this, &counts = context.counts](bool heard, std::string_view why) {
            // When all of Redis is away, that has been told.
            if (heard || client_.current() == redis::state::up) { counts.on_wake_channel(heard, why); }
        });
}

void redis_tier::start()
{
    client_.start();
    if (wakes_) { wakes_->start(); }
}

async::task<> redis_tier::stop()
{
    co_await locks_.settle(async::steady::now() + timeout_);
    if (wakes_) { co_await wakes_->stop(); }
    co_await client_.stop();
}

void redis_tier::set_timeout(milliseconds t)
{
    timeout_ = t;
    client_.set_timeout(t);
}

async::task<result<std::optional<std::string>>> redis_tier::read(std::string name)
{
    redis::command get{"GET", name};
    result<redis::reply> answer = co_await client_.call(redis::lane::read, std::move(get));
    co_return value_of(std::move(answer));
}

// Not MGET: each answer is limited in size by itself, and a cluster refuses names of several slots. What is sent in one turn of the
// loop leaves in one piece.
async::task<std::vector<result<std::optional<std::string>>>> redis_tier::read_all(std::vector<std::string> names)
{
    const auto all = std::make_shared<gathering>(loop_, names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        redis::command get{"GET", names[i]};
        client_.send(redis::lane::read, std::move(get), [all, i](result<redis::reply> answer) {
            all->answers[i] = value_of(std::move(answer));
            if (--all->left == 0) { all->complete.set(); }
        });
    }
    while (all->left != 0) {   // each ends by itself, within the timeout
        co_await all->complete.wait_until(async::steady::now() + timeout_);
    }
    co_return std::move(all->answers);
}

async::task<result<lookup>> redis_tier::look_up(std::span<const scope_hash> scopes, validity& v)
{
    redis::command ask = coherence::make_lookup(log_names_, scopes);
    const result<redis::reply> answer = co_await client_.call(redis::lane::read, std::move(ask));
    if (!answer) { co_return answer.error(); }
    if (answer->is_error()) { co_return errc::redis_reply; }
    co_return coherence::take_lookup(*answer, scopes, v) ? lookup::known : lookup::unreliable;
}

void redis_tier::write(std::string name, std::string bytes, milliseconds life, write_handler done)
{
    redis::command set{"SET", name, bytes, "PX", std::to_string(life.count())};
    send(std::move(set), std::move(done));
}

// UNLINK and not DEL: the memory of a big value is freed by another thread of Redis.
void redis_tier::erase(std::string name, write_handler done)
{
    redis::command unlink{"UNLINK", name};
    send(std::move(unlink), std::move(done));
}

void redis_tier::send(redis::command c, write_handler done)
{
    client_.send(redis::lane::write, std::move(c), [done = std::move(done)](const result<redis::reply>& r) {
        if (!r) {
            done(errc_of(r.error()));
        } else if (r->is_error()) {
            done(errc::redis_reply);
        } else {
            done(std::nullopt);
        }
    });
}

state redis_tier::current() const
{
    return of(client_.current());
}

}  // namespace tiercel::l2
