#include "admin/api.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <memory>

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

response livez(admin_source&, const asked&) { return make_json(R"({"status":"ok"})"); }

response readyz(admin_source& source, const asked&)
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

response metrics(admin_source& source, const asked&)
{
    return make_answer(http::status::ok, "text/plain; version=0.0.4; charset=utf-8", source.metrics_text());
}

response status(admin_source& source, const asked&) { return make_json(source.status_json()); }

response config(admin_source& source, const asked&) { return make_json(source.config_json()); }

response origins(admin_source& source, const asked&) { return make_json(source.origins_json()); }

// Hands the call on, and puts what comes back into an answer.
template <operation_kind Kind>
void begin(admin_source& source, const asked& what, answer_handler done)
{
    operation o{.what = Kind, .who = what.who, .name = std::string(what.name), .query = {}, .content_type = {}, .fields = {}, .body = what.rq.body()};
    const std::string_view target(what.rq.target().data(), what.rq.target().size());
    if (const auto mark = target.find('?'); mark != target.npos) {
        o.query = target.substr(mark + 1);
    }
    for (const auto& f : what.rq) {
        std::string name(f.name_string().data(), f.name_string().size());
        std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        if (name == "authorization") {
            continue;
        }
        std::string value(f.value().data(), f.value().size());
        if (name == "content-type") {
            o.content_type = value;
        }
        o.fields.emplace_back(std::move(name), std::move(value));
    }
    source.operate(std::move(o), [done = std::move(done)](operation_answer a) {
        const auto status = static_cast<http::status>(a.status);
        response rs = a.status >= 400 ? make_problem(status, a.body) : make_answer(status, "application/json", std::move(a.body));
        if (a.retry_after != 0) {
            rs.set(http::field::retry_after, std::to_string(a.retry_after));
        }
        done(std::move(rs));
    });
}

std::optional<breaker_hold> hold_named(std::string_view state) noexcept
{
    if (state == "open") {
        return breaker_hold::open;
    }
    if (state == "closed") {
        return breaker_hold::closed;
    }
    return state == "auto" ? std::optional(breaker_hold::automatic) : std::nullopt;
}

// A member that is a text, or nothing.
std::string_view text_in(const json::object& o, std::string_view name)
{
    const json::value* const v = o.if_contains(name);
    return v != nullptr && v->is_string() ? std::string_view(v->get_string()) : std::string_view();
}

response hold_breaker(admin_source& source, const asked& what)
{
    boost::system::error_code ec;
    const json::value parsed = json::parse(what.rq.body(), ec);
    if (ec || !parsed.is_object()) {
        return make_problem(http::status::bad_request, "The body must be a JSON object.");
    }
    const auto how = hold_named(text_in(parsed.get_object(), "state"));
    if (!how) {
        return make_problem(http::status::bad_request, "The state must be open, closed or auto.");
    }
    if (!source.hold_breaker(what.name, text_in(parsed.get_object(), "endpoint"), *how)) {
        return make_problem(http::status::not_found, "There is no such origin or endpoint.");
    }
    return make_json(source.origins_json());
}

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

bool is_json(const request& rq)
{
    const auto value = rq[http::field::content_type];
    const std::string_view type(value.data(), value.size());
    const auto essence = type.substr(0, type.find_first_of("; \t"));
    return beast::iequals(beast::string_view(essence.data(), essence.size()), beast::string_view("application/json"));
}

// What begins with "ce-" or is of a type of its own is never sent by a page of another site unasked.
bool is_event(const request& rq)
{
    const auto value = rq[http::field::content_type];
    const std::string_view type(value.data(), value.size());
    return is_json(rq) || type.starts_with("application/cloudevents") || rq.find("ce-id") != rq.end();
}

// Has it content that a page of another site could have sent? Deleting and posting nothing at all is judged by the method alone.
bool has_safe_form(const request& rq, access needs)
{
    switch (needs) {
    case access::act: return is_json(rq);
    case access::order: return is_json(rq) || rq.method() == http::verb::delete_;
    case access::event: return is_event(rq);
    case access::anyone:
    case access::read:
    case access::own: return true;
    }
    return false;
}

// Takes as long for a wrong token as for a right one.
const token_options* token_of(std::string_view presented, const std::vector<token_options>& tokens) noexcept
{
    const token_options* found = nullptr;
    for (const auto& t : tokens) {
        if (equal_in_constant_time(presented, t.token)) {
            found = &t;   // no early end: the time must not tell which token came close
        }
    }
    return found;
}

std::optional<response> refuse(const request& rq, const admin_options& options, access needs, caller& who_asks)
{
    if (needs == access::anyone) {
        return std::nullopt;
    }
    if (!has_safe_form(rq, needs)) {
        return make_problem(http::status::unsupported_media_type, "The body must be application/json.");
    }
    if (options.tokens.empty()) {
        const auto host = rq[http::field::host];
        if (host.empty() || is_literal_host({host.data(), host.size()})) {
            who_asks.name = "local";
            return std::nullopt;
        }
        return make_problem(http::status::forbidden, "Without tokens this API answers only to an address or localhost.");
    }
    const auto credentials = rq[http::field::authorization];
    const auto presented = bearer_token({credentials.data(), credentials.size()});
    const auto* const token = token_of(presented, options.tokens);
    const auto who = token != nullptr ? std::optional(token->role) : std::nullopt;
    if (!who) {
        auto rs = make_problem(http::status::unauthorized, presented.empty() ? "A bearer token is required."
                                                                             : "The bearer token is not known.");
        rs.set(http::field::www_authenticate,
               presented.empty() ? R"(Bearer realm="tiercel")" : R"(Bearer realm="tiercel", error="invalid_token")");
        return rs;
    }
    who_asks.role = *who;
    who_asks.name = "token " + std::to_string(token - options.tokens.data() + 1);
    const bool is_for_tenants = needs == access::own || needs == access::order || needs == access::event;
    if (*who == role::tenant && is_for_tenants) {
        who_asks.tenant = token->tenant;
        return std::nullopt;
    }
    if (*who == role::tenant) {
        return make_problem(http::status::forbidden, "A tenant's token does not open a call that shows every tenant.");
    }
    const bool changes = needs == access::act || needs == access::order || needs == access::event;
    if (changes && *who != role::system) {
        return make_problem(http::status::forbidden, "This call needs a token with the role system.");
    }
    return std::nullopt;
}

// What stands in `path` for {name}; empty when `path` is the pattern itself; nothing when it is another one.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path)
{
    constexpr std::string_view variable = "{name}";
    const auto at = pattern.find(variable);
    if (at == pattern.npos) {
        return pattern == path ? std::optional(std::string_view()) : std::nullopt;
    }
    const auto tail = pattern.substr(at + variable.size());
    if (path.size() <= at + tail.size() || !path.starts_with(pattern.substr(0, at)) || !path.ends_with(tail)) {
        return std::nullopt;
    }
    const auto name = path.substr(at, path.size() - at - tail.size());
    return name.find('/') == name.npos ? std::optional(name) : std::nullopt;
}

bool fits(http::verb asked, http::verb offered) noexcept
{
    return asked == offered || (asked == http::verb::head && offered == http::verb::get);
}

std::string allowed_methods(std::string_view path)
{
    std::string allow;
    for (const auto& c : calls()) {
        if (match(c.path, path)) {
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
        {http::verb::get, "/v1/origins", access::read, origins},
        {http::verb::post, "/v1/origins/{name}/breaker", access::act, hold_breaker},
        {http::verb::post, "/v1/invalidations", access::order, nullptr, begin<operation_kind::invalidate>},
        {http::verb::get, "/v1/invalidations", access::own, nullptr, begin<operation_kind::list_invalidations>},
        {http::verb::get, "/v1/invalidations/{name}", access::own, nullptr, begin<operation_kind::show_invalidation>},
        {http::verb::post, "/v1/events", access::event, nullptr, begin<operation_kind::take_events>},
        {http::verb::get, "/v1/sources", access::read, nullptr, begin<operation_kind::show_sources>},
        {http::verb::get, "/v1/dead-letters", access::read, nullptr, begin<operation_kind::list_dead_letters>},
        {http::verb::post, "/v1/dead-letters/{name}/replay", access::act, nullptr, begin<operation_kind::replay_dead_letter>},
        {http::verb::delete_, "/v1/dead-letters/{name}", access::order, nullptr, begin<operation_kind::drop_dead_letter>},
    };
    return table;
}

std::optional<enum role> role_of(std::string_view presented, const std::vector<token_options>& tokens) noexcept
{
    const auto* const found = token_of(presented, tokens);
    return found != nullptr ? std::optional(found->role) : std::nullopt;
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

void answer(const request& rq, const admin_options& options, admin_source& source, answer_handler done)
{
    const std::string_view target(rq.target().data(), rq.target().size());
    const auto path = target.substr(0, target.find('?'));
    const call* found = nullptr;
    bool known = false;
    asked what{rq, {}, {}};
    for (const auto& c : calls()) {
        const auto name = match(c.path, path);
        known = known || name;
        if (name && fits(rq.method(), c.method)) {
            found = &c;
            what.name = *name;
        }
    }
    if (!known) {
        done(make_problem(http::status::not_found, "There is no such call."));
        return;
    }
    if (found == nullptr) {
        auto rs = make_problem(http::status::method_not_allowed, "This call does not take that method.");
        rs.set(http::field::allow, allowed_methods(path));
        done(std::move(rs));
        return;
    }
    if (auto refusal = refuse(rq, options, found->needs, what.who)) {
        done(std::move(*refusal));
    } else if (found->handle != nullptr) {
        done(found->handle(source, what));
    } else {
        found->begin(source, what, std::move(done));
    }
}

response answer(const request& rq, const admin_options& options, admin_source& source)
{
    const auto out = std::make_shared<std::optional<response>>();
    answer(rq, options, source, [out](response rs) { out->emplace(std::move(rs)); });
    return *out ? std::move(**out) : make_problem(http::status::internal_server_error, "The answer could not be made.");
}

}  // namespace tiercel::admin
