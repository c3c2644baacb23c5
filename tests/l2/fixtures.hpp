#pragma once

// Entries, counts and time for the tests of l2.

#include "l2/l2_store.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::l2 {

inline constexpr instant start{milliseconds{1'700'000'000'000}};
inline constexpr std::uint64_t seed = 7;

class manual_clock final : public clock {
public:
    instant now() const override { return now_; }
    wall_time wall() const override { return wall_time(now_.time_since_epoch()); }
    void advance(milliseconds by) { now_ += by; }

private:
    instant now_ = start;
};

class recorder final : public observer {
public:
    void on_call(op o, std::chrono::steady_clock::duration) override { ++calls[o]; }
    void on_failure(op o, reason why) override { ++failures[{o, why}]; }
    void on_state(state s, std::string_view why) override
    {
        states.push_back(s);
        last_reason = why;
    }

    void on_lease_lost() override { ++leases_lost; }
    void on_wake_channel(bool heard, std::string_view) override { hears = heard; }

    int total_failures() const
    {
        int sum = 0;
        for (const auto& [what, n] : failures) { sum += n; }
        return sum;
    }

    std::map<op, int> calls;
    std::map<std::pair<op, reason>, int> failures;
    std::vector<state> states;
    std::string last_reason;
    int leases_lost = 0;
    bool hears = false;
};

inline std::string key_of(std::string_view path, std::string_view tenant = "t")
{
    std::string key;
    append_key(key, {.tenant = tenant, .scheme = "http", .host = "example.com", .path = path});
    return key;
}

inline entry_ptr make_entry(std::string_view path, std::string body = "body", seconds fresh_for = seconds(60), instant now = start)
{
    const std::string key = key_of(path);
    entry_parts p;
    p.key = key;
    p.hash = seeded_hash(key, seed);
    p.times.received = now;
    p.times.fresh_until = p.times.swr_until = p.times.sie_until = p.times.unreachable_until = now + fresh_for;
    p.stamp = 3;
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    p.head = head;
    p.small_body = body;
    return entry::make(p);
}

}  // namespace tiercel::l2
