#pragma once

// One line per request, with everything that was decided about it.
//
// A worker formats the line into a ring of its own; one background thread carries the rings to the file, at the latest
// `flush_every` later. No worker ever waits: when the file is so slow that a ring is full, lines are dropped, counted as
// log_suppressed_total{site="access-log"} and reported by the module's logger.
//
// What a client sent is escaped (escape.hpp), cut to a length, and stripped of userinfo where it is a URL.

#include "telemetry/line_ring.hpp"
#include "telemetry/log.hpp"
#include "telemetry/options.hpp"
#include "telemetry/timestamp.hpp"

#include <tiercel/cache_key.hpp>
#include <tiercel/clock.hpp>
#include <tiercel/rules.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace tiercel::telemetry {

// From where the body came.
enum class tier : std::uint8_t { none, l1, l2, origin, last_ };
std::string_view name_of(tier t) noexcept;

// A request that has been answered. The views are read during lane::write only; empty ones have no place in a JSON line.
struct access_record {
    wall_time time{};                        // when the head was complete
    std::chrono::microseconds duration{};    // from then to the last byte
    std::string_view client;                 // address
    std::string_view method;
    std::string_view target;                 // as it came
    std::string_view host;
    int minor_version = 1;                   // HTTP/1.minor
    unsigned status = 0;
    std::uint64_t bytes_sent = 0;            // head and body
    std::string_view route;
    std::string_view tenant;
    outcome what = outcome::miss;
    detail why = detail::none;
    forward_reason forward = forward_reason::none;
    tier from = tier::none;
    std::optional<hash128> key;
    std::string_view request_id;
    std::string_view trace_id;
    unsigned attempts = 0;                           // at an origin
    std::chrono::microseconds origin_duration{};     // of all attempts together
    std::string_view user_agent;
    std::string_view referer;
};

class access_log {
public:
    static constexpr std::chrono::milliseconds flush_every{200};
    static constexpr std::size_t flush_bytes = 256 * 1024;    // or as soon as a worker has so many
    static constexpr std::size_t usual_ring = 1024 * 1024;    // what a worker's lines take in memory
    static constexpr std::size_t most_ring = 4 * 1024 * 1024;    // and what they may while the file is slow
    static constexpr std::size_t longest_target = 8 * 1024;  // bytes of a client's text that are kept
    static constexpr std::size_t longest_field = 512;

    class lane;

    // Throws std::system_error when the file cannot be opened. `log` reports losses.
    access_log(const access_options& options, logger log);
    ~access_log();   // stop()
    access_log(const access_log&) = delete;
    access_log& operator=(const access_log&) = delete;

    // One per thread that writes. Thread: any.
    lane open_lane();

    bool enabled() const noexcept;   // false: the file is "off"; lanes do nothing
    void reopen();                   // after a rotation; returns at once
    void flush();                    // waits until all lines written before have reached the file
    void stop();                     // flush and end the background thread; idempotent. Later lines are dropped.

private:
    class carrier;
    struct ring;
    std::shared_ptr<carrier> carrier_;   // none when off
};

// A worker's end of the log. Thread: one at a time; may outlive the log, and drops then.
class access_log::lane {
public:
    lane() = default;   // drops everything
    lane(lane&&) noexcept = default;
    lane& operator=(lane&&) noexcept;
    ~lane();

    void write(const access_record& r) noexcept;

private:
    friend class access_log;
    lane(std::shared_ptr<carrier> c, std::shared_ptr<ring> r);

    bool is_sampled() noexcept;
    void write_clipped(const access_record& r) noexcept;
    void close() noexcept;

    std::shared_ptr<carrier> carrier_;
    std::shared_ptr<ring> ring_;
    log_format format_ = log_format::json;
    std::uint64_t sample_below_ = UINT64_MAX;   // of a random number
    std::uint64_t random_ = 0;
    std::size_t since_wake_ = 0;                // bytes
    timestamp times_;
};

}  // namespace tiercel::telemetry
