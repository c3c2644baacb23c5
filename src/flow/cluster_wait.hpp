#pragma once

// How a fill waits for the fill of another instance: attempts at the lock of the key, and waits for news in between. News come
// as messages; because those may get lost, the wait also ends by itself now and then, at the latest when the lock does.

#include "flow/context.hpp"
#include "flow/request.hpp"
#include "l2/fill_lease.hpp"
#include "l2/wake_board.hpp"

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace tiercel::flow {

// The pauses of one wait: the first as configured, then doubling, each ± 20 %, and none above the longest. Pure; `r` is uniform
// in [0, 1). REQUIRES: the first is not longer than the longest.
class poll_schedule {
public:
    static constexpr milliseconds longest{400};

    explicit poll_schedule(milliseconds first) : next_(first) {}
    // Never longer than what remains of the lock.
    milliseconds next(milliseconds remaining, double r) noexcept;

private:
    milliseconds next_;
};

// Thread: the worker's. REQUIRES: cx.l2 has locks; `rq` outlives this.
class cluster_wait {
public:
    cluster_wait(const request& rq, worker_context& cx)
        : rq_(rq), cx_(cx), schedule_(rq.route->stampede.lock.wait) {}
    // Counts the time, if there was a wait.
    ~cluster_wait();
    cluster_wait(const cluster_wait&) = delete;
    cluster_wait& operator=(const cluster_wait&) = delete;

    // One attempt. Another key than before begins anew.
    async::task<l2::lock_attempt> try_lock(std::string key);
    // After a busy one: until news of that holder came, or it is time to look. REQUIRES: try_lock() was awaited.
    async::task<std::optional<l2::fill_news>> wait(milliseconds remaining, std::string holder, async::steady::time_point limit);
    bool has_waited() const noexcept { return began_.has_value(); }

private:
    const request& rq_;
    worker_context& cx_;
    poll_schedule schedule_;
    std::string key_;
    std::optional<l2::wake_board::seat> seat_;   // taken before the attempt: news may come at once
    std::optional<async::steady::time_point> began_;
    std::minstd_rand random_;
};

}  // namespace tiercel::flow
