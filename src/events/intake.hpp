#pragma once

// Takes events in, from wherever they come, and carries them out: at least once, in no particular order (invalidations commute),
// with a mark in Redis against repetitions. What fails is tried again with growing pauses and holds nobody else up; what goes
// on failing, or cannot ever work, goes to the dead letters: a stream in Redis, PREFIX:dlq.
//
// A stream is read by a consumer group that all instances share; an entry is acknowledged when it is in the log of invalidations (or
// in the journal on this disk) or lies with the dead letters, so that whatever a process leaves undone is done by another. On a
// thread of its own.

#include "async/event.hpp"
#include "async/loop.hpp"
#include "events/event.hpp"
#include "events/options.hpp"
#include "events/rules.hpp"
#include "flow/context.hpp"
#include "redis/client.hpp"
#include "redis/connection.hpp"
#include "redis/subscriber.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace tiercel::events {

enum class event_result : std::uint8_t { applied, duplicate, noop, unmatched, failed, dead, dropped, last_ };
std::string_view name_of(event_result r) noexcept;

// Called on the intake's thread.
class intake_observer {
public:
    // failed: one attempt, another one follows; every other result ends the event. `problem`: of those that went wrong.
    virtual void on_event(std::size_t source, event_result r, std::string_view problem) = 0;
    virtual void on_source(std::size_t source, bool works, std::string_view why) = 0;

protected:
    ~intake_observer() = default;
};

struct intake_options {
    event_options events;
    std::string url;                       // of Redis; empty: there is none, and no dead letters either
    std::string user;
    std::string password;
    std::string prefix = "tcl";
    std::string node;                      // this process, among the consumers
    milliseconds retry_base{100};
    milliseconds retry_cap{5'000};
    milliseconds claim_idle{30'000};       // what another consumer has not acknowledged for so long is taken over
    milliseconds redis_timeout{1'000};
    std::size_t most_dead_letters = 10'000;
    bool has_journal = false;              // what waits for Redis outlives the process
};

struct dead_letter {
    std::string id;
    std::vector<std::pair<std::string, std::string>> fields;   // event, source, error, attempts, failedAt, node, reason
};

struct source_status {
    std::string label;
    bool works = false;
    std::string problem;
    std::string cursor;                    // the last entry that was read
    std::map<std::string, std::uint64_t> results;
};

class intake {
public:
    using done_handler = std::function<void(event_result, const std::string& problem)>;
    template <class T>
    using answer_handler = std::function<void(result<T>)>;

    // Throws std::invalid_argument (the URL). References outlive this.
    intake(intake_options o, flow::process_context& p, intake_observer& observer);
    ~intake();   // stops
    intake(const intake&) = delete;
    intake& operator=(const intake&) = delete;

    void start();
    void stop();

    // Thread: any. False: too much is under way, nothing was taken. `source`: a place in the options, or one past the end for
    // what no source brings. `done` is called on the intake's thread.
    // `only_tenant`: who sent it may act for that tenant alone; empty: for all.
    bool submit(std::string text, std::size_t source, std::string only_tenant, done_handler done);
    // Thread: any. False: it is about something else than that tenant.
    bool is_only_about(std::string_view tenant, std::string_view text, std::size_t source) const;
    // Of the kind webhook, and the first of those; nothing: there is none.
    std::optional<std::size_t> webhook() const noexcept;

    // Thread: any; the handlers are called on the intake's thread.
    void list_dead(std::size_t n, answer_handler<std::vector<dead_letter>> done);
    void replay(std::string id, done_handler done);
    void drop(std::string id, answer_handler<bool> done);
    std::size_t dead_letters() const noexcept { return dead_letters_.load(std::memory_order_relaxed); }
    std::size_t pending() const noexcept { return pending_.load(std::memory_order_relaxed); }
    std::vector<source_status> sources() const;

private:
    struct job {
        std::string text;
        std::size_t source = 0;
        std::string only_tenant{};
        done_handler done{};
        std::optional<event> parsed{};
        unsigned attempts = 0;
        std::set<std::size_t> carried_out{};   // of its effects
        bool any_applied = false;
        bool any_duplicate = false;
        bool any_noop = false;
        bool any_waits = false;                // for Redis, in the memory of this process
    };
    using job_ptr = std::shared_ptr<job>;
    struct stream_source {
        std::size_t at = 0;
        std::unique_ptr<redis::connection> link;
        std::set<std::string> under_way;       // not acknowledged yet
        std::vector<std::string> done;         // of these: to be acknowledged
    };
    class closing_observer final : public redis::connection_observer {
    public:
        void on_call_ended(bool) override {}
        void on_closed() override {}
        virtual ~closing_observer() = default;
    };

    void attempt(const job_ptr& j);
    void carry_out(const job_ptr& j, std::vector<effect> effects);
    void on_attempted(const job_ptr& j, const std::string& problem, bool hopeless);
    void try_again(const job_ptr& j, const std::string& problem);
    void bury(const job_ptr& j, const std::string& problem);
    void finish(const job_ptr& j, event_result r, const std::string& problem);
    void count(std::size_t source, event_result r, std::string_view problem);

    async::task<> consume(stream_source& s, async::drain_gate::pass inside);
    async::task<> read_stream(stream_source& s);
    async::task<bool> read_entries(stream_source& s, std::string from, bool& any);
    async::task<bool> acknowledge(stream_source& s);
    async::task<bool> claim(stream_source& s);
    async::task<bool> forget_dead_consumers(stream_source& s);
    bool take_entries(stream_source& s, const redis::reply& entries);
    bool take_entry(stream_source& s, const redis::reply& entry);
    void take_message(std::size_t source, std::string_view message);
    async::task<> finish_when_logged(job_ptr j, async::drain_gate::pass inside);
    async::task<bool> pause(milliseconds how_long);
    async::task<> wait_and_attempt(job_ptr j, milliseconds pause, async::drain_gate::pass inside);
    async::task<> watch_dead(async::drain_gate::pass inside);
    async::task<> stop_on_loop();
    void note_source(std::size_t at, bool works, std::string_view why);
    const source_options& source_at(std::size_t at) const noexcept;

    intake_options options_;
    flow::process_context& process_;
    intake_observer& observer_;
    source_options nobody_;
    std::string dead_name_;
    std::optional<redis::connection_options> how_;

    async::loop loop_;
    std::unique_ptr<redis::client> client_;
    closing_observer closing_;
    std::vector<std::unique_ptr<stream_source>> streams_;
    std::vector<std::unique_ptr<redis::subscriber>> channels_;
    async::event ticking_;
    std::list<async::event*> pauses_;      // to be cut short at the end
    std::minstd_rand random_;
    std::atomic<std::size_t> pending_{0};
    std::atomic<std::size_t> dead_letters_{0};
    bool stopping_ = false;
    std::optional<async::asio::executor_work_guard<async::executor>> keep_running_;
    std::thread thread_;

    mutable std::mutex mutex_;             // of statuses_
    std::vector<source_status> statuses_;
};

}  // namespace tiercel::events
