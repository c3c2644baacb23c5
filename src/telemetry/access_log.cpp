#include "telemetry/access_log.hpp"

#include "telemetry/escape.hpp"
#include "telemetry/log_file.hpp"

#include <tiercel/split_mix.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <poll.h>
#include <random>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tiercel::telemetry {

std::string_view name_of(tier t) noexcept
{
    static constexpr std::array<std::string_view, static_cast<std::size_t>(tier::last_)> names{"none", "l1", "l2", "origin"};
    return names[static_cast<std::size_t>(t)];
}

// ---- lines -----------------------------------------------------------------------------------------------------------

namespace {

// What a line takes besides the client's text: names of fields, enums, numbers. With much to spare.
constexpr std::size_t fixed_part = 1024;

std::string_view clip(std::string_view s, std::size_t most) noexcept { return s.substr(0, std::min(s.size(), most)); }

// The record with all texts cut to their limits.
access_record clipped(const access_record& r) noexcept
{
    access_record c = r;
    c.target = clip(r.target, access_log::longest_target);
    for (auto text : {&access_record::client, &access_record::method, &access_record::host, &access_record::route,
                      &access_record::tenant, &access_record::request_id, &access_record::trace_id,
                      &access_record::user_agent, &access_record::referer}) {
        c.*text = clip(c.*text, access_log::longest_field);
    }
    return c;
}

std::size_t size_of_texts(const access_record& r) noexcept
{
    return r.target.size() + r.client.size() + r.method.size() + r.host.size() + r.route.size() + r.tenant.size() +
           r.request_id.size() + r.trace_id.size() + r.user_agent.size() + r.referer.size();
}
static_assert(fixed_part + escaped_capacity(access_log::longest_target + 9 * access_log::longest_field) <
              access_log::usual_ring);

// Appends to memory that is known to be large enough.
class line_writer {
public:
    explicit line_writer(char* out) noexcept : at_(out) {}
    char* end() const noexcept { return at_; }

    // A literal: its length is known to the compiler, so the copy is a few moves.
    template <std::size_t N>
    line_writer& operator<<(const char (&text)[N]) noexcept
    {
        std::memcpy(at_, text, N - 1);
        at_ += N - 1;
        return *this;
    }
    line_writer& name(std::string_view known) noexcept
    {
        std::memcpy(at_, known.data(), known.size());
        at_ += known.size();
        return *this;
    }
    template <class Number>
    line_writer& number(Number n) noexcept
    {
        at_ = std::to_chars(at_, at_ + 24, n).ptr;
        return *this;
    }
    line_writer& json(std::string_view text) noexcept
    {
        at_ = escape_json(at_, text);
        return *this;
    }
    line_writer& text(std::string_view raw) noexcept
    {
        at_ = escape_text(at_, raw);
        return *this;
    }
    line_writer& text_or_dash(std::string_view raw) noexcept { return raw.empty() ? *this << "-" : text(raw); }

    line_writer& hex(std::uint64_t n) noexcept
    {
        static constexpr auto pairs = [] {
            std::array<char, 512> p{};
            for (std::size_t i = 0; i < 256; ++i) {
                p[2 * i] = "0123456789abcdef"[i >> 4];
                p[2 * i + 1] = "0123456789abcdef"[i & 15];
            }
            return p;
        }();
        for (int shift = 56; shift >= 0; shift -= 8, at_ += 2) { std::memcpy(at_, &pairs[2 * ((n >> shift) & 0xff)], 2); }
        return *this;
    }

private:
    char* at_;
};

// A target or Referer may hold credentials before an '@': in an absolute form, or in what claims to be one.
redacted_url without_userinfo(std::string_view s) noexcept
{
    if (s.empty() || s.front() == '/' || std::memchr(s.data(), '@', s.size()) == nullptr) { return {s, {}}; }
    return redact_url_pieces(s);
}

void json_url(line_writer& out, std::string_view url) noexcept
{
    const auto pieces = without_userinfo(url);
    out.json(pieces.before).json(pieces.after);
}

void text_url(line_writer& out, std::string_view url) noexcept
{
    const auto pieces = without_userinfo(url);
    out.text(pieces.before).text(pieces.after);
}

void write_json(line_writer& out, const access_record& r, timestamp& times) noexcept
{
    out << R"({"time":")";
    out.name(times.iso(r.time)) << R"(","client":")";
    out.json(r.client) << R"(","method":")";
    out.json(r.method) << R"(","host":")";
    json_url(out, r.host);
    out << R"(","target":")";
    json_url(out, r.target);
    out << R"(","version":"1.)";
    out.number(r.minor_version) << R"(","status":)";
    out.number(r.status) << R"(,"bytes":)";
    out.number(r.bytes_sent) << R"(,"duration_us":)";
    out.number(r.duration.count()) << R"(,"outcome":")";
    out.name(name_of(r.what)) << R"(","detail":")";
    out.name(name_of(r.why)) << R"(","tier":")";
    out.name(name_of(r.from)) << R"(","attempts":)";
    out.number(r.attempts);
    if (r.attempts > 0) {
        out << R"(,"origin_us":)";
        out.number(r.origin_duration.count());
    }
    if (r.forward != forward_reason::none) {
        out << R"(,"fwd":")";
        out.name(name_of(r.forward)) << "\"";
    }
    if (!r.route.empty()) {
        out << R"(,"route":")";
        out.json(r.route) << "\"";
    }
    if (!r.tenant.empty()) {
        out << R"(,"tenant":")";
        out.json(r.tenant) << "\"";
    }
    if (r.key) {
        out << R"(,"key":")";
        out.hex(r.key->hi).hex(r.key->lo) << "\"";
    }
    if (!r.request_id.empty()) {
        out << R"(,"request_id":")";
        out.json(r.request_id) << "\"";
    }
    if (!r.trace_id.empty()) {
        out << R"(,"trace_id":")";
        out.json(r.trace_id) << "\"";
    }
    if (!r.user_agent.empty()) {
        out << R"(,"user_agent":")";
        out.json(r.user_agent) << "\"";
    }
    if (!r.referer.empty()) {
        out << R"(,"referer":")";
        json_url(out, r.referer);
        out << "\"";
    }
    out << "}\n";
}

// The "combined" format of web servers, then what is ours.
void write_text(line_writer& out, const access_record& r, timestamp& times) noexcept
{
    out.text_or_dash(r.client) << " - \"";
    out.text_or_dash(r.tenant) << "\" [";
    out.name(times.clf(r.time)) << "] \"";
    out.text(r.method) << " ";
    text_url(out, r.target);
    out << " HTTP/1.";
    out.number(r.minor_version) << "\" ";
    out.number(r.status) << " ";
    out.number(r.bytes_sent) << " \"";
    text_url(out, r.referer);
    out << "\" \"";
    out.text(r.user_agent) << "\" \"";
    text_url(out, r.host);
    out << "\" ";
    out.name(name_of(r.what)) << " ";
    out.name(name_of(r.why)) << " ";
    out.number(r.duration.count()) << " ";
    out.number(r.origin_duration.count()) << " \"";
    out.text_or_dash(r.request_id) << "\"\n";
}

std::uint64_t lines_in(std::string_view s) noexcept
{
    return static_cast<std::uint64_t>(std::ranges::count(s, '\n'));
}

}  // namespace

// ---- the background thread -------------------------------------------------------------------------------------------

struct access_log::ring {
    line_ring lines{most_ring, usual_ring};
    std::atomic<std::uint64_t> dropped{0};   // written by the lane; read by the carrier
    std::atomic<bool> closed{false};         // the lane is gone
    std::uint64_t reported = 0;              // the carrier's: how many of `dropped` it has seen
};

class access_log::carrier {
public:
    carrier(const access_options& options, logger log)
        : format(options.format),
          sample(options.sample),
          log_(std::move(log)),
          file_(options.file == "-" ? std::string() : options.file, STDOUT_FILENO),
          wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))
    {
        if (wake_fd_ < 0) { throw std::system_error(errno, std::generic_category(), "eventfd"); }
        thread_ = std::thread([this] { run(); });
    }
    ~carrier() { ::close(wake_fd_); }

    void add(std::shared_ptr<ring> r)
    {
        const std::lock_guard lock(guard_);
        rings_.push_back(std::move(r));
    }

    // Never blocks: an event counter that is full is as good a wake-up as any.
    void wake() noexcept
    {
        if (awake_.exchange(true, std::memory_order_acq_rel)) { return; }
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(wake_fd_, &one, sizeof one);
    }

    void reopen()
    {
        reopen_.store(true, std::memory_order_relaxed);
        wake();
    }

    void flush()
    {
        std::unique_lock lock(guard_);
        if (ended_) { return; }
        const auto wanted = ++asked_;
        wake();
        done_changed_.wait(lock, [&] { return done_ >= wanted || ended_; });
    }

    void stop()
    {
        stopping_.store(true, std::memory_order_release);
        wake();
        const std::lock_guard lock(stop_guard_);
        if (thread_.joinable()) { thread_.join(); }
    }

    const log_format format;
    const double sample;

private:
    void run()
    {
        sigset_t all;
        sigfillset(&all);   // signals are for the thread that the composition root chose; SIGPIPE becomes EPIPE
        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
        while (!stopping_.load(std::memory_order_acquire)) {
            sleep();
            carry();
        }
        carry();
        const std::lock_guard lock(guard_);
        ended_ = true;
        done_changed_.notify_all();
    }

    void sleep() noexcept
    {
        pollfd p{wake_fd_, POLLIN, 0};
        if (::poll(&p, 1, static_cast<int>(flush_every.count())) > 0) {
            std::uint64_t n = 0;
            [[maybe_unused]] const auto r = ::read(wake_fd_, &n, sizeof n);
        }
        // Before the rings are read, and as an exchange: whoever found the flag up has committed its lines before, and they
        // are visible from here on; whoever comes later wakes us again.
        awake_.exchange(false, std::memory_order_acq_rel);
    }

    void carry()
    {
        std::uint64_t asked = 0;
        std::vector<std::shared_ptr<ring>> rings;
        {
            const std::lock_guard lock(guard_);
            asked = asked_;
            rings = rings_;
        }
        if (reopen_.exchange(false, std::memory_order_relaxed) && !file_.reopen()) {
            TIERCEL_LOG(log_, error, "access-log-reopen", "cannot reopen, the old file stays in use file={}", file_.path());
        }
        std::uint64_t lost = 0;
        std::vector<std::shared_ptr<ring>> ended;
        for (const auto& r : rings) {
            const bool is_last_time = r->closed.load(std::memory_order_acquire);   // nothing is committed after that
            lost += carry_ring(*r);
            if (is_last_time) { ended.push_back(r); }
        }
        report(lost);

        const std::lock_guard lock(guard_);
        std::erase_if(rings_, [&](const auto& r) { return std::ranges::find(ended, r) != ended.end(); });
        done_ = asked;
        done_changed_.notify_all();
    }

    // Returns the lines that were lost.
    std::uint64_t carry_ring(ring& r)
    {
        std::uint64_t lost = 0;
        r.lines.consume([&](std::string_view lines) {
            const auto left = file_.write(lines);
            if (left > 0) { lost += lines_in(lines.substr(lines.size() - left)); }
        });
        const auto dropped = r.dropped.load(std::memory_order_relaxed);
        lost += dropped - r.reported;
        r.reported = dropped;
        return lost;
    }

    // At most once per second, so that a file which stays slow makes no flood elsewhere.
    void report(std::uint64_t lost)
    {
        if (lost > 0) { lost_site_.count_lost(lost); }
        unreported_ += lost;
        const auto now = std::chrono::steady_clock::now();
        const bool last_chance = stopping_.load(std::memory_order_relaxed);
        if (unreported_ == 0 || (!last_chance && now < report_at_)) { return; }
        TIERCEL_LOG(log_, warn, "access-log-loss", "access log lines were lost lines={} reason={}", unreported_,
                    file_.last_error() == 0 ? std::string("the file cannot keep up") : std::generic_category().message(file_.last_error()));
        unreported_ = 0;
        report_at_ = now + std::chrono::seconds(1);
    }

    static constinit inline log_site lost_site_{"access-log"};

    const logger log_;
    log_file file_;
    const int wake_fd_;
    std::atomic<bool> awake_{false};
    std::atomic<bool> reopen_{false};
    std::atomic<bool> stopping_{false};

    std::mutex guard_;                            // the next five
    std::condition_variable done_changed_;
    std::vector<std::shared_ptr<ring>> rings_;
    std::uint64_t asked_ = 0;                     // flushes wanted
    std::uint64_t done_ = 0;                      // and done
    bool ended_ = false;

    std::uint64_t unreported_ = 0;                // the thread's own
    std::chrono::steady_clock::time_point report_at_{};
    std::mutex stop_guard_;
    std::thread thread_;
};

// ---- access_log ------------------------------------------------------------------------------------------------------

access_log::access_log(const access_options& options, logger log)
{
    if (options.file != "off") { carrier_ = std::make_shared<carrier>(options, std::move(log)); }
}

access_log::~access_log() { stop(); }

access_log::lane access_log::open_lane()
{
    if (!carrier_) { return {}; }
    auto r = std::make_shared<ring>();
    carrier_->add(r);
    return lane(carrier_, std::move(r));
}

bool access_log::enabled() const noexcept { return carrier_ != nullptr; }

void access_log::reopen()
{
    if (carrier_) { carrier_->reopen(); }
}

void access_log::flush()
{
    if (carrier_) { carrier_->flush(); }
}

void access_log::stop()
{
    if (carrier_) { carrier_->stop(); }
}

// ---- lane ------------------------------------------------------------------------------------------------------------

access_log::lane::lane(std::shared_ptr<carrier> c, std::shared_ptr<ring> r)
    : carrier_(std::move(c)), ring_(std::move(r)), format_(carrier_->format), random_(std::random_device{}())
{
    const auto share = std::clamp(carrier_->sample, 0.0, 1.0);
    sample_below_ = share >= 1.0 ? UINT64_MAX : static_cast<std::uint64_t>(share * 0x1p64);
}

access_log::lane& access_log::lane::operator=(lane&& o) noexcept
{
    close();
    carrier_ = std::move(o.carrier_);
    ring_ = std::move(o.ring_);
    format_ = o.format_;
    sample_below_ = o.sample_below_;
    random_ = o.random_;
    since_wake_ = o.since_wake_;
    times_ = o.times_;
    return *this;
}

access_log::lane::~lane() { close(); }

void access_log::lane::close() noexcept
{
    if (ring_) { ring_->closed.store(true, std::memory_order_release); }
    ring_.reset();
}

bool access_log::lane::is_sampled() noexcept { return next_random(random_) < sample_below_; }

void access_log::lane::write(const access_record& record) noexcept
{
    if (!ring_ || (sample_below_ != UINT64_MAX && !is_sampled())) { return; }
    if (size_of_texts(record) <= longest_field) {
        write_clipped(record);   // none of them can be too long
    } else {
        write_clipped(clipped(record));
    }
}

void access_log::lane::write_clipped(const access_record& r) noexcept
{
    char* const begin = ring_->lines.try_reserve(fixed_part + escaped_capacity(size_of_texts(r)));
    if (begin == nullptr) {
        ring_->dropped.store(ring_->dropped.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        carrier_->wake();
        return;
    }
    line_writer out(begin);
    if (format_ == log_format::json) {
        write_json(out, r, times_);
    } else {
        write_text(out, r, times_);
    }
    const auto n = static_cast<std::size_t>(out.end() - begin);
    ring_->lines.commit(n);
    since_wake_ += n;
    if (since_wake_ >= flush_bytes) {
        since_wake_ = 0;
        carrier_->wake();
    }
}

}  // namespace tiercel::telemetry
