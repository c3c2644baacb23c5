#pragma once

#include "support/net.hpp"

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <string>
#include <thread>
#include <utility>

namespace tiercel::test {

// Stands between an instance and Redis. After cut() the connections on which the log is read and written stay open and carry nothing
// any more; those for data go on.
class feed_link {
public:
    explicit feed_link(std::uint16_t to) : to_(to), acceptor_([this] { accept_loop(); }) {}
    ~feed_link()
    {
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        for (auto& p : pipes_) {
            p.near.interrupt();
            p.far.interrupt();
        }
        for (auto& p : pipes_) {
            p.there.join();
            p.back.join();
        }
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_of(listener_)); }
    void cut() { is_cut_ = true; }
    void mend() { is_cut_ = false; }

private:
    struct pipe {
        byte_stream near;
        byte_stream far;
        std::atomic<bool> is_of_log = false;
        std::thread there;
        std::thread back;
    };

    void accept_loop()
    {
        for (;;) {
            unique_fd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) { return; }
            pipe& p = pipes_.emplace_back();
            p.near = byte_stream(std::move(fd));
            p.far = byte_stream(connect_to("127.0.0.1", to_));
            p.there = std::thread([this, &p] { carry(p, p.near, p.far); });
            p.back = std::thread([this, &p] { carry(p, p.far, p.near); });
        }
    }

    void carry(pipe& p, byte_stream& from, byte_stream& to)
    {
        std::string beginning;
        try {
            for (std::string bytes; !(bytes = from.read_some(after(std::chrono::seconds(120)))).empty();) {
                if (beginning.size() < 1'000) {
                    beginning += bytes;
                    if (beginning.find("tiercel-log") != std::string::npos) { p.is_of_log = true; }   // CLIENT SETNAME
                }
                if (!is_cut_ || !p.is_of_log) { to.send(bytes); }
            }
        } catch (const std::exception&) {   // one side is gone, so the other goes too
        }
        to.interrupt();
    }

    std::uint16_t to_;
    unique_fd listener_ = listen_on_loopback();
    std::atomic<bool> is_cut_ = false;
    std::list<pipe> pipes_;                 // of acceptor_, until it has ended
    std::thread acceptor_;
};

}  // namespace tiercel::test
