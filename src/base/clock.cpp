#include <tiercel/clock.hpp>

#include <ctime>

namespace tiercel {
namespace {

// The coarse clocks: a few milliseconds behind at most, for a tenth of the price. Lifetimes and dates need no more.
milliseconds read(clockid_t which)
{
    timespec t{};
    ::clock_gettime(which, &t);
    return milliseconds(std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000);
}

milliseconds steady_ms() { return read(CLOCK_MONOTONIC_COARSE); }
milliseconds wall_ms() { return read(CLOCK_REALTIME_COARSE); }

}  // namespace

system_clock::system_clock() : anchor_(wall_ms() - steady_ms()) {}

instant system_clock::now() const
{
    return instant(anchor_ + steady_ms());
}

wall_time system_clock::wall() const
{
    return wall_time(wall_ms());
}

}  // namespace tiercel
