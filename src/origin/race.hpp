#pragma once

// A request that is put to a second endpoint because the first one is slow: two attempts, one of which counts.
//
//     first   |-------- nothing yet ------------------- ... called off
//     second            |-------- answer: it counts
//
// The first answer counts, if only an interim one. An error, or an answer that would be retried, settles nothing while the other
// attempt is under way. Each attempt runs as a coroutine of its own, on its own copy of the request; one that was called off ends
// by itself, and touches nothing of whoever asked.
// Thread: the loop's only.

#include "async/event.hpp"
#include "async/loop.hpp"
#include "origin/exchange.hpp"
#include "origin/outgoing.hpp"

#include <memory>
#include <optional>

namespace tiercel::origin {

// What an attempt leaves behind for the decision about the next one.
struct attempt {
    bool fresh = false;             // a new connection was or is to be used, not an idle one
    endpoint* where = nullptr;      // admitted to; before the attempt: to be avoided
    bool sent = false;
    bool received = false;
    bool reused = false;
    bool took_body = false;
    bool is_probe = false;          // of a breaker that wants to know how it ends
    steady::time_point began{};
    exchange* under_way = nullptr;  // while it waits for the head
    bool called_off = false;        // nobody wants its answer any more
};

class race {
public:
    class leg final : public interim_sink {
    public:
        leg(race& of, const outgoing& rq, attempt a);

        outgoing& asked() noexcept { return *asked_; }
        attempt& made() noexcept { return made_; }
        bool has_ended() const noexcept { return answer_.has_value(); }
        bool has_failed() const noexcept { return failed_; }   // ended, not called off, without a good answer
        seconds retry_after() const noexcept { return retry_after_; }

        async::task<> relay(const response_head& head) override;   // none of a leg that does not count

    private:
        friend class race;
        static bool is_good(const result<exchange_ptr>& r) noexcept;
        void call_off();

        race& race_;
        std::unique_ptr<outgoing> asked_;
        attempt made_;
        std::optional<result<exchange_ptr>> answer_;
        seconds retry_after_{0};
        bool failed_ = false;
    };

    // `rq` outlives the race until is_over(); its interim answers go where it says.
    race(async::loop& l, const outgoing& rq, attempt a);
    leg& first() noexcept { return first_; }
    leg* second() noexcept { return second_ ? &*second_ : nullptr; }
    leg& add_second(const outgoing& rq);

    // That leg has ended. Its answer is kept if it counts, or may still count.
    void on_end(leg& one, result<exchange_ptr> answer);
    // Until something has ended or is settled; false: the time has passed.
    async::task<bool> changed(steady::time_point until);
    bool is_over() const noexcept;

    // REQUIRES: is_over(). The one that counts: without a good answer, one with any, or the first.
    leg& decisive() noexcept;
    result<exchange_ptr> take_answer();

private:
    bool claim(leg& one);   // it has an answer: does it count?
    leg* other_than(const leg& one) noexcept { return &one == &first_ ? second() : &first_; }

    async::event changed_;
    interim_sink* const interim_;
    leg first_;
    std::optional<leg> second_;
    leg* winner_ = nullptr;
};

}  // namespace tiercel::origin
