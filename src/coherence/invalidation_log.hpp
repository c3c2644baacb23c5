#pragma once

// The log of invalidations that all instances share, as one process sees it: appends what is invalidated here, reads what was
// invalidated anywhere, and keeps `validity` in step. On a thread and a loop of its own, so that a busy data path delays no
// invalidation.
//
// Reading. Each entry of the stream names the one before it. If that is what was applied last, it is applied; if not, the stream
// was trimmed or lost, and everything newer than what was applied is read from the table, which knows the last sequence of each
// scope. So it is at the start (all of the table) and after each reconnection. What the server knows less of than this
// process (an older copy has taken over) is appended again; if it knows nothing, that makes a new table with a floor.
//
// Appending. An invalidation holds here before submit() returns. The number that the log gives it is applied as soon as it is
// known, if nothing else lies in between. What cannot be appended waits in the journal and goes first once Redis is back.

#include "async/event.hpp"
#include "async/loop.hpp"
#include "coherence/audit.hpp"
#include "coherence/invalidation.hpp"
#include "coherence/journal.hpp"
#include "coherence/log_scripts.hpp"
#include "coherence/options.hpp"
#include "redis/client.hpp"
#include "redis/connection.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <tiercel/scope.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace tiercel::coherence {

// Called on the log's thread.
class log_observer {
public:
    virtual void on_invalidation(const invalidation& i) = 0;            // taken in here
    virtual void on_contact(contact c, std::string_view why) = 0;       // changes only
    virtual void on_lag(std::chrono::microseconds lag) = 0;             // of what was just applied, by the clock of Redis
    virtual void on_repair(std::string_view why, std::size_t scopes) = 0;
    virtual void on_malformed(std::string_view what) = 0;               // Redis has answered something that nobody here wrote

protected:
    ~log_observer() = default;
};

struct node_state {
    std::string name;
    sequence applied = 0;
    milliseconds silent{0};      // since it was heard of
};

struct log_status {
    contact state = contact::unread;
    std::string node;
    sequence applied = 0;
    std::size_t waiting = 0;     // in the journal
    std::size_t under_way = 0;   // being appended
    std::size_t scopes = 0;
    std::chrono::microseconds lag{0};
    std::string problem;
};

class invalidation_log {
public:
    using receipt_handler = std::function<void(receipt)>;
    using nodes_handler = std::function<void(bool all, std::vector<node_state>)>;

    // Throws std::invalid_argument (the URL) or std::runtime_error (the journal). References outlive this.
    invalidation_log(log_options o, const clock& time, validity& valid, audit& rows, log_observer& observer);
    ~invalidation_log();   // stops
    invalidation_log(const invalidation_log&) = delete;
    invalidation_log& operator=(const invalidation_log&) = delete;

    void start();
    // What is being appended gets a moment; the rest waits in the journal. Idempotent.
    void stop();

    // Thread: any. Holds here when this returns; `done` (may be empty) is called on the log's thread when it is in the log, or in
    // the journal, or refused. REQUIRES: at most `most_scopes` scopes.
    void submit(invalidation i, receipt_handler done);
    // Thread: any. Calls on the log's thread: when all live nodes have applied `at`, or at the limit, with those who have not.
    void wait_applied(sequence at, async::steady::time_point limit, nodes_handler done);
    log_status status() const;
    const std::string& node() const noexcept { return node_; }

private:
    class null_observer final : public redis::connection_observer {
    public:
        explicit null_observer(async::event& e) : closed_(e) {}
        virtual ~null_observer() = default;
        void on_call_ended(bool) override {}
        void on_closed() override { closed_.set(); }

    private:
        async::event& closed_;
    };
    using reply = redis::reply;

    async::task<> follow(async::drain_gate::pass inside);
    async::task<> tick(async::drain_gate::pass inside);
    async::task<> read_on();
    async::task<bool> send_waiting();
    async::task<bool> repair(std::string_view why);
    // What the table was found to hold.
    struct known_there {
        std::unordered_map<std::string, sequence> scores;   // by member; where it matters
        std::size_t count = 0;
    };
    async::task<bool> read_table(sequence above, sequence head, known_there& known, bool remember);
    async::task<bool> append_again(const known_there& known);
    async::task<bool> look_at_clock();
    async::task<bool> make_floor();
    async::task<bool> look_at_head();
    async::task<std::optional<reply>> ask(redis::command c, milliseconds limit);
    async::task<std::optional<reply>> ask(redis::script_call c);
    async::task<> wait_for_nodes(sequence at, async::steady::time_point limit, nodes_handler done, async::drain_gate::pass inside);
    async::task<> stop_on_loop();

    bool take_entries(const reply& r);     // false: a gap
    void apply(const log_entry& e);
    void append(invalidation i, async::steady::time_point since, receipt_handler done);
    void on_appended(const invalidation& i, result<reply> r, async::steady::time_point since, const receipt_handler& done);
    void take_own(const invalidation& i, const appended& a);
    void keep(const invalidation& i, const receipt_handler& done);
    void note_contact();
    bool note_time(const reply& r);
    bool refuse(std::string_view what);   // an answer of the reader's connection; false
    void show();
    void tell_applied();
    async::task<bool> announce();
    redis::command row_of_this_node(std::chrono::microseconds now) const;
    void set_contact(contact c, std::string_view why);
    std::optional<std::chrono::microseconds> redis_now() const;

    log_options options_;
    const clock& time_;
    validity& valid_;
    audit& audit_;
    log_observer& observer_;
    log_names names_;
    std::string node_;
    redis::connection_options how_;

    async::loop loop_;
    std::unique_ptr<redis::client> client_;
    std::unique_ptr<redis::connection> reader_;
    async::event closed_;
    async::event pause_;
    async::event ticking_;
    async::event settled_;
    null_observer reader_observer_;
    journal journal_;
    std::minstd_rand random_;
    sequence position_ = 0;
    unsigned passed_over_ = 0;                // looks at a head that was not read yet, in a row
    std::chrono::microseconds lag_{0};
    std::chrono::microseconds redis_time_{0};                // since 1970; 0: not known
    async::steady::time_point redis_time_at_{};
    bool telling_ = false;
    bool sending_ = false;
    std::size_t under_way_ = 0;
    bool stopping_ = false;
    async::steady::time_point resumed_at_{};
    async::steady::time_point last_told_{};
    async::steady::time_point last_contact_{};
    std::optional<async::asio::executor_work_guard<async::executor>> keep_running_;
    std::thread thread_;

    mutable std::mutex mutex_;   // of status_
    log_status status_;
};

}  // namespace tiercel::coherence
