#pragma once

// Takes events in, from wherever they come, and has them carried out: at least once, in no particular order (invalidations commute),
// with a mark in Redis against repetitions. What fails is tried again with growing pauses and holds nobody else up; what goes
// on failing, or cannot ever work, goes to the dead letters. On a thread of its own.

#include "async/loop.hpp"
#include "events/background.hpp"
#include "events/dead_letters.hpp"
#include "events/feed_lag.hpp"
#include "events/gathering.hpp"
#include "events/intake_options.hpp"
#include "events/job_runner.hpp"
#include "events/source.hpp"
#include "events/source_board.hpp"
#include "events/surplus.hpp"
#include "flow/context.hpp"
#include "redis/client.hpp"
#include "redis/connection.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tiercel::events {

class intake {
public:
    // Throws std::invalid_argument (the URL). References outlive this. REQUIRES: the log is not started yet.
    intake(intake_options o, flow::process_context& p, intake_observer& observer);
    ~intake();   // stops
    intake(const intake&) = delete;
    intake& operator=(const intake&) = delete;

    void start();
    void stop();

    // Thread: any. False: too much is under way, nothing was taken. `source`: a place in the options, or one past the end for
    // what no source brings. `done` is called for each, on the intake's thread.
    // `only_tenant`: who sent them may act for that tenant alone; empty: for all.
    bool submit(std::vector<std::string> texts, std::size_t source, const std::string& only_tenant, const done_handler& done);
    // Thread: any. False: it is about something else than that tenant.
    bool is_only_about(std::string_view tenant, std::string_view text, std::size_t source) const;
    // Of the kind webhook, and the first of those; nothing: there is none.
    std::optional<std::size_t> webhook() const noexcept;

    // Thread: any; the handlers are called on the intake's thread.
    void list_dead(std::size_t n, answer_handler<std::vector<dead_letter>> done);
    void replay(std::string id, done_handler done);
    void drop(std::string id, answer_handler<bool> done);
    std::size_t dead_letters() const noexcept { return dead_.size(); }
    std::size_t pending() const noexcept { return runner_.pending(); }
    std::vector<source_status> sources() const { return board_.all(); }
    const feed_lag& lag() const noexcept { return lag_; }

private:
    std::unique_ptr<source> make_source(std::size_t at) const;
    async::task<> stop_on_loop();

    const intake_options options_;
    std::optional<redis::connection_options> redis_;
    async::loop loop_;
    std::unique_ptr<redis::client> client_;
    background beside_;
    source_board board_;
    feed_lag lag_;
    events::dead_letters dead_;
    loopback echoes_;
    gathering orders_;
    job_runner runner_;
    events::surplus surplus_;
    std::optional<source_means> means_;          // with Redis only
    std::vector<std::unique_ptr<source>> sources_;
    std::optional<async::asio::executor_work_guard<async::executor>> keep_running_;
    std::thread thread_;
};

}  // namespace tiercel::events
