#include "resilience/retry.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <cmath>

namespace tiercel::resilience {
namespace {

struct cause_row {
    retry_cause cause;
    std::string_view name;
    int status;   // 0: not a status
};

constexpr std::array cause_table{
    cause_row{retry_cause::connect, "connect", 0},       cause_row{retry_cause::reset, "reset", 0},
    cause_row{retry_cause::status_429, "429", 429},      cause_row{retry_cause::status_500, "500", 500},
    cause_row{retry_cause::status_502, "502", 502},      cause_row{retry_cause::status_503, "503", 503},
    cause_row{retry_cause::status_504, "504", 504},
};
static_assert(cause_table.size() == static_cast<std::size_t>(retry_cause::last_));

std::string_view trimmed(std::string_view s) noexcept
{
    const auto first = s.find_first_not_of(" \t");
    return first == s.npos ? std::string_view() : s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string_view name_of(retry_cause c) noexcept
{
    const auto at = static_cast<std::size_t>(c);
    TIERCEL_CHECK(at < cause_table.size() && cause_table[at].cause == c);
    return cause_table[at].name;
}

std::optional<retry_cause> retry_cause_named(std::string_view name) noexcept
{
    for (const auto& row : cause_table) {
        if (row.name == name) {
            return row.cause;
        }
    }
    return std::nullopt;
}

std::optional<retry_cause> cause_of(errc e) noexcept
{
    switch (e) {
        case errc::origin_unresolved:
        case errc::origin_refused:
        case errc::origin_tls:
        case errc::origin_connect_timeout: return retry_cause::connect;
        case errc::origin_reset: return retry_cause::reset;
        default: return std::nullopt;
    }
}

std::optional<retry_cause> cause_of_status(int status) noexcept
{
    for (const auto& row : cause_table) {
        if (row.status != 0 && row.status == status) {
            return row.cause;
        }
    }
    return std::nullopt;
}

std::string to_text(retry_causes causes)
{
    std::string text;
    for (const auto& row : cause_table) {
        if (causes.has(row.cause)) {
            text.append(text.empty() ? "" : ", ").append(row.name);
        }
    }
    return text;
}

std::optional<retry_causes> parse_retry_causes(std::string_view text)
{
    retry_causes causes;
    if (trimmed(text).empty()) {
        return causes;
    }
    for (bool more = true; more;) {
        const auto comma = text.find(',');
        more = comma != text.npos;
        const auto cause = retry_cause_named(trimmed(text.substr(0, comma)));
        if (!cause) {
            return std::nullopt;
        }
        causes.add(*cause);
        text.remove_prefix(more ? comma + 1 : text.size());
    }
    return causes;
}

bool retry_options::allows(std::string_view method) const noexcept
{
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

// ---- the decision ----------------------------------------------------------------------------------------------------

std::string_view name_of(retry_verdict v) noexcept
{
    switch (v) {
        case retry_verdict::again: return "again";
        case retry_verdict::fresh_connection: return "fresh_connection";
        case retry_verdict::not_retryable: return "not_retryable";
        case retry_verdict::method: return "method";
        case retry_verdict::body: return "body";
        case retry_verdict::forwarded: return "forwarded";
        case retry_verdict::stale: return "stale";
        case retry_verdict::breaker: return "breaker";
        case retry_verdict::exhausted: return "exhausted";
        case retry_verdict::deadline: return "deadline";
    }
    return {};
}

namespace {

bool is_retried(const failed_attempt& what, const retry_options& options) noexcept
{
    if (!what.error) {
        const auto cause = cause_of_status(what.status);
        return cause && options.on.has(*cause);
    }
    const auto hint = retry_of(*what.error);
    if (hint == retry_hint::no || (hint == retry_hint::if_reused && !what.reused_connection)) {
        return false;
    }
    const auto cause = cause_of(*what.error);
    return cause && options.on.has(*cause);
}

// A connection that was kept open may have been closed by the origin just as the request left; that says nothing about
// the origin's health (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
bool is_stale_connection(const failed_attempt& what) noexcept
{
    return what.error == errc::origin_reset && what.reused_connection && !what.fresh_tried;
}

// Does the wait leave enough of the deadline for an attempt of usual length? Compared so that no sum can overflow.
bool fits(milliseconds delay, const failed_attempt& what) noexcept
{
    return delay < what.remaining && what.typical <= what.remaining - delay;
}

}  // namespace

retry_plan decide_retry(const failed_attempt& what, const retry_options& options, double uniform) noexcept
{
    if (what.forwarded) {
        return {retry_verdict::forwarded};
    }
    const bool on_fresh = is_stale_connection(what);
    if (!on_fresh && !is_retried(what, options)) {
        return {retry_verdict::not_retryable};
    }
    if (what.sent && !what.method_allowed) {
        return {retry_verdict::method};
    }
    if (what.sent && !what.replayable) {
        return {retry_verdict::body};
    }
    if (on_fresh) {
        return {fits(milliseconds{0}, what) ? retry_verdict::fresh_connection : retry_verdict::deadline};
    }
    if (what.retries >= options.max) {
        return {retry_verdict::exhausted};
    }
    if (what.stale_will_do) {
        return {retry_verdict::stale};
    }
    if (what.breaker_open) {
        return {retry_verdict::breaker};
    }
    if (what.retry_after && !fits(*what.retry_after, what)) {
        return {retry_verdict::deadline};
    }
    // Jitter also on top of Retry-After: else all who were told "1" would come back in the same instant.
    const auto delay = what.retry_after.value_or(milliseconds{0}) + retry_delay(what.retries, options, uniform);
    if (!fits(delay, what)) {
        return {retry_verdict::deadline};
    }
    return {retry_verdict::again, delay};
}

milliseconds retry_delay(unsigned retries, const retry_options& options, double uniform) noexcept
{
    milliseconds limit = options.base;
    for (unsigned i = 0; i < retries && limit < options.cap; ++i) {
        limit *= 2;
    }
    limit = std::max(std::min(limit, options.cap), milliseconds{1});
    return milliseconds{1 + static_cast<milliseconds::rep>(uniform * static_cast<double>(limit.count()))};
}

// ---- the budget ------------------------------------------------------------------------------------------------------

namespace {

std::int64_t second_of(instant t) noexcept
{
    return std::chrono::floor<seconds>(t.time_since_epoch()).count();
}

}  // namespace

retry_budget::retry_budget(const retry_options& options, instant now) noexcept
    : per_primary_(std::llround(options.budget * static_cast<double>(one_token))),
      per_second_(static_cast<std::int64_t>(options.budget_floor) * one_token),
      second_(second_of(now))
{
    TIERCEL_CHECK(second_ >= 0);
    total_ = unspent_[static_cast<std::size_t>(second_ % lifetime)] = per_second_;
}

// Each new second throws away what is left of the one ten before it. A `now` slightly behind (read before another thread
// took the lock) counts as the newest second.
void retry_budget::advance(instant now) noexcept
{
    const auto target = second_of(now);
    if (target - second_ > lifetime) {
        second_ = target - lifetime;   // nothing older can matter
    }
    while (second_ < target) {
        ++second_;
        auto& slot = unspent_[static_cast<std::size_t>(second_ % lifetime)];
        total_ += per_second_ - slot;
        slot = per_second_;
    }
}

void retry_budget::on_primary(instant now) noexcept
{
    const std::lock_guard lock(mutex_);
    advance(now);
    unspent_[static_cast<std::size_t>(second_ % lifetime)] += per_primary_;
    total_ += per_primary_;
}

bool retry_budget::try_take(instant now) noexcept
{
    const std::lock_guard lock(mutex_);
    advance(now);
    if (total_ < one_token) {
        return false;
    }
    total_ -= one_token;
    auto owed = one_token;
    for (auto s = second_ + 1; owed > 0; ++s) {   // oldest first: slot of second_ + 1 is that of second_ - 9
        auto& slot = unspent_[static_cast<std::size_t>(s % lifetime)];
        const auto part = std::min(slot, owed);
        slot -= part;
        owed -= part;
    }
    return true;
}

std::int64_t retry_budget::available(instant now) noexcept
{
    const std::lock_guard lock(mutex_);
    advance(now);
    return total_ / one_token;
}

}  // namespace tiercel::resilience
