#include "cache/vary_index.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <vector>

namespace tiercel {
namespace {

std::string lower_case(std::string_view name)
{
    std::string out(name);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') { c = static_cast<char>(c - 'A' + 'a'); }
    }
    return out;
}

// Equal sets of names become equal bytes.
std::string framed_list(std::span<const std::string_view> names)
{
    std::vector<std::string> sorted;
    for (const std::string_view name : names) {
        if (!name.empty()) { sorted.push_back(lower_case(name)); }
    }
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    std::string out;
    for (const std::string& name : sorted) {
        append_frame(out, name);
    }
    return out;
}

}  // namespace

vary_lists vary_lists_of(const entry& e) noexcept
{
    TIERCEL_CHECK(e.is(entry_flag::vary_descriptor));
    return vary_lists(e.small_body());
}

entry_ptr make_vary_descriptor(entry_parts base, const entry* old, std::span<const std::string_view> names)
{
    const std::string newest = framed_list(names);
    std::string body;
    append_frame(body, newest);
    if (old != nullptr) {
        std::size_t count = 1;
        for (const vary_list list : vary_lists_of(*old)) {
            if (count == most_vary_lists) { break; }
            if (list.bytes() == newest) { continue; }
            append_frame(body, list.bytes());
            ++count;
        }
        entry_times& t = base.times;
        t.fresh_until = std::max(t.fresh_until, old->times().fresh_until);
        t.swr_until = std::max(t.swr_until, old->times().swr_until);
        t.sie_until = std::max(t.sie_until, old->times().sie_until);
        t.unreachable_until = std::max(t.unreachable_until, old->times().unreachable_until);
    }
    base.flags = entry_flag::vary_descriptor;
    base.status = 200;
    base.head = {};
    base.etag = {};
    base.last_modified = {};
    base.date = {};
    base.content = nullptr;
    base.small_body = body;
    return entry::make(base);
}

}  // namespace tiercel
