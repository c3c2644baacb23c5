#pragma once

// Carries one event out: what it invalidates, attempts with growing pauses, and its end. Events do not wait for each other.
// Thread: the loop's, unless it says otherwise.

#include "async/event.hpp"
#include "async/loop.hpp"
#include "events/background.hpp"
#include "events/dead_letters.hpp"
#include "events/event.hpp"
#include "events/feed_lag.hpp"
#include "events/gathering.hpp"
#include "events/intake_options.hpp"
#include "events/loopback.hpp"
#include "events/rules.hpp"
#include "events/source_board.hpp"
#include "flow/context.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tiercel::events {

// One event on its way.
struct job {
    std::string text;
    std::size_t source = 0;
    std::string only_tenant{};             // who sent it may act for that tenant alone; empty: for all
    done_handler done{};                   // called once, at its end; never if the process stops before
    std::optional<event> parsed{};
    unsigned attempts = 0;
    std::set<std::size_t> carried_out{};   // of its effects
    bool any_applied = false;
    bool any_coalesced = false;
    bool any_duplicate = false;
    bool any_noop = false;
    bool any_waits = false;                // for Redis, in the memory of this process
    std::string letter{};                  // the id of the dead letter that it became
};
using job_ptr = std::shared_ptr<job>;

class job_runner {
public:
    // References outlive this.
    job_runner(async::loop& l, background& beside, source_board& board, feed_lag& lag, dead_letters& dead, loopback& echoes, gathering& orders,
               flow::process_context& p, const intake_options& o);

    // Thread: any. Places for so many of these more as max_pending leaves, or the journal of the log while anything waits there, or soon may.
    std::size_t reserve_up_to(std::size_t n);
    // Thread: any. Places for all of them; false: there are not so many.
    bool try_reserve(std::size_t n = 1);
    // For what is taken even so.
    void reserve() noexcept { pending_.fetch_add(1, std::memory_order_relaxed); }
    void release(std::size_t n) noexcept { pending_.fetch_sub(n, std::memory_order_relaxed); }
    // For feeds, which keep what is not read yet. They leave a quarter to those whose events would have to be refused.
    // Nor do they fill the log's journal, which is emptied one by one.
    bool is_full() const;
    std::size_t pending() const noexcept { return pending_.load(std::memory_order_relaxed); }
    // Thread: any. Nothing waits for Redis in this process, so that others know all that holds here, or can.
    bool is_logged() const noexcept { return waiting_in_log() == 0; }
    // An event of such a source (and what stands for those that are lost) has ended when it is in the journal on this disk.
    bool may_end_in_journal(source_kind k) const noexcept;

    // REQUIRES: a place was reserved.
    void attempt(const job_ptr& j);
    // Waits until no attempt is under way. What is to be attempted again is not waited for. One at a time.
    async::task<> settled(milliseconds at_most);

    // Thread: any.
    std::vector<effect> effects_of(const event& e, std::size_t source, std::string_view only_tenant) const;

private:
    std::size_t places() const;
    std::size_t waiting_in_log() const noexcept { return process_.log != nullptr ? process_.log->waiting() : 0; }
    void carry_out(const job_ptr& j, std::vector<effect> effects);
    void on_attempted(const job_ptr& j, const std::string& problem, bool hopeless);
    void try_again(const job_ptr& j, const std::string& problem);
    void bury(const job_ptr& j, const std::string& problem);
    void finish(const job_ptr& j, event_result r, const std::string& problem);
    void end_one();
    async::task<> wait_and_attempt(job_ptr j, milliseconds pause);
    async::task<> finish_when_logged(job_ptr j);

    async::loop& loop_;
    background& beside_;
    source_board& board_;
    feed_lag& lag_;
    dead_letters& dead_;
    loopback& echoes_;
    gathering& orders_;
    flow::process_context& process_;
    const intake_options& options_;
    std::minstd_rand random_;
    std::atomic<std::size_t> pending_{0};
    std::size_t under_way_ = 0;            // attempts, and burials
    async::event settled_;
};

}  // namespace tiercel::events
