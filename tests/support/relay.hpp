#pragma once

// Stands between a client and a server on loopback. What comes from either is given to a function, which passes it on, or does not.

#include "support/net.hpp"

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <string>
#include <thread>
#include <utility>

namespace tiercel::test {

class relay {
public:
    struct connection {
        byte_stream client;
        byte_stream server;
        std::string beginning{};               // for whoever wants to know what the client began with; of the thread from there
        std::atomic<bool> is_marked = false;   // for whoever tells connections apart
        std::thread there{};
        std::thread back{};
    };
    // Called in a thread for each connection and direction.
    using carrier = std::function<void(connection& c, bool from_client, const std::string& bytes)>;

    relay(std::uint16_t to, carrier carry) : to_(to), carry_(std::move(carry)), acceptor_([this] { accept_loop(); }) {}
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;
    ~relay()
    {
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        for (auto& c : connections_) {
            c.client.interrupt();
            c.server.interrupt();
        }
        for (auto& c : connections_) {
            c.there.join();
            c.back.join();
        }
    }
    std::uint16_t port() const { return port_of(listener_); }

private:
    void accept_loop()
    {
        for (;;) {
            unique_fd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) { return; }
            connection& c = connections_.emplace_back();
            c.client = byte_stream(std::move(fd));
            c.server = byte_stream(connect_to("127.0.0.1", to_));
            c.there = std::thread([this, &c] { run(c, true); });
            c.back = std::thread([this, &c] { run(c, false); });
        }
    }

    void run(connection& c, bool from_client)
    {
        byte_stream& from = from_client ? c.client : c.server;
        byte_stream& to = from_client ? c.server : c.client;
        try {
            for (std::string bytes; !(bytes = from.read_some(after(std::chrono::seconds(120)))).empty();) { carry_(c, from_client, bytes); }
        } catch (const std::exception&) {   // one side is gone, so the other goes too
        }
        to.interrupt();
    }

    const std::uint16_t to_;
    const carrier carry_;
    unique_fd listener_ = listen_on_loopback();
    std::list<connection> connections_;     // of acceptor_, until it has ended
    std::thread acceptor_;
};

}  // namespace tiercel::test
