#include "origin/upstream.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel::origin {
namespace {

std::vector<share> shares_of(const origin_options& o)
{
    std::vector<share> shares;
    for (const auto& e : o.endpoints) {
        shares.push_back({e.url, e.weight});
    }
    return shares;
}

}  // namespace

upstream::upstream(std::string name, origin_options options, const clock& c, std::uint64_t seed)
    : name_(std::move(name)), options_(std::move(options)), clock_(c), budget_(options_.retry, c.now())
{
    TIERCEL_CHECK(problem(options_).empty());
    for (const auto& e : options_.endpoints) {
        endpoints_.push_back(std::make_unique<endpoint>(options_, e, endpoints_.size(), seed + endpoints_.size()));
    }
    const auto* const policy = find_balancing_policy(options_.balance);
    policy_ = policy->make(shares_of(options_));
    by_key_ = policy->by_key && endpoints_.size() > 1;
}

upstream::~upstream() = default;

error_code upstream::resolve(const lookup& look)
{
    error_code last;
    bool any = false;
    for (const auto& e : endpoints_) {
        const error_code ec = e->resolve(look);
        any = any || !ec;
        last = ec ? ec : last;
    }
    return any ? error_code() : last;
}

bool upstream::heeds_health() const noexcept
{
    const auto well = std::count_if(endpoints_.begin(), endpoints_.end(), [](const auto& e) { return e->is_healthy(); });
    return static_cast<std::size_t>(well) * 2 >= endpoints_.size();
}

result<admission> upstream::try_enter(endpoint& e, const wish& w, observer& seen)
{
    auto let = e.breaker().try_acquire(w.at);
    if (let.moved) {
        seen.on_transition(e, *let.moved);
    }
    if (!let) {
        return errc::breaker_open;
    }
    if (w.what == resilience::attempt_class::background && e.is_background_paused(w.now)) {
        return errc::origin_busy;
    }
    admission a{&e, std::move(let.pass), e.limit().try_enter(w.what)};
    if (!a.place) {
        return errc::origin_busy;
    }
    return a;
}

result<admission> upstream::admit(const wish& w, observer& seen)
{
    if (endpoints_.size() == 1) {
        return try_enter(*endpoints_.front(), w, seen);
    }
    std::vector<candidate> candidates;
    candidates.reserve(endpoints_.size());
    const bool heeds = heeds_health();
    for (const auto& e : endpoints_) {
        if (e.get() != w.avoid && (e->is_healthy() || !heeds)) {
            candidates.push_back({e->number(), e->cost(w.now), e->limit().inflight()});
        }
    }
    error_code why = errc::breaker_open;
    while (!candidates.empty()) {
        const std::size_t at = policy_->pick(candidates, {w.random, w.key});
        auto entered = try_enter(*endpoints_[candidates[at].endpoint], w, seen);
        if (entered) {
            return entered;
        }
        if (entered.error() == errc::origin_busy) {
            why = entered.error();
        }
        candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(at));
    }
    if (w.avoid == nullptr) {
        return why;
    }
    auto entered = try_enter(*endpoints_[w.avoid->number()], w, seen);
    if (!entered && why == errc::origin_busy) {
        return why;
    }
    return entered;
}

bool upstream::all_breakers_open() const
{
    return until_first_probe() > milliseconds{0};
}

milliseconds upstream::until_first_probe() const
{
    const instant now = clock_.now();
    milliseconds least = milliseconds::max();
    for (const auto& e : endpoints_) {
        least = std::min(least, e->breaker().remaining_open(now));
    }
    return least;
}

}  // namespace tiercel::origin
