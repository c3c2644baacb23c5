#include "events/channel_source.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace tiercel::events {
namespace {

constexpr milliseconds ping_every{500};   // as well as it is known up to when nothing was said

}  // namespace

using async::task;

channel_source::channel_source(const source_means& m, std::size_t at)
    : source(m, at), subscriber_(m.loop, subscription(), [this](std::string_view message) { take(message); },
                                 [this](bool heard, std::string_view why) { on_state(heard, why); }, [this](bool answered) { on_alive(answered); }),
      asked_(m.process.time.now())
{
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
    j->done = [this, came](event_result, const std::string&) { under_way_.erase(came); };
    means_.runner.attempt(j);
}

void channel_source::on_state(bool heard, std::string_view why)
{
    note(heard, why);
    if (!heard) {
        has_gap_ = was_heard_;
    } else if (std::exchange(has_gap_, false)) {
        means_.beside.spawn(close_gap());
    }
    was_heard_ = was_heard_ || heard;
}

task<> channel_source::close_gap()
{
    const auto since = under_way_.insert(asked_);
    co_await bridge_gap("nobody heard the channel for a while");
    under_way_.erase(since);
}

void channel_source::on_alive(bool answered)
{
    if (!answered) {
        asked_ = means_.process.time.now();
    } else {
        means_.lag.know_until(at_, under_way_.empty() ? asked_ : std::min(asked_, *under_way_.begin()));
    }
}

}  // namespace tiercel::events
