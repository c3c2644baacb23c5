#pragma once

// One client connection of the load generator, and the epoll they all share. Thread: the run's.

#include "load/answer.hpp"

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel::load {

using std::chrono::nanoseconds;

class connection {
public:
    explicit connection(unsigned server) : server_(server) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() { close(); }

    // ---- life ----
    void connect_and_wait(std::uint16_t port);        // throws std::system_error
    bool start_connecting(std::uint16_t port);        // false: refused at once
    bool finish_connecting();                         // false: refused
    void close() noexcept;
    bool is_open() const noexcept { return fd_ >= 0; }
    bool is_connecting() const noexcept { return connecting_; }
    int fd() const noexcept { return fd_; }
    unsigned server() const noexcept { return server_; }

    // ---- one request ----
    void begin(std::uint64_t number, nanoseconds due, nanoseconds now, method asked, bool keep);
    bool send(std::string_view bytes);                // false: the connection is broken. What does not fit is kept
    bool send_rest();
    bool has_unsent() const noexcept { return !unsent_.empty(); }
    void end() noexcept { busy_ = false; }
    bool is_busy() const noexcept { return busy_; }
    std::uint64_t number() const noexcept { return number_; }
    nanoseconds due() const noexcept { return due_; }
    nanoseconds asked_at() const noexcept { return asked_at_; }
    answer_reader& reader() noexcept { return reader_; }

private:
    void open(int flags);

    int fd_ = -1;
    unsigned server_;
    bool connecting_ = false;
    bool busy_ = false;
    std::uint64_t number_ = 0;
    nanoseconds due_{0};
    nanoseconds asked_at_{0};
    std::string unsent_;
    answer_reader reader_;
};

class poller {
public:
    poller();
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;
    ~poller();

    void add(connection& c);                          // for input, or for the end of connecting
    void want(connection& c, std::uint32_t events);
    int wait(epoll_event* events, int most, nanoseconds longest);

private:
    int fd_;
};

}  // namespace tiercel::load
