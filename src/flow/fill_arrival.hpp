#pragma once

// The content of a storable answer on its way in: readers get it while it grows, and it is stored when it is complete. What
// turns out too large to be kept is passed on from there, as fast as the slowest reader takes it.

#include "flow/fill_budget.hpp"
#include "flow/fill_job.hpp"
#include "flow/keep.hpp"

namespace tiercel::flow {

// Thread: the fill's loop. REQUIRES: all references outlive this.
class fill_arrival {
public:
    // `known`: the descriptor that L2 has, or null.
    fill_arrival(fill_job& job, origin::exchange_ptr ex, storable what, entry_ptr known, fill_end& end, worker_context& cx);

    // Ends the flight.
    async::task<> run();

private:
    void publish_head();
    void tell_if_unshared(byte_count size);
    void begin_relay();
    async::task<bool> keep_pace();
    void store(std::string_view small, body_ptr content);
    void count_uncacheable(detail why);

    fill_job& job_;
    origin::exchange_ptr ex_;
    storable what_;
    entry_ptr known_;
    fill_end& end_;
    worker_context& cx_;
    process_context& p_;
    const request& rq_;
    body_ptr content_;
    fill_budget budget_;
    bool relayed_ = false;         // not kept any more
};

}  // namespace tiercel::flow
