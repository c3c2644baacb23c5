#pragma once

// The way from one loop to one origin. Each attempt passes deadline, breaker, in-flight limit, pool and exchange, in that
// order; around them, retries, and a second attempt beside one that is slow.
// Thread: the loop's only. REQUIRES: everything it is given outlives it, and it outlives what it gave out.

#include "async/loop.hpp"
#include "origin/exchange.hpp"
#include "origin/observer.hpp"
#include "origin/outgoing.hpp"
#include "origin/race.hpp"
#include "origin/upstream.hpp"

#include <memory>
#include <vector>

namespace tiercel::origin {

class client {
public:
    client(async::loop& l, upstream& up, observer& seen);
    ~client();
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    // The exchange has the head of a final answer: of any status, as it came, when no retry was allowed, due or left.
    // `rq` stays where it is until the exchange is gone. Errors are of the last attempt; beside those of
    // exchange::start() and connection_pool::open(): deadline_exceeded, breaker_open, origin_busy (see report.retry_after).
    async::task<result<exchange_ptr>> fetch(outgoing& rq);

    // Ends everything under way, with draining; what is tried from now on ends like that too.
    void abort();

    // Would work that nobody waits for be refused now because the origin is failing?
    bool refuses_background() const { return upstream_.all_breakers_open(); }
    std::size_t idle_connections() const noexcept;

private:
    // One attempt. `place` is empty, or what it was admitted to already.
    async::task<result<exchange_ptr>> try_once(outgoing& rq, std::size_t head_size, attempt& a, admission place);
    // One that gets a second one beside it when it is slow.
    async::task<result<exchange_ptr>> try_hedged(outgoing& rq, std::size_t head_size, attempt& a);
    bool may_hedge(const outgoing& rq) const noexcept;
    admission admit_hedge(const outgoing& rq, race& r);
    void run(std::shared_ptr<race> r, race::leg& one, std::size_t head_size, admission place);
    async::task<> run_leg(std::shared_ptr<race> r, race::leg& one, std::size_t head_size, admission place,
                          async::drain_gate::pass inside);
    upstream::wish wish_of(const outgoing& rq, const endpoint* avoid, steady::time_point now);
    void report_unopened(admission let, error_code why, steady::time_point since);
    void complete_head(outgoing& rq, std::size_t size, const endpoint& where) const;
    async::task<bool> sleep(milliseconds d);
    std::uint64_t random() noexcept;

    async::loop& loop_;
    upstream& upstream_;
    observer& observer_;
    std::vector<std::unique_ptr<connection_pool>> pools_;   // by number of the endpoint
    std::vector<async::event*> sleepers_;                   // waits between attempts
    std::uint64_t random_;
    bool aborted_ = false;
};

}  // namespace tiercel::origin
