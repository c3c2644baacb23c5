// tiercel-origin: a sample origin that answers to order and breaks HTTP on demand. One blocking thread per connection:
// simple, and quick enough behind a proxy that keeps its connections.

#include "origin/connection.hpp"

#include <CLI/CLI.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>

using namespace tiercel::sample_origin;

namespace {

// "127.0.0.1:3000"
std::optional<sockaddr_in> parse_address(const std::string& text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) { return std::nullopt; }
    const auto port = parse_number(std::string_view(text).substr(colon + 1));
    sockaddr_in a{};
    a.sin_family = AF_INET;
    if (!port || *port > 65535) { return std::nullopt; }
    if (::inet_pton(AF_INET, text.substr(0, colon).c_str(), &a.sin_addr) != 1) { return std::nullopt; }
    a.sin_port = htons(static_cast<std::uint16_t>(*port));
    return a;
}

// The listening socket, or -1 with errno. `address` receives the port that the system chose.
int listen_on(sockaddr_in& address)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool listens = fd >= 0 && ::bind(fd, generic, size) == 0 && ::listen(fd, 4096) == 0;
    return listens && ::getsockname(fd, generic, &size) == 0 ? fd : -1;
}

void accept_forever(int listener, statistics& stats, controls& common)
{
    for (;;) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));   // out of descriptors; some will come back
            continue;
        }
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        try {
            std::thread([fd, &stats, &common] { connection(fd, stats, common).serve(); }).detach();
        } catch (const std::system_error&) {
            ::close(fd);   // out of threads
        }
    }
}

}  // namespace

int main(int argc, char** argv)
{
    std::string listen = "127.0.0.1:3000";
    std::string latency = "0ms";
    CLI::App app("Sample origin: answers to order, breaks HTTP on demand.", "tiercel-origin");
    app.add_option("--listen", listen,
                   "IPv4 address and port; port 0 takes a free one, printed as \"listening HOST:PORT\"")
        ->capture_default_str();
    app.add_option("--latency", latency, "wait so long before every answer")->capture_default_str();
    app.footer(description());
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }

    auto address = parse_address(listen);
    if (!address) {
        std::cerr << "tiercel-origin: not an IPv4 address with port: " << listen << "\n";
        return 2;
    }
    // Blocked before any thread exists, so that only sigwait() below sees them.
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);

    const int listener = listen_on(*address);
    if (listener < 0) {
        std::perror(("tiercel-origin: " + listen).c_str());
        return 1;
    }
    static statistics stats;
    static controls common;
    common.latency_ms = parse_duration(latency).count();
    std::cout << "listening " << listen.substr(0, listen.rfind(':')) << ":" << ntohs(address->sin_port) << std::endl;

    std::thread(accept_forever, listener, std::ref(stats), std::ref(common)).detach();
    int number = 0;
    ::sigwait(&ends, &number);
    std::_Exit(0);   // the detached threads end with the process; nothing is worth saving
}
