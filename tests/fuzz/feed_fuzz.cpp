// Pages of feeds, and their links, as any server may send them. Input: a line for Link, then the page. A link leads to a path on the same
// server or nowhere; stamps never lead back; a cursor in a target is one word of its query; an event is read again as it was written down.

#include "events/event.hpp"
#include "events/feed.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace tiercel;
using namespace tiercel::events;

bool is_clean(std::string_view target)
{
    return std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
}

void check_page(std::string_view body, feed_cursor kind)
{
    const feed_page page = read_feed_page(body, kind);
    TIERCEL_CHECK(page.problem.empty() || page.events.empty());
    TIERCEL_CHECK(page.events.size() <= most_events_on_page);
    const std::string before = kind == feed_cursor::id ? "a" : "2026-11-25T05:00:00Z";
    constexpr std::int64_t latest = 1'800'000'000'000'000;
    const std::string after = moved_cursor(kind, before, page, latest);
    if (kind == feed_cursor::time) { TIERCEL_CHECK(after == before || *read_time(after) > *read_time(before)); }
    TIERCEL_CHECK(moved_cursor(kind, after, page, latest) == after);
    const std::string target = feed_target("/changes", "since", after);
    TIERCEL_CHECK(is_clean(target) && target.find('&') == target.npos && target.find('=') == target.rfind('='));
    for (const feed_event& e : page.events) {
        const feed_page again = read_feed_page("[" + e.text + "]", kind);
        TIERCEL_CHECK(again.events.size() == 1 && again.events[0].mark == e.mark && again.events[0].time == e.time);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(all.find('\n'), all.size());
    const auto next = next_target({std::string(all.substr(0, end))}, "feed.example:81", "/a/changes?since=1");
    if (next && !next->empty()) { TIERCEL_CHECK(next->front() == '/' && is_clean(*next)); }
    const std::string_view body = all.substr(std::min(end + 1, all.size()));
    check_page(body, feed_cursor::id);
    check_page(body, feed_cursor::time);
    return 0;
}
