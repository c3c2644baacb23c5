// Consistent hashing with bounded load (Mirrokni, Thorup, Zadimoghaddam, 2018): a URL always goes to the same endpoint, so that
// each one's own cache holds its share, and only what would overload it goes on to the next on the ring. When an endpoint comes
// or goes, no more than its share moves.

#include "origin/policies.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tiercel::origin {
namespace {

constexpr unsigned points_per_weight = 160;   // shares are even to about a tenth
constexpr unsigned most_points = 16'000;      // of one endpoint
constexpr double most_load = 1.25;            // of the mean

class hash_ring final : public balancing_policy {
public:
    explicit hash_ring(std::span<const share> shares)
    {
        const unsigned greatest = std::max_element(shares.begin(), shares.end(), [](auto& a, auto& b) { return a.weight < b.weight; })->weight;
        const double scale = std::min(1.0, static_cast<double>(most_points) / (double(points_per_weight) * greatest));
        for (std::size_t i = 0; i < shares.size(); ++i) {
            weights_.push_back(shares[i].weight);
            const auto points = std::max(1.0, std::round(scale * points_per_weight * shares[i].weight));
            std::uint64_t at = hash_of(shares[i].name);   // of the name, so that the place does not depend on the others
            for (unsigned p = 0; p < static_cast<unsigned>(points); ++p) {
                at = spread(at + split_mix_step);
                ring_.push_back({at, i});
            }
        }
        std::sort(ring_.begin(), ring_.end());
    }

    std::size_t pick(std::span<const candidate> candidates, const draw& d) noexcept override
    {
        double inflight = 1;   // this one too
        double weight = 0;
        for (const auto& c : candidates) {
            inflight += c.inflight;
            weight += weights_[c.endpoint];
        }
        const auto from = std::lower_bound(ring_.begin(), ring_.end(), point{spread(d.key), 0}) - ring_.begin();
        for (std::size_t i = 0; i < ring_.size(); ++i) {
            const std::size_t wanted = ring_[(static_cast<std::size_t>(from) + i) % ring_.size()].endpoint;
            for (std::size_t c = 0; c < candidates.size(); ++c) {
                if (candidates[c].endpoint == wanted &&
                    candidates[c].inflight + 1 <= std::ceil(most_load * inflight * weights_[wanted] / weight)) {
                    return c;
                }
            }
        }
        return 0;   // not reached: the mean is above somebody's load
    }

private:
    struct point {
        std::uint64_t at;
        std::size_t endpoint;
        friend auto operator<=>(const point&, const point&) = default;
    };

    std::vector<point> ring_;
    std::vector<unsigned> weights_;
};

}  // namespace

std::unique_ptr<balancing_policy> make_hash(std::span<const share> shares) { return std::make_unique<hash_ring>(shares); }

}  // namespace tiercel::origin
