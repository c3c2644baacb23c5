#pragma once

// What the admin API tells about a process and does to it, asked of whoever put the process together.

#include "admin/operation.hpp"

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

// What an operator wants of a breaker: one state until told otherwise, or its own judgement again.
enum class breaker_hold : std::uint8_t { open, closed, automatic };

// Thread: called on the admin thread, while workers run; implementations touch only what may be touched from anywhere.
// Calls may allocate, must not block for long (every other admin call waits meanwhile), and never return secrets.
class admin_source {
public:
    virtual ~admin_source() = default;

    // The process is ready unless one of them is down.
    virtual std::vector<dependency> dependencies() const = 0;
    virtual std::string metrics_text() const = 0;    // Prometheus text format 0.0.4
    virtual std::string status_json() const = 0;
    virtual std::string config_json() const = 0;     // effective configuration, secrets redacted
    virtual std::string origins_json() const = 0;    // endpoints with health, breaker, pool and limit

    // Of one endpoint, or of all when `endpoint` is empty. False: there is no such origin, or endpoint of it.
    virtual bool hold_breaker(std::string_view origin, std::string_view endpoint, breaker_hold how) = 0;

    // What may take a while. `done` is called once, from any thread, perhaps inside the call.
    virtual void operate(operation o, operation_handler done) = 0;
};

}  // namespace tiercel::admin
