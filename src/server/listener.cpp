#include "server/listener.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/system_error.hpp>

#include <charconv>
#include <cerrno>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tiercel::server {
namespace {

namespace ip = boost::asio::ip;

ip::tcp::endpoint tcp_endpoint(const async::endpoint& e)
{
    ip::tcp::endpoint out;
    if (e.size() <= out.capacity()) {
        std::copy_n(reinterpret_cast<const char*>(e.data()), e.size(), reinterpret_cast<char*>(out.data()));
        out.resize(e.size());
    }
    return out;
}

bool is_tcp(const async::endpoint& e) noexcept
{
    return e.protocol().family() == AF_INET || e.protocol().family() == AF_INET6;
}

}  // namespace

std::variant<listen_address, std::string> parse_listen_address(const std::string& text)
{
    if (text.starts_with("unix:")) {
        const std::string path = text.substr(5);
        if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
            return std::string("a unix socket needs a path of 1 to 107 characters");
        }
        return listen_address{boost::asio::local::stream_protocol::endpoint(path), path};
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) {
        return std::string("expected host:port, [v6]:port or unix:/path");
    }
    std::string host = text.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        return std::string("an IPv6 address stands in brackets: [::1]:8080");
    }
    if (host == "localhost") {
        host = "127.0.0.1";
    }
    unsigned port = 0;
    const char* const first = text.data() + colon + 1;
    const char* const last = text.data() + text.size();
    const auto [end, ec] = std::from_chars(first, last, port);
    if (ec != std::errc() || end != last || first == last || port > 65535) {
        return std::string("the port must be a number from 0 to 65535");
    }
    boost::system::error_code bad;
    const auto address = ip::make_address(host, bad);
    if (bad) {
        return std::string("the host must be an IP address of this machine (0.0.0.0 or [::] for all)");
    }
    return listen_address{ip::tcp::endpoint(address, static_cast<unsigned short>(port)), {}};
}

acceptor open_listener(boost::asio::io_context& context, const listen_address& address, int shared)
{
    acceptor a(context.get_executor());
    if (shared >= 0) {
        const int copy = ::dup(shared);
        if (copy < 0) {
            throw boost::system::system_error(errno, boost::system::system_category(), "dup of the listening socket");
        }
        a.assign(address.at.protocol(), copy);
        a.non_blocking(true);
        return a;
    }
    a.open(address.at.protocol());
    if (address.unix_path.empty()) {
        a.set_option(boost::asio::socket_base::reuse_address(true));
        const int on = 1;
        if (::setsockopt(a.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
            throw boost::system::system_error(errno, boost::system::system_category(), "SO_REUSEPORT");
        }
    } else {
        ::unlink(address.unix_path.c_str());   // left behind by a process that was killed
    }
    a.bind(address.at);
    a.listen(4096);
    a.non_blocking(true);
    return a;
}

std::string local_text(const acceptor& a)
{
    const async::endpoint e = a.local_endpoint();
    if (!is_tcp(e)) {
        const auto* un = reinterpret_cast<const sockaddr_un*>(e.data());
        return std::string("unix:") + un->sun_path;
    }
    const auto t = tcp_endpoint(e);
    const std::string host = t.address().is_v6() ? "[" + t.address().to_string() + "]" : t.address().to_string();
    return host + ":" + std::to_string(t.port());
}

std::string peer_text(const async::socket& s)
{
    error_code ec;
    const async::endpoint e = s.remote_endpoint(ec);
    if (ec || !is_tcp(e)) {
        return "unix";
    }
    const auto address = tcp_endpoint(e).address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return ip::make_address_v4(ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

}  // namespace tiercel::server
