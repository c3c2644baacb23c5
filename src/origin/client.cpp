#include "origin/client.hpp"

#include "http/ascii.hpp"
#include "origin/header_values.hpp"
#include "origin/policies.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

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

constexpr seconds no_announcement{-1};   // of how long a connection is kept

seconds ceil_seconds(milliseconds d) noexcept { return std::max(seconds(1), std::chrono::ceil<seconds>(d)); }

// The same for the same URL, whatever the method: target and Host, which are the first things in a head.
std::uint64_t key_of(std::string_view head) noexcept
{
    const auto target = head.substr(std::min(head.find(' '), head.size()));
    const auto line = target.find("\r\n");
    return hash_of(target.substr(0, line == target.npos ? line : target.find("\r\n", line + 2)));
}

// The lines of that field are ours to write, and nobody else's.
void drop_field(std::string& head, std::string_view name)
{
    for (std::size_t line = head.find('\n') + 1; line != 0 && line < head.size();) {
        const std::size_t next = head.find('\n', line) + 1;
        const std::string_view text = std::string_view(head).substr(line);
        if (text.size() > name.size() && text[name.size()] == ':' && equal_ignoring_case(text.substr(0, name.size()), name)) {
            head.erase(line, next == 0 ? std::string::npos : next - line);
        } else {
            line = next == 0 ? head.size() : next;
        }
    }
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
    if (const auto& ours = upstream_.options().deadline_header; !ours.empty()) {
        drop_field(rq.head, ours);
    }
    const std::size_t head_size = rq.head.size();
    const auto& options = upstream_.options().retry;
    attempt a;
    unsigned retries = 0;
    bool fresh_tried = false;
    bool hedged = false;
    for (;;) {
        ++rq.report.attempts;
        result<exchange_ptr> answer = errc::internal;
        if (may_hedge(rq) && !hedged) {
            answer = co_await try_hedged(rq, head_size, a);
            hedged = rq.report.hedged;
        } else {
            admission none;
            answer = co_await try_once(rq, head_size, a, std::move(none));
        }
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
                a.where->pause_background(steady::now() + f.retry_after.value_or(seconds(1)));
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

upstream::wish client::wish_of(const outgoing& rq, const endpoint* avoid, steady::time_point now)
{
    const auto what = rq.background ? resilience::attempt_class::background
                      : rq.alone    ? resilience::attempt_class::alone
                                    : resilience::attempt_class::foreground;
    return {.what = what, .avoid = avoid, .random = random(), .key = upstream_.goes_by_key() ? key_of(rq.head) : 0,
            .now = now, .at = upstream_.now()};
}

async::task<result<exchange_ptr>> client::try_once(outgoing& rq, std::size_t head_size, attempt& a, admission place)
{
    const auto now = steady::now();
    if (aborted_) {
        co_return errc::draining;
    }
    if (now >= rq.deadline) {
        co_return errc::deadline_exceeded;
    }
    if (place.where == nullptr) {
        const auto wish = wish_of(rq, a.where, now);
        if (rq.report.attempts == 1) {
            upstream_.on_primary(wish.at);
        }
        auto let = upstream_.admit(wish, observer_);
        if (!let) {
            rq.report.retry_after = let.error() == errc::breaker_open ? ceil_seconds(upstream_.until_first_probe()) : seconds(1);
            co_return let.error();
        }
        place = std::move(*let);
    }
    a.where = place.where;
    a.began = now;
    a.is_probe = place.permit.is_probe();
    complete_head(rq, head_size, *a.where);
    auto& pool = *pools_[a.where->number()];
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
                    observer_.on_tls_failure(*a.where, pool.tls_problem());
                }
                report_unopened(std::move(place), opened.error(), now);
                co_return opened.error();
            }
            link = std::move(*opened);
            link_ready = steady::now();
        }
        if (a.called_off) {
            pool.give_back(std::move(link), no_announcement);
            observer_.on_attempt(*a.where, name_of(errc::client_gone), link_ready - now);
            co_return errc::client_gone;
        }
        auto x = std::make_unique<exchange>(loop_, upstream_, observer_, pool, std::move(place), std::move(link));
        a.under_way = x.get();
        const error_code problem = co_await x->start(rq, link_ready);
        a.under_way = nullptr;
        if (problem && x->was_put_to_nobody()) {
            place = x->take_admission();
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

// ---- a second attempt beside one that is slow ------------------------------------------------------------------------

// What changes nothing, has nothing to send but its head, and is waited for.
bool client::may_hedge(const outgoing& rq) const noexcept
{
    return upstream_.options().hedge.after > milliseconds{0} && upstream_.endpoints().size() > 1 && !rq.background &&
           (rq.verb == method::get || rq.verb == method::head) && rq.body == nullptr && rq.content.empty() && rq.upgrade.empty();
}

async::task<result<exchange_ptr>> client::try_hedged(outgoing& rq, std::size_t head_size, attempt& a)
{
    const auto r = std::make_shared<race>(loop_, rq, a);
    admission none;
    run(r, r->first(), head_size, std::move(none));
    bool changed = co_await r->changed(steady::now() + upstream_.options().hedge.after);
    if (!changed) {
        if (admission place = admit_hedge(rq, *r); place.where != nullptr) {
            ++rq.report.attempts;
            rq.report.hedged = true;
            race::leg& second = r->add_second(rq);
            run(r, second, head_size, std::move(place));
        }
    }
    while (!r->is_over()) {   // each leg has the deadline of the request
        changed = co_await r->changed(steady::time_point::max());
    }
    race::leg& counts = r->decisive();
    if (race::leg* const second = r->second()) {
        observer_.on_hedge(second->has_failed() ? hedge_result::failed
                           : second == &counts  ? hedge_result::won
                                                : hedge_result::lost);
    }
    a = counts.made();
    rq.report.retry_after = counts.retry_after();
    co_return r->take_answer();
}

// Empty: not now.
admission client::admit_hedge(const outgoing& rq, race& r)
{
    const attempt& slow = r.first().made();
    const bool answers = slow.under_way != nullptr && slow.under_way->has_received();
    if (slow.where == nullptr || slow.is_probe || answers || aborted_) {
        return {};
    }
    const auto wish = wish_of(rq, slow.where, steady::now());
    auto place = upstream_.try_hedge(wish, observer_);
    if (!place) {
        observer_.on_hedge(hedge_result::nowhere);
        return {};
    }
    if (!upstream_.try_take_hedge(wish.at)) {
        observer_.on_hedge(hedge_result::no_budget);
        return {};
    }
    return std::move(*place);
}

void client::run(std::shared_ptr<race> r, race::leg& one, std::size_t head_size, admission place)
{
    // Whoever awaits us has a pass of the gate already, so this one is due even while the gate is closed.
    boost::asio::co_spawn(loop_.context(),
                          run_leg(std::move(r), one, head_size, std::move(place), async::drain_gate::pass(loop_.gate())),
                          boost::asio::detached);
}

async::task<> client::run_leg(std::shared_ptr<race> r, race::leg& one, std::size_t head_size, admission place,
                              [[maybe_unused]] async::drain_gate::pass inside)
{
    result<exchange_ptr> answer = errc::internal;
    try {
        answer = co_await try_once(one.asked(), head_size, one.made(), std::move(place));
    } catch (const std::exception&) {
        answer = errc::internal;
    }
    r->on_end(one, std::move(answer));
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
