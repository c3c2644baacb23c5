#include "rules/merge.hpp"

#include "http/ascii.hpp"
#include "http/cache_status.hpp"
#include "http/field_line.hpp"
#include "http/forwarding.hpp"
#include "http/head_lines.hpp"
#include "http/http_date.hpp"
#include "http/validators.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel {
namespace {

bool is_one_of(const std::vector<std::string>& names, std::string_view name) noexcept
{
    return std::any_of(names.begin(), names.end(), [&](const std::string& n) { return equal_ignoring_case(n, name); });
}

// With its CRLF.
std::string_view status_line_of(std::string_view head)
{
    const std::size_t first = head.find("\r\n");
    TIERCEL_CHECK(first != std::string_view::npos);
    return head.substr(0, first + 2);
}

// Fields of a 304 that speak of itself and not of the stored answer (RFC 9111 §3.2).
bool stays_as_stored(const field& f, const connection_options& named, const std::vector<std::string>& drop)
{
    switch (f.id) {
    case header::age:
    case header::content_length:
    case header::content_range:
    case header::via:
    case header::x_request_id: return true;
    case header::cache_status: return !may_stand_before_ours(f.value);
    default: break;
    }
    return is_hop_by_hop(f.id) || named.strips(f) || is_one_of(drop, f.name);
}

// Two texts of one time are one time.
bool is_same_time(std::string_view theirs, const entry& stored)
{
    const head_block block(stored.head());
    if (block.head().has(header::last_modified) && theirs == block.head().first(header::last_modified)) {
        return true;
    }
    const std::int64_t now = std::chrono::floor<seconds>(stored.times().received).time_since_epoch().count();
    const auto modified = parse_http_date(theirs, now);
    return modified && modified == stored.last_modified();
}

}  // namespace

std::string without_fields(std::string_view head, const std::vector<std::string>& names)
{
    std::string out(status_line_of(head));
    const head_block block(head);
    for (const field& f : block.head().fields) {
        if (!is_one_of(names, f.name)) {
            append_field_line(out, f.name, f.value);
        }
    }
    return out;
}

head_block::head_block(std::string_view block)
{
    const std::size_t first = block.find("\r\n");
    TIERCEL_CHECK(first != std::string_view::npos && first >= 12 && block.starts_with("HTTP/1.1 "));
    const std::string_view line = block.substr(0, first);
    head_.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    head_.reason = line.substr(std::min<std::size_t>(13, line.size()));
    for_each_line(block, [&](const head_line& l) {
        TIERCEL_CHECK(l.whole.find(": ") != std::string_view::npos);
        field f;
        f.name = l.name();
        f.value = l.value();
        f.id = header_of(f.name);
        fields_.push_back(f);
        head_.present |= std::uint64_t{1} << static_cast<unsigned>(f.id);
    });
    head_.fields = fields_;
}

confirmation judge_confirmation(const entry& stored, const response_head& not_modified)
{
    const auto when = [](bool b) { return b ? confirmation::confirms : confirmation::mismatch; };
    if (not_modified.has(header::etag)) {
        const std::string_view tag = not_modified.first(header::etag);
        return when(is_weak(tag) ? weak_equal(tag, stored.etag()) : strong_equal(tag, stored.etag()));
    }
    if (not_modified.has(header::last_modified)) {
        return when(is_same_time(not_modified.first(header::last_modified), stored));
    }
    return confirmation::confirms;
}

confirmation judge_confirmation_by_head(const entry& stored, const response_head& ok)
{
    const bool agrees = stored.status() == ok.status && (!ok.has(header::etag) || ok.first(header::etag) == stored.etag()) &&
                        (!ok.has(header::last_modified) || is_same_time(ok.first(header::last_modified), stored)) &&
                        (!ok.has(header::content_length) || ok.first(header::content_length) == std::to_string(stored.body_size()));
    return agrees ? confirmation::confirms : confirmation::mismatch;
}

std::string merge_heads(std::string_view stored_head, const response_head& not_modified, const std::vector<std::string>& drop)
{
    const connection_options named(not_modified);
    std::vector<const field*> newer;
    for (const field& f : not_modified.fields) {
        if (!stays_as_stored(f, named, drop)) {
            newer.push_back(&f);
        }
    }
    std::string out(status_line_of(stored_head));
    const head_block stored(stored_head);
    for (const field& f : stored.head().fields) {
        const bool replaced = std::any_of(newer.begin(), newer.end(), [&](const field* n) { return equal_ignoring_case(n->name, f.name); });
        if (!replaced && f.id != header::age) {
            append_field_line(out, f.name, f.value);
        }
    }
    for (const field* f : newer) {
        append_field_line(out, f->name, f->value);
    }
    return out;
}

namespace {

std::optional<updated_answer> updated_by(const entry& stored, const request_head& rq, std::string_view path,
                                         const response_head& not_modified, const caching_policy& policy, const fetch_times& when)
{
    std::vector<std::string> drop;
    if (policy.set_cookie != set_cookie_rule::store) {
        drop.emplace_back("set-cookie");
    }
    std::string merged = merge_heads(stored.head(), not_modified, drop);
    if (!not_modified.has(header::date)) {
        char date[29];
        format_http_date(std::chrono::floor<seconds>(when.received_wall).time_since_epoch().count(), date);
        merged = without_fields(merged, {"date"});
        append_field_line(merged, "Date", std::string_view(date, sizeof date));
    }

    // For the judgement alone: an entry keeps no Age.
    std::string judged = merged;
    if (not_modified.has(header::age)) {
        append_field_line(judged, "Age", not_modified.first(header::age));
    }
    const head_block as_received(judged);
    updated_answer u;
    u.verdict = judge_storing(rq, path, as_received.head(), policy, when);
    if (!u.verdict.store) {
        return std::nullopt;
    }
    u.withheld = std::move(drop);
    u.withheld.insert(u.withheld.end(), u.verdict.drop_fields.begin(), u.verdict.drop_fields.end());
    u.head = u.verdict.drop_fields.empty() ? std::move(merged) : without_fields(merged, u.verdict.drop_fields);
    return u;
}

}  // namespace

std::optional<updated_answer> update_by_304(const entry& stored, const request_head& rq, std::string_view path,
                                            const response_head& not_modified, const caching_policy& policy,
                                            const fetch_times& when)
{
    const bool confirmed = judge_confirmation(stored, not_modified) == confirmation::confirms;
    return confirmed ? updated_by(stored, rq, path, not_modified, policy, when) : std::nullopt;
}

std::optional<updated_answer> update_by_head(const entry& stored, const request_head& rq, std::string_view path,
                                             const response_head& ok, const caching_policy& policy, const fetch_times& when)
{
    const bool confirmed = judge_confirmation_by_head(stored, ok) == confirmation::confirms;
    return confirmed ? updated_by(stored, rq, path, ok, policy, when) : std::nullopt;
}

}  // namespace tiercel
