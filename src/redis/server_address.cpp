#include "redis/server_address.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <charconv>
#include <optional>

namespace tiercel::redis {
namespace {

namespace urls = boost::urls;

template <class Number>
std::optional<Number> number(std::string_view text)
{
    Number n{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (ec != std::errc() || end != text.data() + text.size()) { return std::nullopt; }
    return n;
}

// Names what is known and yet not spoken, so that nobody looks for a typing error.
std::string refuse_scheme(std::string_view scheme)
{
    if (scheme == "rediss") { return "TLS to Redis (rediss://) is not supported; use redis:// or unix://"; }
    if (scheme == "redis+sentinel") { return "Redis Sentinel is not supported; name the master itself by redis:// or unix://"; }
    if (scheme == "redis+cluster") { return "Redis Cluster is not supported; name a single server by redis:// or unix://"; }
    return "a Redis URL begins with redis:// or unix://";
}

std::string read_database(std::string_view text, server_address& out)
{
    const auto n = number<unsigned>(text);
    if (!n) { return "the database of a Redis URL is a number"; }
    out.database = *n;
    return {};
}

std::string read_tcp(const urls::url_view& url, server_address& out)
{
    out.host = url.host_address();
    if (out.host.empty()) { return "a redis:// URL names a host"; }
    if (url.has_port() && !url.port().empty()) {
        const auto port = number<std::uint16_t>(url.port());
        if (!port || *port == 0) { return "the port of a Redis URL is a number from 1 to 65535"; }
        out.port = *port;
    }
    if (url.has_query()) { return "a redis:// URL has no query; the database is its path"; }
    const std::string path = url.path();
    if (path.empty() || path == "/") { return {}; }
    return read_database(std::string_view(path).substr(1), out);
}

std::string read_unix(const urls::url_view& url, server_address& out)
{
    if (!url.encoded_host().empty() || url.has_port()) { return "a unix:// URL names no host: unix:///run/redis.sock"; }
    out.unix_path = url.path();
    if (out.unix_path.size() < 2 || out.unix_path[0] != '/') { return "a unix:// URL names the path of a socket"; }
    if (out.unix_path.size() > 107) { return "the path of a unix socket has at most 107 bytes"; }
    for (const auto& p : url.params()) {
        if (p.key != "db") { return "the only parameter of a unix:// URL is db"; }
        if (auto problem = read_database(p.value, out); !problem.empty()) { return problem; }
    }
    return {};
}

std::string read(std::string_view text, server_address& out)
{
    const auto url = urls::parse_uri(text);
    if (!url) { return "not a URL"; }
    std::string scheme = url->scheme();   // of any case (RFC 3986 §3.1)
    for (char& c : scheme) { c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
    if (scheme != "redis" && scheme != "unix") { return refuse_scheme(scheme); }
    if (!url->has_authority() && scheme != "unix") { return "a Redis URL has two slashes after the scheme"; }
    if (url->has_fragment()) { return "a Redis URL has no fragment"; }
    out.user = url->user();
    out.password = url->password();
    if (!out.user.empty() && out.password.empty()) { return "a Redis URL with a user has a password too"; }
    return scheme == "unix" ? read_unix(*url, out) : read_tcp(*url, out);
}

}  // namespace

std::string server_address::text() const
{
    if (is_unix()) { return unix_path; }
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

parsed_server_url parse_server_url(std::string_view text)
{
    parsed_server_url out;
    out.problem = read(text, out.address);
    return out;
}

}  // namespace tiercel::redis
