#include "events/channel_source.hpp"

#include "coherence/log_scripts.hpp"
#include "redis/channel_name.hpp"

#include <tiercel/cache_key.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;
using redis::reply;

constexpr milliseconds ping_every = 500ms;    // as well as it is known up to when nothing was said
constexpr milliseconds most_patience = 3s;    // with the client, whose connections may come later than the one that is heard

// Who hears another channel, or makes something else of what it says, has not heard what we would have. So this is in the name.
std::string way_of_hearing(const source_options& source, const std::vector<rule_options>& rules)
{
    std::string all;
    const auto add = [&all](std::string_view part) { all.append(std::to_string(part.size())).append(":").append(part); };
    const auto add_number = [&add](std::size_t n) { add(std::to_string(n)); };
    add(source.channel);
    add_number(static_cast<std::size_t>(source.scope));
    for (const rule_options& r : rules) {
        add(r.on);
        add(r.version);
        add(r.tenant);
        add_number(static_cast<std::size_t>(r.mode));
        add_number(r.ignore_fields.size());
        for (const std::string& field : r.ignore_fields) { add(field); }
        add_number(r.invalidate.size());
        for (const effect_options& e : r.invalidate) {
            for (const std::string* part : {&e.url, &e.prefix, &e.host, &e.entity, &e.entity_list, &e.tag, &e.tenant, &e.all}) { add(*part); }
        }
    }
    return hex(stable_hash(all));
}

std::string witness_channel(const intake_options& o, const source_options& source, unsigned database)
{
    return redis::channel_name(o.prefix + ":heard:" + source.label + ":" + way_of_hearing(source, o.events.rules), database);
}

}  // namespace

channel_source::channel_source(const source_means& m, std::size_t at)
    : source(m, at),
      witness_(m, witness_channel(m.options, options(), m.redis.address.database)),
      subscriber_(
          m.loop, subscription(), [this](std::string_view message) { take(message); },
          [this](bool heard, std::string_view why) { on_state(heard, why); }, [this](bool answered) { on_alive(answered); })
{
    subscriber_.hear_beside(witness_.channel(), [this](std::string_view word) {
        witness_.take(word);
        answer_others();
    });
}

redis::subscriber_options channel_source::subscription() const
{
    redis::subscriber_options o;
    o.connection = means_.redis;
    o.channel = options().channel;
    o.ping_every = ping_every;
    return o;
}

void channel_source::take(std::string_view message)
{
    if (!means_.runner.try_reserve()) {
        if (means_.options.events.overload == overload_rule::coalesce) {
            means_.surplus.take(means_.surplus.read(message, at_, {}));
        } else {
            means_.board.count(at_, event_result::dropped, "too much is under way");
        }
        return;
    }
    auto j = std::make_shared<job>();
    j->text = std::string(message);
    j->source = at_;
    const auto came = under_way_.insert(means_.process.time.now());
    j->done = [this, came](event_result, const std::string&) {
        under_way_.erase(came);
        answer_others();
    };
    means_.runner.attempt(j);
}

void channel_source::on_state(bool heard, std::string_view why)
{
    note(heard, why);
    if (!heard) {
        was_troubled_ = true;
        is_sure_ = false;
        witness_.on_lost();
        return;
    }
    if (links_ == 0) { had_fetched_ = means_.options.has_fetched(); }
    ++links_;
    if (!is_making_sure_) { means_.beside.spawn(make_sure()); }
}

task<> channel_source::make_sure()
{
    is_making_sure_ = true;
    const auto since = under_way_.insert(answered_);
    while (subscriber_.listens() && !is_sure_ && !means_.beside.is_ending()) {
        const unsigned link = links_;
        const std::string gap = co_await find_gap();
        if (link != links_ || !subscriber_.listens() || means_.beside.is_ending()) { continue; }
        bool is_bridged = true;
        if (!gap.empty()) {
            is_bridged = co_await bridge_gap(gap);
        } else if (is_first_ && had_fetched_) {
            is_bridged = co_await expire_everything("it was fetched before the channel was heard for the first time");
        }
        if (!is_bridged) { break; }
        is_sure_ = link == links_ && subscriber_.listens();
    }
    under_way_.erase(since);
    is_making_sure_ = false;
    answer_others();
}

// Empty: what was published before now concerns nothing that others have left, or another instance has heard it.
task<std::string> channel_source::find_gap()
{
    const auto until = steady::now() + most_patience;
    while (means_.client.refusal(redis::lane::write) && steady::now() < until) {
        const bool goes_on = co_await means_.beside.pause(20ms);
        if (!goes_on) { break; }
    }
    is_first_ = false;
    if (!was_troubled_) {
        is_first_ = co_await is_first_start();
        if (is_first_) { co_return std::string(); }
    }
    if (!subscriber_.refusal_beside().empty()) {
        co_return "whether anybody heard the channel cannot be asked on " + witness_.channel() + ": " + subscriber_.refusal_beside();
    }
    const bool was_heard = co_await witness_.ask();
    co_return was_heard ? std::string() : std::string("nobody heard the channel for a while");
}

// The floor of the log is the moment from which on Redis has its data. If that is after our own start, nothing is valid that was stored
// before (see log_reader), and so nothing that may have been published before. What we have fetched since is another matter.
task<bool> channel_source::is_first_start()
{
    const coherence::log_names names(means_.options.prefix);
    redis::command score{"ZSCORE", names.table, "!floor"};
    const result<reply> floor = co_await means_.client.call(redis::lane::write, std::move(score));
    redis::command time{"TIME"};
    const result<reply> answer = co_await means_.client.call(redis::lane::write, std::move(time));
    const auto runs = steady::now() - means_.began;
    if (!floor || !answer) { co_return false; }
    if (floor->is_nil()) { co_return true; }   // the log is about to make one
    const auto at = coherence::read_score(*floor);
    const auto now = coherence::read_time(*answer);
    co_return at && now && std::chrono::microseconds(static_cast<std::int64_t>(*at)) > *now - runs;
}

void channel_source::on_alive(bool answered)
{
    if (!answered) {
        asked_ = means_.process.time.now();
    } else {
        answered_ = asked_;
        means_.lag.know_until(at_, std::min(answered_, oldest_under_way().value_or(answered_)));
        answer_others();
    }
}

std::optional<instant> channel_source::oldest_under_way() const
{
    const std::optional<instant> surplus = means_.surplus.oldest_of(at_);
    if (under_way_.empty()) { return surplus; }
    return std::min(*under_way_.begin(), surplus.value_or(*under_way_.begin()));
}

// What waits for Redis in this process would be lost with it.
void channel_source::answer_others()
{
    if (!witness_.is_asked()) { return; }
    const bool is_logged = means_.runner.is_logged();
    if (is_sure_ && !is_logged) { return; }
    witness_.answer(is_sure_, oldest_under_way());
}

}  // namespace tiercel::events
