#include "flow/cluster_wait.hpp"

#include "redis/backoff.hpp"

#include <algorithm>
#include <utility>

namespace tiercel::flow {

using async::steady;

milliseconds poll_schedule::next(milliseconds remaining, double r) noexcept
{
    const milliseconds pause = redis::around(next_, r);
    next_ = std::min(2 * next_, longest);
    return std::min({pause, longest, remaining});
}

cluster_wait::~cluster_wait()
{
    if (began_) {
        cx_.counts.observe(telemetry::metric::lock_wait_seconds, steady::now() - *began_);
    }
}

async::task<l2::lock_attempt> cluster_wait::try_lock(std::string key)
{
    if (key_ != key) {
        key_ = std::move(key);
        seat_.emplace(cx_.l2->wakes(), stable_hash(key_), cx_.loop);
        schedule_ = poll_schedule(rq_.route->stampede.lock.wait);
    }
    const hash128 seeded = seeded_hash(key_, cx_.process.hash_seed);
    l2::lock_attempt a = co_await cx_.l2->try_lock(rq_.tenant, key_, seeded, rq_.route->stampede.lock.lease);
    co_return a;
}

async::task<std::optional<l2::fill_news>> cluster_wait::wait(milliseconds remaining, std::string holder, steady::time_point limit)
{
    if (!began_) {
        began_ = steady::now();
        random_.seed(std::random_device{}());
        cx_.counts.count(telemetry::metric::lock_total, telemetry::lock_result::busy);
    }
    const double r = std::generate_canonical<double, 24>(random_);
    const auto until = std::min(limit, steady::now() + schedule_.next(remaining, r));
    std::optional<l2::fill_news> news = co_await seat_->wait_until(until, std::move(holder));
    co_return news;
}

}  // namespace tiercel::flow
