#include <tiercel/check.hpp>
#include <tiercel/error.hpp>

#include <array>
#include <string>

namespace tiercel {
namespace {

struct row {
    errc code;
    std::string_view name;
    fault whose;
    retry_hint retry;
};

constexpr std::array table{
    row{errc::bad_request, "bad_request", fault::client, retry_hint::no},
    row{errc::bad_target, "bad_target", fault::client, retry_hint::no},
    row{errc::bad_host, "bad_host", fault::client, retry_hint::no},
    row{errc::bad_tenant, "bad_tenant", fault::client, retry_hint::no},
    row{errc::tenant_missing, "tenant_missing", fault::client, retry_hint::no},
    row{errc::no_route, "no_route", fault::client, retry_hint::no},
    row{errc::misdirected, "misdirected", fault::client, retry_hint::no},
    row{errc::method_not_allowed, "method_not_allowed", fault::client, retry_hint::no},
    row{errc::method_unknown, "method_unknown", fault::client, retry_hint::no},
    row{errc::uri_too_long, "uri_too_long", fault::client, retry_hint::no},
    row{errc::head_too_large, "head_too_large", fault::client, retry_hint::no},
    row{errc::body_too_large, "body_too_large", fault::client, retry_hint::no},
    row{errc::head_timeout, "head_timeout", fault::client, retry_hint::no},
    row{errc::body_timeout, "body_timeout", fault::client, retry_hint::no},
    row{errc::version_not_supported, "version_not_supported", fault::client, retry_hint::no},
    row{errc::expectation_failed, "expectation_failed", fault::client, retry_hint::no},
    row{errc::client_gone, "client_gone", fault::client, retry_hint::no},
    row{errc::too_many_connections, "too_many_connections", fault::client, retry_hint::no},
    row{errc::forbidden, "forbidden", fault::client, retry_hint::no},
    row{errc::only_if_cached, "only_if_cached", fault::client, retry_hint::no},
    row{errc::origin_unresolved, "origin_unresolved", fault::origin, retry_hint::yes},
    row{errc::origin_refused, "origin_refused", fault::origin, retry_hint::yes},
    row{errc::origin_connect_timeout, "origin_connect_timeout", fault::origin, retry_hint::yes},
    row{errc::origin_tls, "origin_tls", fault::origin, retry_hint::yes},
    row{errc::origin_timeout, "origin_timeout", fault::origin, retry_hint::no},
    row{errc::origin_reset, "origin_reset", fault::origin, retry_hint::yes},
    row{errc::origin_truncated, "origin_truncated", fault::origin, retry_hint::no},
    row{errc::origin_invalid, "origin_invalid", fault::origin, retry_hint::no},
    row{errc::origin_head_too_large, "origin_head_too_large", fault::origin, retry_hint::no},
    row{errc::origin_error, "origin_error", fault::origin, retry_hint::no},
    row{errc::breaker_open, "breaker_open", fault::origin, retry_hint::no},
    row{errc::origin_busy, "origin_busy", fault::origin, retry_hint::no},
    row{errc::deadline_exceeded, "deadline_exceeded", fault::origin, retry_hint::no},
    row{errc::redis_down, "redis_down", fault::redis, retry_hint::no},
    row{errc::redis_timeout, "redis_timeout", fault::redis, retry_hint::no},
    row{errc::redis_reply, "redis_reply", fault::redis, retry_hint::no},
    row{errc::redis_breaker, "redis_breaker", fault::redis, retry_hint::no},
    row{errc::redis_overload, "redis_overload", fault::redis, retry_hint::no},
    row{errc::draining, "draining", fault::us, retry_hint::no},
    row{errc::internal, "internal", fault::us, retry_hint::no},
};

const row& row_of(errc e) noexcept
{
    const auto at = static_cast<std::size_t>(e) - 1;
    TIERCEL_CHECK(at < table.size() && table[at].code == e);
    return table[at];
}

class tiercel_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "tiercel"; }
    std::string message(int ev) const override { return std::string(name_of(static_cast<errc>(ev))); }
};

}  // namespace

fault fault_of(errc e) noexcept { return row_of(e).whose; }
retry_hint retry_of(errc e) noexcept { return row_of(e).retry; }
std::string_view name_of(errc e) noexcept { return row_of(e).name; }

const boost::system::error_category& category() noexcept
{
    static const tiercel_category instance;
    return instance;
}

errc errc_of(const boost::system::error_code& ec) noexcept
{
    TIERCEL_CHECK(ec.category() == category());
    return static_cast<errc>(ec.value());
}

}  // namespace tiercel
