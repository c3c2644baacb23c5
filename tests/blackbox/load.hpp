#pragma once

// Clients that go on asking while a test does something to the proxy, and what came of every request.

#include "support/cache_status.hpp"
#include "support/raw_client.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace tiercel::test {

struct request_record {
    std::chrono::steady_clock::time_point began;
    std::chrono::microseconds took{0};
    int status = 0;         // 0: no answer
    cache_status cache;
    std::string problem;    // why there was no answer, or what is wrong with it; empty when all is well
};
using records = std::vector<request_record>;

struct load_options {
    std::uint16_t port = 0;
    // What to ask for, from the running number of the request. Called by all clients.
    std::function<std::string(std::uint64_t number)> target;
    unsigned clients = 4;                                // each with a thread and a connection that it keeps
    std::chrono::milliseconds pause{2};                  // of a client before its next request, so that processors stay idle
    std::function<std::string(const std::string& target)> body{};   // what must come; not looked at when empty
};

// Asks from its construction until stop(). Thread: one at a time.
class load {
public:
    explicit load(load_options o);
    ~load();
    load(const load&) = delete;
    load& operator=(const load&) = delete;

    // Waits until that many more requests were answered.
    void run(std::uint64_t requests);
    void run_for(std::chrono::milliseconds t);
    // The answers that are under way still count.
    records stop();

private:
    void ask(records& results);

    load_options options_;
    std::atomic<bool> stopping_ = false;
    std::atomic<std::uint64_t> begun_ = 0;
    std::atomic<std::uint64_t> ended_ = 0;
    std::vector<records> results_;         // one per client, its own until it has ended
    std::vector<std::thread> clients_;
};

// Those that began in [from, to).
records between(const records& all, std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to);
// The time within which that share of the requests was answered. REQUIRES: some requests, 0 < share <= 1.
std::chrono::microseconds quantile(const records& all, double share);
std::uint64_t count_hits(const records& all, std::string_view detail);
// The first few problems, one a line; "" when every request was answered well.
std::string problems_of(const records& all);

}  // namespace tiercel::test
