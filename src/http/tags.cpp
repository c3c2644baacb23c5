#include "http/tags.hpp"

#include "http/ascii.hpp"
#include "http/member_list.hpp"
#include "http/structured_field.hpp"

#include <algorithm>

namespace tiercel {
namespace {

// Calls `each` with what stands between blanks.
template <class Each>
void for_each_word(std::string_view list, Each each)
{
    while (!list.empty()) {
        const std::size_t end = std::min(list.find_first_of(" \t"), list.size());
        if (end > 0) {
            each(list.substr(0, end));
        }
        list.remove_prefix(std::min(end + 1, list.size()));
    }
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
            for_each_word(f.value, add);
        } else if (f.id == header::cache_tag) {
            for_each_member(f.value, add);
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
