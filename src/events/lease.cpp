#include "events/lease.hpp"

#include <random>
#include <utility>

namespace tiercel::events {
namespace {

using async::steady;
using async::task;
using redis::reply;

std::string random_token()
{
    std::random_device entropy;
    std::string out;
    for (int i = 0; i < 4; ++i) { out += std::to_string(entropy()) + "."; }
    return out;
}

constexpr std::string_view renew_script = R"lua(
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
if holder then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
)lua";

constexpr std::string_view release_script = R"lua(
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
)lua";

constexpr std::string_view set_script = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1
)lua";

}  // namespace

lease::lease(redis::client& client, std::string name, milliseconds length)
    : client_(client), name_(std::move(name)), token_(random_token()), length_(length)
{
}

task<lease::renewal> lease::renew()
{
    const auto asked = steady::now();   // it lasts from a moment after this one
    if (!is_held()) { ++term_; }
    const std::string token = token_of(term_);
    redis::command c{"EVAL", renew_script, "1", name_, token, std::to_string(length_.count())};
    const result<reply> r = co_await client_.call(redis::lane::write, std::move(c));
    if (!r || r->kind != reply::type::integer) {
        problem_ = !r ? "Redis does not answer" : r->is_error() ? "Redis refuses the lease: " + r->text : "Redis answers the lease with no number";
        co_return r ? renewal::refused : renewal::unanswered;
    }
    until_ = r->integer == 1 ? asked + length_ : steady::time_point();
    co_return renewal::done;
}

// Also when it is not known yet that it is held: the word for that may be under way.
task<> lease::release()
{
    until_ = {};
    if (client_.refusal(redis::lane::write)) { co_return; }
    const std::string token = token_of(term_);
    redis::command c{"EVAL", release_script, "1", name_, token};
    co_await client_.call(redis::lane::write, std::move(c));
}

task<lease::setting> lease::set(term t, std::string name, std::string value)
{
    const std::string token = token_of(t);
    redis::command c{"EVAL", set_script, "2", name_, name, token, value};
    const result<reply> r = co_await client_.call(redis::lane::write, std::move(c));
    setting out;
    if (r && r->kind == reply::type::integer) {
        out.kept = r->integer == 1;
        out.lost = !out.kept;
    }
    if (out.lost && t == term_) { until_ = {}; }
    co_return out;
}

}  // namespace tiercel::events
