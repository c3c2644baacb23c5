#include "flow/keeping.hpp"

#include "flow/exchange_times.hpp"
#include "flow/parts.hpp"
#include "rules/ranges.hpp"

#include <utility>

namespace tiercel::flow {
namespace {

std::optional<byte_count> length_of(const origin::exchange& ex)
{
    return ex.framing().kind == framing_kind::length ? std::optional<byte_count>(ex.framing().length) : std::nullopt;
}

storing_verdict judge(const request& rq, const origin::exchange& ex, const decision& d, const fetch_times& when)
{
    const response_head& rs = ex.head();
    storing_verdict verdict = rs.status == 206
                                  ? judge_storing_part(rq.head, rq.target.path, rs, length_of(ex), rq.route->caching, when)
                                  : judge_storing(rq.head, rq.target.path, rs, rq.route->caching, when);
    if (verdict.store && rs.status >= 500 && is_good(d.stored)) {   // an error never takes the place of a good answer
        verdict = storing_verdict();
        verdict.why = detail::status;
    }
    return verdict;
}

}  // namespace

relayed_verdict judge_relayed(const request& rq, const origin::exchange& ex, std::string_view asked, const decision& d,
                              sequence stamp, worker_context& cx)
{
    const response_head& rs = ex.head();
    const process_context& p = cx.process;
    const fetch_times when = times_of(ex, p);
    storing_verdict verdict = judge(rq, ex, d, when);
    if (!verdict.store && verdict.mark && rs.status < 500 && d.stored != nullptr && asked.empty()) {
        discard(*d.stored, rq, cx);
    }
    relayed_verdict v;
    v.refused = verdict.why;
    // Whatever else a Range may lead to (errors above all) says nothing about the whole.
    const bool is_answer_to_range = !asked.empty() && rs.status != 206 && (rs.status != 200 || rs.has(header::content_range));
    if (!verdict.store || is_answer_to_range || length_of(ex).value_or(0) > p.max_object) {
        return v;
    }
    storable what = make_storable(rq, rs, std::move(verdict), stamp, when);
    if (rs.status == 206) {
        v.part = range_of(rs);
    } else if (is_too_many(what, rq, d.known, p)) {
        v.refused = detail::variants;
        return v;
    }
    v.what = std::move(what);
    return v;
}

std::optional<storable> storable_for_gets(const request& get, const origin::exchange& ex, const process_context& p)
{
    const fetch_times when = times_of(ex, p);
    storing_verdict verdict = judge_storing(get.head, get.target.path, ex.head(), get.route->caching, when);
    if (!verdict.store || !has(verdict.flags, entry_flag::explicit_lifetime) || length_of(ex).value_or(0) > p.max_object) {
        return std::nullopt;
    }
    storable s = make_storable(get, ex.head(), std::move(verdict), p.valid.applied(), when);
    return is_too_many(s, get, nullptr, p) ? std::nullopt : std::optional(std::move(s));
}

keeping::keeping(storable what, entry_ptr known, const request& rq, const origin::exchange& ex, worker_context& cx)
    : what_(std::move(what)), known_(std::move(known)), content_(body::make()), budget_(cx.process.l1), rq_(rq), ex_(ex), cx_(cx)
{
}

void keeping::be_part(const content_range& says, std::string_view asked)
{
    part_ = says;
    asked_ = asked;
}

void keeping::add(std::string_view run)
{
    if (content_ == nullptr) {
        return;
    }
    content_->append(run);
    if (content_->size() > cx_.process.max_object || !budget_.covers(content_->footprint())) {
        give_up(detail::too_large);   // to store, or at once
    } else if (ex_.has_surplus()) {
        give_up(detail::surplus);
    } else if (ex_.is_complete()) {
        store();
    }
}

seconds keeping::lifetime() const noexcept
{
    return std::chrono::floor<seconds>(what_.verdict.times.fresh_until - what_.verdict.times.received);
}

void keeping::give_up(detail why)
{
    refused_ = why;
    cx_.counts.count(telemetry::metric::uncacheable_total, telemetry::route_index(cx_.index_of(*rq_.route)), why);
    content_.reset();
    budget_.give_back();
}

void keeping::store()
{
    budget_.give_back();   // from here on the store counts it
    if (part_) {
        const bool kept = keep_part(what_, *part_, asked_, time_so_far(ex_), std::move(content_), rq_, cx_);
        refused_ = kept ? detail::none : detail::partial;
    } else {
        refused_ = keep(what_, rq_, time_so_far(ex_), {}, std::move(content_), known_, cx_).refused;
    }
    content_.reset();
}

}  // namespace tiercel::flow
