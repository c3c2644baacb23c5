#include "telemetry/labels.hpp"

#include <tiercel/check.hpp>

#include <array>

namespace tiercel::telemetry {
namespace {

template <class Enum>
using names_of = std::array<std::string_view, static_cast<std::size_t>(Enum::last_)>;

template <class Enum>
std::string_view look_up(const names_of<Enum>& names, Enum value) noexcept
{
    const auto at = static_cast<std::size_t>(value);
    TIERCEL_CHECK(at < names.size() && !names[at].empty());
    return names[at];
}

constexpr names_of<l2_op> l2_ops{"get", "set", "del", "lock", "renew", "commit", "release", "lookup"};
constexpr names_of<l2_reason> l2_reasons{"down",     "timeout", "reply", "breaker",  "overload",
                                         "checksum", "version", "key",   "too_large", "table"};
constexpr names_of<lock_result> lock_results{"acquired", "busy", "found", "taken_over", "lost", "unavailable", "skipped"};
constexpr names_of<origin_result> origin_results{"ok",  "server_error", "unresolved", "refused",   "connect_timeout",
                                                 "tls", "timeout",      "reset",      "truncated", "invalid",
                                                 "breaker", "busy",     "deadline",   "cancelled"};
constexpr names_of<retry_reason> retry_reasons{"connect", "reset", "429", "500", "502", "503", "504", "reused"};
constexpr names_of<hedge_result> hedge_results{"won", "lost", "failed", "nowhere", "no_budget"};
constexpr names_of<breaker_phase> breaker_phases{"closed", "open", "half_open"};
constexpr names_of<xfetch_result> xfetch_results{"refreshed", "adopted", "elsewhere", "failed"};
constexpr names_of<origin_flaw> origin_flaws{"head", "head_too_large", "length", "chunk", "truncated", "upgrade", "interim", "surplus"};
constexpr names_of<event_result> event_results{"applied", "duplicate", "noop", "unmatched", "failed", "dead", "dropped", "coalesced", "surplus"};
constexpr names_of<invalidation_mode> invalidation_modes{"hard", "soft"};
constexpr names_of<connection_state> connection_states{"idle", "active"};

}  // namespace

std::string_view name_of(l2_op o) noexcept { return look_up(l2_ops, o); }
std::string_view name_of(l2_reason r) noexcept { return look_up(l2_reasons, r); }
std::string_view name_of(lock_result r) noexcept { return look_up(lock_results, r); }
std::string_view name_of(origin_result r) noexcept { return look_up(origin_results, r); }
std::string_view name_of(retry_reason r) noexcept { return look_up(retry_reasons, r); }
std::string_view name_of(hedge_result r) noexcept { return look_up(hedge_results, r); }
std::string_view name_of(breaker_phase p) noexcept { return look_up(breaker_phases, p); }
std::string_view name_of(xfetch_result r) noexcept { return look_up(xfetch_results, r); }
std::string_view name_of(origin_flaw f) noexcept { return look_up(origin_flaws, f); }
std::string_view name_of(event_result r) noexcept { return look_up(event_results, r); }
std::string_view name_of(invalidation_mode m) noexcept { return look_up(invalidation_modes, m); }
std::string_view name_of(connection_state s) noexcept { return look_up(connection_states, s); }

origin_result result_of(errc e) noexcept
{
    switch (e) {
        case errc::origin_unresolved: return origin_result::unresolved;
        case errc::origin_refused: return origin_result::refused;
        case errc::origin_tls: return origin_result::tls;
        case errc::origin_connect_timeout: return origin_result::connect_timeout;
        case errc::origin_timeout: return origin_result::timeout;
        case errc::origin_reset: return origin_result::reset;
        case errc::origin_truncated: return origin_result::truncated;
        case errc::origin_invalid:
        case errc::origin_head_too_large: return origin_result::invalid;
        case errc::breaker_open: return origin_result::breaker;
        case errc::origin_busy: return origin_result::busy;
        case errc::deadline_exceeded: return origin_result::deadline;
        default: return origin_result::cancelled;   // the client's or our own doing
    }
}

}  // namespace tiercel::telemetry
