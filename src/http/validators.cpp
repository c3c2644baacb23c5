#include "http/validators.hpp"

#include "http/member_list.hpp"

#include <cstddef>

namespace tiercel {
namespace {

// Only W/ right before a quote is a mark of weakness; anything else belongs to the bytes of a tag that is none.
std::string_view without_mark(std::string_view tag) noexcept
{
    return tag.starts_with("W/\"") ? tag.substr(2) : tag;
}

// Length of the member that `list` begins with. Commas are data between the quotes of a tag, where nothing is escaped
// (RFC 9110 §8.8.3); if the quotes do not enclose a whole member they mean nothing and the next comma ends it.
std::size_t member_length(std::string_view list) noexcept
{
    const std::size_t open = list.starts_with("W/") ? 2 : 0;
    if (list.substr(open).starts_with('"')) {
        const std::size_t close = list.find('"', open + 1);
        if (close != std::string_view::npos) {
            const std::string_view behind = trim(list.substr(close + 1));
            if (behind.empty() || behind.front() == ',') {
                return close + 1;
            }
        }
    }
    return list.substr(0, list.find(',')).size();
}

}  // namespace

bool is_weak(std::string_view tag) noexcept
{
    return tag.starts_with("W/");
}

bool weak_equal(std::string_view a, std::string_view b) noexcept
{
    return !a.empty() && without_mark(a) == without_mark(b);
}

bool strong_equal(std::string_view a, std::string_view b) noexcept
{
    return !a.empty() && !is_weak(a) && a == b;
}

bool list_holds(std::string_view list, std::string_view tag) noexcept
{
    list = trim(list);
    if (list == "*") {
        return true;
    }
    while (!list.empty()) {
        const std::size_t length = member_length(list);
        if (weak_equal(trim(list.substr(0, length)), tag)) {
            return true;
        }
        const std::size_t comma = list.find(',', length);
        list = comma == std::string_view::npos ? std::string_view() : trim(list.substr(comma + 1));
    }
    return false;
}

}  // namespace tiercel
