#pragma once

// An origin on loopback that does what the test says, byte by byte, and remembers what it saw.

#include "support/http_message.hpp"
#include "support/net.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tiercel::origin {

// The connection as the script sees it. Calls throw test::peer_closed when the proxy has gone; that ends the script.
struct peer {
    test::byte_stream& stream;
    int number = 0;                                        // of the connection, from 0
    std::function<void(test::http_request)> remember;
    std::mutex& closing;                                   // the descriptor may be interrupted from outside

    test::http_request read_request()
    {
        auto rq = test::read_request(stream, test::after(test::default_timeout));
        remember(rq);
        return rq;
    }
    test::http_request read_head()
    {
        auto rq = test::read_request_head(stream, test::after(test::default_timeout));
        remember(rq);
        return rq;
    }
    void send(std::string_view bytes) { stream.send(bytes); }
    void reset()
    {
        const std::lock_guard lock(closing);
        stream.reset();
    }
};

class scripted_origin {
public:
    // Runs for each connection in a thread of its own; the connection is closed when it ends.
    using script = std::function<void(peer&)>;

    explicit scripted_origin(script s) : script_(std::move(s)), listener_(test::listen_on_loopback()), port_(test::port_of(listener_))
    {
        acceptor_ = std::thread([this] { accept_all(); });
    }
    scripted_origin(const scripted_origin&) = delete;
    scripted_origin& operator=(const scripted_origin&) = delete;
    ~scripted_origin()
    {
        stopping_ = true;
        ::shutdown(listener_.get(), SHUT_RDWR);   // wakes accept
        acceptor_.join();
        {
            const std::lock_guard lock(mutex_);
            for (const auto& s : streams_) {
                s->interrupt();
            }
        }
        for (std::thread& t : threads_) {
            t.join();
        }
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int accepted() const noexcept { return accepted_; }
    int ended() const noexcept { return ended_; }          // scripts that have run to their end
    std::vector<test::http_request> seen() const
    {
        const std::lock_guard lock(mutex_);
        return seen_;
    }

private:
    void accept_all()
    {
        for (;;) {
            test::unique_fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (stopping_) {
                return;
            }
            if (!fd) {
                continue;
            }
            const int on = 1;
            ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);   // what is sent has arrived
            const int number = accepted_++;
            const std::lock_guard lock(mutex_);
            streams_.push_back(std::make_unique<test::byte_stream>(std::move(fd)));
            threads_.emplace_back([this, number, s = streams_.back().get()] { run(*s, number); });
        }
    }

    void run(test::byte_stream& s, int number)
    {
        peer p{s, number, [this](test::http_request rq) {
                   const std::lock_guard lock(mutex_);
                   seen_.push_back(std::move(rq));
               }, mutex_};
        try {
            script_(p);
        } catch (const std::exception&) {
            // The proxy went away, or said what the script does not understand: the test sees it from its side.
        }
        {
            const std::lock_guard lock(mutex_);
            s.interrupt();   // the proxy sees the end; the descriptor stays until nobody can interrupt it any more
        }
        ++ended_;
    }

    script script_;
    test::unique_fd listener_;
    std::uint16_t port_;
    std::atomic<bool> stopping_ = false;
    std::atomic<int> accepted_ = 0;
    std::atomic<int> ended_ = 0;
    mutable std::mutex mutex_;
    std::vector<test::http_request> seen_;
    std::vector<std::unique_ptr<test::byte_stream>> streams_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

// "HTTP/1.1 200 OK" with that content.
inline std::string answer(std::string_view content, int status = 200, std::string_view more = {})
{
    return "HTTP/1.1 " + std::to_string(status) + " Text\r\nContent-Length: " + std::to_string(content.size()) + "\r\n" +
           std::string(more) + "\r\n" + std::string(content);
}

// Answers everything with the same bytes.
inline scripted_origin::script always(std::string bytes)
{
    return [bytes = std::move(bytes)](peer& p) {
        for (;;) {
            p.read_request();
            p.send(bytes);
        }
    };
}

// The n-th request on any connection gets the n-th answer; the last one repeats. An empty answer ends the connection.
inline scripted_origin::script in_turn(std::vector<std::string> answers)
{
    auto next = std::make_shared<std::atomic<std::size_t>>(0);
    return [answers = std::move(answers), next](peer& p) {
        for (;;) {
            p.read_request();
            const auto& bytes = answers[std::min(next->fetch_add(1), answers.size() - 1)];
            if (bytes.empty()) {
                return;
            }
            p.send(bytes);
        }
    };
}

}  // namespace tiercel::origin
