#pragma once

// The closed sets that metric labels are taken from. A label is either an enum of the program or a place in a list of names
// that the configuration fixes at start; text from a request never becomes a label by itself (tenants: tenant_table).

#include <tiercel/error.hpp>
#include <tiercel/memory_store.hpp>
#include <tiercel/rules.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tiercel::telemetry {

// Places in the lists of metric_names. A place beyond its list counts under "(none)".
enum class route_index : std::uint32_t {};
enum class origin_index : std::uint32_t {};
enum class endpoint_index : std::uint32_t {};
enum class source_index : std::uint32_t {};   // of events
enum class tenant_slot : std::uint32_t {};   // given by tenant_table

inline constexpr route_index no_route{UINT32_MAX};      // refused before a route was found
inline constexpr origin_index no_origin{UINT32_MAX};
inline constexpr endpoint_index no_endpoint{UINT32_MAX};

enum class l2_op : std::uint8_t { get, set, del, lock, renew, commit, release, lookup, last_ };
std::string_view name_of(l2_op o) noexcept;

// Why an L2 command was of no use.
enum class l2_reason : std::uint8_t {
    down,        // no connection
    timeout,
    reply,       // an error reply or one of the wrong shape
    breaker,     // not asked: it failed too often just before
    overload,    // not asked: too much outstanding
    checksum,    // damaged value
    version,     // written by a release that this one does not understand
    key,         // another key under the same hash
    too_large,   // above cache.l2.max_value
    table,       // what was invalidated is not known there
    last_
};
std::string_view name_of(l2_reason r) noexcept;

// What came of the lock over all instances when a fetch was about to begin.
enum class lock_result : std::uint8_t {
    acquired,      // this instance fetches
    busy,          // another one does
    found,         // no fetch: it was in L2 by then
    taken_over,    // acquired after a wait: the other did not bring anything to share
    lost,          // the lock was another's or nobody's when the fetch ended: not written to L2
    unavailable,   // Redis away or slow: fetched without
    skipped,       // not worth it: fetched without
    last_
};
std::string_view name_of(lock_result r) noexcept;

// How one attempt at an origin ended.
enum class origin_result : std::uint8_t {
    ok,             // any status below 500
    server_error,   // 5xx
    unresolved, refused, connect_timeout, tls, timeout, reset, truncated, invalid,
    breaker, busy,  // refused here, before any byte was sent
    deadline,
    cancelled,      // nobody waits for the answer any more
    last_
};
std::string_view name_of(origin_result r) noexcept;
// What a failed attempt counts as.
origin_result result_of(errc e) noexcept;

// Why an attempt was repeated: the words of origins.*.retry.on, and the one free replay on a connection that had gone stale.
enum class retry_reason : std::uint8_t { connect, reset, status_429, status_500, status_502, status_503, status_504, reused, last_ };
std::string_view name_of(retry_reason r) noexcept;

// What came of a second request that was due beside a slow one. Same names as origin::hedge_result.
enum class hedge_result : std::uint8_t { won, lost, failed, nowhere, no_budget, last_ };
std::string_view name_of(hedge_result r) noexcept;

// Same order as resilience::breaker_state.
enum class breaker_phase : std::uint8_t { closed, open, half_open, last_ };
std::string_view name_of(breaker_phase p) noexcept;

// How an early refresh ended.
enum class xfetch_result : std::uint8_t {
    refreshed,   // the origin was asked, and the answer is stored
    adopted,     // L2 had a later one already
    elsewhere,   // another instance was at it
    failed,      // what was stored stays
    last_
};
std::string_view name_of(xfetch_result r) noexcept;

// What was wrong with an origin's answer.
enum class origin_flaw : std::uint8_t {
    head,                // no HTTP/1 response head
    head_too_large,
    length,              // framing that leaves the end of the content open to doubt
    chunk, truncated,
    upgrade,             // 101 that nobody asked for
    interim,             // more interim answers than anybody needs
    surplus,             // bytes after the end: the answer passes, but neither it nor the connection is kept
    last_
};
std::string_view name_of(origin_flaw f) noexcept;

// What became of an event. Same order as events::event_result.
enum class event_result : std::uint8_t { applied, duplicate, noop, unmatched, failed, dead, dropped, coalesced, surplus, last_ };
std::string_view name_of(event_result r) noexcept;

// Same order as purge_mode.
enum class invalidation_mode : std::uint8_t { hard, soft, last_ };
std::string_view name_of(invalidation_mode m) noexcept;

enum class connection_state : std::uint8_t {
    idle,     // waits for the next request
    active,   // a request is read or answered
    last_
};
std::string_view name_of(connection_state s) noexcept;

// ---- how a label is written: its name, and how many values it has; none means "as many as configured" ----------------

template <class Label>
struct label_traits;

template <class Enum>
struct enum_label {
    static constexpr std::size_t count = static_cast<std::size_t>(Enum::last_);
};
struct configured_label {
    static constexpr std::size_t count = 0;
};

template <> struct label_traits<route_index> : configured_label {};      // route
template <> struct label_traits<origin_index> : configured_label {};     // origin
template <> struct label_traits<endpoint_index> : configured_label {};   // origin, endpoint
template <> struct label_traits<tenant_slot> : configured_label {};      // tenant
template <> struct label_traits<source_index> : configured_label {};     // source

template <> struct label_traits<outcome> : enum_label<outcome> { static constexpr std::string_view name = "outcome"; };
template <> struct label_traits<detail> : enum_label<detail> { static constexpr std::string_view name = "reason"; };
template <> struct label_traits<cause> : enum_label<cause> { static constexpr std::string_view name = "reason"; };
template <> struct label_traits<l2_op> : enum_label<l2_op> { static constexpr std::string_view name = "op"; };
template <> struct label_traits<l2_reason> : enum_label<l2_reason> { static constexpr std::string_view name = "reason"; };
template <> struct label_traits<lock_result> : enum_label<lock_result> { static constexpr std::string_view name = "result"; };
template <> struct label_traits<origin_result> : enum_label<origin_result> { static constexpr std::string_view name = "result"; };
template <> struct label_traits<hedge_result> : enum_label<hedge_result> { static constexpr std::string_view name = "result"; };
template <> struct label_traits<retry_reason> : enum_label<retry_reason> { static constexpr std::string_view name = "reason"; };
template <> struct label_traits<breaker_phase> : enum_label<breaker_phase> { static constexpr std::string_view name = "to"; };
template <> struct label_traits<xfetch_result> : enum_label<xfetch_result> { static constexpr std::string_view name = "result"; };
template <> struct label_traits<origin_flaw> : enum_label<origin_flaw> { static constexpr std::string_view name = "reason"; };
template <> struct label_traits<event_result> : enum_label<event_result> { static constexpr std::string_view name = "result"; };
template <> struct label_traits<scope_kind> : enum_label<scope_kind> { static constexpr std::string_view name = "kind"; };
template <> struct label_traits<invalidation_mode> : enum_label<invalidation_mode> { static constexpr std::string_view name = "mode"; };
template <> struct label_traits<connection_state> : enum_label<connection_state> { static constexpr std::string_view name = "state"; };
template <> struct label_traits<errc> {
    static constexpr std::string_view name = "reason";
    static constexpr std::size_t first = 1;
    static constexpr std::size_t count = static_cast<std::size_t>(errc::internal);
};

// 0 for nearly all; errc begins at 1 because 0 means success.
template <class Label>
constexpr std::size_t first_value_of() noexcept
{
    if constexpr (requires { label_traits<Label>::first; }) {
        return label_traits<Label>::first;
    } else {
        return 0;
    }
}

}  // namespace tiercel::telemetry
