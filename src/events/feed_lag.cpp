#include "events/feed_lag.hpp"

#include <algorithm>
#include <chrono>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds a_moment = 10s;
constexpr milliseconds between_looks = 1s;   // a source that is well is heard of more often: that is no lag to speak of

instant at(instant::rep since) noexcept { return instant(instant::duration(since)); }

}  // namespace

feed_lag::feed_lag(const std::vector<source_options>& sources, const clock& time, validity& valid)
    : valid_(valid), time_(time), started_(time.now())
{
    for (const source_options& s : sources) {
        places_.push_back(std::make_unique<place>());
        places_.back()->is_read = s.kind != source_kind::webhook;
    }
    publish();
}

void feed_lag::publish()
{
    instant all = end_of_time;
    for (const auto& p : places_) {
        if (p->is_read) { all = std::min(all, at(p->known_until.load(std::memory_order_relaxed))); }
    }
    valid_.know_feeds_until(all, time_.now());
}

void feed_lag::know_until(std::size_t source, instant t)
{
    if (source >= places_.size()) { return; }
    places_[source]->known_until.store(t.time_since_epoch().count(), std::memory_order_relaxed);
    publish();
}

void feed_lag::know_at_least_until(std::size_t source, instant t)
{
    if (source >= places_.size()) { return; }
    know_until(source, std::max(t, at(places_[source]->known_until.load(std::memory_order_relaxed))));
}

void feed_lag::note_event(std::size_t source, milliseconds late)
{
    if (source >= places_.size()) { return; }
    places_[source]->late.store(std::max(milliseconds(0), late).count(), std::memory_order_relaxed);
    places_[source]->late_at.store(time_.now().time_since_epoch().count(), std::memory_order_relaxed);
}

milliseconds feed_lag::unknown_of(std::size_t source, instant now) const noexcept
{
    if (source >= places_.size() || !places_[source]->is_read) { return milliseconds(0); }
    const instant until = at(places_[source]->known_until.load(std::memory_order_relaxed));
    return until == never ? milliseconds::max() : std::max(milliseconds(0), now - until);
}

milliseconds feed_lag::of(std::size_t source, instant now) const noexcept
{
    if (source >= places_.size()) { return milliseconds(0); }
    const place& p = *places_[source];
    const milliseconds since_start = std::max(milliseconds(0), now - started_);
    const milliseconds unknown = unknown_of(source, now) == milliseconds::max() ? since_start : unknown_of(source, now);
    const bool is_recent = now - at(p.late_at.load(std::memory_order_relaxed)) < a_moment;
    const milliseconds late(is_recent ? p.late.load(std::memory_order_relaxed) : 0);
    return std::max(unknown > between_looks ? unknown : milliseconds(0), late);
}

}  // namespace tiercel::events
