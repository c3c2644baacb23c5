#pragma once

// Connections per client address, for server.limits.connections_per_client. Thread: any.

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace tiercel::server {

class client_counter {
public:
    // False: the client has `limit` connections already. 0 means no limit, and nothing is counted then.
    bool try_enter(const std::string& address, std::size_t limit)
    {
        if (limit == 0) {
            return true;
        }
        const std::lock_guard hold(mutex_);
        std::size_t& n = open_[address];
        if (n >= limit) {
            return false;
        }
        ++n;
        return true;
    }
    // REQUIRES: try_enter with the same arguments returned true.
    void leave(const std::string& address, std::size_t limit)
    {
        if (limit == 0) {
            return;
        }
        const std::lock_guard hold(mutex_);
        const auto found = open_.find(address);
        if (--found->second == 0) {
            open_.erase(found);
        }
    }

private:
    std::mutex mutex_;
    std::unordered_map<std::string, std::size_t> open_;
};

}  // namespace tiercel::server
