// In turn, each as often as its weight says. The order of one whole round is laid out beforehand, smoothly: weights 3 and 1
// give a a b a and not a a a b. All loops share one position in it.

#include "origin/policies.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace tiercel::origin {
namespace {

std::vector<std::size_t> lay_out(std::span<const share> shares)
{
    std::vector<unsigned> weights;
    for (const share& s : shares) {
        weights.push_back(s.weight);
    }
    unsigned divisor = 0;
    for (const unsigned w : weights) {
        divisor = std::gcd(divisor, w);
    }
    std::int64_t total = 0;
    for (unsigned& w : weights) {
        w /= divisor;
        total += w;
    }
    // Everyone earns its weight per step; the richest is next and pays the total. Debts keep it from coming twice in a row.
    std::vector<std::int64_t> credit(weights.size());
    std::vector<std::size_t> round;
    for (std::int64_t step = 0; step < total; ++step) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
            credit[i] += weights[i];
        }
        const auto next = static_cast<std::size_t>(std::max_element(credit.begin(), credit.end()) - credit.begin());
        credit[next] -= total;
        round.push_back(next);
    }
    return round;
}

class round_robin final : public balancing_policy {
public:
    explicit round_robin(std::span<const share> shares) : round_(lay_out(shares)) {}

    std::size_t pick(std::span<const candidate> candidates, const draw&) noexcept override
    {
        // The first in turn that is a candidate. Whoever is none loses its turn to the one after it.
        const std::size_t from = position_.fetch_add(1, std::memory_order_relaxed);
        for (std::size_t i = 0; i < round_.size(); ++i) {
            const std::size_t wanted = round_[(from + i) % round_.size()];
            for (std::size_t c = 0; c < candidates.size(); ++c) {
                if (candidates[c].endpoint == wanted) {
                    return c;
                }
            }
        }
        return 0;
    }

private:
    const std::vector<std::size_t> round_;
    std::atomic<std::size_t> position_{0};
};

}  // namespace

std::unique_ptr<balancing_policy> make_round_robin(std::span<const share> shares)
{
    return std::make_unique<round_robin>(shares);
}

}  // namespace tiercel::origin
