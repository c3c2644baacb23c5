#include "coherence/node_roll.hpp"

#include "async/event.hpp"

#include <algorithm>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;
using redis::reply;
using std::chrono::microseconds;

constexpr milliseconds told_every{1'000};
constexpr milliseconds node_is_live{3'000};      // heard of within
constexpr milliseconds node_is_forgotten{600'000};

}  // namespace

void node_roll::tell()
{
    const auto now = s_.redis_time.now();
    if (telling_ || !now || s_.position == 0 || s_.stopping || s_.client.refusal(redis::lane::write)) { return; }
    telling_ = true;
    last_told_ = steady::now();
    const sequence told = s_.position;
    s_.client.send(redis::lane::write, row_of_this_node(*now), [this, told](const result<reply>& r) {
        telling_ = false;
        if (r && told != s_.position) { tell(); }   // it has moved meanwhile
    });
}

void node_roll::tick()
{
    if (steady::now() - last_told_ >= told_every) { tell(); }
}

redis::command node_roll::row_of_this_node(microseconds now) const
{
    const std::string applied = std::to_string(s_.position) + " " + std::to_string(now.count());
    return {"HSET", s_.names.nodes, s_.node, applied};
}

task<bool> node_roll::announce(log_connection& c)
{
    const auto now = s_.redis_time.now();
    if (!now) { co_return false; }
    redis::command row = row_of_this_node(*now);
    const std::optional<reply> r = co_await c.ask(std::move(row), s_.options.append_timeout);
    co_return r.has_value();
}

task<> node_roll::leave()
{
    redis::command row{"HDEL", s_.names.nodes, s_.node};
    if (!s_.client.refusal(redis::lane::write)) { co_await s_.client.call(redis::lane::write, std::move(row)); }
}

task<> node_roll::wait_for_all(sequence at, steady::time_point limit, nodes_handler done, async::drain_gate::pass)
{
    std::vector<node_state> nodes;
    bool all = false;
    async::event pause(s_.loop.context(), s_.loop.wheel());
    while (!s_.stopping) {
        redis::command c{"HGETALL", s_.names.nodes};
        const result<reply> r = co_await s_.client.call(redis::lane::read, std::move(c));
        const auto now = s_.redis_time.now();
        if (r && now && r->kind == reply::type::array) {
            nodes = live_nodes(*r, *now);
            all = std::all_of(nodes.begin(), nodes.end(), [at](const node_state& n) { return n.applied >= at; });
        } else if (r && !r->is_error() && r->kind != reply::type::array) {
            s_.observer.on_malformed("HGETALL");
        }
        if (all || steady::now() >= limit) { break; }
        co_await pause.wait_until(std::min(limit, steady::now() + 5ms));
    }
    done(all, std::move(nodes));
}

// Whose row says nothing counts as one that has applied nothing.
std::vector<node_state> node_roll::live_nodes(const reply& rows, microseconds now)
{
    std::vector<node_state> live;
    for (std::size_t i = 0; i + 1 < rows.items.size(); i += 2) {
        const std::optional<node_word> told = read_node(rows.items[i + 1].text);
        node_state n{rows.items[i].text, told ? told->applied : 0, {}};
        if (told) { n.silent = std::chrono::duration_cast<milliseconds>(now - told->heard); }
        if (!told) { s_.observer.on_malformed("row of a node"); }
        if (!told || n.silent > node_is_forgotten) { forget(n.name); }   // who lives writes it again
        if (!told || n.silent <= node_is_live) {
            if (n.name == s_.node) { n.applied = std::max(n.applied, s_.position); }
            live.push_back(std::move(n));
        }
    }
    return live;
}

void node_roll::forget(const std::string& name)
{
    redis::command row{"HDEL", s_.names.nodes, name};
    s_.client.send(redis::lane::write, std::move(row), [](const result<reply>&) {});
}

}  // namespace tiercel::coherence
