#pragma once

// Events in a stream of Redis, in the field "event". The stream is read by a consumer group that all instances share; an entry is
// acknowledged when it has ended, so that whatever a process leaves undone is done by another. Entries that were trimmed before that are
// a gap.

#include "events/source.hpp"
#include "redis/connection.hpp"

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tiercel::events {

class stream_source final : public source {
public:
    stream_source(const source_means& m, std::size_t at)
        : source(m, at), run_name_(m.options.prefix + ":counted:" + options().stream), random_(std::random_device{}())
    {
    }

    void start() override { means_.beside.spawn(consume()); }
    async::task<> stop() override;
    async::task<> conclude() override;

private:
    class closing_observer final : public redis::connection_observer {
    public:
        void on_call_ended(bool) override {}
        void on_closed() override {}
        virtual ~closing_observer() = default;
    };

    async::task<> consume();
    async::task<> read();
    async::task<bool> read_entries(std::string from, std::size_t& entries);
    async::task<bool> look_at_lag(instant asked, bool is_all);
    async::task<bool> see_to_losses();
    async::task<bool> bridge_trimmed();
    async::task<bool> acknowledge();
    async::task<bool> claim();
    async::task<bool> forget_dead_consumers();
    bool take_entries(const redis::reply& entries);
    bool take_entry(const redis::reply& entry);
    void note_lag_of(const std::string& id);

    const std::string run_name_;           // see stream_group.hpp
    closing_observer closing_;
    std::unique_ptr<redis::connection> link_;
    std::set<std::string> under_way_;      // not acknowledged yet
    std::vector<std::string> done_;        // of these: to be acknowledged
    std::vector<std::string> trimmed_;     // of these: lost
    std::minstd_rand random_;
};

}  // namespace tiercel::events
