#pragma once

#include "support/relay.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace tiercel::test {

// Stands between an instance and Redis. After cut() the connections on which the log is read and written stay open and carry nothing
// any more; those for data go on.
class feed_link {
public:
    explicit feed_link(std::uint16_t to)
        : relay_(to, [this](relay::connection& c, bool from_client, const std::string& bytes) { carry(c, from_client, bytes); })
    {
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(relay_.port()); }
    void cut() { is_cut_ = true; }
    void mend() { is_cut_ = false; }

private:
    void carry(relay::connection& c, bool from_client, const std::string& bytes) const
    {
        if (from_client && c.beginning.size() < 1'000) {
            c.beginning += bytes;
            if (c.beginning.find("tiercel-log") != std::string::npos) { c.is_marked = true; }   // CLIENT SETNAME
        }
        if (!is_cut_ || !c.is_marked) { (from_client ? c.server : c.client).send(bytes); }
    }

    std::atomic<bool> is_cut_ = false;
    relay relay_;   // last: its threads use the rest
};

}  // namespace tiercel::test
