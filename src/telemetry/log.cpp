#include "telemetry/log.hpp"

#include "telemetry/escape.hpp"
#include "telemetry/log_file.hpp"
#include "telemetry/timestamp.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <map>
#include <mutex>
#include <unistd.h>

namespace tiercel::telemetry {

// ---- log_site --------------------------------------------------------------------------------------------------------

// All sites that ever suppressed a line, as a list that only grows: as long as the program has places that log.
struct log_sites {
    static constinit inline std::atomic<log_site*> first{nullptr};

    static void add(log_site& site) noexcept
    {
        site.next_ = first.load(std::memory_order_relaxed);
        while (!first.compare_exchange_weak(site.next_, &site, std::memory_order_release, std::memory_order_relaxed)) {}
    }
    template <class Visit>
    static void for_each(Visit visit)
    {
        for (auto* s = first.load(std::memory_order_acquire); s != nullptr; s = s->next_) { visit(*s); }
    }
    static std::uint64_t suppressed(const log_site& s) noexcept { return s.suppressed_.load(std::memory_order_relaxed); }
    static std::uint64_t take_pending(log_site& s) noexcept { return s.pending_.exchange(0, std::memory_order_relaxed); }
};

std::optional<std::uint64_t> log_site::try_pass(instant now, unsigned rate) noexcept
{
    if (rate > 0) {
        const std::int64_t gap = std::max<std::int64_t>(1, 1'000'000 / rate);
        const std::int64_t at = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
        auto full_at = full_at_.load(std::memory_order_relaxed);
        for (;;) {
            const bool set_back = full_at - at > gap * rate;
            const auto from = set_back ? at : std::max(full_at, at);
            if (from - at > gap * (rate - 1)) {
                suppress();
                return std::nullopt;
            }
            if (full_at_.compare_exchange_weak(full_at, from + gap, std::memory_order_relaxed)) { break; }
        }
    }
    return pending_.exchange(0, std::memory_order_relaxed);
}

void log_site::suppress() noexcept
{
    pending_.fetch_add(1, std::memory_order_relaxed);
    count_lost(1);
}

void log_site::count_lost(std::uint64_t lines) noexcept
{
    suppressed_.fetch_add(lines, std::memory_order_relaxed);
    enlist();
}

void log_site::enlist() noexcept
{
    if (!enlisted_.load(std::memory_order_relaxed) && !enlisted_.exchange(true, std::memory_order_relaxed)) {
        log_sites::add(*this);
    }
}

std::vector<suppressed_lines> lines_suppressed()
{
    std::map<std::string_view, std::uint64_t> by_name;
    log_sites::for_each([&](const log_site& s) { by_name[s.name()] += log_sites::suppressed(s); });
    std::vector<suppressed_lines> all;
    all.reserve(by_name.size());
    for (const auto& [site, lines] : by_name) { all.push_back({site, lines}); }
    return all;
}

// ---- output ----------------------------------------------------------------------------------------------------------

namespace {

// Lines on their way to the background thread; more are dropped at their site rather than waited for.
constexpr std::size_t max_in_flight = 1024;

spdlog::level::level_enum spdlog_level(log_level l) noexcept
{
    switch (l) {
        case log_level::debug: return spdlog::level::debug;
        case log_level::info: return spdlog::level::info;
        case log_level::warn: return spdlog::level::warn;
        case log_level::error: break;
    }
    return spdlog::level::err;
}

std::string_view level_name(spdlog::level::level_enum l) noexcept
{
    switch (l) {
        case spdlog::level::debug: return "debug";
        case spdlog::level::info: return "info";
        case spdlog::level::warn: return "warn";
        default: return "error";
    }
}

std::string_view view(spdlog::string_view_t s) noexcept { return {s.data(), s.size()}; }

void append(std::string& out, std::string_view raw, char* (*escape)(char*, std::string_view) noexcept)
{
    const auto before = out.size();
    out.resize(before + escaped_capacity(raw.size()));
    const auto* end = escape(out.data() + before, raw);
    out.resize(static_cast<std::size_t>(end - out.data()));
}

// Quotes are common in messages and harmless in a text line; only what could forge or garble a line is escaped.
void append_text(std::string& out, std::string_view raw)
{
    for (const char c : raw) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
}

// Runs on the background thread only, hence no lock.
class line_sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    line_sink(const log_options& options)
        : file_(options.file == "-" ? std::string() : options.file, STDERR_FILENO), format_(options.format)
    {
    }

    bool is_full() const noexcept { return in_flight_.load(std::memory_order_relaxed) >= max_in_flight; }
    void on_queued() noexcept { in_flight_.fetch_add(1, std::memory_order_relaxed); }
    void reopen_soon() noexcept { reopen_.store(true, std::memory_order_relaxed); }

    void wait_until_written() const noexcept
    {
        for (auto n = in_flight_.load(std::memory_order_acquire); n != 0; n = in_flight_.load(std::memory_order_acquire)) {
            in_flight_.wait(n, std::memory_order_acquire);
        }
    }

private:
    void sink_it_(const spdlog::details::log_msg& m) override
    {
        reopen_if_asked();
        line_.clear();
        const auto at = times_.iso(std::chrono::floor<milliseconds>(m.time));
        if (format_ == log_format::json) {
            fmt::format_to(std::back_inserter(line_), R"({{"time":"{}","level":"{}","module":")", at, level_name(m.level));
            append(line_, view(m.logger_name), escape_json);
            line_ += R"(","message":")";
            append(line_, view(m.payload), escape_json);
            line_ += "\"}\n";
        } else {
            fmt::format_to(std::back_inserter(line_), "{} {:<5} {}: ", at, level_name(m.level), view(m.logger_name));
            append_text(line_, view(m.payload));
            line_ += '\n';
        }
        if (file_.write(line_) != 0) { lost_.count_lost(1); }
        in_flight_.fetch_sub(1, std::memory_order_release);
        in_flight_.notify_all();
    }

    void flush_() override { reopen_if_asked(); }

    void reopen_if_asked()
    {
        if (reopen_.exchange(false, std::memory_order_relaxed)) { file_.reopen(); }
    }

    static constinit inline log_site lost_{"log-file"};

    log_file file_;
    const log_format format_;
    timestamp times_;
    std::string line_;
    std::atomic<std::size_t> in_flight_{0};
    std::atomic<bool> reopen_{false};
};

// Signals are for the thread that the composition root chose, not for this one.
void block_signals() noexcept
{
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

class log_output {
public:
    log_output(const log_options& options, const clock& now)
        : threshold(static_cast<std::uint8_t>(options.level)),
          rate(options.rate),
          time(now),
          sink(std::make_shared<line_sink>(options)),
          thread_(std::make_shared<spdlog::details::thread_pool>(2 * max_in_flight, 1, block_signals))
    {
    }

    // The queue of a module; lives as long as the output.
    spdlog::logger& queue_for(std::string_view module)
    {
        const std::lock_guard lock(guard_);
        const auto it = std::ranges::find(queues_, module, [](const auto& q) { return std::string_view(q->name()); });
        if (it != queues_.end()) { return **it; }
        queues_.push_back(std::make_shared<spdlog::async_logger>(std::string(module), sink, thread_,
                                                                 spdlog::async_overflow_policy::overrun_oldest));
        queues_.back()->set_level(spdlog::level::trace);   // the threshold is ours
        return *queues_.back();
    }

    std::atomic<std::uint8_t> threshold;
    std::atomic<unsigned> rate;
    const clock& time;
    const std::shared_ptr<line_sink> sink;

private:
    std::mutex guard_;
    std::vector<std::shared_ptr<spdlog::async_logger>> queues_;   // as many as there are modules
    const std::shared_ptr<spdlog::details::thread_pool> thread_;  // ends first: its lines refer to the queues
};

// ---- logger ----------------------------------------------------------------------------------------------------------

logger::logger(std::shared_ptr<log_output> output, spdlog::logger& queue) noexcept
    : output_(std::move(output)), threshold_(&output_->threshold), queue_(&queue)
{
}

std::optional<std::uint64_t> logger::try_pass(log_site& site) const noexcept
{
    if (!output_) { return std::nullopt; }
    return site.try_pass(output_->time.now(), output_->rate.load(std::memory_order_relaxed));
}

void logger::submit(log_site& site, log_level l, std::uint64_t suppressed, fmt::string_view text,
                    fmt::format_args args) const
{
    if (output_->sink->is_full()) {
        site.give_back(suppressed);
        site.suppress();
        return;
    }
    fmt::memory_buffer line;
    fmt::vformat_to(std::back_inserter(line), text, args);
    if (suppressed > 0) { fmt::format_to(std::back_inserter(line), " suppressed={}", suppressed); }
    output_->sink->on_queued();
    queue_->log(spdlog_level(l), spdlog::string_view_t(line.data(), line.size()));
}

// ---- logs ------------------------------------------------------------------------------------------------------------

logs::logs(const log_options& options, const clock& time) : output_(std::make_shared<log_output>(options, time)) {}

logs::~logs() { stop(); }

logger logs::get(std::string_view module) const { return logger(output_, output_->queue_for(module)); }

void logs::set_level(log_level l) noexcept
{
    output_->threshold.store(static_cast<std::uint8_t>(l), std::memory_order_relaxed);
}

void logs::set_rate(unsigned lines) noexcept { output_->rate.store(lines, std::memory_order_relaxed); }

void logs::reopen()
{
    output_->sink->reopen_soon();
    output_->queue_for("log").flush();   // has the background thread look, even if nothing is logged for a while
}

void logs::flush() { output_->sink->wait_until_written(); }

void logs::stop()
{
    const auto last = get("log");
    if (last.enabled(log_level::info)) {
        log_sites::for_each([&](log_site& site) {
            if (const auto pending = log_sites::take_pending(site); pending > 0) {
                const char* name = site.name();
                last.submit(site, log_level::info, pending, "lines were suppressed site={}", fmt::make_format_args(name));
            }
        });
    }
    output_->threshold.store(logger::silent, std::memory_order_relaxed);
    flush();
}

// ---- redact_url ------------------------------------------------------------------------------------------------------

namespace {

bool is_host_and_port(std::string_view s) noexcept
{
    if (s.starts_with('[')) { s.remove_prefix(std::min(s.size(), s.find(']'))); }
    const auto colon = s.find(':');
    if (colon == std::string_view::npos) { return true; }
    const auto port = s.substr(colon + 1);
    return colon > 0 && !port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos;
}

// "host", "host:80", "[::1]:80", or several with commas between (Redis Sentinel and Cluster).
bool is_plain_authority(std::string_view s) noexcept
{
    for (;;) {
        const auto comma = s.find(',');
        if (!is_host_and_port(s.substr(0, comma))) { return false; }
        if (comma == std::string_view::npos) { return true; }
        s.remove_prefix(comma + 1);
    }
}

}  // namespace

redacted_url redact_url_pieces(std::string_view url) noexcept
{
    const auto scheme = url.find("://");
    const auto begin = scheme == std::string_view::npos ? 0 : scheme + 3;
    const auto rest = url.substr(begin);
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    // A password with an unescaped '/' ends the authority too early ("redis://:a/b@host"): then everything up to the last
    // '@' may be secret.
    const auto at = is_plain_authority(authority) || authority.find('@') != authority.npos ? authority.rfind('@') : rest.rfind('@');
    if (at == std::string_view::npos) { return {url, {}}; }
    return {url.substr(0, begin), rest.substr(at + 1)};
}

std::string redact_url(std::string_view url)
{
    const auto pieces = redact_url_pieces(url);
    std::string out(pieces.before);
    out += pieces.after;
    return out;
}

}  // namespace tiercel::telemetry
