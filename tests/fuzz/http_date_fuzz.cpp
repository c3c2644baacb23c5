// Dates: what is read can be written in the first form and means the same there, whatever the clock says.

#include <tiercel/check.hpp>

#include "http/http_date.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace tiercel;

constexpr std::int64_t end_of_form = 253402300800;   // 10000-01-01

void try_parse(std::string_view text, std::int64_t now)
{
    const auto t = parse_http_date(text, now);
    if (!t || *t < 0 || *t >= end_of_form) {
        return;   // before 1970, or a two-digit year near the end of year 9999: has no form of ours
    }
    char out[29];
    format_http_date(*t, out);
    TIERCEL_CHECK(parse_http_date(std::string_view(out, sizeof out), now) == t);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const std::int64_t now : {INT64_MIN, std::int64_t{0}, std::int64_t{1767225600}, std::int64_t{4107542400}, INT64_MAX}) {
        try_parse(text, now);
    }
    return 0;
}
