#pragma once

#include "origin/faults.hpp"
#include "origin/pages.hpp"
#include "origin/request.hpp"
#include "origin/statistics.hpp"

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

namespace tiercel::sample_origin {

// What holds for all pages, changed by /_/control. Thread: any.
struct controls {
    std::atomic<std::int64_t> latency_ms{0};   // before every answer
    std::atomic<int> status{0};                // 0: as the page says
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
