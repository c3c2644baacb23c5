#include "coherence/repeat_queue.hpp"

#include <utility>

namespace tiercel::coherence {

void repeat_queue::add(const invalidation& i, async::steady::time_point now)
{
    if (after_.count() <= 0 || !i.repeats.empty() || i.scopes.empty()) { return; }
    invalidation again = i;
    again.repeats = std::exchange(again.id, {});
    again.event.clear();   // it was appended: by that name nothing more would be
    again.also.clear();
    waiting_.push_back({now + after_, std::move(again)});
}

std::optional<invalidation> repeat_queue::take_due(async::steady::time_point now)
{
    if (waiting_.empty() || (waiting_.size() <= most_ && waiting_.front().due > now)) { return std::nullopt; }
    std::optional<invalidation> next(std::move(waiting_.front().what));
    waiting_.pop_front();
    return next;
}

std::vector<invalidation> repeat_queue::take_all()
{
    std::vector<invalidation> all;
    for (item& i : waiting_) { all.push_back(std::move(i.what)); }
    waiting_.clear();
    return all;
}

}  // namespace tiercel::coherence
