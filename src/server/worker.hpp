#pragma once

// One thread, one event loop, and everything that belongs to it: listening sockets, client connections, pools to the
// origins, connections to Redis. Workers share nothing but what server_shared names.

#include "async/listener.hpp"
#include "async/loop.hpp"
#include "flow/context.hpp"
#include "server/client_counter.hpp"
#include "server/observers.hpp"
#include "server/options.hpp"
#include "server/session.hpp"
#include "telemetry/access_log.hpp"
#include "telemetry/log.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace tiercel::server {

// What all workers use. Owned by the composition root, outlives them.
struct server_shared {
    flow::process_context& process;
    const server_options& options;
    const l2::l2_options& l2;
    std::shared_ptr<l2::memory_shelf> memory_l2;
    std::shared_ptr<l2::wake_board> wakes = l2::make_wake_board();
    telemetry::metrics& metrics;
    telemetry::access_log& access;
    telemetry::logger log;
    std::chrono::milliseconds slow_origin{0};
    std::vector<origin::upstream*> upstreams;       // in the order of the metric labels
    std::vector<std::size_t> upstream_of_route;     // index into upstreams, by route

    server_shared(flow::process_context& p, const server_options& o, const l2::l2_options& l,
                  std::shared_ptr<l2::memory_shelf> m, telemetry::metrics& counts, telemetry::access_log& lines,
                  telemetry::logger say)
        : process(p), options(o), l2(l), memory_l2(std::move(m)), metrics(counts), access(lines), log(std::move(say)) {}
    std::atomic<std::size_t> connections{0};
    telemetry::log_state redis_reachable{true};
    telemetry::log_state hears_wakes{true};
    client_counter clients;
};

class worker {
public:
    // `first`: does the process-wide upkeep, too.
    worker(server_shared& shared, bool first);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    // One listening socket per worker and address: the kernel spreads connections, and no lock or hand-over stands between
    // accept and the connection's loop. Both throw std::runtime_error that names the address. Before start().
    void listen(const async::listen_address& where);
    void join(worker& first);
    std::vector<std::string> addresses() const;

    void start();

    // Stops accepting, lets requests end, closes what is idle; `done` is called on the worker's thread when nothing is left.
    // Thread: any. Once.
    void drain(std::function<void()> done);
    // Breaks off what is still there; after drain().
    void abort();
    // Waits for the thread. REQUIRES: drain() or abort() was called.
    void wait();

    // Redis as this worker sees it.
    l2::state l2_state() const noexcept { return l2_state_.load(std::memory_order_relaxed); }

private:
    class recording_l2_observer;

    void run();
    async::task<> accept_on(async::acceptor& a, async::drain_gate::pass inside);
    async::task<> serve(async::socket s, flow::peer from, client_counter::place place, async::drain_gate::pass inside);
    void welcome(async::socket s, async::drain_gate::pass inside);
    void welcome_or_drop(async::socket s, async::drain_gate::pass inside);
    void welcome_those_waiting(async::acceptor& a);
    void on_housekeeping();
    async::task<> stop_backends();

    server_shared& shared_;
    async::loop loop_;
    async::drain_gate sessions_;
    telemetry::cells counts_;
    telemetry::access_log::lane lane_;
    std::unique_ptr<recording_l2_observer> l2_observer_;
    std::unique_ptr<l2::store> l2_;
    std::vector<std::unique_ptr<origin_observer>> origin_observers_;
    std::vector<std::unique_ptr<origin::client>> origins_;
    flow::worker_context context_;
    session_host host_;
    std::vector<async::acceptor> acceptors_;
    async::deadline housekeeping_;
    std::function<void()> on_drained_;
    std::atomic<l2::state> l2_state_{l2::state::off};
    bool stopping_ = false;
    const bool first_;
    std::thread thread_;
};

}  // namespace tiercel::server
