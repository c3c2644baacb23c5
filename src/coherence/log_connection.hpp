#pragma once

// The connection on which the log is read: a new one for each attempt. An error, or an answer that nobody here can have caused, ends it:
// nobody can say what else such a server has lost or made up. Thread: the log's.

#include "async/task.hpp"
#include "coherence/log_state.hpp"
#include "redis/connection.hpp"
#include "redis/script.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tiercel::coherence {

class log_connection final : redis::connection_observer {
public:
    explicit log_connection(log_state& s) : s_(s), connection_(s.loop, s.how, *this) {}
    virtual ~log_connection() = default;

    async::task<bool> open();
    bool is_open() const noexcept { return connection_.is_open(); }
    void close(errc why, std::string problem) { connection_.close(why, std::move(problem)); }
    // REQUIRES: close() was called. Must be awaited before it is destroyed, if open() was called.
    async::task<> drained() { return connection_.drained(); }
    const std::string& problem() const noexcept { return connection_.problem(); }

    // Nothing: it was lost.
    async::task<std::optional<redis::reply>> ask(redis::command c, milliseconds limit);
    async::task<std::optional<redis::reply>> ask(redis::script_call c);
    // It ended with an answer that was an error.
    bool was_refused() const noexcept { return refused_; }
    // The answer is none to what was asked. False, for who says so as its own answer.
    bool refuse(std::string_view what);

private:
    void on_call_ended(bool) override {}
    void on_closed() override {}
    std::optional<redis::reply> take(result<redis::reply> r);

    log_state& s_;
    redis::connection connection_;
    bool refused_ = false;
};

}  // namespace tiercel::coherence
