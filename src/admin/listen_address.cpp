#include "admin/listen_address.hpp"

#include <boost/asio/ip/address.hpp>

#include <charconv>
#include <sys/un.h>
#include <variant>

namespace tiercel::admin {
namespace {

using boost::asio::ip::make_address;

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t max_path = sizeof(sockaddr_un::sun_path) - 1;

std::variant<listen_address, std::string> parse_unix(std::string_view path)
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
    return listen_address{.host = {}, .port = 0, .path = std::string(path)};
}

std::variant<listen_address, std::string> parse(std::string_view text)
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
    if (host == "localhost") {
        return listen_address{.host = "127.0.0.1", .port = port, .path = {}};
    }
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    boost::system::error_code ec;
    const auto address = make_address(host, ec);
    if (ec || address.is_v6() != bracketed) {
        return std::string(!ec && address.is_v6() ? "an IPv6 address stands in brackets, as in [::1]:8080"
                                                  : "the host must be an IP address or localhost");
    }
    return listen_address{.host = address.to_string(), .port = port, .path = {}};
}

}  // namespace

std::optional<std::string> problem_of_listen_address(std::string_view text)
{
    auto parsed = parse(text);
    if (auto* why = std::get_if<std::string>(&parsed)) {
        return std::move(*why);
    }
    return std::nullopt;
}

result<listen_address> parse_listen_address(std::string_view text)
{
    auto parsed = parse(text);
    if (auto* address = std::get_if<listen_address>(&parsed)) {
        return std::move(*address);
    }
    return errc::internal;
}

bool is_local(const listen_address& a)
{
    return a.is_unix() || make_address(a.host).is_loopback();
}

}  // namespace tiercel::admin
