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

void channel_source::take(std::string_view message)
{
    if (!means_.runner.try_reserve()) {
        means_.board.count(at_, event_result::dropped, "too much is under way");
        return;
    }
    auto j = std::make_shared<job>();
    j->text = std::string(message);
    j->source = at_;
    means_.runner.attempt(j);
}

}  // namespace tiercel::events
