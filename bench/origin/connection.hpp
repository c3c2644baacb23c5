#pragma once

#include "origin/faults.hpp"
#include "origin/pages.hpp"
#include "origin/request.hpp"
#include "origin/statistics.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace tiercel::sample_origin {

// So many requests are worked on at a time; the others wait for their turn, also when whoever asked has given up: what makes a
// real server that is behind stay behind. Thread: any.
class workers {
public:
    void limit(std::uint64_t n);   // 0: no limit
    void enter();                  // waits for a free worker
    void leave();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t limit_ = 0;
    std::uint64_t busy_ = 0;
};

// What holds for all pages, changed by /_/control. Thread: any.
struct controls {
    std::atomic<std::int64_t> latency_ms{0};   // a worker's time for every answer
    std::atomic<int> status{0};                // 0: as the page says
    std::atomic<unsigned> share{100};          // per cent of the requests that get that status, drawn at random
    workers staff;
};

// Serves one client connection until it ends, on the calling thread. Blocks.
class connection {
public:
    connection(int fd, statistics& stats, controls& common) : fd_(fd), stats_(stats), common_(common) {}   // owns fd
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection();

    void serve();

private:
    // These tell with false that the connection is over.
    bool fill();
    bool read_head(request& r);
    bool read_body(request& r);
    bool read_chunked(request& r);
    bool read_line(std::string& line);
    bool send(std::string_view bytes);
    bool answer(const request& r, std::uint64_t count);
    bool send_reply(const request& r, const reply& out);
    bool send_body(const reply& out);
    bool send_fault(const fault& f);
    bool send_events(const request& r);
    bool echo_upgraded(const request& r);
    bool answer_control(const request& r);
    void wait_until_gone();
    void reset();

    int fd_;
    statistics& stats_;
    controls& common_;
    std::string buffer_;
    bool counted_ = false;   // in stats_
};

// Everything the origin serves, for --help and for its index page.
std::string description();

}  // namespace tiercel::sample_origin
