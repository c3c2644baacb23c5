#pragma once

// What the admin API tells about a process, asked of whoever put the process together.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::admin {

// ok: works. degraded: works worse than it could (L1 alone while Redis is away). down: cannot do its job.
enum class health : std::uint8_t { ok, degraded, down };
std::string_view name_of(health h) noexcept;

// One thing that the process needs: "redis", "origin shop", "listener".
struct dependency {
    std::string name;
    health state = health::ok;
    std::string reason;      // empty when ok
};

// Thread: called on the admin thread, while workers run; implementations read only what may be read from anywhere.
// Calls may allocate, must not block for long (every other admin call waits meanwhile), and never return secrets.
class admin_source {
public:
    virtual ~admin_source() = default;

    // The process is ready unless one of them is down.
    virtual std::vector<dependency> dependencies() const = 0;
    virtual std::string metrics_text() const = 0;    // Prometheus text format 0.0.4
    virtual std::string status_json() const = 0;
    virtual std::string config_json() const = 0;     // effective configuration, secrets redacted
};

}  // namespace tiercel::admin
