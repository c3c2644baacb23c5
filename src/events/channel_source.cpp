#include "events/channel_source.hpp"

#include <memory>
#include <string>

namespace tiercel::events {

channel_source::channel_source(const source_means& m, std::size_t at)
    : source(m, at), subscriber_(m.loop, subscription(), [this](std::string_view message) { take(message); },
                                 [this](bool heard, std::string_view why) { note(heard, why); })
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

}  // namespace tiercel::events
