#include "origin/exchange.hpp"

#include "async/drained_read.hpp"

#include "http/chunk_line.hpp"
#include "http/forwarding.hpp"
#include "http/upgrade.hpp"
#include "origin/header_values.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace tiercel::origin {
namespace {

namespace asio = boost::asio;

constexpr unsigned most_interim = 16;

// With more under way at an endpoint the loop may have more news than it takes in at once, half of it from clients.
constexpr std::uint32_t most_watched = 64;
// When the answer on a connection that the loop watches lets wait for itself so long, it is looked at after all.
constexpr milliseconds first_look{20};

// "2xx" and so on: the label of origin_requests_total.
std::string_view class_of(int status) noexcept
{
    constexpr std::array<std::string_view, 10> names{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"};
    return names[static_cast<std::size_t>(status / 100) % names.size()];
}

// What the breaker counts: the server failed, and not at something it just does not know.
bool is_failure(int status) noexcept
{
    return status >= 500 && status <= 599 && status != 501 && status != 505;
}

milliseconds in_ms(steady::duration d) noexcept { return std::chrono::duration_cast<milliseconds>(d); }

}  // namespace

std::string_view name_of(invalid_reason r) noexcept
{
    switch (r) {
        case invalid_reason::head: return "head";
        case invalid_reason::head_too_large: return "head_too_large";
        case invalid_reason::length: return "length";
        case invalid_reason::chunk: return "chunk";
        case invalid_reason::truncated: return "truncated";
        case invalid_reason::upgrade: return "upgrade";
        case invalid_reason::interim: return "interim";
        case invalid_reason::surplus: return "surplus";
    }
    return {};
}

std::string_view name_of(hedge_result r) noexcept
{
    switch (r) {
        case hedge_result::won: return "won";
        case hedge_result::lost: return "lost";
        case hedge_result::failed: return "failed";
        case hedge_result::nowhere: return "nowhere";
        case hedge_result::no_budget: return "no_budget";
    }
    return {};
}

exchange::exchange(async::loop& l, upstream& up, observer& seen, connection_pool& pool, admission a,
                   std::unique_ptr<connection> c)
    : loop_(l), upstream_(up), observer_(seen), pool_(pool), admission_(std::move(a)), connection_(std::move(c)),
      patience_(up.options().try_timeout),
      reused_(connection_->exchanges() > 0)
{
}

exchange::~exchange()
{
    TIERCEL_CHECK(!uploading_);
    settle(outcome::abandoned, has_head_ ? class_of(head_.status) : "abandoned");
    if (may_reuse()) {
        pool_.give_back(std::move(connection_), keep_alive_timeout(head_));
    }
}

bool exchange::may_reuse() const noexcept
{
    return complete_ && through_before_answer_ && !surplus_ && !framing_.close_after;
}

// ---- the request -----------------------------------------------------------------------------------------------------

// Others have something to send to the same endpoint, perhaps in the same turn.
bool exchange::has_company() const noexcept
{
    return admission_.where->limit().inflight() > 1;
}

// Whether the look at an idle connection may be left to the loop, which is told when something comes: it has been asked since this
// one became idle, and an end that is noticed too late costs the client no more than first_look. One that has not carried a second request yet
// is looked at, as an end that came with its first answer is not told.
bool exchange::loop_watches() const noexcept
{
    const bool can_be_sent_again = request_->body == nullptr && request_->content.empty() && upstream_.options().retry.allows(request_->verb_text);
    return can_be_sent_again && connection_->has_rested() && connection_->exchanges() > 1 && !connection_->is_secure() &&
           admission_.where->limit().inflight() <= most_watched;
}

// Begins the read, then sends. Asio tries the read at once only if the loop was told of something since the last one; if that is so
// and something is there, nothing is sent.
auto exchange::read_and_send(boost::asio::mutable_buffer room, error_code& ec)
{
    async::note_error token(ec);
    return asio::async_initiate<async::note_error, void(error_code, std::size_t)>(
        [this, room](auto handler) {
            connection_->socket().async_read_some(async::drained_buffer(room, came_early_), std::move(handler));
            if (!came_early_) {
                send_at_once();
            }
            if (send_failed_) {
                connection_->cancel();   // the sending has taken the news that the read waits for
            }
        },
        token);
}

void exchange::send_at_once()
{
    asked_ = true;
    const std::array parts{std::string_view(request_->head), request_->content};
    const auto n = connection_->try_send(parts);
    if (!n) {
        send_failed_ = true;
        return;   // the answer to that, or the end, can be read
    }
    sent_ = *n > 0;
    const std::size_t of_head = std::min(*n, parts[0].size());
    unsent_ = {parts[0].substr(of_head), parts[1].substr(*n - of_head)};
    if (unsent_[0].empty() && unsent_[1].empty() && request_->body == nullptr) {
        request_through_ = true;
        return;
    }
    uploading_ = true;
    uploaded_.emplace(loop_.context(), loop_.wheel());
    // Whoever awaits us has a pass of the gate already, so this one is due even while the gate is closed.
    asio::co_spawn(loop_.context(), upload(async::drain_gate::pass(loop_.gate())), asio::detached);
}

async::task<> exchange::upload([[maybe_unused]] async::drain_gate::pass inside)
{
    error_code ec;
    try {
        const std::array<std::string_view, 3> rest{unsent_[0], unsent_[1], {}};
        ec = co_await send_all(rest);
        if (!ec && request_->body != nullptr) {
            ec = co_await send_body();
        }
    } catch (const std::exception&) {
        ec = upload_error_ = make_error_code(errc::internal);
        connection_->cancel();
    }
    request_through_ = !ec;
    if (request_through_ && !has_head_) {
        asked_at_ = steady::now();
        arm(asked_at_);
    }
    uploading_ = false;
    uploaded_->set();
}

// Errors: origin_reset, operation_aborted when the upload is to stop or takes too long.
async::task<error_code> exchange::send_all(std::array<std::string_view, 3> parts)
{
    for (;;) {
        const auto n = connection_->try_send(parts);
        if (!n) {
            co_return n.error();
        }
        sent_ = sent_ || *n > 0;
        std::size_t skip = *n;
        for (auto& p : parts) {
            const std::size_t gone = std::min(skip, p.size());
            p.remove_prefix(gone);
            skip -= gone;
        }
        if (parts[0].empty() && parts[1].empty() && parts[2].empty()) {
            co_return error_code();
        }
        arm(steady::now());
        error_code ec;
        co_await connection_->socket().async_wait(async::socket::wait_write, async::note_error(ec));
        if (ec || stopping_) {
            co_return make_error_code(asio::error::operation_aborted);
        }
    }
}

async::task<error_code> exchange::send_body()
{
    for (;;) {
        waits_for_source_ = true;
        took_body_ = true;
        arm(steady::now());
        const auto run = co_await request_->body->next();
        waits_for_source_ = false;
        if (stopping_) {
            co_return make_error_code(asio::error::operation_aborted);
        }
        if (!run) {
            upload_error_ = run.error();
            connection_->cancel();   // the reader must know
            co_return run.error();
        }
        const auto now = steady::now();
        limit_ = std::max(limit_, now + allowance_);   // the time that the client takes is not the origin's
        if (!has_head_) {
            asked_at_ = now;
        }
        if (run->empty() && !request_->chunked_body) {
            co_return error_code();
        }
        std::array<std::string_view, 3> parts{{{}, *run, {}}};
        const chunk_line size_line(run->size());
        if (run->empty()) {
            parts[0] = last_chunk;
        } else if (request_->chunked_body) {
            parts[0] = size_line.view();
            parts[2] = "\r\n";
        }
        const error_code ec = co_await send_all(parts);
        if (ec || run->empty()) {
            co_return ec;
        }
    }
}

void exchange::stop_upload() noexcept
{
    if (uploading_ && !stopping_) {
        stopping_ = true;
        if (waits_for_source_) {
            request_->body->stop();
        }
    }
}

async::task<> exchange::finish()
{
    if (!uploading_) {
        co_return;
    }
    stop_upload();
    connection_->cancel();   // it may wait for the origin to take more
    while (uploading_) {
        co_await uploaded_->wait_until(steady::time_point::max());
    }
}

// ---- the head --------------------------------------------------------------------------------------------------------

// Waiting for the origin: until so long after the last progress, and not beyond the limit of the whole. While the client is slow
// the origin has nothing to answer for.
void exchange::arm(steady::time_point now) noexcept
{
    if (waits_for_source_) {
        connection_->arm(request_->body->waits_for_origin() ? limit_ : steady::time_point::max());
    } else {
        connection_->arm(std::min(now + patience_, limit_));
    }
}

// What a failed read means; `otherwise` when the origin ended the connection.
error_code exchange::reason_of(const error_code& ec, errc otherwise) const noexcept
{
    if (upload_error_) {
        return upload_error_;
    }
    if (abandoned_) {
        return errc::client_gone;
    }
    if (connection_->aborted()) {
        return errc::draining;
    }
    return ec == asio::error::operation_aborted ? errc::origin_timeout : otherwise;
}

async::task<error_code> exchange::start(outgoing& rq, steady::time_point now)
{
    request_ = &rq;
    limit_ = rq.deadline;
    allowance_ = limit_ - now;
    requested_at_ = asked_at_ = now;
    const bool with_others = reused_ && has_company();
    const bool reads_first = with_others && loop_watches();
    connection_->begin_exchange();
    if (reused_) {
        if (with_others) {
            co_await loop_.turn_end().reached();
        }
        if (abandoned_) {
            co_return fail(errc::client_gone);
        }
        // In the last moment: what is there before we have asked is never an answer to us.
        if (!reads_first && !connection_->is_quiet()) {
            co_return make_error_code(errc::origin_reset);
        }
    }
    arm(now);
    if (!reads_first) {
        send_at_once();
    } else {
        connection_->arm(std::min({now + first_look, now + patience_, limit_}));
    }
    bool looks = false;
    error_code problem;
    while (!problem && !has_head_) {
        if (upload_error_) {   // it failed while nobody was reading
            problem = fail(upload_error_);
            break;
        }
        if (abandoned_) {
            problem = fail(errc::client_gone);
            break;
        }
        error_code ec;
        const auto room = connection_->room();
        std::size_t n = 0;
        // After a part of the head, the end of the stream may be here already and would not be announced again.
        const auto there = received_any_ || looks ? connection_->recv_now(room) : std::nullopt;
        if (there) {
            ec = there->error();
            n = ec ? 0 : **there;
        } else if (connection_->is_secure()) {
            n = co_await connection_->read_secure(room, ec);
        } else if (!asked_) {
            n = co_await read_and_send(room, ec);
            if (!asked_) {
                co_return make_error_code(errc::origin_reset);
            }
        } else {
            n = co_await connection_->socket().async_read_some(async::drained_buffer(room),
                                                               async::note_error(ec));
        }
        // An end that came together with the last answer, so that the loop was not told: a reset, or an origin that goes on reading.
        if (ec == asio::error::operation_aborted && reads_first && !looks && (send_failed_ || connection_->timed_out())) {
            looks = true;
            arm(now);
            continue;
        }
        if (ec) {
            problem = fail(reason_of(ec, errc::origin_reset));
            break;
        }
        connection_->commit(n);
        filled_room_ = n == room.size();
        received_any_ = true;
        for (;;) {
            const auto step = next_head();
            if (!step || *step != head_step::interim) {
                problem = step ? error_code() : step.error();
                break;
            }
            if (rq.interim != nullptr) {
                connection_->disarm();   // a client that is slow to take it is not the origin's fault
                co_await rq.interim->relay(connection_->parser().head());
            }
            connection_->consume(head_size_);
        }
        if (!problem && !has_head_) {
            arm(steady::now());
        }
    }
    // A head that the origin has answered before it was through is of no use to it any more.
    if (uploading_ && (problem || rq.body == nullptr)) {
        co_await finish();
    }
    co_return problem;
}

result<exchange::head_step> exchange::next_head()
{
    const auto parsed = connection_->parser().parse(connection_->received());
    if (!parsed) {
        const errc e = errc_of(parsed.error());
        return invalid(e, e == errc::origin_head_too_large ? invalid_reason::head_too_large : invalid_reason::head);
    }
    if (*parsed == 0) {
        return head_step::more;
    }
    head_size_ = *parsed;
    const int status = connection_->parser().head().status;
    if (status >= 200) {
        const error_code problem = on_head();
        return problem ? result<head_step>(problem) : result<head_step>(head_step::final_head);
    }
    if (status == 101) {
        if (!switches_as_asked(connection_->parser().head(), request_->upgrade)) {   // RFC 9110 §15.2.2
            return invalid(errc::origin_invalid, invalid_reason::upgrade);
        }
        on_switch();
        return head_step::final_head;
    }
    interim_size_ += head_size_;
    if (++interim_ > most_interim || interim_size_ > upstream_.options().limits.header_bytes) {
        return invalid(errc::origin_invalid, invalid_reason::interim);
    }
    return head_step::interim;
}

// Of the final head, or of 101.
void exchange::note_answer()
{
    connection_->pin(head_size_);
    has_head_ = true;
    through_before_answer_ = request_through_;
    answered_at_ = steady::now();
    limit_ = steady::time_point::max();
    admission_.where->on_answer(time_to_head(), answered_at_);
    admission_.where->speaks(head_.minor_version);
}

void exchange::on_switch()
{
    head_ = connection_->parser().head();
    note_answer();
    upgraded_ = true;
    settle(outcome::answered, class_of(head_.status));
}

error_code exchange::on_head()
{
    head_ = connection_->parser().head();
    const auto framed = response_framing(head_, request_->verb);
    if (!framed) {
        return invalid(errc::origin_invalid, invalid_reason::length);
    }
    framing_ = *framed;
    remaining_ = framing_.length;
    note_answer();
    // A failure is known now. Of success we hear at the end of the content, but a probe should not wait for a long one.
    if (is_failure(head_.status)) {
        tell_breaker(true);
    } else if (admission_.permit.is_probe()) {
        tell_breaker(false);
    }
    // RFC 9112 §9.5: an error that comes before the request is through means that the rest is not wanted. Other early
    // answers may need it: a service may answer while it reads.
    if (head_.status >= 400) {
        stop_upload();
    }
    if (framing_.kind == framing_kind::none || (framing_.kind == framing_kind::length && remaining_ == 0)) {
        complete();
    }
    return {};
}

error_code exchange::invalid(errc e, invalid_reason why)
{
    observer_.on_invalid(*admission_.where, why);
    return fail(e);
}

// ---- the content -----------------------------------------------------------------------------------------------------

error_code exchange::fail(error_code why) noexcept
{
    failed_ = why;
    const errc e = errc_of(why);
    // A connection that was kept open and dies before it answers says nothing about the origin: it closed it as we wrote.
    const bool stale = e == errc::origin_reset && reused_ && !received_any_;
    if (e == errc::origin_timeout && !has_head_) {
        const auto now = steady::now();
        admission_.where->on_timeout(now - asked_at_, now);
    }
    const bool origins_fault = fault_of(e) == fault::origin && !stale;
    settle(origins_fault ? outcome::failed : outcome::abandoned, name_of(e));
    return why;
}

void exchange::complete() noexcept
{
    complete_ = true;
    if (!connection_->received().empty()) {
        surplus_ = true;
        observer_.on_invalid(*admission_.where, invalid_reason::surplus);
    }
    settle(outcome::answered, class_of(head_.status));
}

void exchange::tell_breaker(bool failure) noexcept
{
    if (!admission_.permit) {
        return;
    }
    auto& breaker = admission_.where->breaker();
    const auto end = has_head_ ? answered_at_ : steady::now();
    const auto took = in_ms(end - asked_at_);
    const auto moved = failure ? breaker.on_failure(std::move(admission_.permit), upstream_.now(), took)
                               : breaker.on_success(std::move(admission_.permit), upstream_.now(), took);
    if (moved) {
        observer_.on_transition(*admission_.where, *moved);
    }
}

// Once, when it is known how the attempt ended: its place at the endpoint is free from here on.
void exchange::settle(outcome what, std::string_view name) noexcept
{
    if (settled_) {
        return;
    }
    settled_ = true;
    if (what == outcome::abandoned) {
        admission_.permit.abandon();
    } else {
        tell_breaker(what == outcome::failed);
    }
    admission_.place = {};
    const auto end = has_head_ ? answered_at_ : steady::now();
    observer_.on_attempt(*admission_.where, name, end - requested_at_);
}

bool exchange::wants_bulk() const noexcept
{
    return framing_.kind == framing_kind::length ? remaining_ > connection_->usual_room() : filled_room_;
}

result<std::string_view> exchange::next_run()
{
    const std::string_view bytes = connection_->received();
    if (bytes.empty()) {
        return bytes;
    }
    std::string_view run = bytes;
    switch (framing_.kind) {
        case framing_kind::none: break;   // complete with the head
        case framing_kind::until_close: connection_->consume(run.size()); break;
        case framing_kind::length:
            run = run.substr(0, remaining_);
            connection_->consume(run.size());
            remaining_ -= run.size();
            if (remaining_ == 0) {
                complete();
            }
            break;
        case framing_kind::chunked: {
            const chunk_step step = chunks_.feed(bytes);
            connection_->consume(step.consumed);
            run = step.content;
            if (step.state == chunk_state::malformed) {
                return invalid(errc::origin_invalid, invalid_reason::chunk);
            }
            if (step.state == chunk_state::done) {
                complete();
            }
            break;
        }
    }
    return run;
}

std::optional<result<std::string_view>> exchange::try_read()
{
    if (failed_) {
        return result<std::string_view>(failed_);
    }
    if (complete_) {
        return result<std::string_view>(std::string_view());
    }
    auto run = next_run();
    if (!run || !run->empty() || complete_) {
        return run;
    }
    // Not before: what has been received may be all of an answer that came early.
    return upload_error_ ? std::optional(result<std::string_view>(fail(upload_error_))) : std::nullopt;
}

async::task<result<std::string_view>> exchange::read()
{
    std::optional<result<std::string_view>> run;
    while (!(run = try_read())) {
        if (abandoned_) {
            fail(errc::client_gone);
            continue;
        }
        const auto room = connection_->room(wants_bulk());
        error_code ec;
        std::size_t n = 0;
        const auto there = connection_->recv_now(room);
        if (there) {
            ec = there->error();
            n = ec ? 0 : **there;
        } else if (connection_->is_secure()) {
            arm(steady::now());
            n = co_await connection_->read_secure(room, ec);
        } else {
            arm(steady::now());
            n = co_await connection_->socket().async_read_some(async::drained_buffer(room),
                                                               async::note_error(ec));
        }
        if (!ec) {
            connection_->commit(n);
            filled_room_ = n == room.size();
        } else if (ec == asio::error::eof && framing_.kind == framing_kind::until_close && !upload_error_ && !connection_->was_reset()) {
            complete();   // the only clean end of such content; a reset is none (RFC 9112 §8)
        } else {
            const error_code why = reason_of(ec, errc::origin_truncated);
            if (why == errc::origin_truncated) {
                observer_.on_invalid(*admission_.where, invalid_reason::truncated);
            }
            fail(why);
        }
    }
    if (uploading_ && (complete_ || failed_)) {
        co_await finish();
    }
    co_return *run;
}

void exchange::abandon() noexcept
{
    abandoned_ = true;
    if (!complete_ && !failed_) {
        connection_->cancel();
    }
}

void exchange::drain_received()
{
    for (auto run = try_read(); run && *run && !(*run)->empty(); run = try_read()) {
    }
}

}  // namespace tiercel::origin
