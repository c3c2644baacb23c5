#pragma once

// Connections per client address, for server.limits.connections_per_client. Thread: any.

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace tiercel::server {

class client_counter {
public:
    // Counted for as long as it lives. False: not let in. Outlived by the counter.
    class place {
    public:
        place() = default;
        place(place&& other) noexcept
            : counter_(std::exchange(other.counter_, nullptr)), address_(std::move(other.address_)), inside_(std::exchange(other.inside_, false)) {}
        place& operator=(place&&) = delete;
        ~place()
        {
            if (counter_ != nullptr) {
                counter_->leave(address_);
            }
        }
        explicit operator bool() const noexcept { return inside_; }

    private:
        friend class client_counter;
        client_counter* counter_ = nullptr;   // null: nothing to leave
        std::string address_;
        bool inside_ = false;
    };

    // False: the client has `limit` connections already. 0 means no limit, and nothing is counted then.
    place try_enter(const std::string& address, std::size_t limit)
    {
        place p;
        p.address_ = address;
        p.inside_ = true;
        if (limit == 0) {
            return p;
        }
        const std::lock_guard hold(mutex_);
        std::size_t& n = open_[address];
        if (n >= limit) {
            p.inside_ = false;
            return p;
        }
        ++n;
        p.counter_ = this;
        return p;
    }

private:
    void leave(const std::string& address)
    {
        const std::lock_guard hold(mutex_);
        const auto found = open_.find(address);
        if (--found->second == 0) {
            open_.erase(found);
        }
    }

    std::mutex mutex_;
    std::unordered_map<std::string, std::size_t> open_;
};

}  // namespace tiercel::server
