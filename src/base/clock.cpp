#include <tiercel/clock.hpp>

namespace tiercel {
namespace {

milliseconds steady_ms()
{
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
}

milliseconds wall_ms()
{
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

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
