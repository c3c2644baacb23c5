#pragma once

// Named loggers, one per module. A line is formatted where it is written and handed to one background thread, so that a slow
// disk never holds up an event loop. Each place in the program that logs passes a gate: no trouble fills a disk by repeating.
//
//     TIERCEL_LOG(log_, warn, "redis-command", "command failed command={} error={}", name, ec.message());
//     TIERCEL_LOG_STATE(log_, reachable_, up, up ? log_level::info : log_level::warn, "redis-state", "…", …);
//
// Secrets are not logged: whoever logs a URL passes it through redact_url, and field values of messages are never arguments.

#include "telemetry/options.hpp"

#include <tiercel/clock.hpp>

#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spdlog {
class logger;
}

namespace tiercel::telemetry {

// ---- the gate --------------------------------------------------------------------------------------------------------

// One place that writes lines: a token bucket that holds `rate` lines and gains as many per second, kept as the one number
// of the "generic cell rate algorithm": the moment at which the bucket would be full again.
// Lives in static storage, since it stands for a place in the program text; hence the only global state of the module.
// Thread: any; no lock.
class log_site {
public:
    // REQUIRES: static storage, and `name` is a string literal. Sites that share a name are counted as one.
    constexpr explicit log_site(const char* name) noexcept : name_(name) {}
    log_site(const log_site&) = delete;
    log_site& operator=(const log_site&) = delete;

    // May a line pass? Yes: returns how many were suppressed since the last one that passed. No: counts this one.
    // `rate` 0 means no limit. A clock that was set back opens the gate.
    std::optional<std::uint64_t> try_pass(instant now, unsigned rate) noexcept;

    // A line that passed and was not written after all: counted as if the gate had held it back.
    void suppress() noexcept;
    // Hands back what try_pass returned, for the next line to report.
    void give_back(std::uint64_t suppressed) noexcept { pending_.fetch_add(suppressed, std::memory_order_relaxed); }
    // Lines lost elsewhere: counted under this name, reported by whoever lost them.
    void count_lost(std::uint64_t lines) noexcept;

    const char* name() const noexcept { return name_; }

private:
    friend struct log_sites;
    void enlist() noexcept;

    const char* name_;
    std::atomic<std::int64_t> full_at_{0};       // microseconds on the line of `instant`
    std::atomic<std::uint64_t> pending_{0};      // suppressed since the last line
    std::atomic<std::uint64_t> suppressed_{0};   // since start
    std::atomic<bool> enlisted_{false};
    log_site* next_ = nullptr;                   // list of sites that ever suppressed something; only grows
};

struct suppressed_lines {
    std::string_view site;
    std::uint64_t lines = 0;
};
// Since the start of the process, by site name in alphabetical order: the metric log_suppressed_total.
std::vector<suppressed_lines> lines_suppressed();

// A condition that may last, of which only the changes are worth a line. Remembers what the log says: as long as reports
// agree with that, nothing is logged. If the gate holds a change back, the next report that still differs tries again, so
// what the log says last is true.
class log_state {
public:
    constexpr explicit log_state(bool initial) noexcept : logged_(initial) {}
    bool differs(bool now) const noexcept { return logged_.load(std::memory_order_relaxed) != now; }
    // True for exactly one of the threads that report the same change.
    bool try_change(bool now) noexcept { return logged_.exchange(now, std::memory_order_relaxed) != now; }

private:
    std::atomic<bool> logged_;
};

// ---- loggers ---------------------------------------------------------------------------------------------------------

class log_output;

// A handle; cheap to copy. Made by logs::get; made by default it is silent. May outlive the logs, and is silent then.
// Thread: any.
class logger {
public:
    logger() = default;

    bool enabled(log_level l) const noexcept
    {
        return static_cast<std::uint8_t>(l) >= threshold_->load(std::memory_order_relaxed);
    }

    // Use the macros below, which skip the arguments of lines that are not wanted.
    template <class... Args>
    void write(log_site& site, log_level l, fmt::format_string<Args...> text, Args&&... args) const
    {
        if (const auto suppressed = try_pass(site)) {
            submit(site, l, *suppressed, text, fmt::make_format_args(args...));
        }
    }
    template <class... Args>
    void write_change(log_state& state, bool now, log_site& site, log_level l, fmt::format_string<Args...> text,
                      Args&&... args) const
    {
        if (!enabled(l)) {
            state.try_change(now);
            return;
        }
        const auto suppressed = try_pass(site);
        if (!suppressed) { return; }
        if (state.try_change(now)) {
            submit(site, l, *suppressed, text, fmt::make_format_args(args...));
        } else {
            site.give_back(*suppressed);   // another thread was faster
        }
    }

private:
    friend class logs;
    static constexpr std::uint8_t silent = 255;
    static constinit inline std::atomic<std::uint8_t> never_{silent};

    logger(std::shared_ptr<log_output> output, spdlog::logger& queue) noexcept;

    std::optional<std::uint64_t> try_pass(log_site& site) const noexcept;
    void submit(log_site& site, log_level l, std::uint64_t suppressed, fmt::string_view text, fmt::format_args args) const;

    std::shared_ptr<log_output> output_;
    const std::atomic<std::uint8_t>* threshold_ = &never_;   // both belong to output_
    spdlog::logger* queue_ = nullptr;
};

// The output of all loggers of a process. Owned by the composition root.
class logs {
public:
    // Throws std::system_error when the file cannot be opened. REQUIRES: `time` outlives all loggers.
    logs(const log_options& options, const clock& time);
    ~logs();   // stop()
    logs(const logs&) = delete;
    logs& operator=(const logs&) = delete;

    // `module` stands in each line; what is asked for twice is the same.
    logger get(std::string_view module) const;

    void set_level(log_level l) noexcept;     // both take effect at once
    void set_rate(unsigned lines) noexcept;

    void reopen();   // after a rotation; returns at once, lines written later go to the new file
    void flush();    // waits until all lines written before have reached the file
    void stop();     // flush, and be silent from now on; idempotent

private:
    std::shared_ptr<log_output> output_;
};

// `url` without userinfo, for logs and messages. Takes more away rather than less when the authority is malformed.
std::string redact_url(std::string_view url);

// The same without a copy: what remains are these two pieces, one after the other.
struct redacted_url {
    std::string_view before;
    std::string_view after;
};
redacted_url redact_url_pieces(std::string_view url) noexcept;

}  // namespace tiercel::telemetry

// One line, gated per place. `level` is debug, info, warn or error; `site` a literal that names the place in metrics.
#define TIERCEL_LOG(log, level, site, ...)                                                                             \
    do {                                                                                                               \
        if ((log).enabled(::tiercel::telemetry::log_level::level)) {                                                   \
            static constinit ::tiercel::telemetry::log_site tiercel_log_site_(site);                                   \
            (log).write(tiercel_log_site_, ::tiercel::telemetry::log_level::level, __VA_ARGS__);                       \
        }                                                                                                              \
    } while (false)

// Reports that the condition `state` (a log_state) is now `value`; a line is written when that is news. `level` is an
// expression here, because the two directions often differ in it.
#define TIERCEL_LOG_STATE(log, state, value, level, site, ...)                                                         \
    do {                                                                                                               \
        if (const bool tiercel_log_value_ = (value); (state).differs(tiercel_log_value_)) {                            \
            static constinit ::tiercel::telemetry::log_site tiercel_log_site_(site);                                   \
            (log).write_change((state), tiercel_log_value_, tiercel_log_site_, (level), __VA_ARGS__);                  \
        }                                                                                                              \
    } while (false)
