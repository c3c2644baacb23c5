#pragma once

// Everything that can go wrong with a request, as one enum. An error knows whose fault it is and whether another try may
// help; retry, breaker, status code and metric read those two and nothing else.

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tiercel {

enum class errc {
    // the client's
    bad_request = 1,        // malformed head or framing
    bad_target,             // a request target that has no canonical form
    bad_host,               // Host missing, repeated or malformed
    bad_tenant,             // tenant value present but not acceptable
    tenant_missing,         // no resolver yields a tenant
    no_route,               // no route matches
    misdirected,            // authority that this server does not serve
    method_not_allowed,     // TRACE
    method_unknown,         // a method that is not implemented: CONNECT
    uri_too_long,
    head_too_large,         // header block or count above the limit
    body_too_large,
    head_timeout,           // head did not arrive in time
    body_timeout,           // body stalled
    version_not_supported,
    expectation_failed,
    client_gone,            // the client closed or reset
    too_many_connections,
    forbidden,
    only_if_cached,         // the client wants nothing but a stored answer, and there is none
    // the origin's
    origin_unresolved,      // no address for the endpoint
    origin_refused,         // connect failed
    origin_connect_timeout,
    origin_tls,             // no secure connection: certificate, name or protocol
    origin_timeout,         // first byte or a gap took too long
    origin_reset,           // closed or reset before the response head
    origin_truncated,       // the body ended too early
    origin_invalid,         // a response that breaks the protocol
    origin_head_too_large,
    origin_error,           // it answered, with a 5xx that is not ours to pass on
    breaker_open,
    origin_busy,            // in-flight limit or pool exhausted
    deadline_exceeded,      // the request's own deadline
    // of Redis
    redis_down,
    redis_timeout,
    redis_reply,            // an error or a reply of the wrong shape
    redis_breaker,
    redis_overload,         // too much outstanding
    // ours
    draining,
    internal,
};

enum class fault : std::uint8_t { client, origin, redis, us };
enum class retry_hint : std::uint8_t { no, yes, if_reused };   // if_reused: only when the connection had served before

fault fault_of(errc e) noexcept;
retry_hint retry_of(errc e) noexcept;
std::string_view name_of(errc e) noexcept;   // stable, for logs, metrics and problem documents: "origin_timeout"

const boost::system::error_category& category() noexcept;

inline boost::system::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

// REQUIRES: ec belongs to category().
errc errc_of(const boost::system::error_code& ec) noexcept;

using error_code = boost::system::error_code;
template <class T>
using result = boost::system::result<T, error_code>;

}  // namespace tiercel

template <>
struct boost::system::is_error_code_enum<tiercel::errc> : std::true_type {};
