#include "app/admin_client.hpp"

#include "async/listener.hpp"
#include "config/config_loader.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>

namespace tiercel::app {
namespace {

namespace json = boost::json;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

struct answer {
    unsigned status = 0;
    std::string body;
    json::value document;
};

// "http://host:port" to its two parts.
std::pair<std::string, std::string> place_of(std::string_view url)
{
    constexpr std::string_view scheme = "http://";
    if (!url.starts_with(scheme)) { throw std::runtime_error("--admin must be http://host:port"); }
    url.remove_prefix(scheme.size());
    url = url.substr(0, url.find('/'));
    const std::size_t colon = url.rfind(':');
    if (colon == url.npos || colon + 1 == url.size()) { throw std::runtime_error("--admin must be http://host:port"); }
    std::string_view host = url.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) { host = host.substr(1, host.size() - 2); }
    return {std::string(host), std::string(url.substr(colon + 1))};
}

answer exchange(const admin_place& at, http::verb method, const std::string& target, std::string body)
{
    const auto [host, port] = place_of(at.url);
    boost::asio::io_context context;
    boost::beast::tcp_stream stream(context);
    stream.expires_after(std::chrono::seconds(70));
    stream.connect(tcp::resolver(context).resolve(host, port));
    http::request<http::string_body> rq(method, target, 11);
    rq.set(http::field::host, "localhost");
    rq.set(http::field::connection, "close");
    if (!at.token.empty()) { rq.set(http::field::authorization, "Bearer " + at.token); }
    if (method == http::verb::post) { rq.set(http::field::content_type, "application/json"); }
    rq.body() = std::move(body);
    rq.prepare_payload();
    http::write(stream, rq);
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> rs;
    http::read(stream, buffer, rs);
    answer out{rs.result_int(), std::move(rs.body()), {}};
    boost::system::error_code ec;
    out.document = json::parse(out.body, ec);
    return out;
}

answer ask(const admin_place& at, http::verb method, const std::string& target, std::string body)
{
    try {
        return exchange(at, method, target, std::move(body));
    } catch (const boost::system::system_error& e) {
        throw std::runtime_error("no answer from the admin API at " + at.url + ": " + e.code().message());
    }
}

std::string text_at(const json::value& v, std::string_view name)
{
    const json::value* const found = v.is_object() ? v.as_object().if_contains(name) : nullptr;
    if (found == nullptr) { return {}; }
    return found->is_string() ? std::string(found->as_string().data(), found->as_string().size()) : json::serialize(*found);
}

exit_code complain(const answer& a, console io)
{
    const std::string detail = text_at(a.document, "detail");
    io.err << "tiercel: " << a.status << ' ' << (detail.empty() ? a.body : detail) << '\n';
    return failed;
}

// "https://h/p" means that URL; else KIND:NAME, or a kind that needs no name.
json::object scope_of(const std::string& text)
{
    if (text.starts_with("http://") || text.starts_with("https://")) { return {{"kind", "url"}, {"name", text}}; }
    const std::size_t colon = text.find(':');
    json::object o{{"kind", text.substr(0, colon)}};
    if (colon != text.npos) { o["name"] = text.substr(colon + 1); }
    return o;
}

// What stands there as a list; empty when nothing does.
const json::array& list_at(const json::value& v, std::string_view name)
{
    static const json::array none;
    const json::value* const found = v.is_object() ? v.as_object().if_contains(name) : nullptr;
    return found != nullptr && found->is_array() ? found->as_array() : none;
}

const json::value& member_of(const json::value& v, std::string_view name)
{
    static const json::value none;
    const json::value* const found = v.is_object() ? v.as_object().if_contains(name) : nullptr;
    return found != nullptr ? *found : none;
}

std::string padded(std::string text, std::size_t width)
{
    text.resize(std::max(width, text.size() + 2), ' ');
    return text;
}

void print_endpoint(console io, const std::string& origin, const json::value& e)
{
    const json::value& breaker = member_of(e, "breaker");
    const json::value& limit = member_of(e, "limit");
    const std::string held = text_at(breaker, "held");
    const std::string state = text_at(breaker, "state") + (held == "auto" ? "" : " (held)");
    const std::string max = text_at(limit, "max");
    io.out << padded(origin, 16) << padded(text_at(e, "url"), 32) << padded(text_at(e, "healthy") == "true" ? "yes" : "no", 9)
           << padded(state, 16) << padded(text_at(limit, "inflight") + (max == "0" ? "" : " of " + max), 12)
           << padded(text_at(member_of(e, "pool"), "connections"), 13) << text_at(e, "typical_ms") << " ms\n";
}

exit_code print_origins(const answer& a, bool as_it_came, console io)
{
    if (a.status != 200) { return complain(a, io); }
    if (as_it_came) {
        io.out << a.body << '\n';
        return done;
    }
    io.out << padded("ORIGIN", 16) << padded("ENDPOINT", 32) << padded("HEALTHY", 9) << padded("BREAKER", 16) << padded("UNDER WAY", 12)
           << padded("CONNECTIONS", 13) << "TYPICAL\n";
    for (const json::value& o : list_at(a.document, "origins")) {
        for (const json::value& e : list_at(o, "endpoints")) { print_endpoint(io, text_at(o, "name"), e); }
    }
    return done;
}

}  // namespace

configured_place place_in(const config::loaded& what)
{
    const admin::admin_options& o = what.value.admin;
    if (o.listen.empty()) { return {{}, "admin.listen is empty: nothing listens there"}; }
    const async::listen_address where = async::parse_listen_address(o.listen).value();   // checked when the configuration was loaded
    if (where.is_unix()) { return {{}, "admin.listen is a unix socket, which this command cannot reach"}; }
    if (async::port_of(where.at) == 0) { return {{}, "admin.listen lets the system choose the port; name it with --admin"}; }
    std::string at = async::text_of(where.at);
    if (at.starts_with("0.0.0.0:")) { at.replace(0, 7, "127.0.0.1"); }
    if (at.starts_with("[::]:")) { at.replace(0, 4, "[::1]"); }
    configured_place out;
    out.place.url = "http://" + at;
    const auto may_most = [](const admin::token_options& a, const admin::token_options& b) {
        const auto weight = [](admin::role r) { return r == admin::role::system ? 2 : r == admin::role::tenant ? 1 : 0; };
        return weight(a.role) < weight(b.role);
    };
    if (const auto best = std::max_element(o.tokens.begin(), o.tokens.end(), may_most); best != o.tokens.end()) { out.place.token = best->token; }
    return out;
}

exit_code list_origins(const admin_place& at, console io)
{
    return print_origins(ask(at, http::verb::get, "/v1/origins", {}), at.json, io);
}

exit_code hold_breaker(const admin_place& at, const std::string& origin, const std::string& endpoint, const std::string& state, console io)
{
    json::object o{{"state", state}};
    if (!endpoint.empty()) { o["endpoint"] = endpoint; }
    return print_origins(ask(at, http::verb::post, "/v1/origins/" + origin + "/breaker", json::serialize(o)), at.json, io);
}

exit_code purge(const admin_place& at, const purge_request& what, console io)
{
    json::array scopes;
    for (const std::string& s : what.scopes) {
        if (!what.tenant.empty() && s.starts_with("tenant:") && s != "tenant:" + what.tenant) {
            io.err << "tiercel: " << s << " is another tenant than that of --tenant, " << what.tenant << '\n';
            return bad_usage;
        }
        scopes.push_back(scope_of(s));
    }
    json::object o{{"scopes", std::move(scopes)}, {"mode", what.hard ? "hard" : "soft"}};
    if (!what.tenant.empty()) { o["tenant"] = what.tenant; }
    if (!what.reason.empty()) { o["reason"] = what.reason; }
    const std::string target = what.wait ? "/v1/invalidations?wait=applied&timeout=" + what.timeout : "/v1/invalidations";
    const answer a = ask(at, http::verb::post, target, json::serialize(o));
    if (a.status >= 300) { return complain(a, io); }
    if (at.json) {
        io.out << a.body << '\n';
    } else {
        io.out << text_at(a.document, "state") << "  id " << text_at(a.document, "id") << "  sequence " << text_at(a.document, "sequence") << '\n';
        const json::value* const nodes = a.document.is_object() ? a.document.as_object().if_contains("nodes") : nullptr;
        if (nodes != nullptr && nodes->is_array()) {
            for (const json::value& n : nodes->as_array()) { io.out << "  " << text_at(n, "node") << "  applied " << text_at(n, "applied") << '\n'; }
        }
    }
    return what.wait && a.status != 200 ? failed : done;
}

exit_code list_dead_letters(const admin_place& at, console io)
{
    const answer a = ask(at, http::verb::get, "/v1/dead-letters", {});
    if (a.status != 200) { return complain(a, io); }
    if (at.json) {
        io.out << a.body << '\n';
        return done;
    }
    const json::value* const list = a.document.is_object() ? a.document.as_object().if_contains("dead_letters") : nullptr;
    if (list == nullptr || !list->is_array()) { return complain(a, io); }
    for (const json::value& d : list->as_array()) {
        io.out << text_at(d, "id") << "  " << text_at(d, "source") << "  attempts " << text_at(d, "attempts") << "  " << text_at(d, "error") << '\n';
    }
    if (list->as_array().empty()) { io.out << "no dead letters\n"; }
    return done;
}

exit_code replay_dead_letters(const admin_place& at, const std::vector<std::string>& ids, console io)
{
    exit_code worst = done;
    for (const std::string& id : ids) {
        const answer a = ask(at, http::verb::post, "/v1/dead-letters/" + id + "/replay", "{}");
        if (a.status == 200) {
            io.out << id << "  " << text_at(a.document, "result") << '\n';
        } else {
            worst = complain(a, io);
        }
    }
    return worst;
}

exit_code drop_dead_letters(const admin_place& at, const std::vector<std::string>& ids, console io)
{
    exit_code worst = done;
    for (const std::string& id : ids) {
        const answer a = ask(at, http::verb::delete_, "/v1/dead-letters/" + id, {});
        if (a.status == 200) {
            io.out << id << "  dropped\n";
        } else {
            worst = complain(a, io);
        }
    }
    return worst;
}

}  // namespace tiercel::app
