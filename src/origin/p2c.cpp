// Power of two choices (Mitzenmacher, 2001): draw two, take the cheaper. Nearly as even as looking at all of them, and
// without the herd that runs to the one that looks best at this moment.

#include "origin/policies.hpp"

namespace tiercel::origin {
namespace {

class p2c final : public balancing_policy {
public:
    std::size_t pick(std::span<const candidate> candidates, const draw& d) noexcept override
    {
        const std::uint64_t random = d.random;
        const std::size_t n = candidates.size();
        if (n == 1) {
            return 0;
        }
        const std::size_t a = static_cast<std::uint32_t>(random) % n;
        const std::size_t b = (a + 1 + (random >> 32) % (n - 1)) % n;   // another one, each with the same chance
        return candidates[b].cost < candidates[a].cost ? b : a;
    }
};

}  // namespace

std::unique_ptr<balancing_policy> make_p2c(std::span<const share>) { return std::make_unique<p2c>(); }

}  // namespace tiercel::origin
