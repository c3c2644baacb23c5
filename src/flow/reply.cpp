#include "flow/reply.hpp"

#include "flow/problem_table.hpp"
#include "http/ascii.hpp"
#include "http/cache_status.hpp"
#include "http/field_line.hpp"
#include "http/forwarding.hpp"
#include "http/head_lines.hpp"
#include "http/http_date.hpp"
#include "http/tags.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace tiercel::flow {
namespace {

void add_number(std::string& out, std::string_view name, std::int64_t value)
{
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    append_field_line(out, name, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

// Whole seconds, towards minus infinity: half a second past expiry is ttl=-1, not 0.
std::int64_t floor_seconds(milliseconds ms)
{
    return std::chrono::floor<seconds>(ms).count();
}

void add_cache_status(std::string& out, const request& rq, const answered& a, std::optional<std::int64_t> ttl)
{
    cache_status s;
    s.hit = a.forward == forward_reason::none && (a.what == outcome::hit_l1 || a.what == outcome::hit_l2 || a.what == outcome::stale);
    s.fwd = name_of(a.forward);
    s.fwd_status = a.forward_status;
    s.stored = a.stored;
    s.collapsed = a.collapsed;
    s.ttl = ttl;
    s.detail = name_of(a.why);
    std::string key;
    if (rq.debug && !rq.key.empty()) {
        key = hex(stable_hash(rq.key));
        s.key = key;
    }
    out.append("Cache-Status: ");
    append_cache_status(out, s);
    out.append("\r\n");
}

void add_connection(std::string& out, const request& rq, bool ends)
{
    if (!rq.keep_alive || ends) {
        out.append("Connection: close\r\n");
    } else if (rq.head.minor_version == 0) {
        out.append("Connection: keep-alive\r\n");
    }
}

// `ends`: the end of the connection is the end of the content.
void finish(std::string& out, const request& rq, bool ends = false)
{
    append_field_line(out, "X-Request-ID", rq.id);
    if (rq.debug && rq.route != nullptr) {
        append_field_line(out, "Tiercel-Route", rq.route->name);
        append_field_line(out, "Tiercel-Tenant", rq.tenant);
        if (!rq.key.empty()) {
            append_field_line(out, "Tiercel-Key", key_text(rq.key));
        }
    }
    add_connection(out, rq, ends);
    out.append("\r\n");
}

// The Age of an answer: computed for what was in the store, passed on for what just came (RFC 9111 §5.1).
void add_age(std::string& out, const request& rq, const entry& e, const answered& a, std::string_view origin_age)
{
    if (a.what == outcome::miss) {
        if (!origin_age.empty()) {
            append_field_line(out, "Age", origin_age);
        }
        return;
    }
    add_number(out, "Age", std::max<std::int64_t>(0, floor_seconds(e.age(rq.now))));
}

client_framing frame_for(std::string& out, const request& rq, std::optional<byte_count> length)
{
    if (length) {
        append_length(out, *length);
        return client_framing::length;
    }
    if (rq.head.minor_version == 0) {
        return client_framing::close;
    }
    out.append("Transfer-Encoding: chunked\r\n");
    return client_framing::chunked;
}

constexpr std::string_view allowed_methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

void add_status_line(std::string& out, const response_head& rs)
{
    char digits[4];
    const auto end = std::to_chars(digits, digits + sizeof digits, rs.status).ptr;
    out.append("HTTP/1.1 ").append(digits, static_cast<std::size_t>(end - digits)).append(" ").append(rs.reason).append("\r\n");
}

bool breaks_our_status(const field& f) { return f.id == header::cache_status && !may_stand_before_ours(f.value); }

// Those of an answer that only passes through: neither of the hop nor about the length, which is said anew.
void add_passed_fields(std::string& out, const request& rq, const response_head& rs)
{
    const connection_options named(rs);
    for (const field& f : rs.fields) {
        if (is_hop_by_hop(f.id) || named.strips(f) || f.id == header::content_length || f.id == header::x_request_id ||
            (is_tag_field(f.id) && rq.route->caching.strip_tags) || breaks_our_status(f)) {
            continue;
        }
        append_field_line(out, f.name, f.value);
    }
}

// The version is that of the answer as it came (RFC 9110 §7.6.3).
void add_via(std::string& out, const response_head& rs)
{
    out.append(rs.minor_version == 0 ? "Via: 1.0 tiercel\r\n" : "Via: 1.1 tiercel\r\n");
}

void add_date(std::string& out, wall_time at)
{
    char date[29];
    format_http_date(std::chrono::floor<seconds>(at).time_since_epoch().count(), date);
    append_field_line(out, "Date", std::string_view(date, sizeof date));
}

bool is_dropped(const std::vector<std::string>& drop, std::string_view name) noexcept
{
    return std::any_of(drop.begin(), drop.end(), [&](const std::string& d) { return equal_lower(name, d); });
}

}  // namespace

void append_length(std::string& head, byte_count n)
{
    add_number(head, "Content-Length", static_cast<std::int64_t>(n));
}

void compose_entry(std::string& out, const request& rq, const entry& e, const answered& a, std::string_view origin_age)
{
    out.append(e.head());
    out.append(a.own_fields);
    add_age(out, rq, e, a, origin_age);
    add_cache_status(out, rq, a, a.what == outcome::miss && !a.stored
                                     ? std::nullopt
                                     : std::optional(floor_seconds(e.times().fresh_until - rq.now)));
    finish(out, rq);
}

void compose_not_modified(std::string& out, const request& rq, const entry& e, const answered& a)
{
    out.append("HTTP/1.1 304 Not Modified\r\n");
    for_each_line(e.head(), [&](const head_line& line) {
        switch (header_of(line.name())) {
        case header::cache_control:
        case header::cache_status:    // of caches nearer to the origin
        case header::cdn_cache_control:
        case header::content_location:
        case header::date:
        case header::etag:
        case header::expires:
        case header::last_modified:   // with an ETag it is redundant, without one clients need it
        case header::vary:
        case header::via: out.append(line.whole); break;
        default: break;
        }
    });
    out.append(a.own_fields);
    add_age(out, rq, e, a, {});
    add_cache_status(out, rq, a, floor_seconds(e.times().fresh_until - rq.now));
    finish(out, rq);
}

client_framing compose_live(std::string& out, const request& rq, const live_answer& live, const answered& a,
                            std::string_view origin_age)
{
    out.append(live.head);
    const client_framing f = frame_for(out, rq, live.length);
    out.append(a.own_fields);
    if (!origin_age.empty()) {
        append_field_line(out, "Age", origin_age);
    }
    add_cache_status(out, rq, a, a.stored ? std::optional<std::int64_t>(live.ttl.count()) : std::nullopt);
    finish(out, rq, f == client_framing::close);
    return f;
}

void set_times(partial_head& h, const request& rq, const entry& e, const answered& a, std::string_view origin_age)
{
    const bool just_came = a.what == outcome::miss;
    h.age = just_came ? std::string(origin_age) : std::to_string(std::max<std::int64_t>(0, floor_seconds(e.age(rq.now))));
    if (!just_came || a.stored) {
        h.ttl = floor_seconds(e.times().fresh_until - rq.now);
    }
}

void compose_partial(std::string& out, const request& rq, const partial_head& h, const answered& a)
{
    out.append("HTTP/1.1 206 Partial Content\r\n");
    for_each_line(h.fields, [&](const head_line& line) {
        const header which = header_of(line.name());
        const bool replaced = which == header::content_length || which == header::content_range ||
                              (which == header::content_type && !h.range);
        out.append(replaced ? std::string_view() : line.whole);
    });
    if (h.range) {
        out.append("Content-Range: ");
        append_content_range(out, *h.range);
        out.append("\r\n");
    } else {
        append_field_line(out, "Content-Type", multipart_type(h.boundary));
    }
    append_length(out, h.length);
    out.append(a.own_fields);
    if (!h.age.empty()) {
        append_field_line(out, "Age", h.age);
    }
    add_cache_status(out, rq, a, h.ttl);
    finish(out, rq);
}

void compose_unsatisfiable(std::string& out, const request& rq, const entry& e, const answered& a)
{
    out.append("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: ");
    append_unsatisfied_range(out, e.body_size());
    out.append("\r\n");
    for_each_line(e.head(), [&](const head_line& line) {
        const header which = header_of(line.name());
        const bool told = which == header::date || which == header::etag || which == header::last_modified || which == header::via;
        out.append(told ? line.whole : std::string_view());
    });
    append_field_line(out, "Cache-Control", "no-store");   // the lifetime is that of the answer, not of this
    append_length(out, 0);
    add_cache_status(out, rq, a, floor_seconds(e.times().fresh_until - rq.now));
    finish(out, rq);
}

client_framing compose_relayed(std::string& out, const request& rq, const response_head& rs, const framing& content,
                               const answered& a, std::optional<seconds> lifetime, const clock& time)
{
    add_status_line(out, rs);
    add_passed_fields(out, rq, rs);
    if (!rs.has(header::date)) {
        add_date(out, time.wall());
    }
    add_via(out, rs);
    client_framing framed = client_framing::as_stored;
    if (content.kind != framing_kind::none) {
        framed = frame_for(out, rq, content.kind == framing_kind::length ? std::optional(content.length) : std::nullopt);
    } else if (rs.has(header::content_length) && rs.status != 204) {
        append_field_line(out, "Content-Length", rs.first(header::content_length));   // HEAD and 304: what a GET would have had
    }
    add_cache_status(out, rq, a, lifetime ? std::optional<std::int64_t>(lifetime->count()) : std::nullopt);
    finish(out, rq, framed == client_framing::close);
    return framed;
}

void compose_options(std::string& out, const request& rq, const answered& a, wall_time at)
{
    out.append("HTTP/1.1 204 No Content\r\n");
    add_date(out, at);
    append_field_line(out, "Allow", allowed_methods);
    add_cache_status(out, rq, a, std::nullopt);
    finish(out, rq);
}

void compose_interim(std::string& out, const request& rq, const response_head& rs)
{
    add_status_line(out, rs);
    add_passed_fields(out, rq, rs);
    if (rs.status != 100) {   // that one is a word between neighbours
        add_via(out, rs);
    }
    out.append("\r\n");
}

void compose_switch(std::string& out, const request& rq, const response_head& rs, const answered& a)
{
    add_status_line(out, rs);
    add_passed_fields(out, rq, rs);
    add_via(out, rs);
    out.append("Connection: Upgrade\r\n");
    for (const field& f : rs.fields) {
        if (f.id == header::upgrade) {
            append_field_line(out, "Upgrade", f.value);
        }
    }
    add_cache_status(out, rq, a, std::nullopt);
    out.append("X-Request-ID: ").append(rq.id).append("\r\n\r\n");
}

void compose_problem(std::string& out, const request& rq, errc why, int status, seconds retry_after, const answered& a,
                     wall_time at)
{
    std::string content;
    content.append("{\"type\":\"urn:tiercel:problem:").append(name_of(why)).append("\",\"title\":\"").append(reason_of(status));
    content.append("\",\"status\":").append(std::to_string(status)).append(",\"detail\":\"").append(explanation_of(why));
    content.append("\",\"request_id\":\"").append(rq.id).append("\"}\n");

    out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_of(status)).append("\r\n");
    add_date(out, at);
    append_field_line(out, "Content-Type", "application/problem+json");
    append_field_line(out, "Cache-Control", "no-store");
    if (status == 405) {
        append_field_line(out, "Allow", allowed_methods);
    } else if (status == 401) {
        append_field_line(out, "WWW-Authenticate", "Tenant");
    }
    if (retry_after.count() > 0) {
        add_number(out, "Retry-After", retry_after.count());
    }
    append_length(out, content.size());
    add_cache_status(out, rq, a, std::nullopt);
    finish(out, rq);
    if (rq.head.verb != method::head) {
        out.append(content);
    }
}

void compose_own(std::string& out, const request& rq, int status, std::string_view type, std::string_view content, const answered& a,
                 wall_time at)
{
    out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_of(status)).append("\r\n");
    add_date(out, at);
    append_field_line(out, "Content-Type", type);
    append_field_line(out, "Cache-Control", "no-store");
    append_length(out, content.size());
    add_cache_status(out, rq, a, std::nullopt);
    finish(out, rq);
    out.append(content);
}

std::string storable_head(const response_head& rs, const std::vector<std::string>& drop, bool strip_tags, wall_time received)
{
    std::string out;
    out.reserve(512);
    add_status_line(out, rs);
    const connection_options named(rs);
    for (const field& f : rs.fields) {
        if (is_hop_by_hop(f.id) || named.strips(f) || f.id == header::content_length || f.id == header::age ||
            f.id == header::x_request_id || (strip_tags && is_tag_field(f.id)) || (!drop.empty() && is_dropped(drop, f.name)) || breaks_our_status(f)) {
            continue;
        }
        append_field_line(out, f.name, f.value);
    }
    if (!rs.has(header::date)) {
        add_date(out, received);
    }
    add_via(out, rs);
    return out;
}

std::string lines_of(const response_head& rs, const std::vector<std::string>& names)
{
    std::string out;
    const connection_options named(rs);
    for (const field& f : rs.fields) {
        if (is_dropped(names, f.name) && !is_hop_by_hop(f.id) && !named.strips(f) && f.id != header::content_length &&
            f.id != header::age && f.id != header::x_request_id) {
            append_field_line(out, f.name, f.value);
        }
    }
    return out;
}

}  // namespace tiercel::flow
