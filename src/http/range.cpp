#include "http/range.hpp"

#include "http/ascii.hpp"
#include "http/http_date.hpp"
#include "http/member_list.hpp"
#include "http/validators.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel {
namespace {

// Many small ranges: more than so many, and together (with what separates them) no shorter than the whole.
constexpr std::size_t many = 8;
constexpr std::uint64_t cost_of_part = 100;

bool take_unit(std::string_view& s, char behind) noexcept
{
    constexpr std::string_view unit = "bytes";   // names of units have no case (RFC 9110 §14.1)
    if (s.size() <= unit.size() || s[unit.size()] != behind ||
        !equal_lower(s.substr(0, unit.size()), unit)) {
        return false;
    }
    s.remove_prefix(unit.size() + 1);
    return true;
}

enum class overflow : std::uint8_t { refuse, saturate };

// The digits that `s` begins with, at least one.
bool take_number(std::string_view& s, std::uint64_t& n, overflow how) noexcept
{
    const auto end = static_cast<std::size_t>(std::find_if_not(s.begin(), s.end(), is_digit) - s.begin());
    const auto [stop, ec] = std::from_chars(s.data(), s.data() + end, n);
    if (end == 0 || (ec != std::errc() && how == overflow::refuse)) {
        return false;
    }
    if (ec != std::errc()) {
        n = std::numeric_limits<std::uint64_t>::max();
    }
    s.remove_prefix(end);
    return true;
}

bool take_char(std::string_view& s, char c) noexcept
{
    if (s.empty() || s.front() != c) {
        return false;
    }
    s.remove_prefix(1);
    return true;
}

std::optional<range_spec> parse_spec(std::string_view s) noexcept
{
    range_spec r;
    r.suffix = take_char(s, '-');
    if (!take_number(s, r.first, overflow::saturate)) {
        return std::nullopt;
    }
    if (!r.suffix) {
        if (!take_char(s, '-') || (!s.empty() && !take_number(s, r.last, overflow::saturate)) || r.last < r.first) {
            return std::nullopt;
        }
    }
    return s.empty() ? std::optional(r) : std::nullopt;
}

std::optional<byte_span> resolve(const range_spec& r, std::uint64_t length) noexcept
{
    if (r.suffix) {
        return r.first == 0 || length == 0 ? std::nullopt
                                           : std::optional(byte_span{length - std::min(r.first, length), length - 1});
    }
    return r.first >= length ? std::nullopt : std::optional(byte_span{r.first, std::min(r.last, length - 1)});
}

bool are_too_entangled(const std::vector<byte_span>& spans) noexcept
{
    const auto overlaps_another = [&](const byte_span& a) {
        return std::any_of(spans.begin(), spans.end(),
                           [&](const byte_span& b) { return &a != &b && a.first <= b.last && b.first <= a.last; });
    };
    return std::count_if(spans.begin(), spans.end(), overlaps_another) > 2;
}

bool touch(const byte_span& a, const byte_span& b) noexcept { return a.first <= b.last + 1 && b.first <= a.last + 1; }

// What overlaps or adjoins becomes one, in the place of the first of it: no byte is sent twice (RFC 9110 §15.3.7.2).
void add(std::vector<byte_span>& apart, byte_span s)
{
    auto place = apart.end();
    for (auto at = apart.begin(); at != apart.end();) {
        if (!touch(*at, s)) {
            ++at;
            continue;
        }
        s = {std::min(s.first, at->first), std::max(s.last, at->last)};
        if (place == apart.end()) {
            place = at++;
        } else {
            at = apart.erase(at);   // behind `place`, which stays where it is
        }
    }
    if (place == apart.end()) {
        apart.push_back(s);
    } else {
        *place = s;
    }
}

bool are_many_and_small(const std::vector<byte_span>& spans, std::uint64_t length) noexcept
{
    std::uint64_t sum = 0;   // fits: none of them overlap
    for (const byte_span& s : spans) {
        sum += s.size() + cost_of_part;
    }
    return spans.size() > many && sum >= length;
}

void append_number(std::string& out, std::uint64_t n)
{
    char digits[24];
    out.append(digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, n).ptr - digits));
}

}  // namespace

std::optional<std::vector<range_spec>> parse_range(std::string_view value)
{
    if (!take_unit(value, '=')) {
        return std::nullopt;
    }
    std::vector<range_spec> all;
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        const std::string_view one = trim(value.substr(0, comma));
        value.remove_prefix(std::min(comma + 1, value.size()));
        if (one.empty()) {
            continue;   // RFC 9110 §5.6.1.2
        }
        const auto spec = parse_spec(one);
        if (!spec || all.size() == most_ranges) {
            return std::nullopt;
        }
        all.push_back(*spec);
    }
    return all.empty() ? std::nullopt : std::optional(std::move(all));
}

std::optional<std::vector<range_spec>> parse_range(const request_head& rq)
{
    return rq.count(header::range) == 1 ? parse_range(rq.first(header::range)) : std::nullopt;
}

range_plan plan_ranges(const std::vector<range_spec>& asked, std::uint64_t length)
{
    range_plan p;
    if (length == 0 && std::any_of(asked.begin(), asked.end(), [](const range_spec& r) { return r.suffix && r.first != 0; })) {
        return p;
    }
    std::vector<byte_span> there;
    for (const range_spec& r : asked) {
        if (const auto span = resolve(r, length)) {
            there.push_back(*span);
            add(p.spans, *span);
        }
    }
    if (p.spans.empty()) {
        p.how = range_answer::unsatisfiable;
    } else if (are_too_entangled(there) || are_many_and_small(p.spans, length)) {
        p.spans.clear();
    } else if (p.spans.size() == 1) {
        p.how = range_answer::one;   // never a multipart for a single one (RFC 9110 §15.3.7.2)
    } else {
        p.how = range_answer::several;
    }
    return p;
}

bool if_range_holds(const request_head& rq, const range_validators& known) noexcept
{
    if (!rq.has(header::if_range)) {
        return true;
    }
    if (rq.count(header::if_range) != 1) {
        return false;
    }
    const std::string_view value = rq.first(header::if_range);
    if (value.substr(0, 3).find('"') != std::string_view::npos) {   // which tells tags from dates
        return strong_equal(value, known.etag);
    }
    const auto since = parse_http_date(value, known.now);
    return since && known.last_modified && known.date && *since == *known.last_modified && *known.last_modified < *known.date;
}

std::optional<content_range> parse_content_range(std::string_view value) noexcept
{
    content_range r;
    if (!take_unit(value, ' ') || !take_number(value, r.span.first, overflow::refuse) || !take_char(value, '-') ||
        !take_number(value, r.span.last, overflow::refuse) || !take_char(value, '/')) {
        return std::nullopt;
    }
    if (value != "*") {
        std::uint64_t total = 0;
        if (!take_number(value, total, overflow::refuse) || !value.empty() || r.span.last >= total) {
            return std::nullopt;
        }
        r.total = total;
    }
    return r.span.first <= r.span.last && r.span.last < longest_content && r.total.value_or(0) <= longest_content
               ? std::optional(r)
               : std::nullopt;
}

void append_content_range(std::string& out, const content_range& r)
{
    out.append("bytes ");
    append_number(out, r.span.first);
    out.append("-");
    append_number(out, r.span.last);
    out.append("/");
    if (r.total) {
        append_number(out, *r.total);
    } else {
        out.append("*");
    }
}

void append_unsatisfied_range(std::string& out, std::uint64_t total)
{
    out.append("bytes */");
    append_number(out, total);
}

std::string multipart_type(std::string_view boundary)
{
    std::string out = "multipart/byteranges; boundary=";
    out.append(boundary);
    return out;
}

std::string multipart_head(std::string_view boundary, std::string_view type, const content_range& r, bool is_first)
{
    std::string out = is_first ? "--" : "\r\n--";
    out.append(boundary).append("\r\n");
    if (!type.empty()) {
        out.append("Content-Type: ").append(type).append("\r\n");
    }
    out.append("Content-Range: ");
    append_content_range(out, r);
    out.append("\r\n\r\n");
    return out;
}

std::string multipart_end(std::string_view boundary)
{
    std::string out = "\r\n--";
    out.append(boundary).append("--\r\n");
    return out;
}

}  // namespace tiercel
