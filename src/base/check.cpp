#include <tiercel/check.hpp>

#include <cstdio>
#include <cstdlib>

namespace tiercel {

void check_failed(const char* expression, const char* file, int line) noexcept
{
    std::fprintf(stderr, "tiercel: invariant broken: %s (%s:%d)\n", expression, file, line);
    std::abort();
}

}  // namespace tiercel
