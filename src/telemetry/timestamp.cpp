#include "telemetry/timestamp.hpp"

#include <cstring>

namespace tiercel::telemetry {
namespace {

void put_digits(char* out, int digits, std::int64_t value) noexcept
{
    for (int i = digits; i-- > 0; value /= 10) { out[i] = static_cast<char>('0' + value % 10); }
}

struct calendar {
    explicit calendar(std::int64_t second) noexcept
        : calendar(std::chrono::sys_seconds(std::chrono::seconds(second)))
    {
    }
    explicit calendar(std::chrono::sys_seconds t) noexcept
        : day(std::chrono::floor<std::chrono::days>(t)), time(t - std::chrono::floor<std::chrono::days>(t))
    {
    }
    std::chrono::year_month_day day;
    std::chrono::hh_mm_ss<std::chrono::seconds> time;
};

constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

}  // namespace

std::string_view timestamp::iso(wall_time t) noexcept
{
    const auto ms = t.time_since_epoch().count();
    const auto second = std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
    if (second != iso_second_) {
        const calendar c(second);
        std::memcpy(iso_.data(), "0000-00-00T00:00:00.000Z", iso_.size());
        put_digits(&iso_[0], 4, static_cast<int>(c.day.year()));
        put_digits(&iso_[5], 2, static_cast<unsigned>(c.day.month()));
        put_digits(&iso_[8], 2, static_cast<unsigned>(c.day.day()));
        put_digits(&iso_[11], 2, c.time.hours().count());
        put_digits(&iso_[14], 2, c.time.minutes().count());
        put_digits(&iso_[17], 2, c.time.seconds().count());
        iso_second_ = second;
    }
    put_digits(&iso_[20], 3, ms - second * 1000);
    return {iso_.data(), iso_.size()};
}

std::string_view timestamp::clf(wall_time t) noexcept
{
    const auto second = std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
    if (second != clf_second_) {
        const calendar c(second);
        std::memcpy(clf_.data(), "00/Jan/0000:00:00:00 +0000", clf_.size());
        put_digits(&clf_[0], 2, static_cast<unsigned>(c.day.day()));
        std::memcpy(&clf_[3], months.data() + 3 * (static_cast<unsigned>(c.day.month()) - 1), 3);
        put_digits(&clf_[7], 4, static_cast<int>(c.day.year()));
        put_digits(&clf_[12], 2, c.time.hours().count());
        put_digits(&clf_[15], 2, c.time.minutes().count());
        put_digits(&clf_[18], 2, c.time.seconds().count());
        clf_second_ = second;
    }
    return {clf_.data(), clf_.size()};
}

}  // namespace tiercel::telemetry
