#include "flow/live.hpp"

#include "flow/delivery.hpp"
#include "flow/framed_run.hpp"
#include "flow/reply.hpp"
#include "http/http_date.hpp"
#include "rules/merge.hpp"
#include "rules/ranges.hpp"

#include <algorithm>
#include <utility>

namespace tiercel::flow {
namespace {

client_framing compose_live_range(std::string& out, const request& rq, const live_answer& live, const byte_span& part, const answered& a,
                                  std::string_view age)
{
    partial_head h;
    h.fields = live.head;
    h.range = content_range{part, live.length};
    h.length = part.size();
    h.age = age;
    if (a.stored) {
        h.ttl = live.ttl.count();
    }
    compose_partial(out, rq, h, a);
    return client_framing::length;
}

// One reader's way through the content.
class live_sender {
public:
    live_sender(const request& rq, const live_answer& live, std::optional<byte_span> part, flight_reader& reader, answered a,
                std::string_view age, client_io& io, client_limits limits)
        : rq_(rq), live_(live), reader_(reader), a_(a), io_(io), limits_(limits), first_(part ? part->first : 0),
          limit_(part ? part->last + 1 : body::max_size), at_(first_)
    {
        io.out().clear();
        a_.status = part ? 206 : live.status;
        framed_ = part ? compose_live_range(io.out(), rq, live, *part, a_, age) : compose_live(io.out(), rq, live, a_, age);
        a_.close = framed_ == client_framing::close;
    }

    async::task<answered> run()
    {
        for (bool over = false; !over;) {
            const flight::view seen = reader_.look();   // before the content: complete means that no more will come
            advance(seen);
            const std::string_view run = live_.content->at(at_).substr(0, static_cast<std::size_t>(limit_ - at_));
            over = at_ + run.size() == limit_ || (run.empty() && seen.state == flight_state::complete);
            if (run.empty() && !over && seen.state == flight_state::broken) {
                co_return broken();
            }
            const bool sent = co_await send(run, over);
            if (!sent) {
                co_return left_by_client(a_);
            }
            advance(seen);   // a range may begin further on
            if (!over && run.empty()) {
                const bool progress = co_await reader_.next(async::steady::now() + rq_.route->deadline);
                if (!progress) {
                    co_return stuck();
                }
            }
        }
        co_return a_;
    }

private:
    // Where the slowest reader sets the pace, it must be known how far this one is.
    void advance(const flight::view& seen)
    {
        if (seen.relayed) {
            reader_.advance(std::min(at_, live_.content->size()));
        }
    }

    async::task<bool> send(std::string_view run, bool over)
    {
        const bool chunked = framed_ == client_framing::chunked;
        const framed_run out(head_sent_ ? std::string_view() : std::string_view(io_.out()), run, chunked, over && run.empty());
        const error_code gone = co_await io_.send(out.pieces(), limits_.write_idle);
        if (gone) {
            co_return false;
        }
        head_sent_ = true;
        at_ += run.size();
        a_.content_bytes = at_ - first_;
        co_return true;
    }

    answered broken() const
    {
        answered a = a_;
        a.close = true;
        a.reset = head_sent_ && framed_ == client_framing::close;
        a.failure = errc::origin_truncated;
        a.status = head_sent_ ? a.status : 0;
        return a;
    }

    answered stuck() const
    {
        answered a = a_;
        a.close = true;
        a.reset = framed_ == client_framing::close;
        a.failure = errc::origin_timeout;
        return a;
    }

    const request& rq_;
    const live_answer& live_;
    flight_reader& reader_;
    answered a_;
    client_io& io_;
    client_limits limits_;
    client_framing framed_{};
    const byte_count first_;
    const byte_count limit_;
    byte_count at_;
    bool head_sent_ = false;
};

}  // namespace

std::optional<range_plan> plan_live(const request& rq, const live_answer& live)
{
    if (!rq.head.has(header::range) || live.status != 200) {
        return range_plan();
    }
    if (!live.length) {
        return std::nullopt;
    }
    const std::int64_t now = std::chrono::floor<seconds>(rq.now).time_since_epoch().count();
    const head_block block(live.head);
    range_validators known{block.head().first(header::etag), {}, {}, now};
    known.last_modified = parse_http_date(block.head().first(header::last_modified), now);
    known.date = parse_http_date(block.head().first(header::date), now);
    range_plan plan = judge_range(rq.head, live.status, known, *live.length);
    const bool later = plan.how == range_answer::several || plan.how == range_answer::unsatisfiable;
    return later ? std::nullopt : std::optional(std::move(plan));
}

async::task<answered> send_live(const request& rq, const live_answer& live, std::optional<byte_span> part, flight_reader& reader,
                                answered a, std::string_view age, client_io& io, client_limits limits)
{
    live_sender one(rq, live, part, reader, a, age, io, limits);
    answered done = co_await one.run();
    co_return done;
}

}  // namespace tiercel::flow
