#include "support/net.hpp"

#include <mutex>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <system_error>
#include <utility>

namespace tiercel::test {
namespace {

[[noreturn]] void throw_errno(const std::string& what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

int remaining_ms(deadline until)
{
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

bool wait_for(int fd, short events, deadline until)
{
    for (;;) {
        pollfd p{.fd = fd, .events = events, .revents = 0};
        const int n = ::poll(&p, 1, remaining_ms(until));
        if (n > 0) { return true; }
        if (n == 0) { return false; }
        if (errno != EINTR) { throw_errno("poll"); }
    }
}

sockaddr_in loopback(std::uint16_t port)
{
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    return a;
}

// Connects without blocking longer than the deadline.
unique_fd connect_socket(int family, const sockaddr* address, socklen_t size, const std::string& name, deadline until)
{
    unique_fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) { throw_errno("socket"); }
    if (::connect(fd.get(), address, size) != 0) {
        if (errno != EINPROGRESS) { throw_errno("connect " + name); }
        if (!wait_for(fd.get(), POLLOUT, until)) { throw timed_out("connect " + name); }
        int problem = 0;
        socklen_t problem_size = sizeof problem;
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &problem_size);
        if (problem != 0) {
            errno = problem;
            throw_errno("connect " + name);
        }
    }
    if (family != AF_UNIX) {
        const int on = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}

bool can_bind(std::uint16_t port)
{
    const unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in a = loopback(port);
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0;
}

}  // namespace

unique_fd& unique_fd::operator=(unique_fd&& other) noexcept
{
    if (this != &other) {
        close();
        fd_ = other.release();
    }
    return *this;
}

int unique_fd::release() noexcept
{
    return std::exchange(fd_, -1);
}

void unique_fd::close() noexcept
{
    if (fd_ >= 0) { ::close(std::exchange(fd_, -1)); }
}

unique_fd listen_on_loopback(std::uint16_t port)
{
    unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) { throw_errno("socket"); }
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in a = loopback(port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) {
        throw_errno("bind 127.0.0.1:" + std::to_string(port));
    }
    if (::listen(fd.get(), 1024) != 0) { throw_errno("listen"); }
    return fd;
}

std::uint16_t port_of(const unique_fd& listener)
{
    sockaddr_in a{};
    socklen_t size = sizeof a;
    if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&a), &size) != 0) { throw_errno("getsockname"); }
    return ntohs(a.sin_port);
}

unique_fd connect_to(const std::string& address, std::uint16_t port, deadline until)
{
    sockaddr_in a = loopback(port);
    if (::inet_pton(AF_INET, address.c_str(), &a.sin_addr) != 1) {
        throw std::invalid_argument("not an IPv4 address: " + address);
    }
    return connect_socket(AF_INET, reinterpret_cast<const sockaddr*>(&a), sizeof a,
                          address + ":" + std::to_string(port), until);
}

unique_fd connect_to(const std::filesystem::path& unix_socket, deadline until)
{
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    const std::string& path = unix_socket.native();
    if (path.size() >= sizeof a.sun_path) { throw std::invalid_argument("socket path too long: " + path); }
    std::memcpy(a.sun_path, path.data(), path.size());
    return connect_socket(AF_UNIX, reinterpret_cast<const sockaddr*>(&a), sizeof a, path, until);
}

std::uint16_t free_port()
{
    // Linux takes ports for outgoing connections from 32768 on. A random start keeps test programs that run side by side
    // out of each other's way.
    constexpr unsigned first = 20000;
    constexpr unsigned count = 12000;
    static std::atomic<unsigned> next{std::random_device{}() % count};
    for (unsigned tries = 0; tries < count; ++tries) {
        const auto port = static_cast<std::uint16_t>(first + next.fetch_add(1) % count);
        if (can_bind(port)) { return port; }
    }
    throw std::runtime_error("no free port on 127.0.0.1");
}

bool wait_readable(int fd, deadline until)
{
    return wait_for(fd, POLLIN, until);
}

bool byte_stream::fill(deadline until)
{
    std::array<char, 64 * 1024> chunk;
    for (;;) {
        const ssize_t n = ::recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (n > 0) {
            buffer_.append(chunk.data(), static_cast<std::size_t>(n));
            return true;
        }
        if (n == 0) { return false; }
        if (errno == ECONNRESET) { throw peer_closed("connection reset", true); }
        if (errno != EAGAIN && errno != EINTR) { throw_errno("recv"); }
        if (!wait_for(fd_.get(), POLLIN, until)) {
            throw timed_out("nothing to read; unread so far: " + std::to_string(buffer_.size()) + " bytes");
        }
    }
}

void byte_stream::send(std::string_view bytes, deadline until)
{
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EPIPE || errno == ECONNRESET) {
            throw peer_closed("peer closed while we were sending", errno == ECONNRESET);
        } else if (errno == EAGAIN) {
            if (!wait_for(fd_.get(), POLLOUT, until)) { throw timed_out("peer does not read"); }
        } else if (errno != EINTR) {
            throw_errno("send");
        }
    }
}

bool byte_stream::try_send(std::string_view bytes, deadline until)
{
    try {
        send(bytes, until);
        return true;
    } catch (const peer_closed&) {
        return false;
    }
}

std::string byte_stream::read_until(std::string_view end, std::size_t limit, deadline until)
{
    std::size_t from = 0;
    for (;;) {
        const std::size_t at = buffer_.find(end, from);
        if (at != std::string::npos) { return read_exactly(at + end.size(), until); }
        if (buffer_.size() > limit) { throw std::length_error("no end within " + std::to_string(limit) + " bytes"); }
        from = buffer_.size() - std::min(buffer_.size(), end.size() - 1);
        if (!fill(until)) {
            throw peer_closed("closed after " + std::to_string(buffer_.size()) + " bytes of an unfinished part", false);
        }
    }
}

std::string byte_stream::read_exactly(std::size_t n, deadline until)
{
    while (buffer_.size() < n) {
        if (!fill(until)) {
            const std::string got = std::to_string(buffer_.size()) + " of " + std::to_string(n);
            throw peer_closed("closed after " + got + " bytes", false);
        }
    }
    std::string out = buffer_.substr(0, n);
    buffer_.erase(0, n);
    return out;
}

std::string byte_stream::read_some(deadline until)
{
    if (buffer_.empty() && !fill(until)) { return {}; }
    return std::exchange(buffer_, {});
}

std::string byte_stream::read_to_end(deadline until)
{
    try {
        while (fill(until)) {
        }
    } catch (const peer_closed&) {
    }
    return std::exchange(buffer_, {});
}

bool byte_stream::is_closed_by_peer(deadline until)
{
    if (!buffer_.empty()) { return false; }
    try {
        return !fill(until);
    } catch (const peer_closed&) {
        return true;
    } catch (const timed_out&) {
        return false;
    }
}

// interrupt() comes from another thread and must not meet a close: one lock for all streams of a test is enough.
static std::mutex& closing()
{
    static std::mutex one;
    return one;
}

void byte_stream::shutdown_send() noexcept
{
    ::shutdown(fd_.get(), SHUT_WR);
}

void byte_stream::close() noexcept
{
    const std::lock_guard hold(closing());
    fd_.close();
}

void byte_stream::interrupt() noexcept
{
    const std::lock_guard hold(closing());
    ::shutdown(fd_.get(), SHUT_RDWR);
}

void byte_stream::reset() noexcept
{
    const std::lock_guard hold(closing());
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd_.close();
}

}  // namespace tiercel::test
