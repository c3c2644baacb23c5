#include "load/popularity.hpp"

#include <algorithm>
#include <cmath>

namespace tiercel::load {

std::uint64_t random_bits(std::uint64_t seed, std::uint64_t number) noexcept
{
    std::uint64_t x = seed * 0xd1342543de82ef95u + (number + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

double random_share(std::uint64_t seed, std::uint64_t number) noexcept
{
    return static_cast<double>(random_bits(seed, number) >> 11) * 0x1p-53;
}

popularity::popularity(std::size_t keys, double exponent) : up_to_(keys)
{
    double sum = 0;
    for (std::size_t k = 0; k < keys; ++k) { up_to_[k] = sum += std::pow(static_cast<double>(k + 1), -exponent); }
    for (double& share : up_to_) { share /= sum; }
}

std::size_t popularity::pick(std::uint64_t seed, std::uint64_t number) const noexcept
{
    const auto at = std::upper_bound(up_to_.begin(), up_to_.end(), random_share(seed, number));
    return std::min(static_cast<std::size_t>(at - up_to_.begin()), up_to_.size() - 1);
}

}  // namespace tiercel::load
