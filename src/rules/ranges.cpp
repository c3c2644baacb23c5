#include "rules/ranges.hpp"

#include "http/validators.hpp"

#include <algorithm>

namespace tiercel {
namespace {

// The pieces from `at` on, as far as they follow each other without a gap. Always the part that reaches furthest: never more
// pieces than needed.
std::vector<part_piece> run_from(std::uint64_t at, std::uint64_t last, std::span<const byte_span> parts)
{
    std::vector<part_piece> pieces;
    while (at <= last) {
        std::optional<std::size_t> best;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (parts[i].first <= at && at <= parts[i].last && (!best || parts[i].last > parts[*best].last)) {
                best = i;
            }
        }
        if (!best) {
            break;
        }
        const byte_span piece{at, std::min(last, parts[*best].last)};
        pieces.push_back({*best, piece});
        at = piece.last + 1;
    }
    return pieces;
}

}  // namespace

range_plan judge_range(const request_head& rq, int status, const range_validators& known, byte_count length)
{
    if (rq.verb != method::get || status != 200 || !rq.has(header::range)) {
        return {};
    }
    const auto asked = parse_range(rq);
    return asked && if_range_holds(rq, known) ? plan_ranges(*asked, length) : range_plan();
}

range_plan judge_range(const request_head& rq, const entry& whole)
{
    return judge_range(rq, whole.status(), validators_of(whole), whole.body_size());
}

range_validators validators_of(const entry& e) noexcept
{
    const std::int64_t now = std::chrono::floor<seconds>(e.times().received).time_since_epoch().count();
    return {e.etag(), e.last_modified(), e.date(), now};
}

std::optional<content_range> range_of(const response_head& rs) noexcept
{
    return rs.count(header::content_range) == 1 ? parse_content_range(rs.first(header::content_range)) : std::nullopt;
}

bool may_join(const part_facts& a, const part_facts& b) noexcept
{
    return strong_equal(a.etag, b.etag) && a.range.total == b.range.total;
}

bool contradict(const part_facts& a, const part_facts& b) noexcept
{
    if (a.range.total && b.range.total && a.range.total != b.range.total) {
        return true;
    }
    if (!a.etag.empty() && !b.etag.empty()) {
        return !weak_equal(a.etag, b.etag);   // times may differ from server to server
    }
    return a.last_modified && b.last_modified && a.last_modified != b.last_modified;
}

std::optional<part_cover> cover(const byte_span& wanted, std::span<const byte_span> parts)
{
    part_cover c;
    c.before = run_from(wanted.first, wanted.last, parts);
    const std::uint64_t gap_begin = c.before.empty() ? wanted.first : c.before.back().span.last + 1;
    if (gap_begin > wanted.last) {
        return c;
    }
    // The gap ends where the next part begins.
    std::uint64_t gap_end = wanted.last + 1;
    for (const byte_span& p : parts) {
        if (p.first > gap_begin && p.first < gap_end) {
            gap_end = p.first;
        }
    }
    c.after = run_from(gap_end, wanted.last, parts);
    const std::uint64_t end = c.after.empty() ? gap_end : c.after.back().span.last + 1;
    if (end <= wanted.last || (c.before.empty() && c.after.empty())) {
        return std::nullopt;
    }
    c.gap = byte_span{gap_begin, gap_end - 1};
    return c;
}

}  // namespace tiercel
