#include <tiercel/rules.hpp>

#include "http/ascii.hpp"
#include "rules/ranges.hpp"

#include "http/cache_control.hpp"
#include "http/event_stream.hpp"
#include "http/http_date.hpp"
#include "http/member_list.hpp"
#include "http/tags.hpp"
#include "http/vary.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <limits>

namespace tiercel {
namespace {

// ---- small facts -----------------------------------------------------------------------------------------------------

// RFC 9110 §15: the codes that are defined there, and thus understood (RFC 9111 §5.2.2.3).
bool is_understood(int status) noexcept
{
    constexpr std::array known{100, 101, 200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402,
                               403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 500, 501,
                               502, 503, 504, 505};
    return std::binary_search(known.begin(), known.end(), status);
}

// RFC 9110 §15.1: may be given a lifetime that the origin did not state.
bool is_heuristically_cacheable(int status) noexcept
{
    constexpr std::array statuses{200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501};
    return std::binary_search(statuses.begin(), statuses.end(), status);
}

bool is_negative(int status) noexcept { return status == 404 || status == 410; }

// Never an answer to store: interim, answers to conditions and ranges that are not in the key, codes outside RFC 9110.
bool is_never_stored(int status) noexcept
{
    return status < 200 || status == 304 || status == 412 || status == 416 || status >= 600;
}

bool is_listed(const std::vector<std::string>& names, std::string_view name) noexcept
{
    return std::any_of(names.begin(), names.end(), [&](const std::string& n) { return equal_ignoring_case(n, name); });
}

// The received Age: of the first line the first member, a plain number or nothing (RFC 9111 §5.1).
seconds received_age(const response_head& rs) noexcept
{
    std::string_view text = rs.first(header::age);
    text = trim(text.substr(0, text.find(',')));
    std::uint64_t n = 0;
    const char* const last = text.data() + text.size();
    const auto [end, ec] = std::from_chars(text.data(), last, n);
    constexpr std::uint64_t largest = 1'000'000'000'000;   // as long as the longest lifetime: no age is younger than it says
    if (text.empty() || end != last || (ec != std::errc() && ec != std::errc::result_out_of_range)) {
        return seconds(0);
    }
    return seconds(ec == std::errc::result_out_of_range ? largest : std::min(n, largest));
}

std::int64_t unix_seconds(wall_time t) noexcept
{
    return std::chrono::floor<seconds>(t).time_since_epoch().count();
}

// ---- the deciding field ----------------------------------------------------------------------------------------------

struct deciding {
    cache_directives directives;
    std::optional<std::size_t> targeted;   // Cache-Control and Expires are silent then (RFC 9213 §2.2)
};

deciding deciding_field(const response_head& rs, const caching_policy& policy)
{
    for (std::size_t i = 0; i < policy.targeted.size(); ++i) {
        if (auto d = parse_targeted(rs, policy.targeted[i])) {
            return {std::move(*d), i};
        }
    }
    return {parse_cache_control(rs), std::nullopt};
}

// ---- lifetime --------------------------------------------------------------------------------------------------------

struct lifetime {
    milliseconds value{0};
    lifetime_source source = lifetime_source::none;

    bool exists() const noexcept { return source != lifetime_source::none; }
    bool is_explicit() const noexcept { return source == lifetime_source::explicit_; }
};

// Expires minus Date, both the origin's (RFC 9111 §4.2.1). Of several valid lines the first counts.
milliseconds expires_lifetime(const response_head& rs, std::int64_t date, std::int64_t now) noexcept
{
    for (const field& f : rs.fields) {
        if (f.id == header::expires) {
            if (const auto at = parse_http_date(f.value, now)) {
                return seconds(std::max<std::int64_t>(*at - date, 0));
            }
        }
    }
    return milliseconds(0);
}

lifetime explicit_lifetime(const response_head& rs, const deciding& d, std::int64_t date, std::int64_t now) noexcept
{
    if (d.directives.s_maxage) {
        return {*d.directives.s_maxage, lifetime_source::explicit_};
    }
    if (d.directives.max_age) {
        return {*d.directives.max_age, lifetime_source::explicit_};
    }
    if (!d.targeted && rs.has(header::expires)) {
        return {expires_lifetime(rs, date, now), lifetime_source::explicit_};
    }
    return {};
}

// Where a cache may choose a lifetime at all: by the status, or because the origin calls the answer public (RFC 9111 §3). So
// a refused login or a rate limit never outlives its request unless the origin says so. Server errors only where the route
// lets them in.
bool may_choose_lifetime(const response_head& rs, const deciding& d, const caching_policy& policy) noexcept
{
    const bool refused_error = rs.status >= 500 && policy.store_errors == store_errors_rule::never;
    return !refused_error && (is_heuristically_cacheable(rs.status) || d.directives.public_);
}

// 10 % of the time since the last change (RFC 9111 §4.2.2).
lifetime heuristic_lifetime(const response_head& rs, const caching_policy& policy, std::int64_t date, std::int64_t now) noexcept
{
    const auto modified = parse_http_date(rs.first(header::last_modified), now);
    if (!modified) {
        return {};
    }
    const milliseconds tenth = milliseconds(seconds(std::max<std::int64_t>(date - *modified, 0))) / 10;
    return {std::min<milliseconds>(tenth, policy.ttl.heuristic_max), lifetime_source::heuristic};
}

lifetime chosen_lifetime(const response_head& rs, const deciding& d, const caching_policy& policy, std::int64_t date,
                         std::int64_t now) noexcept
{
    if (is_negative(rs.status) && policy.ttl.negative.count() > 0) {
        return {policy.ttl.negative, lifetime_source::negative};
    }
    if (!may_choose_lifetime(rs, d, policy)) {
        return {};
    }
    if (policy.ttl.default_.count() > 0 && rs.status < 500) {
        return {policy.ttl.default_, lifetime_source::default_};
    }
    return heuristic_lifetime(rs, policy, date, now);
}

lifetime lifetime_of(const response_head& rs, const deciding& d, const caching_policy& policy, std::int64_t date,
                     std::int64_t now) noexcept
{
    lifetime l = explicit_lifetime(rs, d, date, now);
    if (!l.exists()) {
        l = chosen_lifetime(rs, d, policy, date, now);
    }
    if (l.exists()) {
        l.value = std::min<milliseconds>(l.value, policy.ttl.max);
        if (!d.directives.no_cache) {
            l.value = std::max<milliseconds>(l.value, policy.ttl.min);
        }
    }
    return l;
}

// ---- age -------------------------------------------------------------------------------------------------------------

// corrected_initial_age (RFC 9111 §4.2.3).
milliseconds initial_age(const response_head& rs, std::int64_t date, const fetch_times& when) noexcept
{
    const milliseconds apparent =
        std::max(milliseconds(0), when.received_wall.time_since_epoch() - milliseconds(seconds(date)));
    const milliseconds corrected = received_age(rs) + std::max(milliseconds(0), when.received - when.requested);
    // Dates have a resolution of one second: less than that is no age.
    return std::max(apparent < seconds(1) ? milliseconds(0) : apparent, corrected);
}

// ---- windows for stale use -------------------------------------------------------------------------------------------

bool forbids_stale(const cache_directives& d, const caching_policy& policy) noexcept
{
    if (d.must_revalidate || d.proxy_revalidate) {
        return true;
    }
    const bool asks_for_stale = d.stale_while_revalidate || d.stale_if_error;
    return d.s_maxage && !(policy.stale.with_s_maxage && asks_for_stale);
}

void set_windows(entry_times& t, const cache_directives& d, const caching_policy& policy)
{
    const bool own_word_only = d.s_maxage.has_value();   // with_s_maxage: the response's windows, never the route's
    const auto window = [&](const std::optional<seconds>& own, seconds route) {
        return own ? *own : own_word_only ? seconds(0) : route;
    };
    t.swr_until = t.fresh_until + window(d.stale_while_revalidate, policy.stale.while_revalidate);
    t.sie_until = t.fresh_until + window(d.stale_if_error, policy.stale.if_error);
    t.unreachable_until = t.fresh_until + window(d.stale_if_error, policy.stale.if_unreachable);
}

// ---- reasons not to store --------------------------------------------------------------------------------------------

struct refusal {
    detail why = detail::none;
    bool mark = true;             // the next answer will probably be like this one
};

// What a type suffix of the path promises, for the guard against cache deception.
struct static_suffix {
    std::string_view suffix;
    std::string_view types;       // blank-separated prefixes of Content-Type
};
constexpr std::string_view archive =
    "application/octet-stream application/x- application/zip application/gzip application/zstd application/java-archive "
    "application/vnd.";
constexpr std::string_view document = "application/msword application/vnd. application/octet-stream";
constexpr std::string_view json =
    "application/json text/json application/ld+json application/manifest+json application/vnd. application/octet-stream";
constexpr std::string_view font = "font/ application/font application/x-font application/octet-stream";
constexpr std::string_view script =
    "text/javascript text/ecmascript application/javascript application/x-javascript application/ecmascript";
constexpr std::string_view sound = "audio/ application/ogg application/octet-stream";
constexpr std::string_view film = "video/ audio/ application/ogg application/octet-stream";

constexpr std::array static_suffixes{
    static_suffix{".css", "text/css"},
    static_suffix{".js", script},
    static_suffix{".mjs", script},
    static_suffix{".map", json},
    static_suffix{".json", json},
    static_suffix{".wasm", "application/wasm application/octet-stream"},
    static_suffix{".txt", "text/plain"},
    static_suffix{".csv", "text/csv text/plain application/csv application/octet-stream application/vnd."},
    static_suffix{".png", "image/"},
    static_suffix{".jpg", "image/"},
    static_suffix{".jpeg", "image/"},
    static_suffix{".gif", "image/"},
    static_suffix{".webp", "image/"},
    static_suffix{".avif", "image/"},
    static_suffix{".bmp", "image/"},
    static_suffix{".tif", "image/"},
    static_suffix{".tiff", "image/"},
    static_suffix{".ico", "image/"},
    static_suffix{".svg", "image/svg"},
    static_suffix{".svgz", "image/svg"},
    static_suffix{".woff", font},
    static_suffix{".woff2", font},
    static_suffix{".ttf", font},
    static_suffix{".otf", font},
    static_suffix{".eot", "application/vnd.ms-fontobject application/octet-stream font/"},
    static_suffix{".pdf", "application/pdf application/octet-stream"},
    static_suffix{".doc", document},
    static_suffix{".docx", document},
    static_suffix{".xls", document},
    static_suffix{".xlsx", document},
    static_suffix{".ppt", document},
    static_suffix{".pptx", document},
    static_suffix{".zip", archive},
    static_suffix{".gz", archive},
    static_suffix{".tgz", archive},
    static_suffix{".bz2", archive},
    static_suffix{".7z", archive},
    static_suffix{".rar", archive},
    static_suffix{".tar", archive},
    static_suffix{".jar", archive},
    static_suffix{".apk", archive},
    static_suffix{".dmg", archive},
    static_suffix{".exe", archive},
    static_suffix{".swf", archive},
    static_suffix{".mp3", sound},
    static_suffix{".ogg", film},
    static_suffix{".wav", sound},
    static_suffix{".flac", sound},
    static_suffix{".mp4", film},
    static_suffix{".webm", film},
    static_suffix{".mov", film},
    static_suffix{".avi", film},
    static_suffix{".mkv", film},
};

bool begins_any_case(std::string_view text, std::string_view prefix) noexcept
{
    return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool contradicts_suffix(std::string_view path, std::string_view type) noexcept
{
    for (const static_suffix& s : static_suffixes) {
        if (path.size() < s.suffix.size() || !equal_ignoring_case(path.substr(path.size() - s.suffix.size()), s.suffix)) {
            continue;
        }
        std::string_view rest = s.types;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(' '), rest.size());
            if (begins_any_case(type, rest.substr(0, end))) {
                return false;
            }
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        return true;
    }
    return false;
}

// RFC 9111 §3, in the order in which a reader would look for the reason.
refusal refusal_by_directives(const request_head& rq, const response_head& rs, const cache_directives& d,
                              const caching_policy& policy)
{
    if (d.malformed) {
        return {detail::bad_directives};
    }
    if (d.must_understand && !is_understood(rs.status)) {
        return {detail::must_understand};
    }
    if (d.no_store && !(d.must_understand && is_understood(rs.status))) {
        return {detail::no_store};
    }
    if (d.private_) {
        return {detail::private_};
    }
    if (rq.has(header::authorization) && !d.public_ && !d.s_maxage && !d.must_revalidate) {
        return {detail::request_authorization, false};   // of this request, not of the resource
    }
    if (rs.has(header::set_cookie) && policy.set_cookie == set_cookie_rule::refuse) {
        return {detail::set_cookie};
    }
    return {};
}

refusal refusal_by_vary(const response_head& rs, const caching_policy& policy)
{
    if (!rs.has(header::vary)) {
        return {};
    }
    const vary_spec v = parse_vary(rs);
    if (v.star) {
        return {detail::vary_star};
    }
    for (const std::string& name : v.names) {
        if ((name == "cookie" || name == "user-agent") && !is_listed(policy.vary_allow, name)) {
            return {detail::vary_cookie};
        }
    }
    return {};
}

refusal refusal_by_tags(const response_head& rs)
{
    const bool has_any = rs.has(header::surrogate_key) || rs.has(header::cache_tag) || rs.has(header::cache_groups);
    return has_any && parse_tags(rs).too_many ? refusal{detail::tags} : refusal();
}

refusal refusal_by_request(const request_head& rq, const caching_policy& policy)
{
    if (rq.verb != method::get) {
        return {detail::method, false};
    }
    if (policy.request_directives == request_directives_rule::honour && parse_cache_control(rq).no_store) {
        return {detail::request_no_store, false};   // RFC 9111 §5.2.1.5
    }
    return {};
}

refusal refusal_by_status(const response_head& rs)
{
    if (rs.status == 206) {
        return {detail::partial, false};   // never a whole; see judge_storing_part()
    }
    if (is_never_stored(rs.status)) {
        return {detail::status, false};
    }
    return {};
}

refusal refusal_by_lifetime(const response_head& rs, const deciding& d, const lifetime& l, const caching_policy& policy)
{
    if (rs.status >= 500 && policy.store_errors == store_errors_rule::never) {
        return {detail::status, false};
    }
    const bool usable = l.value.count() > 0 && !d.directives.no_cache;
    const bool validatable = rs.has(header::etag) || rs.has(header::last_modified);
    const bool may_wait_for_validation = validatable && (l.is_explicit() || may_choose_lifetime(rs, d, policy));
    if (!usable && !may_wait_for_validation) {
        return {detail::no_lifetime, rs.status < 500};   // what an error says is not what the resource will say
    }
    return {};
}

// What no directive can withhold: without its length an answer has no end, without Vary it would be everybody's.
bool is_needed(std::string_view lower_name) noexcept { return lower_name == "content-length" || lower_name == "vary"; }

void add_dropped_fields(std::vector<std::string>& drop, const response_head& rs, const cache_directives& d,
                        const caching_policy& policy)
{
    for (const auto* named : {&d.private_fields, &d.no_cache_fields}) {
        std::copy_if(named->begin(), named->end(), std::back_inserter(drop), [](const std::string& name) { return !is_needed(name); });
    }
    if (rs.has(header::set_cookie) && policy.set_cookie == set_cookie_rule::strip) {
        drop.emplace_back("set-cookie");
    }
}

entry_flag flags_of(const response_head& rs, const cache_directives& d, const lifetime& l, const caching_policy& policy) noexcept
{
    const auto when = [](bool b, entry_flag f) { return b ? f : entry_flag::none; };
    return when(forbids_stale(d, policy), entry_flag::must_revalidate) | when(d.no_cache, entry_flag::no_cache) |
           when(is_negative(rs.status), entry_flag::negative) | when(rs.has(header::etag), entry_flag::has_etag) |
           when(rs.has(header::last_modified), entry_flag::has_last_modified) | when(l.is_explicit(), entry_flag::explicit_lifetime) |
           when(d.immutable, entry_flag::immutable);
}

storing_verdict refused(const refusal& r, std::optional<std::size_t> targeted = std::nullopt)
{
    storing_verdict v;
    v.why = r.why;
    v.mark = r.mark;
    v.targeted = targeted;
    return v;
}

// What holds for whole answers and parts alike, from the directives on.
storing_verdict judge(const request_head& rq, std::string_view path, const response_head& rs, const caching_policy& policy,
                      const fetch_times& when)
{
    const deciding d = deciding_field(rs, policy);
    if (const refusal r = refusal_by_directives(rq, rs, d.directives, policy); r.why != detail::none) {
        return refused(r, d.targeted);
    }
    if (const refusal r = refusal_by_vary(rs, policy); r.why != detail::none) {
        return refused(r);
    }
    if (const refusal r = refusal_by_tags(rs); r.why != detail::none) {
        return refused(r);
    }
    if (is_event_stream(rs)) {
        return refused({detail::type});   // has no end: whoever waited for it would wait forever
    }
    const std::int64_t now = unix_seconds(when.received_wall);
    const std::int64_t date = parse_http_date(rs.first(header::date), now).value_or(now);
    const lifetime l = lifetime_of(rs, d, policy, date, now);
    if (const refusal r = refusal_by_lifetime(rs, d, l, policy); r.why != detail::none) {
        return refused(r, d.targeted);
    }
    // A negative answer is exempt: what is missing under /x.css is told in HTML nearly everywhere, and it tells nothing else.
    const bool is_vouched_for = l.is_explicit() || l.source == lifetime_source::negative;
    if (policy.deception_guard && !is_vouched_for && contradicts_suffix(path, rs.first(header::content_type))) {
        return refused({detail::type});
    }

    storing_verdict v;
    v.store = true;
    v.source = l.source;
    v.lifetime = l.value;
    v.targeted = d.targeted;
    v.times.received = when.received;
    v.times.wall_offset = when.received_wall.time_since_epoch() - when.received.time_since_epoch();
    v.times.initial_age = initial_age(rs, date, when);
    v.times.fresh_until = when.received - v.times.initial_age + l.value;
    set_windows(v.times, d.directives, policy);
    v.flags = flags_of(rs, d.directives, l, policy);
    add_dropped_fields(v.drop_fields, rs, d.directives, policy);
    return v;
}

constexpr entry_flag without(entry_flag set, entry_flag gone) noexcept
{
    return static_cast<entry_flag>(static_cast<std::uint32_t>(set) & ~static_cast<std::uint32_t>(gone));
}

// A part must name one range and hold no more than that: whatever else it may be, nobody could tell which bytes it has.
refusal refusal_by_range(const request_head& rq, const response_head& rs, std::optional<byte_count> length)
{
    const auto range = range_of(rs);
    if (rs.status != 206 || rq.count(header::range) != 1 || !range || (length && *length > range->span.size()) ||
        begins_any_case(rs.first(header::content_type), "multipart/byteranges")) {
        return {detail::partial, false};
    }
    return {};
}

}  // namespace

storing_verdict judge_storing(const request_head& rq, std::string_view path, const response_head& rs,
                              const caching_policy& policy, const fetch_times& when)
{
    if (const refusal r = refusal_by_request(rq, policy); r.why != detail::none) {
        return refused(r);
    }
    if (const refusal r = refusal_by_status(rs); r.why != detail::none) {
        return refused(r);
    }
    return judge(rq, path, rs, policy, when);
}

storing_verdict judge_storing_part(const request_head& rq, std::string_view path, const response_head& rs,
                                   std::optional<byte_count> length, const caching_policy& policy, const fetch_times& when)
{
    if (const refusal r = refusal_by_request(rq, policy); r.why != detail::none) {
        return refused(r);
    }
    if (const refusal r = refusal_by_range(rq, rs, length); r.why != detail::none) {
        return refused(r);
    }
    storing_verdict v = judge(rq, path, rs, policy, when);
    if (v.store && (has(v.flags, entry_flag::no_cache) || v.times.fresh_until <= when.received)) {
        return refused({detail::no_lifetime, false});
    }
    // From the end of its freshness on it is of no use.
    v.times.swr_until = v.times.sie_until = v.times.unreachable_until = v.times.fresh_until;
    v.flags = without(v.flags, entry_flag::has_etag | entry_flag::has_last_modified);
    return v;
}

}  // namespace tiercel
