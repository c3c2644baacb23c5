#include "origin/address.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <algorithm>
#include <charconv>
#include <sys/un.h>

namespace tiercel::origin {
namespace {

namespace asio = boost::asio;

constexpr std::string_view http_scheme = "http://";
constexpr std::string_view https_scheme = "https://";
constexpr std::string_view unix_scheme = "unix:";

parsed_address refuse(std::string_view url, std::string_view why)
{
    parsed_address p;
    p.problem.append("endpoint '").append(url).append("' ").append(why);
    return p;
}

bool parse_port(std::string_view text, std::uint16_t& port) noexcept
{
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
    return ec == std::errc() && end == text.data() + text.size() && port != 0;
}

bool is_host_name(std::string_view s) noexcept
{
    return !s.empty() && s.size() <= 253 && std::all_of(s.begin(), s.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
    });
}

parsed_address parse_unix(std::string_view url)
{
    parsed_address p;
    p.where.path = url.substr(unix_scheme.size());
    if (!p.where.path.starts_with('/')) {
        return refuse(url, "needs an absolute path after unix:");
    }
    if (p.where.path.size() >= sizeof(sockaddr_un::sun_path)) {
        return refuse(url, "has a path too long for a unix socket");
    }
    return p;
}

}  // namespace

parsed_address parse_address(std::string_view url)
{
    if (url.starts_with(unix_scheme)) {
        return parse_unix(url);
    }
    const bool secure = url.starts_with(https_scheme);
    if (!secure && !url.starts_with(http_scheme)) {
        return refuse(url, "must begin with http://, https:// or unix:/");
    }
    std::string_view authority = url.substr(secure ? https_scheme.size() : http_scheme.size());
    if (authority.ends_with('/')) {
        authority.remove_suffix(1);
    }
    if (authority.find_first_of("/?#@") != std::string_view::npos) {
        return refuse(url, "must be scheme, host and port only");
    }
    parsed_address p;
    p.where.secure = secure;
    p.where.port = secure ? 443 : 80;
    std::string_view port;
    bool has_port = false;
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) {
            return refuse(url, "has no ']' after its IPv6 address");
        }
        p.where.host = authority.substr(1, close - 1);
        const std::string_view rest = authority.substr(close + 1);
        has_port = rest.starts_with(':');
        if (!rest.empty() && !has_port) {
            return refuse(url, "has something other than a port after its IPv6 address");
        }
        port = has_port ? rest.substr(1) : std::string_view();
        error_code ec;
        asio::ip::make_address_v6(p.where.host, ec);
        if (ec) {
            return refuse(url, "has no valid IPv6 address in its brackets");
        }
    } else {
        const auto colon = authority.find(':');
        has_port = colon != std::string_view::npos;
        p.where.host = authority.substr(0, colon);
        port = has_port ? authority.substr(colon + 1) : std::string_view();
        if (!is_host_name(p.where.host)) {
            return refuse(url, "has no valid host name");
        }
    }
    if (has_port && !parse_port(port, p.where.port)) {
        return refuse(url, "has no valid port (1 to 65535)");
    }
    return p;
}

result<std::vector<async::endpoint>> resolve(const address& a)
{
    std::vector<async::endpoint> found;
    if (a.is_unix()) {
        found.emplace_back(asio::local::stream_protocol::endpoint(a.path));
        return found;
    }
    error_code ec;
    if (const auto literal = asio::ip::make_address(a.host, ec); !ec) {
        found.emplace_back(asio::ip::tcp::endpoint(literal, a.port));
        return found;
    }
    asio::io_context context;
    asio::ip::tcp::resolver resolver(context);
    const auto names = resolver.resolve(a.host, std::to_string(a.port), asio::ip::tcp::resolver::numeric_service, ec);
    for (const auto& name : names) {
        found.emplace_back(name.endpoint());
    }
    if (ec || found.empty()) {
        return errc::origin_unresolved;
    }
    return found;
}

}  // namespace tiercel::origin
