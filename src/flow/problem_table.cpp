#include "flow/problem_table.hpp"

#include <algorithm>
#include <array>

namespace tiercel::flow {
namespace {

struct status_row {
    errc code;
    int status;
    std::string_view text;
};

constexpr std::array statuses{
    status_row{errc::bad_request, 400, "The request is malformed."},
    status_row{errc::bad_target, 400, "The request target is malformed."},
    status_row{errc::bad_host, 400, "The Host field is missing, repeated or malformed."},
    status_row{errc::bad_tenant, 400, "The tenant is malformed."},
    status_row{errc::tenant_missing, 401, "The request names no tenant."},
    status_row{errc::forbidden, 403, "The request is not allowed."},
    status_row{errc::only_if_cached, 504, "There is no stored answer, and the request allows nothing else."},
    status_row{errc::no_route, 404, "No route matches the request."},
    status_row{errc::method_not_allowed, 405, "The method is not allowed."},
    status_row{errc::head_timeout, 408, "The request head did not arrive in time."},
    status_row{errc::body_timeout, 408, "The request content did not arrive in time."},
    status_row{errc::body_too_large, 413, "The request content is too large."},
    status_row{errc::uri_too_long, 414, "The request target is too long."},
    status_row{errc::expectation_failed, 417, "The expectation cannot be met."},
    status_row{errc::misdirected, 421, "This server does not answer for that authority."},
    status_row{errc::head_too_large, 431, "The request head is too large."},
    status_row{errc::internal, 500, "Something went wrong here."},
    status_row{errc::method_unknown, 501, "The request uses something that is not implemented."},
    status_row{errc::version_not_supported, 505, "The protocol version is not supported."},
    status_row{errc::too_many_connections, 503, "Too many connections."},
    status_row{errc::draining, 503, "The server is going away."},
    status_row{errc::redis_overload, 503, "Too much waits for Redis already."},
    status_row{errc::breaker_open, 503, "The origin is failing and gets a pause."},
    status_row{errc::origin_busy, 503, "The origin is busy."},
    status_row{errc::origin_timeout, 504, "The origin did not answer in time."},
    status_row{errc::origin_connect_timeout, 504, "The origin did not accept a connection in time."},
    status_row{errc::deadline_exceeded, 504, "The request took too long."},
    status_row{errc::origin_unresolved, 502, "The origin has no address."},
    status_row{errc::origin_refused, 502, "The origin refused the connection."},
    status_row{errc::origin_tls, 502, "The origin could not be reached over a secure connection."},
    status_row{errc::origin_reset, 502, "The origin closed the connection."},
    status_row{errc::origin_truncated, 502, "The origin's answer ended too early."},
    status_row{errc::origin_invalid, 502, "The origin's answer is malformed."},
    status_row{errc::origin_error, 502, "The origin answered with an error."},
    status_row{errc::origin_head_too_large, 502, "The origin's answer head is too large."},
};

const status_row& row_of(errc e) noexcept
{
    const auto found = std::find_if(statuses.begin(), statuses.end(), [&](const status_row& r) { return r.code == e; });
    return found == statuses.end() ? *std::find_if(statuses.begin(), statuses.end(),
                                                   [](const status_row& r) { return r.code == errc::internal; })
                                   : *found;
}

}  // namespace

int status_of(errc e) noexcept { return row_of(e).status; }

std::string_view explanation_of(errc e) noexcept { return row_of(e).text; }

std::string_view reason_of(int status) noexcept
{
    switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
    }
}

}  // namespace tiercel::flow
