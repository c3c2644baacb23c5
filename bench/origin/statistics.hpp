#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace tiercel::sample_origin {

// What arrived, for tests and benches to look at. Thread: all calls from any thread.
class statistics {
public:
    // Returns how many requests for that path there have been, this one included.
    std::uint64_t on_request(const std::string& path, std::string_view head);
    void on_connection_used(int fd);   // at the first request of a connection
    void on_connection_gone(int fd);   // before it is closed
    void forget();               // all counts to zero; open connections stay counted

    std::string counts_json() const;
    std::string heads_json() const;

private:
    static constexpr std::size_t path_limit = 20'000;   // further paths count together, as "…"
    static constexpr std::size_t head_limit = 1'000;

    mutable std::mutex mutex_;
    std::map<std::string, std::uint64_t, std::less<>> paths_;
    std::deque<std::string> heads_;
    std::uint64_t requests_ = 0;
    std::uint64_t accepted_ = 0;
    std::set<int> open_;
    std::uint64_t most_ = 0;
};

}  // namespace tiercel::sample_origin
