#include "async/listener.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <variant>

namespace tiercel::async {
namespace {

namespace ip = asio::ip;
using protocol = asio::generic::stream_protocol;
using asio::local::stream_protocol;

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t max_path = sizeof(sockaddr_un::sun_path) - 1;
constexpr int backlog = 4096;   // the kernel has its own limit, net.core.somaxconn

using parsed = std::variant<listen_address, std::string>;   // or what is wrong

parsed parse_unix(std::string_view path)
{
    if (path.empty() || path.front() != '/') {
        return std::string("a unix socket needs an absolute path, as in unix:/run/tiercel.sock");
    }
    if (path.size() > max_path) {
        return "the path of a unix socket may have at most " + std::to_string(max_path) + " bytes";
    }
    if (path.find('\0') != path.npos) {
        return std::string("a path cannot hold a NUL byte");
    }
    return listen_address{.unix_path = std::string(path), .at = stream_protocol::endpoint(path)};
}

parsed parse(std::string_view text)
{
    if (text.starts_with(unix_prefix)) {
        return parse_unix(text.substr(unix_prefix.size()));
    }
    const auto colon = text.rfind(':');
    if (colon == text.npos) {
        return std::string("needs a port, as in 127.0.0.1:8080, [::1]:8080 or unix:/run/tiercel.sock");
    }
    auto host = text.substr(0, colon);
    const auto port_text = text.substr(colon + 1);

    std::uint16_t port = 0;
    const auto* const end = port_text.data() + port_text.size();
    if (const auto [p, e] = std::from_chars(port_text.data(), end, port); e != std::errc() || p != end) {
        return std::string("the port must be a number from 0 to 65535");
    }
    if (host.empty()) {
        return std::string("names no host; write 0.0.0.0 or [::] to listen on every address");
    }
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    } else if (host == "localhost") {
        host = "127.0.0.1";
    }
    error_code ec;
    const auto address = ip::make_address(host, ec);
    if (ec || address.is_v6() != bracketed) {
        return std::string(!ec && address.is_v6() ? "an IPv6 address stands in brackets, as in [::1]:8080"
                                                  : "the host must be an IP address or localhost");
    }
    return listen_address{.unix_path = {}, .at = ip::tcp::endpoint(address, port)};
}

bool is_tcp(const endpoint& e) noexcept
{
    return e.protocol().family() == AF_INET || e.protocol().family() == AF_INET6;
}

// REQUIRES: is_tcp(e).
ip::tcp::endpoint tcp_endpoint(const endpoint& e)
{
    ip::tcp::endpoint out;
    std::copy_n(reinterpret_cast<const char*>(e.data()), std::min(e.size(), out.capacity()), reinterpret_cast<char*>(out.data()));
    out.resize(std::min(e.size(), out.capacity()));
    return out;
}

error_code last_error() { return {errno, boost::system::system_category()}; }

bool is_socket_file(const std::string& path)
{
    struct stat about {};
    return ::lstat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode);
}

// A process that died leaves its socket file behind; one that lives answers a connection attempt.
void remove_leftover(asio::io_context& context, const listen_address& where)
{
    if (!is_socket_file(where.unix_path)) {
        return;
    }
    socket probe(context, where.at.protocol());
    error_code ec;
    probe.connect(where.at, ec);
    if (ec == asio::error::connection_refused) {
        ::unlink(where.unix_path.c_str());
    }
}

error_code share_port(acceptor& a)
{
    const int on = 1;
    return ::setsockopt(a.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 ? error_code() : last_error();
}

result<acceptor> bind_tcp(asio::io_context& context, const endpoint& at, bool shared)
{
    acceptor a(context);
    error_code ec;
    a.open(at.protocol(), ec);
    if (!ec) {
        a.set_option(asio::socket_base::reuse_address(true), ec);
    }
    if (!ec && shared) {
        ec = share_port(a);
    }
    if (!ec) {
        a.bind(at, ec);
    }
    if (ec) {
        return ec;
    }
    return a;
}

result<acceptor> bind_unix(asio::io_context& context, const listen_address& where)
{
    remove_leftover(context, where);
    acceptor a(context);
    error_code ec;
    a.open(where.at.protocol(), ec);
    if (!ec) {
        a.bind(where.at, ec);
    }
    // Before listen(), so that nobody can connect earlier: the file mode is all that guards a unix socket.
    if (!ec && ::chmod(where.unix_path.c_str(), S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP) != 0) {
        ec = last_error();
        ::unlink(where.unix_path.c_str());
    }
    if (ec) {
        return ec;
    }
    return a;
}

result<acceptor> listening(result<acceptor> a)
{
    error_code ec = a ? error_code() : a.error();
    if (!ec) {
        a->listen(backlog, ec);
    }
    if (!ec) {
        a->non_blocking(true, ec);
    }
    if (ec) {
        return ec;
    }
    return a;
}

}  // namespace

std::optional<std::string> problem_of_listen_address(std::string_view text)
{
    auto p = parse(text);
    if (auto* why = std::get_if<std::string>(&p)) {
        return std::move(*why);
    }
    return std::nullopt;
}

result<listen_address> parse_listen_address(std::string_view text)
{
    auto p = parse(text);
    if (auto* address = std::get_if<listen_address>(&p)) {
        return std::move(*address);
    }
    return errc::internal;
}

bool is_local(const listen_address& a)
{
    return a.is_unix() || tcp_endpoint(a.at).address().is_loopback();
}

bool collide(const listen_address& a, const listen_address& b)
{
    if (a.is_unix() || b.is_unix()) {
        return a.unix_path == b.unix_path;
    }
    const auto first = tcp_endpoint(a.at);
    const auto second = tcp_endpoint(b.at);
    if (first.port() != second.port() || first.port() == 0) {
        return false;
    }
    // "::" takes IPv4 as well, since nobody sets IPV6_V6ONLY.
    const auto has = [](const ip::address& whole, const ip::address& part) {
        return whole.is_unspecified() && (whole.is_v6() || part.is_v4());
    };
    return first.address() == second.address() || has(first.address(), second.address()) || has(second.address(), first.address());
}

std::string text_of(const endpoint& e)
{
    if (!is_tcp(e)) {
        return std::string(unix_prefix) + reinterpret_cast<const sockaddr_un*>(e.data())->sun_path;
    }
    const auto t = tcp_endpoint(e);
    const std::string host = t.address().to_string();
    return (t.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(t.port());
}

std::uint16_t port_of(const endpoint& e)
{
    return is_tcp(e) ? tcp_endpoint(e).port() : std::uint16_t{0};
}

result<acceptor> open_listener(asio::io_context& context, const listen_address& where, bool shared)
{
    if (where.is_unix()) {
        return listening(bind_unix(context, where));
    }
    if (shared && port_of(where.at) != 0) {
        // To share a port the kernel asks for no more than the same user. Without sharing it tells whether anybody is there.
        const auto probe = bind_tcp(context, where.at, false);
        if (!probe) {
            return probe.error();
        }
    }
    return listening(bind_tcp(context, where.at, shared));
}

result<acceptor> join_listener(asio::io_context& context, acceptor& first)
{
    error_code ec;
    const endpoint at = first.local_endpoint(ec);   // with the port that the system chose
    if (ec) {
        return ec;
    }
    if (is_tcp(at)) {
        return listening(bind_tcp(context, at, true));
    }
    const int copy = ::dup(first.native_handle());
    if (copy < 0) {
        return last_error();
    }
    acceptor a(context);
    a.assign(at.protocol(), copy, ec);
    if (ec) {
        ::close(copy);
        return ec;
    }
    return listening(std::move(a));
}

std::optional<peer_name> name_of_peer(const socket& s)
{
    error_code ec;
    const endpoint e = s.remote_endpoint(ec);
    if (ec) {
        return std::nullopt;
    }
    if (!is_tcp(e)) {
        return peer_name{.address = "unix", .is_unix = true};
    }
    auto address = tcp_endpoint(e).address();
    if (address.is_v6()) {
        ip::address_v6 v6 = address.to_v6();
        v6.scope_id(0);   // which interface it is on says nothing about who it is
        address = v6.is_v4_mapped() ? ip::address(ip::make_address_v4(ip::v4_mapped, v6)) : ip::address(v6);
    }
    return peer_name{.address = address.to_string()};
}

}  // namespace tiercel::async
