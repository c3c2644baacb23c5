#include "l2/redis_locks.hpp"

#include <utility>

namespace tiercel::l2 {
namespace {

// A key's lock, entry and word of waiters have one hash tag. A commit may write a variant together with the descriptor of its
// resource, and these have two: one server takes that, the slots of a cluster would have to be one.

// {1, 0, entry, nil} when acquired, else {0, what is left of the holder's lease, entry, its token}.
const redis::script& acquire()
{
    static const redis::script s(R"lua(
local mine = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
local left, holder = 0, false
if not mine then
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
  left = redis.call('PTTL', KEYS[1])
  holder = redis.pcall('GET', KEYS[1])
  if type(holder) ~= 'string' then holder = false end
end
local entry = redis.pcall('GET', KEYS[3])
if type(entry) ~= 'string' then entry = false end
return {mine and 1 or 0, left, entry, holder}
)lua");
    return s;
}

const redis::script& extend()
{
    static const redis::script s(R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
)lua");
    return s;
}

// KEYS: lock, waiters, then names of items. ARGV: token, channel, news, news when full, then life and bytes of each item.
// What is missing after the writes (no room, or no right to publish) must not leave the lock behind, hence pcall.
const redis::script& end_it()
{
    static const redis::script s(R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local news, problem = ARGV[3], nil
for i = 3, #KEYS do
  local done = redis.pcall('SET', KEYS[i], ARGV[2 * i], 'PX', ARGV[2 * i - 1])
  if done.err then news, problem = ARGV[4], done end
end
redis.call('DEL', KEYS[1])
if redis.call('DEL', KEYS[2]) == 1 and news ~= '' then redis.pcall('PUBLISH', ARGV[2], news) end
return problem or 1
)lua");
    return s;
}

std::string text_of(milliseconds t) { return std::to_string(t.count()); }

result<lock_keeper::attempted> read(redis::reply r)
{
    using enum redis::reply::type;
    if (r.kind != array || r.items.size() != 4 || r.items[0].kind != integer || r.items[1].kind != integer) {
        return errc::redis_reply;
    }
    const std::int64_t left = r.items[1].integer;
    if (left < 0) { return errc::redis_reply; }   // it never expires, so it is none of ours: not to be waited for, nor touched
    lock_keeper::attempted out;
    out.acquired = r.items[0].integer == 1;
    out.remaining = milliseconds(left);
    if (r.items[2].is_bulk()) { out.bytes = std::move(r.items[2].text); }
    if (r.items[3].is_bulk()) { out.holder = std::move(r.items[3].text); }
    return out;
}

}  // namespace

async::task<result<lock_keeper::attempted>> redis_locks::try_lock(attempt a)
{
    const redis::script_call call{.what = &acquire(),
                                  .keys = {a.names.lock, a.names.waiters, a.entry},
                                  .arguments = {a.token, text_of(a.lease)}};
    redis::command by_hash = call.by_hash();
    result<redis::reply> answer = co_await client_.call(redis::lane::read, std::move(by_hash));
    if (answer && redis::is_unknown_script(*answer)) {
        redis::command by_text = call.by_text();
        answer = co_await client_.call(redis::lane::read, std::move(by_text));
    }
    if (answer) { co_return read(std::move(*answer)); }
    const errc why = errc_of(answer.error());
    if (why == errc::redis_timeout) {
        // It may be ours without our knowing. On the same connection, so that this arrives after the attempt.
        ending back;
        back.names = std::move(a.names);
        back.token = std::move(a.token);
        finish(redis::lane::read, std::move(back), nullptr);
    }
    co_return why;
}

void redis_locks::renew(lock_names names, std::string token, milliseconds lease, handler done)
{
    run(redis::lane::write, {.what = &extend(), .keys = {std::move(names.lock)}, .arguments = {std::move(token), text_of(lease)}},
        std::move(done));
}

void redis_locks::finish(redis::lane l, ending e, handler done)
{
    redis::script_call call{.what = &end_it(),
                            .keys = {std::move(e.names.lock), std::move(e.names.waiters)},
                            .arguments = {std::move(e.token), channel_, std::move(e.news), std::move(e.news_if_full)}};
    for (item& i : e.items) {
        call.keys.push_back(std::move(i.name));
        call.arguments.push_back(text_of(i.life));
        call.arguments.push_back(std::move(i.bytes));
    }
    run(l, std::move(call), std::move(done));
}

void redis_locks::run(redis::lane l, redis::script_call c, handler done)
{
    ++running_;
    redis::run_script(client_, l, std::move(c), [this, done = std::move(done)](const result<redis::reply>& r) {
        if (--running_ == 0) { settled_.set(); }
        if (!done) { return; }
        if (!r) {
            done(r.error());
        } else if (r->kind != redis::reply::type::integer) {
            done(errc::redis_reply);
        } else {
            done(r->integer == 1 ? hold::ours : hold::lost);
        }
    });
}

async::task<> redis_locks::settle(async::steady::time_point limit)
{
    while (running_ != 0 && async::steady::now() < limit) {
        settled_.reset();
        co_await settled_.wait_until(limit);
    }
}

}  // namespace tiercel::l2
