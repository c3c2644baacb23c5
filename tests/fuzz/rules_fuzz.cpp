// The chain of the rules over whatever heads an origin and a client may send: input is the fields of an answer, then after an
// empty line those of a 304, then those of a request. Times stay ordered and within the route's bounds, what must not be used
// is not used, an update takes over nothing that it must not, and all of it is the same a second time.

#include <tiercel/check.hpp>

#include "http/head_parser.hpp"
#include "http/validators.hpp"
#include "http/vary.hpp"
#include "rules/merge.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tiercel;
using namespace std::chrono_literals;

constexpr instant received{milliseconds(1'700'000'000'000)};
constexpr fetch_times when{received - 250ms, received, wall_time(received.time_since_epoch())};
constexpr head_limits limits{.uri = 8192, .header_bytes = 65536, .header_count = 200};

// The next lines up to an empty one, with their ends.
std::string take_lines(std::string_view& rest)
{
    std::string out;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.ends_with('\r')) { line.remove_suffix(1); }
        if (line.empty()) { break; }
        out.append(line).append("\r\n");
    }
    return out;
}

caching_policy policy_of(std::uint8_t choice)
{
    caching_policy p;
    p.store_errors = (choice & 1) != 0 ? store_errors_rule::explicit_ : store_errors_rule::never;
    p.request_directives = (choice & 2) != 0 ? request_directives_rule::honour : request_directives_rule::ignore;
    p.set_cookie = (choice & 4) != 0 ? set_cookie_rule::store : (choice & 8) != 0 ? set_cookie_rule::strip : set_cookie_rule::refuse;
    p.stale.with_s_maxage = (choice & 16) != 0;
    p.ttl.default_ = (choice & 32) != 0 ? 60s : 0s;
    return p;
}

bool same(const storing_verdict& a, const storing_verdict& b)
{
    return a.store == b.store && a.why == b.why && a.mark == b.mark && a.times == b.times && a.flags == b.flags && a.drop_fields == b.drop_fields;
}

void check_verdict(const storing_verdict& v, const response_head& rs, const caching_policy& p)
{
    TIERCEL_CHECK(v.store == (v.why == detail::none));
    if (!v.store) { return; }
    const entry_times& t = v.times;
    TIERCEL_CHECK(rs.status >= 200 && rs.status < 600 && rs.status != 206 && rs.status != 304);
    TIERCEL_CHECK(v.lifetime >= 0s && v.lifetime <= p.ttl.max && t.initial_age >= 250ms);
    TIERCEL_CHECK(t.fresh_until == t.received - t.initial_age + v.lifetime);
    TIERCEL_CHECK(t.swr_until >= t.fresh_until && t.sie_until >= t.fresh_until && t.unreachable_until >= t.fresh_until);
    TIERCEL_CHECK(!parse_vary(rs).star);
}

entry_ptr as_entry(const response_head& rs, const storing_verdict& v)
{
    std::string head = "HTTP/1.1 " + std::to_string(rs.status) + " X\r\n";
    for (const field& f : rs.fields) { head.append(f.name).append(": ").append(f.value).append("\r\n"); }
    entry_parts parts;
    parts.key = "k";
    parts.times = v.times;
    parts.flags = v.flags;
    parts.status = rs.status;
    parts.head = head;
    parts.etag = rs.first(header::etag);
    return entry::make(parts);
}

void check_reuse(const request_head& rq, const entry& e, const caching_policy& p)
{
    const entry_times& t = e.times();
    for (const instant at : {t.received, t.fresh_until - 1ms, t.fresh_until, t.swr_until, t.sie_until, t.unreachable_until, t.unreachable_until + 24h}) {
        const reuse_verdict v = judge_reuse(rq, &e, p, at);
        const bool forbidden = e.is(entry_flag::no_cache) || (at >= t.fresh_until && e.is(entry_flag::must_revalidate));
        TIERCEL_CHECK(!forbidden || v.what == action::fetch || v.what == action::pass);
        TIERCEL_CHECK(v.what != action::serve || at < t.fresh_until || v.why == detail::max_stale);
        TIERCEL_CHECK(v.what != action::serve_and_refresh || (at >= t.fresh_until && at < t.swr_until));
        if (e.is(entry_flag::must_revalidate) || e.is(entry_flag::no_cache)) {
            TIERCEL_CHECK(!may_serve_on_failure(e, failure::server_error, at) && !may_serve_on_failure(e, failure::unreachable, at));
        }
    }
    if (is_not_modified(rq, e)) {
        TIERCEL_CHECK(e.status() == 200 && (rq.has(header::if_none_match) || rq.has(header::if_modified_since)));
    }
}

void check_update(const entry& e, const request_head& rq, const response_head& newer, const caching_policy& p)
{
    const auto u = update_by_304(e, rq, "/a", newer, p, when);
    if (!u) { return; }
    TIERCEL_CHECK(u->verdict.store && judge_confirmation(e, newer) == confirmation::confirms);
    const head_block before(e.head());
    const head_block after(u->head);
    for (const header kept : {header::content_length, header::content_range}) {
        TIERCEL_CHECK(after.head().count(kept) <= before.head().count(kept));
        TIERCEL_CHECK(after.head().first(kept) == before.head().first(kept) || after.head().count(kept) == 0);
    }
    TIERCEL_CHECK(after.head().status == e.status() && !after.head().has(header::age) && after.head().has(header::date));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) { return 0; }
    const caching_policy p = policy_of(data[0]);
    constexpr int statuses[] = {200, 203, 204, 206, 299, 301, 304, 404, 410, 416, 500, 503, 599, 600};
    std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::string answer = "HTTP/1.1 " + std::to_string(statuses[data[1] % std::size(statuses)]) + " X\r\n" + take_lines(rest) + "\r\n";
    const std::string newer = "HTTP/1.1 304 X\r\n" + take_lines(rest) + "\r\n";
    const std::string asked = "GET /a HTTP/1.1\r\n" + take_lines(rest) + "\r\n";
    response_head_parser of_answer(limits);
    response_head_parser of_newer(limits);
    request_head_parser of_request(limits);
    if (!of_answer.parse(answer) || !of_newer.parse(newer) || !of_request.parse(asked)) { return 0; }

    const response_head& rs = of_answer.head();
    const request_head& rq = of_request.head();
    const storing_verdict v = judge_storing(rq, "/a", rs, p, when);
    TIERCEL_CHECK(same(v, judge_storing(rq, "/a", rs, p, when)));
    check_verdict(v, rs, p);
    if (v.store) {
        const entry_ptr e = as_entry(rs, v);
        check_reuse(rq, *e, p);
        check_update(*e, rq, of_newer.head(), p);
    }
    return 0;
}
