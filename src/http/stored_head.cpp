#include "http/stored_head.hpp"

#include "http/forwarding.hpp"
#include "http/framing.hpp"
#include "http/head_parser.hpp"

#include <algorithm>
#include <limits>
#include <string>

namespace tiercel {
namespace {

// A part (206) and a confirmation (304) are no answers of their own, and others are never stored.
bool is_storable_status(int status) noexcept
{
    return status >= 200 && status <= 599 && status != 206 && status != 304;
}

// "NAME: VALUE" CRLF, and nothing else around. REQUIRES: `f` was parsed from a line that ends in CRLF.
bool is_as_written(const field& f) noexcept
{
    return f.value.data() == f.name.data() + f.name.size() + 2 && f.name.data()[f.name.size() + 1] == ' ' &&
           f.value.data()[f.value.size()] == '\r';
}

bool may_be_stored(header h) noexcept
{
    return !is_hop_by_hop(h) && h != header::age && h != header::x_request_id;
}

bool says_length(const response_head& rs, byte_count content) noexcept
{
    if (rs.status == 204) { return content == 0 && !rs.has(header::content_length); }
    return rs.count(header::content_length) == 1 && parse_content_length(rs.first(header::content_length)) == content;
}

// It may be kept beside a head that is not to show it (no-cache="etag"), and goes into requests to the origin.
bool is_etag_of(const response_head& rs, std::string_view etag)
{
    if (rs.has(header::etag)) { return rs.first(header::etag) == etag; }
    return is_field_value(etag);
}

}  // namespace

bool is_stored_head(std::string_view head, int status, byte_count content, std::string_view etag)
{
    constexpr std::string_view version = "HTTP/1.1 ";
    if (!is_storable_status(status) || !head.starts_with(version)) { return false; }
    std::string whole;
    whole.reserve(head.size() + 2);
    whole.append(head).append("\r\n");
    response_head_parser parser({.header_bytes = whole.size() + 1, .header_count = std::numeric_limits<std::size_t>::max()});
    const auto parsed = parser.parse(whole);
    if (!parsed || *parsed != whole.size()) { return false; }   // the first empty line is the last line
    const response_head& rs = parser.head();
    return rs.status == status && says_length(rs, content) && is_etag_of(rs, etag) &&
           std::all_of(rs.fields.begin(), rs.fields.end(), [](const field& f) { return may_be_stored(f.id) && is_as_written(f); });
}

}  // namespace tiercel
