#include "load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tiercel::load {

std::size_t histogram::bucket_of(std::uint64_t value) noexcept
{
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= bits + 1) { return value; }
    const unsigned shift = width - (bits + 1);
    return (std::size_t{shift} << bits) + (value >> shift);
}

std::uint64_t histogram::last_of(std::size_t bucket) noexcept
{
    if (bucket < (1u << (bits + 1))) { return bucket; }
    const std::size_t shift = (bucket >> bits) - 1;
    const std::uint64_t part = bucket - (shift << bits);
    return ((part + 1) << shift) - 1;
}

void histogram::record(std::uint64_t value, std::uint64_t times)
{
    if (times == 0) { return; }
    const std::size_t bucket = bucket_of(value);
    if (bucket >= counts_.size()) { counts_.resize(bucket + 1); }
    counts_[bucket] += times;
    min_ = count_ == 0 ? value : std::min(min_, value);
    max_ = std::max(max_, value);
    count_ += times;
    sum_ += static_cast<double>(value) * static_cast<double>(times);
}

void histogram::add(const histogram& other)
{
    if (other.count_ == 0) { return; }
    counts_.resize(std::max(counts_.size(), other.counts_.size()));
    for (std::size_t i = 0; i < other.counts_.size(); ++i) { counts_[i] += other.counts_[i]; }
    min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    count_ += other.count_;
    sum_ += other.sum_;
}

double histogram::mean() const noexcept
{
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t histogram::quantile(double share) const noexcept
{
    const double clamped = std::clamp(share, 0.0, 1.0);
    const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(clamped * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= wanted) { return std::min(last_of(i), max_); }
    }
    return max_;
}

std::uint64_t histogram::count_above(std::uint64_t value) const noexcept
{
    std::uint64_t above = 0;
    for (std::size_t i = bucket_of(value) + 1; i < counts_.size(); ++i) { above += counts_[i]; }
    return above;
}

}  // namespace tiercel::load
