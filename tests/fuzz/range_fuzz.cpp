// The first byte is the length of a content, what follows up to a line feed a Range, the rest a Content-Range. What is planned
// are the bytes that were asked for, no matter how one counts; and what is written reads the same.

#include <tiercel/check.hpp>

#include "http/range.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tiercel;

bool asks_for(const range_spec& r, std::uint64_t position, std::uint64_t length)
{
    return r.suffix ? length - position <= r.first : r.first <= position && position <= r.last;
}

// Byte by byte, as a reader of RFC 9110 §14.1.2 would.
void check_plan(const std::vector<range_spec>& asked, std::uint64_t length)
{
    const range_plan plan = plan_ranges(asked, length);
    if (plan.how == range_answer::whole) {
        TIERCEL_CHECK(plan.spans.empty());
        return;
    }
    std::vector<bool> wanted(length);
    for (std::uint64_t p = 0; p < length; ++p) {
        wanted[p] = std::any_of(asked.begin(), asked.end(), [&](const range_spec& r) { return asks_for(r, p, length); });
    }
    // Each byte that is wanted is in one span, no other byte is in any, and no two spans could be one.
    for (std::uint64_t p = 0; p < length; ++p) {
        const auto in = std::count_if(plan.spans.begin(), plan.spans.end(), [&](const byte_span& s) { return s.first <= p && p <= s.last; });
        TIERCEL_CHECK(in == (wanted[p] ? 1 : 0));
    }
    for (const byte_span& s : plan.spans) {
        TIERCEL_CHECK(s.first <= s.last && s.last < length);
        TIERCEL_CHECK((s.first == 0 || !wanted[s.first - 1]) && (s.last + 1 == length || !wanted[s.last + 1]));
    }
    TIERCEL_CHECK((plan.how == range_answer::unsatisfiable) == plan.spans.empty());
    TIERCEL_CHECK((plan.how == range_answer::one) == (plan.spans.size() == 1));
}

std::string written(const std::vector<range_spec>& all)
{
    std::string out = "bytes=";
    for (const range_spec& r : all) {
        out += r.suffix ? "-" + std::to_string(r.first)
                        : std::to_string(r.first) + "-" + (r.last == range_spec::open_end ? "" : std::to_string(r.last));
        out += ",";
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t line = std::min(text.find('\n'), text.size());
    if (const auto asked = parse_range(text.substr(0, line))) {
        TIERCEL_CHECK(!asked->empty() && asked->size() <= most_ranges);
        TIERCEL_CHECK(parse_range(written(*asked)) == asked);
        check_plan(*asked, data[0]);
        for (const byte_span& s : plan_ranges(*asked, longest_content).spans) {
            TIERCEL_CHECK(s.first <= s.last && s.last < longest_content);
        }
    }
    if (const auto part = parse_content_range(text.substr(std::min(line + 1, text.size())))) {
        TIERCEL_CHECK(part->span.first <= part->span.last && (!part->total || part->span.last < *part->total));
        std::string again;
        append_content_range(again, *part);
        TIERCEL_CHECK(parse_content_range(again) == part);
    }
    return 0;
}
