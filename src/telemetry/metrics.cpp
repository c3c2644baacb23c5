#include "telemetry/metrics.hpp"

#include "telemetry/escape.hpp"
#include "telemetry/log.hpp"

#include <tiercel/check.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <system_error>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace tiercel::telemetry {
namespace {

constexpr std::string_view prefix = "tiercel_";

enum class kind : std::uint8_t { counter, histogram, gauge, gauge_max, watched_counter, watched_gauge, computed };

// ---- labels as they are written --------------------------------------------------------------------------------------

std::string pair_text(std::string_view name, std::string_view value)
{
    return fmt::format("{}=\"{}\"", name, escape_label(value));
}

// Values of one configured label by place, ready to write, "(none)" last.
struct label_texts {
    std::vector<std::string> routes;
    std::vector<std::string> origins;
    std::vector<std::string> endpoints;
    std::vector<std::string> sources;
    std::size_t tenants = 0;
};

std::vector<std::string> distinct(std::vector<std::string> names)
{
    std::set<std::string, std::less<>> seen;
    for (auto& n : names) {
        const auto wanted = n;
        for (int i = 2; !seen.insert(n).second; ++i) { n = fmt::format("{}#{}", wanted, i); }
    }
    return names;
}

std::vector<std::string> named_texts(std::string_view label, std::vector<std::string> names)
{
    names.emplace_back("(none)");
    std::vector<std::string> texts;
    texts.reserve(names.size());
    for (const auto& n : distinct(std::move(names))) { texts.push_back(pair_text(label, n)); }
    return texts;
}

std::vector<std::string> endpoint_texts(const std::vector<metric_names::endpoint>& endpoints)
{
    std::set<std::pair<std::string, std::string>> seen;
    std::vector<std::string> texts;
    texts.reserve(endpoints.size() + 1);
    for (const auto& e : endpoints) {
        auto url = e.url;
        for (int i = 2; !seen.emplace(e.origin, url).second; ++i) { url = fmt::format("{}#{}", e.url, i); }
        texts.push_back(pair_text("origin", e.origin) + ',' + pair_text("endpoint", url));
    }
    texts.push_back(pair_text("origin", "(none)") + ',' + pair_text("endpoint", "(none)"));
    return texts;
}

label_texts texts_of(const metric_names& names, std::size_t tenant_slots)
{
    return {named_texts("route", names.routes), named_texts("origin", names.origins), endpoint_texts(names.endpoints),
            named_texts("source", names.sources), tenant_slots};
}

template <class Label>
std::vector<std::string> values_of(const label_texts& texts)
{
    if constexpr (std::is_same_v<Label, route_index>) {
        return texts.routes;
    } else if constexpr (std::is_same_v<Label, origin_index>) {
        return texts.origins;
    } else if constexpr (std::is_same_v<Label, endpoint_index>) {
        return texts.endpoints;
    } else if constexpr (std::is_same_v<Label, source_index>) {
        return texts.sources;
    } else if constexpr (std::is_same_v<Label, tenant_slot>) {
        return std::vector<std::string>(texts.tenants + 1);   // written by render_tenants
    } else {
        std::vector<std::string> values;
        for (std::size_t i = 0; i < label_traits<Label>::count; ++i) {
            const auto value = static_cast<Label>(i + first_value_of<Label>());
            values.push_back(pair_text(label_traits<Label>::name, name_of(value)));
        }
        return values;
    }
}

using values = std::vector<std::string>;

// Every combination, the last label running fastest: the order of the cells.
values product(const std::vector<values>& labels)
{
    values all{""};
    for (const auto& label : labels) {
        values longer;
        longer.reserve(all.size() * label.size());
        for (const auto& before : all) {
            for (const auto& text : label) { longer.push_back(before.empty() ? text : before + ',' + text); }
        }
        all = std::move(longer);
    }
    return all;
}

// ---- the table -------------------------------------------------------------------------------------------------------

struct row {
    std::string_view name;
    enum kind kind;
    std::string_view type;
    std::string_view text;
    bool has_configured_label;                                  // its first
    std::vector<values> (*labels)(const label_texts&);
};

template <class Labels>
struct labels_of;
template <class... Labels>
struct labels_of<void(Labels...)> {
    static constexpr std::array<bool, sizeof...(Labels) + 1> is_configured{(label_traits<Labels>::count == 0)..., false};
    static_assert(std::none_of(is_configured.begin() + 1, is_configured.end(), [](bool c) { return c; }),
                  "only the first label may be a configured name");

    static std::vector<values> list([[maybe_unused]] const label_texts& texts) { return {values_of<Labels>(texts)...}; }
};

template <class Labels>
constexpr row make_row(std::string_view name, kind k, std::string_view type, std::string_view text)
{
    return {name, k, type, text, labels_of<Labels>::is_configured.front(), &labels_of<Labels>::list};
}

constexpr std::array table{
#define COUNTER(name, labels, text) make_row<void labels>(#name, kind::counter, "counter", text),
#define HISTOGRAM(name, labels, text) make_row<void labels>(#name, kind::histogram, "histogram", text),
#define GAUGE(name, labels, text) make_row<void labels>(#name, kind::gauge, "gauge", text),
#define GAUGE_MAX(name, text) make_row<void()>(#name, kind::gauge_max, "gauge", text),
#define WATCHED_COUNTER(name, labels, text) make_row<void labels>(#name, kind::watched_counter, "counter", text),
#define WATCHED_GAUGE(name, labels, text) make_row<void labels>(#name, kind::watched_gauge, "gauge", text),
#define COMPUTED(name, type, text) make_row<void()>(#name, kind::computed, type, text),
#include "telemetry/metrics.def"
#undef COUNTER
#undef HISTOGRAM
#undef GAUGE
#undef GAUGE_MAX
#undef WATCHED_COUNTER
#undef WATCHED_GAUGE
#undef COMPUTED
};
static_assert(table.size() == static_cast<std::size_t>(metric_id::last_));

constexpr bool follows_conventions(const row& r)
{
    return (r.type == "counter") == r.name.ends_with("_total") && !r.text.empty() && r.text.ends_with('.') &&
           (r.kind != kind::histogram || r.name.ends_with("_seconds"));
}
static_assert(std::ranges::all_of(table, follows_conventions));

std::size_t width_of(kind k) noexcept { return k == kind::histogram ? buckets::width : 1; }

// ---- what the system knows of this process ---------------------------------------------------------------------------

double cpu_seconds() noexcept
{
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
    return seconds(u.ru_utime) + seconds(u.ru_stime);
}

// /proc is small and in memory: reading it does not wait for a disk.
double resident_bytes()
{
    std::ifstream statm("/proc/self/statm");
    double pages_in_all = 0;
    double pages = 0;
    statm >> pages_in_all >> pages;
    return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_files()
{
    std::error_code ec;
    double n = 0;
    for (std::filesystem::directory_iterator it("/proc/self/fd", ec), end; !ec && it != end; it.increment(ec)) { ++n; }
    return std::max(0.0, n - 1);   // one of them was the listing
}

double most_files() noexcept
{
    rlimit l{};
    ::getrlimit(RLIMIT_NOFILE, &l);
    return static_cast<double>(l.rlim_cur);
}

// Field 22 of /proc/self/stat: clock ticks after boot. The name in field 2 may hold blanks and parentheses.
double seconds_after_boot()
{
    std::ifstream stat("/proc/self/stat");
    std::string line;
    std::getline(stat, line);
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos) { return 0; }
    std::string_view rest = std::string_view(line).substr(name_end + 2);
    for (int field = 3; field < 22 && !rest.empty(); ++field) { rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1)); }
    std::uint64_t ticks = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), ticks);
    return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double boot_time()
{
    std::ifstream stat("/proc/stat");
    for (std::string word; stat >> word;) {
        double t = 0;
        if (word == "btime" && stat >> t) { return t; }
    }
    return 0;
}

double start_time()
{
    static const double at = boot_time() + seconds_after_boot();
    return at;
}

}  // namespace

// ---- one page of text ------------------------------------------------------------------------------------------------

struct metrics::family {
    metric_id id{};
    const row* what = nullptr;
    values labels;              // by place: what stands between the braces
    std::size_t series() const noexcept { return labels.size(); }
    bool in_seconds() const noexcept { return what->name.ends_with("_seconds"); }
    bool hides_zero() const noexcept { return !labels.front().empty(); }
};

struct metrics::page {
    std::string text;

    void head(const row& r)
    {
        fmt::format_to(end(), "# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", prefix, r.name, r.text, r.type);
    }
    template <class Value>
    void line(const row& r, std::string_view labels, const Value& value)
    {
        name(r, "", labels, "");
        fmt::format_to(end(), " {}\n", value);
    }
    void line(const row& r, std::string_view labels, double value)
    {
        name(r, "", labels, "");
        number(value);
    }
    void seconds_line(const row& r, std::string_view labels, std::uint64_t ns, std::string_view suffix = "")
    {
        name(r, suffix, labels, "");
        text += ' ';
        seconds(ns);
        text += '\n';
    }
    void histogram(const row& r, std::string_view labels, const std::uint64_t* c)
    {
        std::uint64_t n = 0;
        for (std::size_t b = 0; b < buckets::count; ++b) {
            n += c[b];
            name(r, "_bucket", labels, le(b));
            fmt::format_to(end(), " {}\n", n);
        }
        seconds_line(r, labels, c[buckets::count], "_sum");
        name(r, "_count", labels, "");
        fmt::format_to(end(), " {}\n", n);
    }

private:
    std::back_insert_iterator<std::string> end() { return std::back_inserter(text); }

    void name(const row& r, std::string_view suffix, std::string_view labels, std::string_view more)
    {
        text.append(prefix).append(r.name).append(suffix);
        if (labels.empty() && more.empty()) { return; }
        text.append("{").append(labels);
        if (!labels.empty() && !more.empty()) { text += ','; }
        text.append(more).append("}");
    }
    void number(double v)
    {
        if (v != v) {
            text += " NaN\n";
        } else if (v > std::numeric_limits<double>::max() || v < std::numeric_limits<double>::lowest()) {
            text += v > 0 ? " +Inf\n" : " -Inf\n";
        } else {
            fmt::format_to(end(), " {}\n", v);
        }
    }
    // Exact: a double would lose nanoseconds of a large sum.
    void seconds(std::uint64_t ns)
    {
        fmt::format_to(end(), "{}.{:09}", ns / 1'000'000'000, ns % 1'000'000'000);
        while (text.back() == '0') { text.pop_back(); }
        if (text.back() == '.') { text.pop_back(); }
    }
    static std::string le(std::size_t bucket)
    {
        if (bucket == buckets::finite) { return "le=\"+Inf\""; }
        page bound;
        bound.seconds(buckets::bound_us(bucket) * 1000);
        return "le=\"" + bound.text + '"';
    }
};

// ---- cells -----------------------------------------------------------------------------------------------------------

struct cells::block {
    explicit block(std::size_t n) : size(n), first(new (std::align_val_t{64}) cell[n]{}) {}
    ~block() { ::operator delete[](first, std::align_val_t{64}); }   // cells need no destructor
    block(const block&) = delete;
    block& operator=(const block&) = delete;

    std::size_t size;
    cell* first;                       // starts a cache line, so that no other thread's data share it
    std::atomic<bool> in_use{true};    // released by the thread that leaves, acquired by the one that takes over
};

cells::cells(block& b, cell* first, const cell_layout& layout, tenant_table& tenants)
    : block_(&b), first_(first), layout_(&layout), tenants_(std::make_unique<tenant_lookup>(tenants))
{
}

cells::cells(cells&& o) noexcept
    : block_(std::exchange(o.block_, nullptr)), first_(o.first_), layout_(o.layout_), tenants_(std::move(o.tenants_))
{
}

cells::~cells()
{
    if (block_ == nullptr) { return; }
    // What a thread last saw is no longer so when it is gone.
    set(metric::loop_lag_seconds, std::uint64_t{0});
    set(metric::l2_state, std::uint64_t{0});
    block_->in_use.store(false, std::memory_order_release);
}

// ---- metrics ---------------------------------------------------------------------------------------------------------

metrics::metrics(const metric_names& names, const metrics_options& options)
    : version_(names.version), tenants_(options.tenants)
{
    const auto texts = texts_of(names, options.tenants);
    families_.reserve(table.size());
    for (std::size_t i = 0; i < table.size(); ++i) {
        const auto labels = table[i].labels(texts);
        family f{static_cast<metric_id>(i), &table[i], product(labels)};
        auto& p = layout_.places[i];
        p.first = static_cast<std::uint32_t>(layout_.size);
        p.named = table[i].has_configured_label ? static_cast<std::uint32_t>(labels.front().size()) : 0;
        layout_.size += f.series() * width_of(f.what->kind);
        families_.push_back(std::move(f));
    }
}

metrics::~metrics() = default;

cells metrics::attach()
{
    const std::lock_guard lock(guard_);
    for (auto& b : blocks_) {
        bool in_use = false;
        if (b->in_use.compare_exchange_strong(in_use, true, std::memory_order_acquire)) {
            return cells(*b, b->first, layout_, tenants_);
        }
    }
    blocks_.push_back(std::make_unique<cells::block>(layout_.size));
    return cells(*blocks_.back(), blocks_.back()->first, layout_, tenants_);
}

std::size_t metrics::most_attached() const
{
    const std::lock_guard lock(guard_);
    return blocks_.size();
}

void metrics::watch_series(metric_id id, std::size_t place, source ask)
{
    const std::lock_guard lock(guard_);
    const auto at = std::ranges::lower_bound(watched_, place, {}, &watched_series::place);
    if (at != watched_.end() && at->place == place) {
        at->ask = std::move(ask);
    } else {
        watched_.insert(at, watched_series{id, place, std::move(ask)});
    }
}

std::uint64_t metrics::sum(std::size_t place) const
{
    const std::lock_guard lock(guard_);
    std::uint64_t n = 0;
    for (const auto& b : blocks_) { n += b->first[place].load(std::memory_order_relaxed); }
    return n;
}

std::vector<std::uint64_t> metrics::sums() const
{
    std::vector<std::uint64_t> all(layout_.size);
    for (const auto& b : blocks_) {
        for (std::size_t i = 0; i < all.size(); ++i) { all[i] += b->first[i].load(std::memory_order_relaxed); }
    }
    return all;
}

std::uint64_t metrics::highest(std::size_t place) const
{
    std::uint64_t most = 0;
    for (const auto& b : blocks_) { most = std::max(most, b->first[place].load(std::memory_order_relaxed)); }
    return most;
}

std::string metrics::render()
{
    const std::lock_guard lock(guard_);
    const auto all = sums();
    page out;
    out.text.reserve(64 * 1024);
    for (const auto& f : families_) {
        out.head(*f.what);
        render_family(out, f, all);
    }
    return std::move(out.text);
}

void metrics::render_family(page& out, const family& f, const std::vector<std::uint64_t>& all)
{
    const auto& r = *f.what;
    const auto first = layout_.places[static_cast<std::size_t>(f.id)].first;
    if (f.id == metric_id::tenant_requests_total) { return render_tenants(out, f, all); }
    switch (r.kind) {
        case kind::counter:
            for (std::size_t i = 0; i < f.series(); ++i) {
                if (all[first + i] != 0 || !f.hides_zero()) { out.line(r, f.labels[i], all[first + i]); }
            }
            break;
        case kind::histogram:
            for (std::size_t i = 0; i < f.series(); ++i) {
                const auto* c = &all[first + i * buckets::width];
                const bool seen = std::any_of(c, c + buckets::count, [](auto n) { return n != 0; });
                if (seen || !f.hides_zero()) { out.histogram(r, f.labels[i], c); }
            }
            break;
        case kind::gauge:
            for (std::size_t i = 0; i < f.series(); ++i) { out.line(r, f.labels[i], static_cast<std::int64_t>(all[first + i])); }
            break;
        case kind::gauge_max:
            if (f.in_seconds()) {
                out.seconds_line(r, "", highest(first));
            } else {
                out.line(r, "", highest(first));
            }
            break;
        case kind::watched_counter:
        case kind::watched_gauge: render_watched(out, f); break;
        case kind::computed: render_computed(out, f); break;
    }
}

void metrics::render_tenants(page& out, const family& f, const std::vector<std::uint64_t>& all)
{
    constexpr auto outcomes = label_traits<outcome>::count;
    std::vector<outcome_counts> raw(tenants_.slots() + 1);
    auto at = layout_.places[static_cast<std::size_t>(f.id)].first;
    for (auto& slot : raw) {
        for (auto& n : slot) { n = all[at++]; }
    }
    for (const auto& tenant : tenants_.report(raw)) {
        const auto name = pair_text("tenant", tenant.tenant);
        for (std::size_t o = 0; o < outcomes; ++o) {
            if (tenant.requests[o] == 0) { continue; }
            const auto how = pair_text(label_traits<outcome>::name, name_of(static_cast<outcome>(o)));
            out.line(*f.what, name + ',' + how, tenant.requests[o]);
        }
    }
}

void metrics::render_watched(page& out, const family& f) const
{
    const auto first = layout_.places[static_cast<std::size_t>(f.id)].first;
    for (const auto& w : watched_) {
        if (w.id == f.id) { out.line(*f.what, f.labels[w.place - first], w.ask()); }
    }
}

void metrics::render_computed(page& out, const family& f) const
{
    const auto& r = *f.what;
    switch (f.id) {
        case metric_id::log_suppressed_total:
            for (const auto& s : lines_suppressed()) { out.line(r, pair_text("site", s.site), s.lines); }
            break;
        case metric_id::process_cpu_seconds_total: out.line(r, "", cpu_seconds()); break;
        case metric_id::process_resident_memory_bytes: out.line(r, "", resident_bytes()); break;
        case metric_id::process_open_fds: out.line(r, "", open_files()); break;
        case metric_id::process_max_fds: out.line(r, "", most_files()); break;
        case metric_id::process_start_time_seconds: out.line(r, "", start_time()); break;
        case metric_id::build_info: out.line(r, pair_text("version", version_), 1); break;
        default: TIERCEL_CHECK(!"a computed metric that nobody computes");
    }
}

}  // namespace tiercel::telemetry
