#include "origin/client.hpp"

#include "origin/header_values.hpp"
#include "origin/policies.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <charconv>

namespace tiercel::origin {
namespace {

milliseconds left_until(steady::time_point deadline, steady::time_point now) noexcept
{
    return std::chrono::floor<milliseconds>(deadline - now);
}

void append_number(std::string& out, std::int64_t n)
{
    std::array<char, 20> digits;
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr);
}

seconds ceil_seconds(milliseconds d) noexcept { return std::max(seconds(1), std::chrono::ceil<seconds>(d)); }

// The same for the same URL, whatever the method: target and Host, which are the first things in a head.
std::uint64_t key_of(std::string_view head) noexcept
{
    const auto target = head.substr(std::min(head.find(' '), head.size()));
    const auto line = target.find("\r\n");
    return hash_of(target.substr(0, line == target.npos ? line : target.find("\r\n", line + 2)));
}

}  // namespace

client::client(async::loop& l, upstream& up, observer& seen)
    : loop_(l), upstream_(up), observer_(seen), random_(reinterpret_cast<std::uintptr_t>(this) | 1)
{
    for (const auto& e : up.endpoints()) {
        pools_.push_back(std::make_unique<connection_pool>(l, *e, up.options()));
    }
}

client::~client()
{
    TIERCEL_CHECK(sleepers_.empty());
}

async::task<result<exchange_ptr>> client::fetch(outgoing& rq)
{
    const std::size_t head_size = rq.head.size();
    const auto& options = upstream_.options().retry;
    attempt a;
    unsigned retries = 0;
    bool fresh_tried = false;
    for (;;) {
        ++rq.report.attempts;
        auto answer = co_await try_once(rq, head_size, a);
        const int status = answer ? (*answer)->head().status : 0;
        if (answer) {
            (*answer)->attempts(rq.report.attempts);
        }
        const auto cause = answer ? resilience::cause_of_status(status) : resilience::cause_of(errc_of(answer.error()));
        if (!cause) {
            co_return answer;   // the usual case: an answer, or an error that no other attempt would mend
        }

        resilience::failed_attempt f;
        f.retries = retries;
        f.method_allowed = options.allows(rq.verb_text);
        f.sent = a.sent;
        f.replayable = !a.took_body;
        f.reused_connection = a.reused && !a.received;
        f.fresh_tried = fresh_tried;
        f.stale_will_do = !rq.may_retry;
        f.breaker_open = upstream_.all_breakers_open();
        f.remaining = left_until(rq.deadline, steady::now());
        f.typical = a.where->typical();
        f.status = status;
        if (answer) {
            f.retry_after = retry_after((*answer)->head(), upstream_.wall());
            if (status == 429) {   // the origin asks for less: background work can wait
                upstream_.endpoints()[a.where->number()]->pause_background(steady::now() + f.retry_after.value_or(seconds(1)));
            }
        } else {
            f.error = errc_of(answer.error());
        }
        const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
        const auto plan = resilience::decide_retry(f, options, uniform);
        if (!plan.go()) {
            co_return answer;
        }
        if (plan.verdict == resilience::retry_verdict::fresh_connection) {
            fresh_tried = true;
            a = attempt{.fresh = true};
            observer_.on_retry(retry_reason_reused);
            continue;
        }
        if (!upstream_.budget().try_take(upstream_.now())) {
            observer_.on_budget_exhausted();
            co_return answer;
        }
        // From here on the answer is not needed: its connection may be, for the next attempt.
        if (answer) {
            (*answer)->drain_received();
            co_await (*answer)->finish();
            answer->reset();
        }
        observer_.on_retry(name_of(*cause));
        if (!co_await sleep(plan.delay)) {
            co_return errc::draining;
        }
        ++retries;
        a = attempt{.where = a.where};
    }
}

// The empty line, and what an origin may want to know: how much time is left, that it may have seen this before, and that
// the content waits for its word.
void client::complete_head(outgoing& rq, std::size_t size, const endpoint& where) const
{
    rq.head.resize(size);
    if (rq.expects_continue && where.is_of_old()) {
        rq.body->encourage();
    } else if (rq.expects_continue) {
        rq.head.append("Expect: 100-continue\r\n");
    }
    if (rq.report.attempts > 1) {
        rq.head.append("Tiercel-Attempt: ");
        append_number(rq.head, rq.report.attempts);
        rq.head.append("\r\n");
    }
    if (const auto& name = upstream_.options().deadline_header; !name.empty()) {
        rq.head.append(name).append(": ");
        append_number(rq.head, std::max<std::int64_t>(0, left_until(rq.deadline, steady::now()).count()));
        rq.head.append("\r\n");
    }
    rq.head.append("\r\n");
}

async::task<result<exchange_ptr>> client::try_once(outgoing& rq, std::size_t head_size, attempt& a)
{
    const auto now = steady::now();
    if (aborted_) {
        co_return errc::draining;
    }
    if (now >= rq.deadline) {
        co_return errc::deadline_exceeded;
    }
    const auto what = rq.background ? resilience::attempt_class::background
                      : rq.alone    ? resilience::attempt_class::alone
                                    : resilience::attempt_class::foreground;
    const upstream::wish wish{.what = what, .avoid = a.where, .random = random(),
                              .key = upstream_.goes_by_key() ? key_of(rq.head) : 0, .now = now, .at = upstream_.now()};
    if (rq.report.attempts == 1) {
        upstream_.budget().on_primary(wish.at);
    }
    auto let = upstream_.admit(wish, observer_);
    if (!let) {
        rq.report.retry_after = let.error() == errc::breaker_open ? ceil_seconds(upstream_.until_first_probe()) : seconds(1);
        co_return let.error();
    }
    a.where = let->where;
    complete_head(rq, head_size, *a.where);
    auto& pool = *pools_[let->where->number()];
    for (;;) {
        auto link_ready = now;
        auto link = a.fresh ? nullptr : pool.try_take_idle(now);
        if (!link) {
            auto opened = co_await pool.open(rq.deadline);
            if (!opened) {
                if (opened.error() == errc::origin_busy) {
                    rq.report.retry_after = seconds(1);
                }
                if (opened.error() == errc::origin_tls) {
                    observer_.on_tls_failure(*let->where, pool.tls_problem());
                }
                report_unopened(std::move(*let), opened.error(), now);
                co_return opened.error();
            }
            link = std::move(*opened);
            link_ready = steady::now();
        }
        auto x = std::make_unique<exchange>(loop_, upstream_, observer_, pool, std::move(*let), std::move(link));
        const error_code problem = co_await x->start(rq, link_ready);
        if (problem && x->was_put_to_nobody()) {
            *let = x->take_admission();
            if (aborted_ || steady::now() >= rq.deadline) {
                co_return aborted_ ? errc::draining : errc::deadline_exceeded;
            }
            continue;
        }
        a.sent = x->has_sent();
        a.received = x->has_received();
        a.reused = x->was_reused();
        a.took_body = x->took_body();
        if (problem) {
            co_return problem;
        }
        co_return std::move(x);
    }
}

// An attempt that ended before there was a connection.
void client::report_unopened(admission let, error_code why, steady::time_point since)
{
    const errc e = errc_of(why);
    const auto took = steady::now() - since;
    if (resilience::cause_of(e)) {
        const auto ms = std::chrono::duration_cast<milliseconds>(took);
        if (const auto moved = let.where->breaker().on_failure(std::move(let.permit), upstream_.now(), ms)) {
            observer_.on_transition(*let.where, *moved);
        }
    }
    observer_.on_attempt(*let.where, name_of(e), took);
}

// False: aborted.
async::task<bool> client::sleep(milliseconds d)
{
    async::event woken(loop_.context(), loop_.wheel());
    sleepers_.push_back(&woken);
    co_await woken.wait_until(steady::now() + d);
    std::erase(sleepers_, &woken);
    co_return !aborted_;
}

void client::abort()
{
    aborted_ = true;
    for (auto* s : sleepers_) {
        s->set();
    }
    for (const auto& p : pools_) {
        p->abort();
    }
}

std::size_t client::idle_connections() const noexcept
{
    std::size_t n = 0;
    for (const auto& p : pools_) {
        n += p->idle();
    }
    return n;
}

// xorshift64*: for jitter and draws, not for secrets.
std::uint64_t client::random() noexcept
{
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return random_ * 0x2545f4914f6cdd1d;
}

}  // namespace tiercel::origin
