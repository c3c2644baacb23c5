#pragma once

// What a fill works on, and the ways in which it ends.

#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/keep.hpp"
#include "flow/request.hpp"
#include "l2/fill_lease.hpp"
#include "origin/exchange.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace tiercel::flow {

// An answer that turned out to be for one client only, on its way from the fill to the client that caused it. Both run on
// one loop. The exchange refers to the request that it was made for, hence they travel together.
struct handover {
    origin::outgoing asked;
    origin::exchange_ptr answer;   // destroyed before `asked`
    bool awaited = true;           // the client is still there
    std::string interim;           // heads of interim answers that it has not got yet

    // The client goes without it.
    void decline()
    {
        awaited = false;
        answer.reset();
    }
};

struct fill_job {
    fill_job(const request& original, std::shared_ptr<flight> f, const hash128& of_key)
        : rq(original), joined(std::move(f)), hash(of_key), deadline(std::chrono::steady_clock::now() + original.route->deadline) {}

    kept_request rq;
    std::shared_ptr<flight> joined;
    hash128 hash;                  // of the flight's key
    const std::chrono::steady_clock::time_point deadline;   // for all steps until the head of an answer
    entry_ptr stored{};            // stale, or fresh when only L2 is to be asked
    bool is_unsure = false;        // as decision says
    bool background = false;       // nobody waits
    renewal why = renewal::none;   // in the background: what for
    entry_ptr refreshed{};         // in the background: the one that serves on meanwhile, if any
    std::shared_ptr<handover> over{};
};

// The end of a fill: told to those who wait here, and, through the lease, to those who wait at other instances. The flight
// leaves the table before the word goes out, so that nobody joins what is over.
class fill_end {
public:
    fill_end(fill_job& job, worker_context& cx) : job_(job), cx_(cx) {}

    // What everybody is told about the way here. Grows as the fill goes on.
    flight_report& report() noexcept { return report_; }

    // ---- for other instances: how it ends is said as soon as it is known, and only once
    void hold(std::unique_ptr<l2::fill_lease> lease) { lease_ = std::move(lease); }
    l2::fill_lease* lease() const noexcept { return lease_.get(); }
    void let_go(const l2::fill_news& news);

    // ---- for those who wait here; one of these ends the flight
    void complete(entry_ptr e);              // with something that was there
    void complete(const kept& k);            // with what was just made
    void complete_unkept();                  // everybody has read it, and it is not stored
    void fail(flight_failure f);             // no answer, or one that the stale copy is better than: that takes its place if it may
    void fail_all(const flight_failure& f);  // an answer that is a failure; the client that caused it may have it
    void leave_alone();                      // everybody for itself
    void break_off(errc code, detail why);   // in the middle of the content
    void give_up(errc why);                  // the unforeseen

    // From here on nobody joins. Every end does this by itself.
    void leave_table();

private:
    void let_go_after(errc e);

    fill_job& job_;
    worker_context& cx_;
    std::unique_ptr<l2::fill_lease> lease_;
    flight_report report_;
};

}  // namespace tiercel::flow
