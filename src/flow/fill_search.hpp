#pragma once

// What a fill tries before it asks the origin: what was stored meanwhile, L2, and the fill of another instance.

#include "flow/cluster_wait.hpp"
#include "flow/fill_job.hpp"
#include "flow/l2_lookup.hpp"

#include <optional>
#include <string>

namespace tiercel::flow {

// Thread: the fill's loop. REQUIRES: all references outlive this.
class fill_search {
public:
    fill_search(fill_job& job, fill_end& end, worker_context& cx)
        : job_(job), end_(end), cx_(cx), p_(cx.process), rq_(job.rq.view()), began_(p_.time.now()) {}

    // True: the origin is to be asked, under the lease that `end` holds if there is one. False: the flight has ended.
    async::task<bool> run();
    // The descriptor that L2 has, or null.
    const entry_ptr& known() const noexcept { return known_; }

private:
    enum class way : std::uint8_t { free, blocked, over };   // over: the flight has ended without a fetch of its own

    async::task<> wait_for_log();
    bool is_stored_meanwhile();
    async::task<bool> is_over_by_look();
    bool is_over_by_what_was_seen();
    async::task<bool> is_over_by_l2();
    bool is_answered_by_l2(entry_ptr found);

    async::task<bool> clear_the_way();
    bool is_worth_a_lock() const;
    std::string lock_key() const;
    async::task<way> heed(l2::lock_attempt attempt, bool has_waited);
    async::task<bool> is_answered_by(entry_ptr found, bool has_waited);
    bool leave_it_to_the_other(milliseconds remaining);
    async::task<way> heed(std::optional<l2::fill_news> news);
    async::task<way> look_in_l2_again();
    bool is_answered_by_their_fetch(const l2_answer& found);
    bool was_there_before(const entry& e) const;
    way follow(const l2::fill_news& news);
    way keep_waiting();
    void count(telemetry::lock_result r) { cx_.counts.count(telemetry::metric::lock_total, r); }

    fill_job& job_;
    fill_end& end_;
    worker_context& cx_;
    process_context& p_;
    const request& rq_;
    const instant began_;
    entry_ptr known_;
    entry_ptr there_;        // what L2 had when it was looked into first
    bool is_away_ = false;   // the last look into L2 failed
    bool is_seen_ = false;   // blindly: the table was asked about what is stored
};

}  // namespace tiercel::flow
