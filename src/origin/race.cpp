#include "origin/race.hpp"

#include "resilience/retry.hpp"

#include <tiercel/check.hpp>

#include <utility>

namespace tiercel::origin {

// ---- one of the two --------------------------------------------------------------------------------------------------

race::leg::leg(race& of, const outgoing& rq, attempt a) : race_(of), asked_(std::make_unique<outgoing>(rq)), made_(a)
{
    asked_->interim = this;
}

bool race::leg::is_good(const result<exchange_ptr>& r) noexcept
{
    return r && !resilience::cause_of_status((*r)->head().status);
}

async::task<> race::leg::relay(const response_head& head)
{
    if (race_.claim(*this) && race_.interim_ != nullptr) {
        co_await race_.interim_->relay(head);
    }
}

void race::leg::call_off()
{
    made_.called_off = true;
    if (made_.under_way != nullptr) {
        made_.under_way->abandon();
    }
    if (made_.where != nullptr) {
        const auto now = steady::now();
        made_.where->on_outrun(now - made_.began, now);
    }
}

// ---- both ------------------------------------------------------------------------------------------------------------

race::race(async::loop& l, const outgoing& rq, attempt a)
    : changed_(l.context(), l.wheel()), interim_(rq.interim), first_(*this, rq, a)
{
}

race::leg& race::add_second(const outgoing& rq)
{
    TIERCEL_CHECK(!second_);
    return second_.emplace(*this, rq, attempt());
}

bool race::claim(leg& one)
{
    if (winner_ == nullptr && !one.made_.called_off) {
        winner_ = &one;
        if (leg* const other = other_than(one); other != nullptr && !other->has_ended()) {
            other->call_off();
        }
        changed_.set();
    }
    return winner_ == &one;
}

void race::on_end(leg& one, result<exchange_ptr> answer)
{
    one.retry_after_ = one.asked_->report.retry_after;
    one.failed_ = !one.made_.called_off && !leg::is_good(answer);
    if (leg::is_good(answer)) {
        claim(one);
    }
    if (answer && (winner_ == nullptr || winner_ == &one)) {
        (*answer)->keep(std::move(one.asked_));
    } else if (answer) {
        answer = errc::client_gone;   // ends the exchange
    }
    one.answer_.emplace(std::move(answer));
    changed_.set();
}

async::task<bool> race::changed(steady::time_point until)
{
    const bool in_time = co_await changed_.wait_until(until);
    changed_.reset();
    co_return in_time;
}

bool race::is_over() const noexcept
{
    return winner_ != nullptr ? winner_->has_ended() : first_.has_ended() && (!second_ || second_->has_ended());
}

race::leg& race::decisive() noexcept
{
    TIERCEL_CHECK(is_over());
    if (winner_ == nullptr) {
        winner_ = second_ && !*first_.answer_ && *second_->answer_ ? &*second_ : &first_;
    }
    return *winner_;
}

result<exchange_ptr> race::take_answer() { return std::move(*decisive().answer_); }

}  // namespace tiercel::origin
