#include "admin/api.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/json.hpp>

#include <algorithm>

namespace tiercel::admin {
namespace {

namespace json = boost::json;
namespace beast = boost::beast;

response make_answer(http::status status, std::string_view type, std::string body)
{
    response rs(status, 11);
    rs.set(http::field::content_type, type);
    rs.set(http::field::cache_control, "no-store");
    rs.set("X-Content-Type-Options", "nosniff");
    rs.body() = std::move(body);
    return rs;
}

response make_json(std::string body) { return make_answer(http::status::ok, "application/json", std::move(body)); }

response livez(const admin_source&) { return make_json(R"({"status":"ok"})"); }

response readyz(const admin_source& source)
{
    health worst = health::ok;
    json::array list;
    for (const auto& d : source.dependencies()) {
        worst = std::max(worst, d.state);
        json::object item{{"name", d.name}, {"state", std::string(name_of(d.state))}};
        if (!d.reason.empty()) {
            item["reason"] = d.reason;
        }
        list.push_back(std::move(item));
    }
    const json::object document{{"status", std::string(name_of(worst))}, {"dependencies", std::move(list)}};
    const auto status = worst == health::down ? http::status::service_unavailable : http::status::ok;
    return make_answer(status, "application/json", json::serialize(document));
}

response metrics(const admin_source& source)
{
    return make_answer(http::status::ok, "text/plain; version=0.0.4; charset=utf-8", source.metrics_text());
}

response status(const admin_source& source) { return make_json(source.status_json()); }

response config(const admin_source& source) { return make_json(source.config_json()); }

// Compares every byte of `presented`, whatever the first difference; only its length, which the caller knows, shows.
bool equal_in_constant_time(std::string_view presented, std::string_view secret) noexcept
{
    volatile std::size_t difference = presented.size() ^ secret.size();
    for (std::size_t i = 0; i < presented.size(); ++i) {
        const char other = secret.empty() ? '\0' : secret[i % secret.size()];
        difference = difference | static_cast<unsigned char>(presented[i] ^ other);
    }
    return difference == 0 && !secret.empty();
}

// "Bearer abc" -> "abc" (RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1).
std::string_view bearer_token(std::string_view credentials) noexcept
{
    constexpr std::string_view scheme = "bearer ";
    if (credentials.size() <= scheme.size() ||
        !beast::iequals(beast::string_view(credentials.data(), scheme.size()), beast::string_view(scheme))) {
        return {};
    }
    credentials.remove_prefix(scheme.size());
    return credentials.substr(std::min(credentials.find_first_not_of(' '), credentials.size()));
}

bool is_literal_host(std::string_view host)
{
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        host = end == host.npos ? std::string_view() : host.substr(1, end - 1);
    } else {
        host = host.substr(0, host.find(':'));
    }
    boost::system::error_code ec;
    boost::asio::ip::make_address(host, ec);
    return !ec || beast::iequals(beast::string_view(host.data(), host.size()), beast::string_view("localhost"));
}

std::optional<response> refuse(const request& rq, const admin_options& options, access needs)
{
    if (needs == access::anyone) {
        return std::nullopt;
    }
    if (options.tokens.empty()) {
        const auto host = rq[http::field::host];
        if (host.empty() || is_literal_host({host.data(), host.size()})) {
            return std::nullopt;
        }
        return make_problem(http::status::forbidden, "Without tokens this API answers only to an address or localhost.");
    }
    const auto credentials = rq[http::field::authorization];
    const auto presented = bearer_token({credentials.data(), credentials.size()});
    const auto who = role_of(presented, options.tokens);
    if (!who) {
        auto rs = make_problem(http::status::unauthorized, presented.empty() ? "A bearer token is required."
                                                                             : "The bearer token is not known.");
        rs.set(http::field::www_authenticate,
               presented.empty() ? R"(Bearer realm="tiercel")" : R"(Bearer realm="tiercel", error="invalid_token")");
        return rs;
    }
    if (*who == role::tenant) {
        return make_problem(http::status::forbidden, "A tenant's token does not open a call that shows every tenant.");
    }
    return std::nullopt;
}

bool fits(http::verb asked, http::verb offered) noexcept
{
    return asked == offered || (asked == http::verb::head && offered == http::verb::get);
}

std::string allowed_methods(std::string_view path)
{
    std::string allow;
    for (const auto& c : calls()) {
        if (c.path == path) {
            allow += allow.empty() ? "" : ", ";
            allow += c.method == http::verb::get ? std::string("GET, HEAD") : std::string(http::to_string(c.method));
        }
    }
    return allow;
}

}  // namespace

std::string_view name_of(health h) noexcept
{
    switch (h) {
        case health::ok: return "ok";
        case health::degraded: return "degraded";
        case health::down: return "down";
    }
    return "down";
}

const std::vector<call>& calls()
{
    static const std::vector<call> table{
        {http::verb::get, "/livez", access::anyone, livez},
        {http::verb::get, "/readyz", access::anyone, readyz},
        {http::verb::get, "/metrics", access::read, metrics},
        {http::verb::get, "/v1/status", access::read, status},
        {http::verb::get, "/v1/config", access::read, config},
    };
    return table;
}

std::optional<enum role> role_of(std::string_view presented, const std::vector<token_options>& tokens) noexcept
{
    std::optional<enum role> found;
    for (const auto& t : tokens) {
        if (equal_in_constant_time(presented, t.token)) {
            found = t.role;   // no early end: the time must not tell which token came close
        }
    }
    return found;
}

response make_problem(http::status status, std::string_view detail)
{
    const auto title = http::obsolete_reason(status);
    const json::object document{{"type", "about:blank"},
                                {"title", json::string_view(title.data(), title.size())},
                                {"status", static_cast<unsigned>(status)},
                                {"detail", json::string_view(detail.data(), detail.size())}};
    return make_answer(status, "application/problem+json", json::serialize(document));
}

response answer(const request& rq, const admin_options& options, const admin_source& source)
{
    const std::string_view target(rq.target().data(), rq.target().size());
    const auto path = target.substr(0, target.find('?'));
    const call* found = nullptr;
    bool known = false;
    for (const auto& c : calls()) {
        known = known || c.path == path;
        if (c.path == path && fits(rq.method(), c.method)) {
            found = &c;
        }
    }
    if (!known) {
        return make_problem(http::status::not_found, "There is no such call.");
    }
    if (found == nullptr) {
        auto rs = make_problem(http::status::method_not_allowed, "This call does not take that method.");
        rs.set(http::field::allow, allowed_methods(path));
        return rs;
    }
    if (auto refusal = refuse(rq, options, found->needs)) {
        return std::move(*refusal);
    }
    return found->handle(source);
}

}  // namespace tiercel::admin
