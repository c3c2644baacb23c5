#include "http/event_stream.hpp"

#include "http/ascii.hpp"

#include <algorithm>

namespace tiercel {
namespace {

// A media type or range without its parameters.
bool names_event_stream(std::string_view value) noexcept
{
    constexpr std::string_view wanted = "text/event-stream";
    if (value.size() < wanted.size()) {
        return false;
    }
    std::string_view type = value.substr(0, value.find(';'));
    type = type.substr(0, type.find_last_not_of(" \t") + 1);
    return equal_lower(type, wanted);
}

}  // namespace

bool is_event_stream(const response_head& rs) noexcept { return names_event_stream(rs.first(header::content_type)); }

bool wants_event_stream(const request_head& rq) noexcept
{
    return std::any_of(rq.fields.begin(), rq.fields.end(), [](const field& f) {
        return f.id == header::other && equal_lower(f.name, "accept") && names_event_stream(f.value);
    });
}

}  // namespace tiercel
