#pragma once

// The addresses of endpoints, looked up again and again while the loops run.
//
// Looking up blocks, so it happens on a thread of its own. What was found last stays until something else is found: a name
// service that is away, or knows a name no more, changes nothing. The same thread reads the files for TLS again when they change.

#include "origin/address.hpp"
#include "origin/tls.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::origin {

using address_list = std::shared_ptr<const std::vector<async::endpoint>>;
using lookup = std::function<result<std::vector<async::endpoint>>(const address&)>;

// Where one endpoint is, as known now. Thread: any.
class known_addresses {
public:
    explicit known_addresses(address where) : where_(std::move(where)) {}

    const address& where() const noexcept { return where_; }
    address_list current() const;                         // never nullptr; empty: not known yet
    // Grows whenever current() changes.
    std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
    bool has(const async::endpoint& one) const;
    // False: nothing new. An empty list is no answer.
    bool learn(std::vector<async::endpoint> found);

    // A connection failed: perhaps it has moved.
    void doubt() noexcept { doubted_.store(true, std::memory_order_relaxed); }
    bool take_doubt() noexcept { return doubted_.exchange(false, std::memory_order_relaxed); }
    bool is_doubted() const noexcept { return doubted_.load(std::memory_order_relaxed); }

private:
    const address where_;
    mutable std::mutex mutex_;
    address_list list_ = std::make_shared<const std::vector<async::endpoint>>();
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<bool> doubted_{false};
};

class name_keeper {
public:
    struct item {
        std::shared_ptr<known_addresses> addresses;
        std::shared_ptr<tls_settings> tls;                // nullptr: none
        std::chrono::milliseconds interval{30'000};       // +-10 %
        std::string name;                                 // of the endpoint, for reports
    };
    // What happened, for the log: called on the keeper's thread, never after stop().
    using report = std::function<void(std::string_view endpoint, std::string_view what, bool is_trouble)>;

    name_keeper(std::vector<item> items, report tell, lookup look = resolve);
    ~name_keeper();   // stops
    name_keeper(const name_keeper&) = delete;
    name_keeper& operator=(const name_keeper&) = delete;

    void start();
    // Does not wait for a lookup that is under way: its answer is thrown away.
    void stop();

private:
    struct state;
    static void run(std::shared_ptr<state> s);

    std::shared_ptr<state> state_;
};

}  // namespace tiercel::origin
