#pragma once

// Something on loopback that speaks the Redis protocol as a test wants it: well, up to a step, and then not.

#include "support/net.hpp"

#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tiercel::redis {

using words = std::vector<std::string>;

// One command from a client. Throws test::peer_closed at the end.
inline words read_command(test::byte_stream& s)
{
    const auto number = [&](char type) {
        const std::string line = s.read_until("\r\n", 100);
        if (line[0] != type) { throw std::runtime_error("not a command: " + line); }
        return std::stoul(line.substr(1));
    };
    words out(number('*'));
    for (std::string& w : out) {
        w = s.read_exactly(number('$'));
        s.read_exactly(2);
    }
    return out;
}

// What a healthy master answers.
inline std::string good_reply(const words& command)
{
    if (command[0] == "ROLE") { return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"; }
    if (command[0] == "PING") { return "+PONG\r\n"; }
    if (command[0] == "TIME") { return "*2\r\n$4\r\n1000\r\n$6\r\n500000\r\n"; }
    if (command[0] == "GET") { return "$" + std::to_string(command[1].size()) + "\r\n" + command[1] + "\r\n"; }
    return "+OK\r\n";
}

inline void serve_well(test::byte_stream& s)
{
    for (;;) { s.send(good_reply(read_command(s))); }
}

// Answers the handshake of a connection without password and database: CLIENT SETNAME and ROLE.
inline void greet(test::byte_stream& s)
{
    for (int i = 0; i < 2; ++i) { s.send(good_reply(read_command(s))); }
}

class scripted_peer {
public:
    // Runs for each connection, in a thread of its own. Ends by returning (the connection is closed then) or by a throw.
    using script = std::function<void(test::byte_stream&)>;

    explicit scripted_peer(script s) : script_(std::move(s)), listener_(test::listen_on_loopback()), port_(test::port_of(listener_))
    {
        acceptor_ = std::thread([this] { accept_all(); });
    }
    scripted_peer(const scripted_peer&) = delete;
    scripted_peer& operator=(const scripted_peer&) = delete;
    ~scripted_peer()
    {
        stopping_ = true;
        acceptor_.join();
        {
            const std::lock_guard lock(mutex_);
            for (const auto& s : streams_) { s->interrupt(); }
        }
        for (std::thread& t : threads_) { t.join(); }
    }

    std::uint16_t port() const noexcept { return port_; }
    int accepted() const noexcept { return accepted_; }
    bool stopping() const noexcept { return stopping_; }

private:
    void accept_all()
    {
        while (!stopping_) {
            if (!test::wait_readable(listener_.get(), test::after(std::chrono::milliseconds(10)))) { continue; }
            test::unique_fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!fd) { continue; }
            ++accepted_;
            const std::lock_guard lock(mutex_);
            streams_.push_back(std::make_unique<test::byte_stream>(std::move(fd)));
            threads_.emplace_back([this, s = streams_.back().get()] {
                try {
                    script_(*s);
                } catch (const std::exception&) {
                    // The client went away, or said what the script does not understand: the test sees it from its side.
                }
                s->interrupt();   // the peer sees the end; the descriptor stays until nobody can interrupt it any more
            });
        }
    }

    script script_;
    test::unique_fd listener_;
    std::uint16_t port_;
    std::atomic<bool> stopping_ = false;
    std::atomic<int> accepted_ = 0;
    std::mutex mutex_;
    std::vector<std::unique_ptr<test::byte_stream>> streams_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace tiercel::redis
