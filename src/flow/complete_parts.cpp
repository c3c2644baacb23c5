#include "flow/complete_parts.hpp"

#include "flow/delivery.hpp"
#include "flow/interim_relay.hpp"
#include "flow/keeping.hpp"
#include "flow/parts.hpp"
#include "flow/ranged.hpp"
#include "flow/relay.hpp"
#include "flow/reply.hpp"
#include "flow/upstream_head.hpp"
#include "http/validators.hpp"
#include "rules/merge.hpp"
#include "rules/ranges.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace tiercel::flow {
namespace {

std::string text_of(const byte_span& s)
{
    return "bytes=" + std::to_string(s.first) + "-" + std::to_string(s.last);
}

// Are these exactly the bytes that were missing, of exactly the state that the parts are of (RFC 9110 §15.3.7.3)?
bool fills_gap(const origin::exchange& ex, const part_answer& parts)
{
    const response_head& rs = ex.head();
    const byte_span gap = *parts.gap();
    return range_of(rs) == content_range{gap, parts.total} && ex.framing().kind == framing_kind::length &&
           ex.framing().length == gap.size() && rs.count(header::etag) == 1 &&
           strong_equal(rs.first(header::etag), parts.parts.front().e->etag());
}

// The resource is in another state, or this is no answer to what was asked.
bool is_beside_the_point(const origin::exchange& ex, const part_answer& parts)
{
    const int status = ex.head().status;
    return status == 200 || status == 304 || status == 416 || (status == 206 && !fills_gap(ex, parts));
}

// The content of an exchange and nothing around it.
async::task<answered> pass_on(origin::exchange& ex, answered a, keeping* kept, client_io& io, client_limits limits)
{
    while (!ex.is_complete()) {
        const result<std::string_view> run = co_await ex.read();
        if (!run) {
            a.failure = errc_of(run.error());
            a.close = true;
            co_return a;
        }
        if (kept != nullptr) {
            kept->add(*run);
        }
        const std::array<std::string_view, 1> out{*run};
        const error_code gone = co_await io.send(out, limits.write_idle);
        if (gone) {
            co_return left_by_client(a);
        }
        a.content_bytes += run->size();
    }
    co_return a;
}

class completion {
public:
    completion(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
        : rq_(rq), d_(std::move(d)), parts_(std::move(d_.parts)), asked_(text_of(*parts_->gap())), io_(io), limits_(limits), cx_(cx),
          stamp_(cx.process.valid.applied()), no_body_(io, rq.content, {limits.largest_content, limits.content_idle}, false),
          interim_(rq, no_body_, io, limits.write_idle)
    {
        a_.what = outcome::miss;
        a_.why = detail::partial;
        a_.forward = d_.forward;
    }

    async::task<answered> run()
    {
        prepare();
        auto fetched = co_await cx_.origin_of(*rq_.route).fetch(out_);
        if (interim_.client_gone()) {
            co_return left_by_client(a_);
        }
        if (!fetched) {
            const auto f = flight_failure::no_answer(errc_of(fetched.error()), out_.report.retry_after);
            a_.attempts = out_.report.attempts;
            answered failed = co_await answer_failure(rq_, d_.stored, f, a_, io_, limits_, cx_);
            co_return failed;
        }
        origin::exchange_ptr ex = std::move(*fetched);
        const int status = ex->head().status;
        answered done;
        if (is_failure(status) && may_stand_in(failure::server_error)) {
            const auto f = flight_failure::error_answer(status);
            note_exchange(a_, *ex);
            ex.reset();   // its connection must not wait for the client
            done = co_await answer_failure(rq_, d_.stored, f, a_, io_, limits_, cx_);
        } else if (is_beside_the_point(*ex, *parts_)) {
            ex.reset();   // the request goes out as it came
            done = co_await relay(rq_, std::move(d_), io_, limits_, cx_);
        } else if (status != 206) {
            a_.what = outcome::pass;
            a_.why = detail::range;
            done = co_await relay_answer(rq_, *ex, a_, nullptr, io_, limits_, cx_);
        } else {
            done = co_await send_all(*ex);
        }
        co_return done;
    }

private:
    bool may_stand_in(failure how) const
    {
        return d_.stored != nullptr && may_serve_on_failure(*d_.stored, how, cx_.process.time.now());
    }

    void prepare()
    {
        out_.interim = &interim_;
        out_.head = upstream_head(rq_, cx_.process.tenants, purpose::fill);
        out_.head.append("Range: ").append(asked_).append("\r\nIf-Range: ").append(parts_->parts.front().e->etag()).append("\r\n");
        out_.deadline = rq_.deadline;
        out_.may_retry = !may_stand_in(failure::unreachable);
    }

    // `lifetime`: of what has just come, if that is stored.
    void compose_head(const origin::exchange& ex, std::optional<seconds> lifetime)
    {
        const std::string fields = storable_head(ex.head(), {}, rq_.route->caching.strip_tags, cx_.process.time.wall());
        partial_head h;
        h.fields = fields;
        h.range = content_range{parts_->spans.front(), parts_->total};
        h.length = parts_->spans.front().size();
        h.age = ex.head().first(header::age);
        if (lifetime) {
            h.ttl = lifetime->count();
        }
        io_.out().clear();
        compose_partial(io_.out(), rq_, h, a_);
    }

    // What is stored from before the gap, what has just come, and what is stored from behind it.
    async::task<answered> send_all(origin::exchange& ex)
    {
        note_exchange(a_, ex);
        relayed_verdict v = judge_relayed(rq_, ex, asked_, d_, stamp_, cx_);
        std::optional<keeping> kept;
        if (v.what) {
            kept.emplace(std::move(*v.what), nullptr, rq_, ex, cx_);
            kept->be_part(*v.part, asked_);
            a_.stored = true;
        }
        a_.status = 206;
        compose_head(ex, kept ? std::optional(kept->lifetime()) : std::nullopt);
        const part_cover& cover = parts_->covers.front();
        gathered before;
        before.add(*parts_, cover.before);
        answered done = co_await send_gathered(a_, std::move(before), io_, limits_);
        if (done.failure == errc{}) {
            done = co_await pass_on(ex, done, kept ? &*kept : nullptr, io_, limits_);
        }
        if (done.failure == errc{} && !cover.after.empty()) {
            gathered after;
            after.add(*parts_, cover.after);
            io_.out().clear();
            done = co_await send_gathered(done, std::move(after), io_, limits_);
        }
        co_return done;
    }

    request& rq_;
    decision d_;
    const std::shared_ptr<const part_answer> parts_;
    const std::string asked_;
    client_io& io_;
    client_limits limits_;
    worker_context& cx_;
    const sequence stamp_;
    client_body no_body_;
    interim_relay interim_;
    origin::outgoing out_;
    answered a_;
};

}  // namespace

async::task<answered> complete_parts(request& rq, decision d, client_io& io, client_limits limits, worker_context& cx)
{
    completion one(rq, std::move(d), io, limits, cx);
    answered done = co_await one.run();
    co_return done;
}

}  // namespace tiercel::flow
