#include "http/http_date.hpp"

#include "http/ascii.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace tiercel {
namespace {

namespace chrono = std::chrono;

constexpr std::array<std::string_view, 7> days_of_week{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_days_of_week{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                            "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr std::int64_t last_second = 253402300799;   // 9999-12-31 23:59:59

// Eats a date from the left. The first thing that does not fit makes the whole bad for good, so that the forms below read
// like their grammar and are asked once, at the end.
class cursor {
public:
    explicit cursor(std::string_view text) : rest_(text) {}

    bool at_end_of_good() const { return good_ && rest_.empty(); }

    bool next_is(char c) const { return !rest_.empty() && rest_.front() == c; }

    // Exactly `text`, its letters in any case.
    bool literal(std::string_view text)
    {
        const bool same = starts_with(text);
        eat(same, text.size());
        return same;
    }

    // Position of the name that comes next. No name in a list is the beginning of another one.
    template <std::size_t N>
    unsigned name(const std::array<std::string_view, N>& list)
    {
        for (unsigned i = 0; i < N; ++i) {
            if (starts_with(list[i])) {
                eat(true, list[i].size());
                return i;
            }
        }
        good_ = false;
        return 0;
    }

    // A number of exactly `digits` digits, at most `most`. That a day is not 0 is for the calendar to say.
    int number(std::size_t digits, int most)
    {
        int n = 0;
        bool fits = rest_.size() >= digits;
        for (std::size_t i = 0; fits && i < digits; ++i) {
            fits = rest_[i] >= '0' && rest_[i] <= '9';
            n = n * 10 + (rest_[i] - '0');
        }
        eat(fits && n <= most, digits);
        return n;
    }

private:
    bool starts_with(std::string_view text) const
    {
        return rest_.size() >= text.size() &&
               equal_ignoring_case(text, rest_.substr(0, text.size()));
    }

    void eat(bool fits, std::size_t n)
    {
        good_ = good_ && fits;
        rest_.remove_prefix(good_ ? n : 0);
    }

    std::string_view rest_;
    bool good_ = true;
};

struct date {
    int year = 0;
    unsigned month = 1;
    int day = 1;
    std::int64_t second = 0;   // of the day

    chrono::year_month_day civil() const
    {
        return chrono::year(year) / chrono::month(month) / chrono::day(static_cast<unsigned>(day));
    }
    // A 29 February of a common year counts as 1 March.
    std::int64_t seconds() const
    {
        return std::int64_t{chrono::sys_days(civil()).time_since_epoch().count()} * 86400 + second;
    }
};

std::int64_t time_of_day(cursor& in)
{
    const int hour = in.number(2, 23);
    in.literal(":");
    const int minute = in.number(2, 59);
    in.literal(":");
    // A leap second has no number of its own since 1970: it is read as the second before it.
    const int second = std::min(in.number(2, 60), 59);
    return std::int64_t{hour} * 3600 + minute * 60 + second;
}

// 06 Nov 1994 08:49:37 GMT, after the weekday
date imf_fixdate(cursor& in)
{
    date d;
    d.day = in.number(2, 31);
    in.literal(" ");
    d.month = in.name(months) + 1;
    in.literal(" ");
    d.year = in.number(4, 9999);
    in.literal(" ");
    d.second = time_of_day(in);
    in.literal(" GMT");
    return d;
}

// The latest year that ends in `two_digits` and does not put `d` more than 50 years after `now` (RFC 9110 §5.6.7).
int full_year(date d, int two_digits, std::int64_t now)
{
    now = std::clamp<std::int64_t>(now, 0, last_second);
    const chrono::year_month_day today(chrono::floor<chrono::days>(chrono::sys_seconds(chrono::seconds(now))));
    const int year = static_cast<int>(today.year());
    d.year = year - year % 100 + 100 + two_digits - 50;
    while (d.seconds() > now) {
        d.year -= 100;
    }
    return d.year + 50;
}

// 06-Nov-94 08:49:37 GMT, after the weekday
date rfc850_date(cursor& in, std::int64_t now)
{
    date d;
    d.day = in.number(2, 31);
    in.literal("-");
    d.month = in.name(months) + 1;
    in.literal("-");
    const int two_digits = in.number(2, 99);
    in.literal(" ");
    d.second = time_of_day(in);
    in.literal(" GMT");
    if (in.at_end_of_good()) {
        d.year = full_year(d, two_digits, now);
    }
    return d;
}

// Nov  6 08:49:37 1994, after the weekday
date asctime_date(cursor& in)
{
    date d;
    d.month = in.name(months) + 1;
    in.literal(" ");
    if (in.next_is(' ')) {
        in.literal(" ");
        d.day = in.number(1, 9);
    } else {
        d.day = in.number(2, 31);
    }
    in.literal(" ");
    d.second = time_of_day(in);
    in.literal(" ");
    d.year = in.number(4, 9999);
    return d;
}

// The delimiter behind the weekday tells the forms apart: "Sun, " "Sunday, " "Sun ".
date any_form(cursor& in, std::string_view text, std::int64_t now)
{
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) {
        in.name(days_of_week);
        in.literal(" ");
        return asctime_date(in);
    }
    if (comma == 3) {
        in.name(days_of_week);
        in.literal(", ");
        return imf_fixdate(in);
    }
    in.name(long_days_of_week);
    in.literal(", ");
    return rfc850_date(in, now);
}

void put(char*& out, std::string_view text) { out = std::copy(text.begin(), text.end(), out); }

void put_number(char*& out, unsigned n, int digits)
{
    for (int i = digits - 1; i >= 0; --i) {
        out[i] = static_cast<char>('0' + n % 10);
        n /= 10;
    }
    out += digits;
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now) noexcept
{
    cursor in(text);
    const date d = any_form(in, text, now);
    if (!in.at_end_of_good() || !d.civil().ok()) {
        return std::nullopt;
    }
    return d.seconds();
}

void format_http_date(std::int64_t t, char (&out)[29]) noexcept
{
    TIERCEL_CHECK(t >= 0 && t <= last_second);
    const chrono::sys_seconds at{chrono::seconds(t)};
    const auto midnight = chrono::floor<chrono::days>(at);
    const chrono::year_month_day civil(midnight);
    const chrono::hh_mm_ss time(at - midnight);
    char* p = out;
    put(p, days_of_week[chrono::weekday(midnight).c_encoding()]);
    put(p, ", ");
    put_number(p, static_cast<unsigned>(civil.day()), 2);
    put(p, " ");
    put(p, months[static_cast<unsigned>(civil.month()) - 1]);
    put(p, " ");
    put_number(p, static_cast<unsigned>(static_cast<int>(civil.year())), 4);
    put(p, " ");
    put_number(p, static_cast<unsigned>(time.hours().count()), 2);
    put(p, ":");
    put_number(p, static_cast<unsigned>(time.minutes().count()), 2);
    put(p, ":");
    put_number(p, static_cast<unsigned>(time.seconds().count()), 2);
    put(p, " GMT");
}

}  // namespace tiercel
