#include "load/limit_server.hpp"

#include "origin/pages.hpp"
#include "origin/request.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tiercel::load {
namespace {

constexpr std::uint64_t largest = 16 << 20;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int listen_on(std::uint16_t port)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0 || ::listen(fd, 4096) != 0) { fail("listen"); }
    return fd;
}

struct client {
    int fd = -1;
    std::size_t have = 0;
    const std::string* answer = nullptr;   // being sent
    std::size_t sent = 0;
    std::string own;                       // of an answer that is not ready-made
    std::array<char, 8192> buffer;
};

class server {
public:
    explicit server(std::uint16_t port) : listener_(listen_on(port)), poll_(::epoll_create1(EPOLL_CLOEXEC))
    {
        watch(listener_, nullptr, EPOLL_CTL_ADD, EPOLLIN);
    }

    [[noreturn]] void run()
    {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int n = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; ++i) {
                auto* c = static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr);
                if (c == nullptr) {
                    accept_one();
                } else if (!((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0 ? go_on_sending(*c) : receive(*c))) {
                    drop(c);
                }
            }
        }
    }

private:
    void watch(int fd, client* c, int what, std::uint32_t events)
    {
        epoll_event e{};
        e.events = events;
        e.data.ptr = c;
        ::epoll_ctl(poll_, what, fd, &e);
    }

    void accept_one()
    {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) { return; }
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto* c = new client;
        c->fd = fd;
        watch(fd, c, EPOLL_CTL_ADD, EPOLLIN);
    }

    void drop(client* c)
    {
        ::close(c->fd);
        delete c;
    }

    // These tell with false that the connection is over.
    bool receive(client& c)
    {
        const ssize_t n = ::recv(c.fd, c.buffer.data() + c.have, c.buffer.size() - c.have, MSG_DONTWAIT);
        if (n < 0) { return errno == EAGAIN || errno == EINTR; }
        if (n == 0) { return false; }
        c.have += static_cast<std::size_t>(n);
        return answer(c);
    }

    bool answer(client& c)
    {
        while (c.have > 0) {
            const std::string_view bytes(c.buffer.data(), c.have);
            const std::size_t end = bytes.find("\r\n\r\n");
            if (end == std::string_view::npos) { return c.have < c.buffer.size(); }
            c.answer = &answer_to(bytes.substr(0, end + 4), c);
            c.sent = 0;
            c.have -= end + 4;
            std::memmove(c.buffer.data(), c.buffer.data() + end + 4, c.have);
            if (!send(c)) { return false; }
            if (c.answer != nullptr) {
                watch(c.fd, &c, EPOLL_CTL_MOD, EPOLLOUT);
                return true;
            }
        }
        return true;
    }

    bool send(client& c)
    {
        while (c.sent < c.answer->size()) {
            const ssize_t n = ::send(c.fd, c.answer->data() + c.sent, c.answer->size() - c.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n < 0) { return errno == EAGAIN || errno == EINTR; }
            c.sent += static_cast<std::size_t>(n);
        }
        c.answer = nullptr;
        return true;
    }

    bool go_on_sending(client& c)
    {
        if (!send(c)) { return false; }
        if (c.answer != nullptr) { return true; }
        watch(c.fd, &c, EPOLL_CTL_MOD, EPOLLIN);
        return answer(c);
    }

    // "GET /b/1024/anything HTTP/1.1": no more of it is looked at.
    const std::string& answer_to(std::string_view head, client& c)
    {
        const std::string_view target = head.substr(std::min<std::size_t>(head.size(), 4));
        if (target.starts_with("/_/stats")) {
            auto r = sample_origin::make_text(200, "application/json", "{\"requests\":" + std::to_string(served_) + "}\n");
            r.set("Cache-Control", "no-store");
            return c.own = sample_origin::head_text(r) + r.body;
        }
        ++served_;
        const std::string_view from_size = target.substr(std::min<std::size_t>(target.size(), 3));
        const auto size = sample_origin::parse_number(from_size.substr(0, from_size.find('/')));
        return ready_answer(target.starts_with("/b/"), std::min(size.value_or(0), largest));
    }

    const std::string& ready_answer(bool cacheable, std::uint64_t size)
    {
        for (const ready& r : ready_) {
            if (r.cacheable == cacheable && r.size == size) { return r.bytes; }
        }
        sample_origin::request asked;
        asked.method = "GET";
        asked.path = (cacheable ? "/b/" : "/n/") + std::to_string(size) + "/";
        const sample_origin::reply r = sample_origin::make_object(asked, cacheable);
        ready_.push_back({.cacheable = cacheable, .size = size, .bytes = sample_origin::head_text(r) + r.body});
        return ready_.back().bytes;
    }

    struct ready {
        bool cacheable;
        std::uint64_t size;
        std::string bytes;
    };

    int listener_;
    int poll_;
    std::deque<ready> ready_;   // few; never moves what is being sent
    std::uint64_t served_ = 0;
};

}  // namespace

void serve_limit(std::uint16_t port)
{
    server(port).run();
}

}  // namespace tiercel::load
