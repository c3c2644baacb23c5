#include "events/origin_call.hpp"

#include "http/ascii.hpp"
#include "http/http_date.hpp"
#include "origin/header_values.hpp"

#include <chrono>
#include <utility>

namespace tiercel::events {
namespace {

using async::steady;
using async::task;

std::string authority_of(const origin::upstream& up)
{
    const origin::address& a = up.endpoints().front()->where();
    if (a.is_unix()) { return "localhost"; }
    const std::string host = a.host.find(':') == a.host.npos ? a.host : "[" + a.host + "]";
    return a.port == (a.secure ? 443 : 80) ? host : host + ":" + std::to_string(a.port);
}

std::string head_of(const origin_request& what, const std::string& authority)
{
    const bool has_content = what.verb == method::post;
    std::string head;
    head.append(has_content ? "POST " : "GET ").append(what.target).append(" HTTP/1.1\r\nHost: ").append(authority);
    head.append("\r\nUser-Agent: tiercel-events\r\nAccept-Encoding: identity\r\n").append(what.fields);
    if (has_content) { head.append("Content-Length: ").append(std::to_string(what.content.size())).append("\r\n"); }
    head.reserve(head.size() + 128);   // for what the client adds
    return head;
}

origin_answer answer_with(const response_head& head, const clock& time)
{
    const std::int64_t now = std::chrono::floor<seconds>(time.wall()).time_since_epoch().count();
    origin_answer out;
    out.status = head.status;
    out.content_type = head.first(header::content_type);
    out.date = parse_http_date(head.first(header::date), now);
    out.retry_after = origin::retry_after(head, time.wall());
    for (const field& f : head.fields) {
        if (equal_ignoring_case(f.name, "link")) { out.links.emplace_back(f.value); }
    }
    if (const std::string_view coding = head.first(header::content_encoding); !coding.empty() && !equal_ignoring_case(coding, "identity")) {
        out.problem = "the answer comes compressed, which it was asked not to";
    }
    return out;
}

std::string words_for(const error_code& ec) { return std::string(name_of(errc_of(ec))); }

}  // namespace

origin_call::origin_call(async::loop& l, const known_origin& where, const clock& time)
    : time_(time), client_(l, *where.upstream, *where.observer), authority_(authority_of(*where.upstream))
{
}

task<origin_answer> origin_call::ask(origin_request what)
{
    origin::outgoing rq;
    rq.verb = what.verb;
    rq.verb_text = what.verb == method::post ? "POST" : "GET";
    rq.head = head_of(what, authority_);
    rq.content = what.content;
    rq.deadline = steady::now() + what.timeout;
    auto got = co_await client_.fetch(rq);
    origin_answer out;
    if (!got) {
        out.problem = words_for(got.error());
        co_return out;
    }
    origin::exchange& x = **got;
    x.expires_at(rq.deadline);
    out = answer_with(x.head(), time_);
    while (out.problem.empty() && !x.is_complete()) {
        const result<std::string_view> run = co_await x.read();
        if (!run) {
            out.problem = words_for(run.error());
        } else if (run->size() > what.most - out.content.size()) {
            out.problem = "the answer is larger than " + std::to_string(what.most) + " bytes";
        } else {
            out.content.append(*run);
        }
    }
    if (x.is_uploading()) { co_await x.finish(); }
    co_return out;
}

}  // namespace tiercel::events
