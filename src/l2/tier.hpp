#pragma once

// A place for bytes under names that several loops or processes share. Knows nothing of entries.

#include "async/task.hpp"
#include "l2/l2_store.hpp"

#include <tiercel/error.hpp>
#include <tiercel/scope.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tiercel::l2 {

class lock_keeper;

class tier {
public:
    // The end of a write: nothing, or what went wrong.
    using write_handler = std::function<void(std::optional<errc>)>;

    virtual ~tier() = default;
    virtual void start() = 0;
    virtual async::task<> stop() = 0;

    // Why a call would fail at once.
    virtual std::optional<errc> read_refusal() const = 0;
    virtual std::optional<errc> write_refusal() const = 0;

    // The bytes, nothing when there are none, or what went wrong.
    virtual async::task<result<std::optional<std::string>>> read(std::string name) = 0;
    // The same of several names, asked for at once: together they take no longer than one may. In the order of the names.
    virtual async::task<std::vector<result<std::optional<std::string>>>> read_all(std::vector<std::string> names) = 0;
    // Not awaited. `done` runs once, before stop() ends; perhaps inside the call.
    virtual void write(std::string name, std::string bytes, milliseconds life, write_handler done) = 0;
    virtual void erase(std::string name, write_handler done) = 0;

    // Brings `v` up to what the sharers have invalidated of these scopes, or says why that cannot be known. REQUIRES: both outlive the task.
    virtual async::task<result<lookup>> look_up(std::span<const scope_hash>, validity&) { co_return errc::redis_down; }

    // Null: nobody shares it whom a lock could stop.
    virtual lock_keeper* locks() { return nullptr; }

    // What turns a local instant into time that all sharers agree on; nothing while that is unknown.
    virtual std::optional<milliseconds> shared_minus_local() const = 0;

    virtual state current() const = 0;
    virtual void set_timeout(milliseconds t) = 0;
};

}  // namespace tiercel::l2
