#pragma once

// Which of many keys a request is for. Everything follows from the seed and the number of the request alone, so that a request
// can be asked for twice and two runs ask for the same.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tiercel::load {

// Well-mixed bits that follow from both numbers (splitmix64).
std::uint64_t random_bits(std::uint64_t seed, std::uint64_t number) noexcept;
double random_share(std::uint64_t seed, std::uint64_t number) noexcept;   // [0, 1)

// Zipf's law: the k-th most popular of n keys is asked for with a probability proportional to 1 / k^exponent. Exponent 0: all
// alike.
class popularity {
public:
    popularity(std::size_t keys, double exponent);   // REQUIRES: keys > 0

    std::size_t size() const noexcept { return up_to_.size(); }
    std::size_t pick(std::uint64_t seed, std::uint64_t number) const noexcept;   // 0 is the most popular

private:
    std::vector<double> up_to_;   // share of the keys up to this one
};

}  // namespace tiercel::load
