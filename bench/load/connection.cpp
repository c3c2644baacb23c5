#include "load/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace tiercel::load {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

sockaddr_in loopback(std::uint16_t port)
{
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    return a;
}

int connect_socket(int fd, std::uint16_t port)
{
    const sockaddr_in a = loopback(port);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a);
}

}  // namespace

void connection::open(int flags)
{
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd_ < 0) { fail("socket"); }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void connection::connect_and_wait(std::uint16_t port)
{
    open(0);
    if (connect_socket(fd_, port) != 0) { fail("connect"); }
}

bool connection::start_connecting(std::uint16_t port)
{
    open(SOCK_NONBLOCK);
    connecting_ = true;
    return connect_socket(fd_, port) == 0 || errno == EINPROGRESS;
}

bool connection::finish_connecting()
{
    int problem = 0;
    socklen_t size = sizeof problem;
    connecting_ = false;
    return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0;
}

void connection::close() noexcept
{
    if (fd_ >= 0) { ::close(fd_); }
    fd_ = -1;
    connecting_ = false;
    busy_ = false;
    unsent_.clear();
}

void connection::begin(std::uint64_t number, nanoseconds due, nanoseconds now, method asked, bool keep)
{
    number_ = number;
    due_ = due;
    asked_at_ = now;
    busy_ = true;
    reader_.begin(asked, keep);
}

bool connection::send(std::string_view bytes)
{
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) { return false; }
    bytes.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    if (!bytes.empty()) { unsent_ = bytes; }
    return true;
}

bool connection::send_rest()
{
    const std::string rest = std::move(unsent_);
    unsent_.clear();
    return send(rest);
}

poller::poller() : fd_(::epoll_create1(EPOLL_CLOEXEC))
{
    if (fd_ < 0) { fail("epoll_create1"); }
}

poller::~poller()
{
    ::close(fd_);
}

void poller::add(connection& c)
{
    epoll_event e{};
    e.events = c.is_connecting() ? EPOLLOUT : EPOLLIN;
    e.data.ptr = &c;
    if (::epoll_ctl(fd_, EPOLL_CTL_ADD, c.fd(), &e) != 0) { fail("epoll_ctl"); }
}

void poller::want(connection& c, std::uint32_t events)
{
    epoll_event e{};
    e.events = events;
    e.data.ptr = &c;
    if (::epoll_ctl(fd_, EPOLL_CTL_MOD, c.fd(), &e) != 0) { fail("epoll_ctl"); }
}

int poller::wait(epoll_event* events, int most, nanoseconds longest)
{
    const timespec t{.tv_sec = longest.count() / 1'000'000'000, .tv_nsec = longest.count() % 1'000'000'000};
    return ::epoll_pwait2(fd_, events, most, &t, nullptr);
}

}  // namespace tiercel::load
