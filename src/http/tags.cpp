#include "http/tags.hpp"

#include "http/ascii.hpp"
#include "http/structured_field.hpp"

#include <algorithm>

namespace tiercel {
namespace {

// Calls `each` with what stands between separators.
template <class Each>
void split(std::string_view list, std::string_view separators, Each each)
{
    while (!list.empty()) {
        const std::size_t end = std::min(list.find_first_of(separators), list.size());
        if (end > 0) {
            each(list.substr(0, end));
        }
        list.remove_prefix(std::min(end + 1, list.size()));
    }
}

std::string_view trim(std::string_view s) noexcept
{
    const std::size_t first = std::min(s.find_first_not_of(" \t"), s.size());
    return s.substr(first, s.find_last_not_of(" \t") + 1 - first);
}

}  // namespace

std::vector<std::string> parse_groups(const message_head& head, std::string_view name)
{
    std::string all;
    for (const field& f : head.fields) {
        if (equal_ignoring_case(f.name, name)) {
            all.append(all.empty() ? "" : ", ").append(f.value);
        }
    }
    return parse_sf_string_list(all).value_or(std::vector<std::string>());
}

answer_tags parse_tags(const response_head& rs)
{
    answer_tags out;
    std::size_t bytes = 0;
    const auto count = [&](std::string_view tag) {
        bytes += tag.size();
        out.too_many = out.too_many || tag.size() > longest_tag || bytes > most_tag_bytes ||
                       out.tags.size() + out.groups.size() > most_tags;
    };
    const auto add = [&](std::string_view tag) {
        if (!out.too_many && !tag.empty()) {
            out.tags.emplace_back(tag);
            count(tag);
        }
    };
    for (const field& f : rs.fields) {
        if (f.id == header::surrogate_key) {
            split(f.value, " \t", add);
        } else if (f.id == header::cache_tag) {
            split(f.value, ",", [&](std::string_view tag) { add(trim(tag)); });
        }
    }
    if (rs.has(header::cache_groups)) {
        out.groups = parse_groups(rs, name_of(header::cache_groups));
        std::for_each(out.groups.begin(), out.groups.end(), count);
    }
    return out;
}

bool is_tag_field(header h) noexcept
{
    return h == header::surrogate_key || h == header::cache_tag;
}

}  // namespace tiercel
