#include "app/explain.hpp"

#include "async/loop.hpp"
#include "config/config_loader.hpp"
#include "config/value.hpp"
#include "flow/problem_table.hpp"
#include "flow/reply.hpp"
#include "flow/request_flow.hpp"
#include "http/ascii.hpp"
#include "http/head_parser.hpp"
#include "http/http_date.hpp"
#include "l2/redis_name.hpp"
#include "routing/cidr.hpp"
#include "telemetry/metrics.hpp"

#include <tiercel/cache_key.hpp>
#include <tiercel/rules.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace tiercel::app {
namespace {

constexpr std::string_view unix_peer = "unix";   // always trusted: the file system decides who may open the socket

// The question as bytes on a connection.
struct raw_request {
    std::string bytes;
    std::string problem;      // set: the question is none
};

bool has_line_break(std::string_view text) { return text.find_first_of("\r\n") != text.npos; }

bool is_host_field(const std::string& field)
{
    constexpr std::string_view host = "host:";
    return equal_lower(std::string_view(field).substr(0, host.size()), host);
}

raw_request make_raw(const question& q)
{
    raw_request r;
    if (has_line_break(q.method) || has_line_break(q.url) || std::any_of(q.fields.begin(), q.fields.end(), has_line_break) ||
        std::any_of(q.answer.begin(), q.answer.end(), has_line_break)) {
        r.problem = "method, URL and fields must not hold line breaks";
        return r;
    }
    if (q.from != unix_peer && !routing::parse_ip(q.from)) {
        r.problem = "--from must be an address, or unix";
        return r;
    }
    std::string_view target = q.url;
    std::string_view host;
    if (!target.starts_with('/') && target != "*") {
        const auto scheme_end = std::min(target.find("://"), target.size());
        const std::string_view scheme = target.substr(0, scheme_end);
        if (scheme != "http" && scheme != "https") {
            r.problem = "the URL must be http://…, https://… or a path";
            return r;
        }
        const std::string_view rest = target.substr(scheme_end + 3);
        const auto end = std::min(rest.find_first_of("/?"), rest.size());
        host = rest.substr(0, end);
        if (scheme == "http") {   // https is said in the target itself, as a client of a proxy would
            target = rest.substr(end);
        }
    }
    const bool needs_slash = target.empty() || target.front() == '?';
    r.bytes = q.method + " " + (needs_slash ? "/" : "") + std::string(target) + " HTTP/1.1\r\n";
    if (!host.empty() || std::none_of(q.fields.begin(), q.fields.end(), is_host_field)) {
        r.bytes += "Host: " + (host.empty() ? std::string("localhost") : std::string(host)) + "\r\n";
    }
    for (const auto& f : q.fields) {
        r.bytes += f + "\r\n";
    }
    r.bytes += "\r\n";
    return r;
}

bool is_trusted(const config::loaded& what, std::string_view peer)
{
    routing::cidr_set trusted;
    for (const auto& text : what.value.server.trusted_proxies) {
        if (const auto block = routing::cidr::parse(text)) {
            trusted.add(*block);
        }
    }
    const auto address = routing::parse_ip(peer);
    return peer == unix_peer || (address && trusted.contains(*address));
}

// A process with nothing in its caches, around the flow's own decision.
class empty_process {
public:
    explicit empty_process(const config::config& c)
        : l1_(memory_store_options{.max_bytes = 0}), tenants_(c.tenancy), routes_(c.routes), metrics_(telemetry::metric_names{}),
          cells_(metrics_.attach()),
          process_{.time = clock_, .l1 = l1_, .valid = valid_, .flights = flights_, .marks = marks_, .descriptors = descriptors_,
                   .tenants = tenants_, .routes = routes_,
                   .tiers = c.cache.tiers},
          worker_{.process = process_, .loop = loop_, .origins = {}, .counts = cells_, .ids = {}, .random = {}}
    {
    }

    flow::worker_context& worker() { return worker_; }
    instant now() const { return clock_.now(); }

private:
    system_clock clock_;
    memory_store l1_;
    validity valid_;
    flow::flight_table flights_;
    flow::mark_table marks_;
    flow::descriptor_desk descriptors_;
    routing::tenancy tenants_;
    routing::route_table routes_;
    async::loop loop_;
    telemetry::metrics metrics_;
    telemetry::cells cells_;
    flow::process_context process_;
    flow::worker_context worker_;
};

std::string text_of(seconds s) { return config::write_time(std::chrono::duration_cast<milliseconds>(s)); }

class printer {
public:
    explicit printer(std::ostream& out) : out_(out) {}
    void line(std::string_view label, std::string_view text)
    {
        constexpr std::size_t width = 10;
        out_ << label << std::string(width - std::min(width, label.size()), ' ') << "  " << text << '\n';
    }

private:
    std::ostream& out_;
};

std::string reason(detail why) { return why == detail::none ? std::string() : " (" + std::string(name_of(why)) + ")"; }

void print_identity(printer& p, const config::config& c, const flow::request& rq)
{
    const auto number = static_cast<std::size_t>(std::find_if(c.routes.begin(), c.routes.end(),
                                                              [&](const auto& r) { return r.name == rq.route->name; }) -
                                                 c.routes.begin());
    p.line("tenant", rq.tenant.empty() ? "none: the request goes past the cache" : rq.tenant);
    p.line("route", rq.route->name + " (routes[" + std::to_string(number) + "]), origin " + rq.route->origin);
    if (!rq.key.empty()) {
        p.line("key", key_text(rq.key));
        p.line("hash", hex(stable_hash(rq.key)));
        if (c.cache.l2.kind == l2::kind::redis) {
            p.line("redis", l2::entry_name(c.cache.l2.prefix, rq.tenant, rq.key));
        }
    }
}

void print_decision(printer& p, const config::config& c, const flow::decision& d)
{
    if (d.what == action::pass) {
        p.line("lookup", "none: goes to the origin" + reason(d.why));
        p.line("storing", "never");
        return;
    }
    std::string tiers = c.cache.l1.max_bytes != 0 ? "memory, " : "";
    tiers += c.cache.l2.kind == l2::kind::redis ? "Redis, " : c.cache.l2.kind == l2::kind::memory ? "the shared memory, " : "";
    p.line("lookup", tiers + "origin");
    p.line("sharing", d.alone ? "none: fetches for itself" + reason(d.why) : std::string("waits for a fetch of the same key that is under way"));
}

// What would become of answers of the most common kinds.
void print_storing(printer& p, const flow::request& rq, instant now)
{
    struct sample {
        std::string_view says;
        field line;
    };
    const sample samples[] = {
        {"says nothing about caching", {}},
        {"says Cache-Control: max-age=60", {"Cache-Control", "max-age=60", header::cache_control}},
        {"says Cache-Control: private", {"Cache-Control", "private", header::cache_control}},
        {"has a Set-Cookie and max-age=60", {"Set-Cookie", "a=b", header::set_cookie}},
    };
    const field fresh{"Cache-Control", "max-age=60", header::cache_control};
    for (const auto& s : samples) {
        std::vector<field> fields;
        if (!s.line.name.empty()) {
            fields.push_back(s.line);
        }
        if (s.line.id == header::set_cookie) {
            fields.push_back(fresh);
        }
        response_head rs;
        rs.status = 200;
        rs.fields = fields;
        for (const auto& f : fields) {
            rs.present |= std::uint64_t{1} << static_cast<unsigned>(f.id);
        }
        const fetch_times when{.requested = now, .received = now, .received_wall = wall_time(now.time_since_epoch())};
        const auto v = judge_storing(rq.head, rq.target.path, rs, rq.route->caching, when);
        const auto life = std::chrono::duration_cast<seconds>(v.times.fresh_until - now);
        p.line("a 200 that", std::string(s.says) + ": " + (v.store ? "stored, fresh for " + text_of(life) : "not stored" + reason(v.why)));
    }
    const auto& stale = rq.route->caching.stale;
    p.line("stale", "served for " + text_of(stale.while_revalidate) + " while refreshing, for " + text_of(stale.if_error) +
                        " after a 5xx, for " + text_of(stale.if_unreachable) + " without an answer, unless the answer says otherwise");
}

// The bytes of the answer that the question brings.
std::string raw_answer(const question& q)
{
    std::string out = "HTTP/1.1 " + std::to_string(q.status == 0 ? 200 : q.status) + " \r\n";
    for (const auto& f : q.answer) {
        out += f + "\r\n";
    }
    return out + "\r\n";
}

entry_ptr as_stored(const flow::request& rq, const response_head& rs, const storing_verdict& v, const fetch_times& when)
{
    const std::int64_t now = std::chrono::floor<seconds>(when.received_wall).time_since_epoch().count();
    const std::string head = flow::storable_head(rs, v.drop_fields, rq.route->caching.strip_tags, when.received_wall);
    entry_parts parts;
    parts.key = rq.key;
    parts.times = v.times;
    parts.flags = v.flags;
    parts.status = rs.status;
    parts.head = head;
    parts.etag = rs.first(header::etag);
    parts.last_modified = parse_http_date(rs.first(header::last_modified), now);
    parts.date = parse_http_date(rs.first(header::date), now).value_or(now);
    return entry::make(parts);
}

// What a request like this one gets at that time, and what it gets if the origin fails it.
std::string later_answer(const flow::request& rq, const entry& e, instant at)
{
    const reuse_verdict v = judge_reuse(rq.head, &e, rq.route->caching, at);
    if (v.what == action::serve) {
        return "hit" + reason(v.why);
    }
    if (v.what == action::serve_and_refresh) {
        return "hit, and fetched anew behind it" + reason(v.why);
    }
    if (v.what == action::pass) {
        return "passed on to the origin" + reason(v.why);
    }
    const bool has_validator = e.is(entry_flag::has_etag) || e.is(entry_flag::has_last_modified);
    std::string text = has_validator ? "the origin is asked whether it still holds" : "fetched anew";
    text += " (fwd=" + std::string(name_of(v.forward)) + ")";
    if (may_serve_on_failure(e, failure::server_error, at)) {
        return text + "; stale if that fails" + reason(detail::sie);
    }
    return may_serve_on_failure(e, failure::unreachable, at) ? text + "; stale if no answer comes" + reason(detail::sie) : text;
}

// The times at which something changes, from now on.
std::vector<instant> turning_points(const entry_times& t, instant now)
{
    std::vector<instant> out{now, t.fresh_until, t.swr_until, t.sie_until, t.unreachable_until};
    std::erase_if(out, [&](instant at) { return at < now; });
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

// What becomes of that very answer.
void print_answer(printer& p, const flow::request& rq, const response_head& rs, instant now)
{
    const caching_policy& policy = rq.route->caching;
    const fetch_times when{.requested = now, .received = now, .received_wall = wall_time(now.time_since_epoch())};
    const storing_verdict v = judge_storing(rq.head, rq.target.path, rs, policy, when);
    p.line("answer", std::to_string(rs.status) + ", decided by " + (v.targeted ? policy.targeted[*v.targeted] : "Cache-Control"));
    if (!v.store) {
        p.line("storing", "no" + reason(v.why) + (v.mark ? "; the next ones wait for nobody" : ""));
        return;
    }
    std::string stored = "yes";
    for (const std::string& name : v.drop_fields) {
        stored += ", without " + name;
    }
    p.line("storing", stored);
    const auto in_seconds = [](milliseconds ms) { return text_of(std::chrono::floor<seconds>(ms)); };
    p.line("lifetime", in_seconds(v.lifetime) + " (" + std::string(name_of(v.source)) + "), " + in_seconds(v.times.initial_age) +
                           " of it spent on arrival");
    const entry_ptr e = as_stored(rq, rs, v, when);
    for (const instant at : turning_points(v.times, now)) {
        p.line("in " + in_seconds(at - now), later_answer(rq, *e, at));
    }
}

exit_code judge_answer(printer& p, const question& q, const flow::request& rq, const server::limit_options& limits)
{
    response_head_parser parser({.header_bytes = limits.header_bytes, .header_count = limits.header_count});
    const std::string answer = raw_answer(q);
    const auto parsed = parser.parse(answer);
    if (parsed && *parsed == answer.size()) {
        print_answer(p, rq, parser.head(), rq.now);
    } else {
        p.line("answer", "malformed" + reason(detail::invalid));
        return bad_usage;
    }
    return done;
}

// Whoever asks about what is no request at all has made a mistake; a refusal of a good one is what was asked for.
exit_code tell_refusal(printer& p, errc why, bool asks_for_https, console io)
{
    const std::string_view who = why == errc::misdirected && asks_for_https ? ": only a peer in server.trusted_proxies may say https" : "";
    p.line("refused", std::string(name_of(why)).append(who));
    switch (flow::status_of(why)) {
        case 400:
        case 414:
        case 431:
        case 505: io.err << "tiercel: that is no request that can be served: " << name_of(why) << '\n'; return bad_usage;
        default: return done;
    }
}

}  // namespace

exit_code explain(const config::loaded& what, const question& q, console io)
{
    const auto raw = make_raw(q);
    if (!raw.problem.empty()) {
        io.err << "tiercel: " << raw.problem << '\n';
        return bad_usage;
    }
    const auto& limits = what.value.server.limits;
    request_head_parser parser({.uri = limits.uri, .header_bytes = limits.header_bytes, .header_count = limits.header_count});
    const auto parsed = parser.parse(raw.bytes);

    printer p(io.out);
    p.line("request", q.method + " " + q.url);
    if (!parsed || *parsed != raw.bytes.size()) {
        return tell_refusal(p, parsed ? errc::bad_request : errc_of(parsed.error()), false, io);
    }
    empty_process process(what.value);
    const flow::peer peer{.address = q.from, .trusted = is_trusted(what, q.from)};
    flow::request_scratch scratch;
    flow::request rq;
    rq.head = parser.head();
    rq.raw = raw.bytes;
    rq.from = &peer;
    rq.now = process.now();
    const auto d = flow::decide(rq, scratch, process.worker());

    p.line("peer", q.from + (peer.trusted ? ", a trusted proxy" : ", not a trusted proxy"));
    if (d.refused != errc{}) {
        return tell_refusal(p, d.refused, rq.target.scheme == "https", io);
    }
    print_identity(p, what.value, rq);
    print_decision(p, what.value, d);
    if (d.what == action::pass) {
        return done;
    }
    if (q.status == 0 && q.answer.empty()) {
        print_storing(p, rq, rq.now);
        return done;
    }
    const exit_code judged = judge_answer(p, q, rq, limits);
    if (judged != done) {
        io.err << "tiercel: that is no head of an answer\n";
    }
    return judged;
}

}  // namespace tiercel::app
