#include "app/admin_client.hpp"


#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json.hpp>

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

answer ask(const admin_place& at, http::verb method, const std::string& target, std::string body)
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

}  // namespace

exit_code purge(const admin_place& at, const purge_request& what, console io)
{
    json::array scopes;
    for (const std::string& s : what.scopes) { scopes.push_back(scope_of(s)); }
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
