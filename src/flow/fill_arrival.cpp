#include "flow/fill_arrival.hpp"

#include "flow/exchange_times.hpp"

#include <utility>

namespace tiercel::flow {
namespace {

// How far the origin may run ahead of the slowest reader when the content is not kept.
constexpr byte_count relay_window = 1 << 20;

}  // namespace

fill_arrival::fill_arrival(fill_job& job, origin::exchange_ptr ex, storable what, entry_ptr known, fill_end& end, worker_context& cx)
    : job_(job), ex_(std::move(ex)), what_(std::move(what)), known_(std::move(known)), end_(end), cx_(cx), p_(cx.process),
      rq_(job.rq.view()), budget_(p_.l1)
{
}

async::task<> fill_arrival::run()
{
    std::optional<result<std::string_view>> run = ex_->try_read();
    const std::string_view first = run && *run ? **run : std::string_view();
    if (ex_->is_complete()) {   // small answers are here as a whole: one allocation, no chunks
        store(first, nullptr);
        co_return;
    }
    const bool has_length = ex_->framing().kind == framing_kind::length;
    content_ = body::make(has_length ? ex_->framing().length : 0);
    content_->append(first);
    publish_head();
    while (!ex_->is_complete()) {
        const result<std::string_view> more = co_await ex_->read();
        if (!more) {
            end_.break_off(errc_of(more.error()), detail::truncated);
            co_return;
        }
        content_->append(*more);
        tell_if_unshared(content_->size());
        if (!relayed_ && (content_->size() > p_.max_object || !budget_.covers(content_->footprint()))) {
            begin_relay();
        }
        job_.joined->publish_progress();
        if (relayed_) {
            const bool wanted = co_await keep_pace();
            if (!wanted) {
                end_.break_off(errc::client_gone, detail::too_large);
                co_return;
            }
        }
    }
    if (relayed_) {
        end_.report().stored = false;
        end_.report().why = detail::too_large;
        end_.complete_unkept();
        co_return;
    }
    budget_.give_back();   // from here on the store counts it
    store({}, content_);
}

void fill_arrival::publish_head()
{
    live_answer live;
    live.head = what_.head;
    live.status = what_.status;
    live.content = content_;
    live.scopes = what_.scopes;
    live.ttl = std::chrono::floor<seconds>(what_.verdict.times.fresh_until - what_.verdict.times.received);
    if (ex_->framing().kind == framing_kind::length) {
        live.length = ex_->framing().length;
        tell_if_unshared(*live.length);
    }
    end_.report().stored = true;
    job_.joined->publish_head(std::move(live), end_.report());
}

// Other instances need not wait for what they will not find.
void fill_arrival::tell_if_unshared(byte_count size)
{
    if (cx_.l2 != nullptr && size > cx_.l2->largest_content()) {
        end_.let_go({.what = l2::fill_outcome::unshared});
    }
}

// Too much to keep: no more readers, nothing stored, and those that are here set the pace.
void fill_arrival::begin_relay()
{
    relayed_ = true;
    end_.let_go({.what = content_->size() > p_.max_object ? l2::fill_outcome::uncacheable : l2::fill_outcome::unshared});
    budget_.give_back();
    p_.l1.hold(content_);
    p_.marks.mark_uncacheable(rq_.hash, p_.time.now() + rq_.route->stampede.mark_ttl);
    count_uncacheable(detail::too_large);
    end_.leave_table();
    job_.joined->begin_relay();
}

// Waits for the slowest reader, and frees what all have taken. False: none is left, or none gets on.
async::task<bool> fill_arrival::keep_pace()
{
    const std::optional<byte_count> slowest =
        co_await job_.joined->pace(cx_.loop, content_->size(), relay_window, rq_.route->deadline);
    if (!slowest || content_->size() > body::max_size / 2) {
        co_return false;
    }
    content_->discard_before(*slowest);
    co_return true;
}

void fill_arrival::store(std::string_view small, body_ptr content)
{
    if (ex_->has_surplus()) {
        what_.flaw = detail::surplus;
        count_uncacheable(what_.flaw);
    }
    const milliseconds delta = smoothed(job_.stored, time_so_far(*ex_));
    end_.complete(keep(what_, rq_, delta, small, std::move(content), l2_ties(known_, end_.lease()), cx_));
}

void fill_arrival::count_uncacheable(detail why)
{
    cx_.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx_.index_of(*rq_.route)), why);
}

}  // namespace tiercel::flow
