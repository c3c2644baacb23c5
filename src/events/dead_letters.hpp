#pragma once

// Events that are given up: a bounded stream in Redis, PREFIX:dlq, to be looked at, tried again or dropped.
// Thread: the loop's, but for size().

#include "events/background.hpp"
#include "events/intake_options.hpp"
#include "events/source_board.hpp"
#include "redis/client.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::events {

using done_handler = std::function<void(event_result, const std::string& problem)>;
template <class T>
using answer_handler = std::function<void(result<T>)>;

struct dead_letter {
    std::string id;
    std::vector<std::pair<std::string, std::string>> fields;   // event, source, error, attempts, failedAt, node, reason
    std::string field(std::string_view name) const;
};

// As Redis names entries of a stream: "1764000000000-0".
bool is_letter_id(std::string_view text) noexcept;

// What is to be kept of an event that failed.
struct burial {
    std::string event;
    std::string source;                    // its label
    std::string only_tenant;
    std::string problem;
    unsigned attempts = 0;
};

class dead_letters {
public:
    // `client`: none: nothing can be kept. References outlive this.
    dead_letters(const intake_options& o, const clock& time, redis::client* client, background& beside);

    // Asks for their number now and then, until all ends.
    void start();
    bool can_keep() const noexcept { return client_ != nullptr; }

    void list(std::size_t n, answer_handler<std::vector<dead_letter>> done);
    // Nothing: Redis did not take it. REQUIRES: can_keep().
    void bury(const burial& what, std::function<void(std::optional<std::string> id)> done);
    void drop(const std::string& id, answer_handler<bool> done);
    // Takes it out and has it `tried` again; if it is of no use still, a newer one lies here afterwards, with what is wrong now.
    void replay(const std::string& id, std::function<void(const dead_letter&, done_handler)> tried, done_handler done);

    // Thread: any. As last heard of.
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

private:
    async::task<> watch();

    const intake_options& options_;
    const clock& time_;
    redis::client* const client_;
    background& beside_;
    const std::string name_;
    std::atomic<std::size_t> size_{0};
};

}  // namespace tiercel::events
