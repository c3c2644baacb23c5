#include "events/channel_source.hpp"

#include <memory>
#include <string>
#include <utility>

namespace tiercel::events {

using async::task;

channel_source::channel_source(const source_means& m, std::size_t at)
    : source(m, at), subscriber_(m.loop, subscription(), [this](std::string_view message) { take(message); },
                                 [this](bool heard, std::string_view why) { on_state(heard, why); })
{
}

redis::subscriber_options channel_source::subscription() const
{
    redis::subscriber_options o;
    o.connection = means_.redis;
    o.channel = options().channel;
    return o;
}

// Nothing of it is kept.
void channel_source::take_surplus(std::string_view message)
{
    const event_read read = read_event(message);
    const bool outdated = read.good && means_.runner.outdate(*read.good, at_, {}, {});
    means_.board.count(at_, outdated ? event_result::coalesced : event_result::dropped, "too much is under way");
}

void channel_source::take(std::string_view message)
{
    if (!means_.runner.try_reserve()) {
        take_surplus(message);
        return;
    }
    auto j = std::make_shared<job>();
    j->text = std::string(message);
    j->source = at_;
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

task<> channel_source::close_gap() { co_await bridge_gap("nobody heard the channel for a while"); }

}  // namespace tiercel::events
