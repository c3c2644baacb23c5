#pragma once

// Asks each endpoint every now and then whether it is well, once for the whole process and beside the traffic. Who fails a few
// times in a row gets no more of it until it answers again; but when most of an origin's endpoints fail, the checks are more
// likely wrong than they are, and are ignored (upstream::admit).

#include "async/loop.hpp"
#include "origin/upstream.hpp"

#include <functional>
#include <list>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

namespace tiercel::origin {

class health_checker {
public:
    // A change, for the log: called on the checker's thread.
    using report = std::function<void(const upstream& up, const endpoint& where, bool is_up)>;

    // Checks the endpoints of those upstreams that have a path for it. REQUIRES: they outlive this.
    health_checker(const std::vector<upstream*>& upstreams, report tell);
    ~health_checker();   // stops
    health_checker(const health_checker&) = delete;
    health_checker& operator=(const health_checker&) = delete;

    void start();
    void stop();

private:
    struct watch;

    async::task<> run(watch& w, async::drain_gate::pass inside);
    async::task<bool> is_well(watch& w);

    async::loop loop_;
    report tell_;
    std::list<watch> watches_;
    std::thread thread_;
    bool stopping_ = false;              // the thread's only
};

}  // namespace tiercel::origin
