#pragma once

// Events that are published on a channel of Redis. Nobody keeps what a channel has said. What is published while no instance hears it
// is a gap, which is closed as soon as the channel is heard again; while too much is under way, the tenants that it is about are invalidated
// instead (or, with overload: reject, it is lost).

#include "events/channel_witness.hpp"
#include "events/source.hpp"
#include "redis/subscriber.hpp"

#include <tiercel/clock.hpp>

#include <optional>
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
    void on_alive(bool answered);
    async::task<> make_sure();
    async::task<std::string> find_gap();
    async::task<bool> is_first_start();
    void answer_others();
    std::optional<instant> oldest_under_way() const;

    channel_witness witness_;
    redis::subscriber subscriber_;
    bool was_troubled_ = false;            // it could not be heard, at the start or later
    bool is_first_ = false;                // nothing is valid that was stored before our start
    bool had_fetched_ = false;             // we ourselves, when the channel was heard for the first time
    bool is_sure_ = false;                 // whatever was published before now was heard by somebody, or everything was expired since
    bool is_making_sure_ = false;
    unsigned links_ = 0;                   // that were there so far
    instant asked_ = feed_lag::never;      // when the link was tried last,
    instant answered_ = feed_lag::never;   // and of those times when it answered
    std::multiset<instant> under_way_;     // when those came that are not carried out, and since when it is not known what was published
};

}  // namespace tiercel::events
