#pragma once

// Events that are published on a channel of Redis. Nobody keeps what a channel has said. What is published while the connection is lost
// is a gap, which is closed as soon as the channel is heard again; while too much is under way, the tenants that it is about are invalidated
// instead (or, with overload: reject, it is lost).

#include "events/source.hpp"
#include "redis/subscriber.hpp"

#include <tiercel/clock.hpp>

#include <set>
#include <string_view>

namespace tiercel::events {

class channel_source final : public source {
public:
    channel_source(const source_means& m, std::size_t at);

    void start() override { subscriber_.start(); }
    async::task<> stop() override { return subscriber_.stop(); }

private:
    redis::subscriber_options subscription() const;
    void take(std::string_view message);
    void on_state(bool heard, std::string_view why);
    async::task<> close_gap();
    void on_alive(bool answered);

    redis::subscriber subscriber_;
    bool was_heard_ = false;
    bool has_gap_ = false;
    instant asked_;                        // when the link was tried last
    std::multiset<instant> under_way_;     // when those came that are not carried out, and when a gap began that is not closed
};

}  // namespace tiercel::events
