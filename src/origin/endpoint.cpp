#include "origin/endpoint.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <cmath>

namespace tiercel::origin {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::int64_t average_weight = 8;                 // a new sample counts an eighth
constexpr std::chrono::duration<double> fade{10.0};        // to half of it

async::steady::rep count_of(async::steady::time_point t) noexcept { return t.time_since_epoch().count(); }

}  // namespace

endpoint::endpoint(const origin_options& options, const endpoint_options& which, std::size_t number, std::uint64_t seed)
    : name_(which.url), number_(number), weight_(which.weight),
      addresses_(std::make_shared<known_addresses>(parse_address(which.url).where)),
      tls_(where().secure ? std::make_shared<tls_settings>(options.tls, where().host) : nullptr),
      breaker_(options.breaker, seed), limit_(options.limit), slots_(options.pool.max)
{
    if (options.limit.adaptive) {
        const unsigned most = options.limit.max_inflight == 0 ? resilience::gradient_bounds().most : options.limit.max_inflight;
        tuning_.emplace(most / 4, resilience::gradient_bounds{std::min(resilience::gradient_bounds().least, most), most});
        limit_.max(tuning_->limit());
    }
}

void endpoint::tune(async::steady::duration took, async::steady::time_point now) noexcept
{
    if (!tuning_) {
        return;
    }
    const std::lock_guard lock(tuning_mutex_);
    if (const auto limit = tuning_->add(duration_cast<microseconds>(took), limit_.inflight(), now)) {
        limit_.max(*limit);
    }
}

void endpoint::on_timeout(async::steady::duration waited, async::steady::time_point now) noexcept { tune(waited, now); }

error_code endpoint::resolve(const lookup& look)
{
    auto found = look(where());
    if (!found) {
        return found.error();
    }
    addresses_->learn(std::move(*found));
    return {};
}

void endpoint::average(async::steady::duration took, async::steady::time_point now) noexcept
{
    // Two loops at the same moment may lose one of their samples: an average does not mind.
    const std::int64_t sample = std::max<std::int64_t>(1, duration_cast<microseconds>(took).count());
    const std::int64_t old = average_us_.load(std::memory_order_relaxed);
    average_us_.store(old == 0 ? sample : std::max<std::int64_t>(1, old + (sample - old) / average_weight),
                      std::memory_order_relaxed);
    averaged_at_.store(count_of(now), std::memory_order_relaxed);
}

void endpoint::on_answer(async::steady::duration took, async::steady::time_point now) noexcept
{
    average(took, now);
    tune(took, now);
}

void endpoint::on_outrun(async::steady::duration waited, async::steady::time_point now) noexcept
{
    if (waited > microseconds(average_us_.load(std::memory_order_relaxed))) {   // less says nothing
        average(waited, now);
    }
}

milliseconds endpoint::typical() const noexcept
{
    return duration_cast<milliseconds>(microseconds(average_us_.load(std::memory_order_relaxed)));
}

void endpoint::speaks(int minor_version) noexcept
{
    const bool of_old = minor_version == 0;
    if (of_old != is_of_old()) {   // written rarely, as all loops read it
        of_old_.store(of_old, std::memory_order_relaxed);
    }
}

double endpoint::cost(async::steady::time_point now) const noexcept
{
    const async::steady::duration since(count_of(now) - averaged_at_.load(std::memory_order_relaxed));
    const double faded = static_cast<double>(average_us_.load(std::memory_order_relaxed)) * std::exp2(-(since / fade));
    return (limit_.inflight() + 1.0) * std::max(1.0, faded) / weight_;
}

void endpoint::pause_background(async::steady::time_point until) noexcept
{
    background_paused_until_.store(count_of(until), std::memory_order_relaxed);
}

bool endpoint::is_background_paused(async::steady::time_point now) const noexcept
{
    return count_of(now) < background_paused_until_.load(std::memory_order_relaxed);
}

}  // namespace tiercel::origin
