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

resilience::retry_options hedges_of(const origin_options& o)
{
    resilience::retry_options budget;
    budget.budget = o.hedge.budget;
    budget.budget_floor = 1;   // without, a quiet origin would never have a token: they live ten seconds
    return budget;
}

bool has_room(const resilience::inflight_limit& l) noexcept
{
    return l.max() == 0 || l.inflight() < l.max() - l.max() / 4;
}

}  // namespace

upstream::upstream(std::string name, origin_options options, const clock& c, std::uint64_t seed)
    : name_(std::move(name)), options_(std::move(options)), clock_(c), budget_(options_.retry, c.now()),
      hedge_budget_(hedges_of(options_), c.now())
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

template <class Predicate>
std::vector<candidate> upstream::candidates_for(const wish& w, Predicate also) const
{
    std::vector<candidate> found;
    found.reserve(endpoints_.size());
    const bool heeds = heeds_health();
    for (const auto& e : endpoints_) {
        if (e.get() != w.avoid && (e->is_healthy() || !heeds) && also(*e)) {
            found.push_back({e->number(), e->cost(w.now), e->limit().inflight()});
        }
    }
    return found;
}

result<admission> upstream::admit(const wish& w, observer& seen)
{
    if (endpoints_.size() == 1) {
        return try_enter(*endpoints_.front(), w, seen);
    }
    auto candidates = candidates_for(w, [](const endpoint&) { return true; });
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

std::optional<admission> upstream::try_hedge(const wish& w, observer& seen)
{
    const auto candidates = candidates_for(w, [](const endpoint& e) {
        return e.breaker().state() == resilience::breaker_state::closed && has_room(e.limit());
    });
    if (candidates.empty()) {
        return std::nullopt;
    }
    auto entered = try_enter(*endpoints_[candidates[policy_->pick(candidates, {w.random, w.key})].endpoint], w, seen);
    return entered ? std::optional(std::move(*entered)) : std::nullopt;
}

void upstream::on_primary(instant now) noexcept
{
    budget_.on_primary(now);
    if (options_.hedge.after > milliseconds{0}) {
        hedge_budget_.on_primary(now);
    }
}

bool upstream::try_take_hedge(instant now) noexcept { return budget_.available(now) > 0 && hedge_budget_.try_take(now) && budget_.try_take(now); }

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
