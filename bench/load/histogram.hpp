#pragma once

// Times with a bounded relative error, however large they are, in little memory (after Gil Tene's HdrHistogram). Every power of
// two is cut into 2^bits equal buckets; values below 2^(bits+1) have a bucket each. So a bucket is at most 2^-bits of its values
// wide, and recording is a shift and an increment.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tiercel::load {

class histogram {
public:
    static constexpr unsigned bits = 7;   // error below 0.8 %

    void record(std::uint64_t value) { record(value, 1); }
    void record(std::uint64_t value, std::uint64_t times);
    void add(const histogram& other);

    std::uint64_t count() const noexcept { return count_; }
    // Exact. Zero when empty; so below.
    std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
    std::uint64_t max() const noexcept { return max_; }
    double mean() const noexcept;
    // The least value that at least that share of all is not above: the upper end of its bucket, never more than max().
    std::uint64_t quantile(double share) const noexcept;
    // How many are above: those whose whole bucket is.
    std::uint64_t count_above(std::uint64_t value) const noexcept;

private:
    static std::size_t bucket_of(std::uint64_t value) noexcept;
    static std::uint64_t last_of(std::size_t bucket) noexcept;

    std::vector<std::uint64_t> counts_;   // as long as the largest value needs
    std::uint64_t count_ = 0;
    std::uint64_t min_ = 0;
    std::uint64_t max_ = 0;
    double sum_ = 0;
};

}  // namespace tiercel::load
