#pragma once

// Counting. The table is metrics.def; each row is a typed handle in the namespace `metric`, so that a count with the wrong
// labels does not compile and nothing is looked up by name.
//
// Each thread counts in a block of its own, found by one addition and written with a plain load and store; reading adds the
// blocks up. A thread that ends leaves its block, sums included, to the next one that starts.

#include "telemetry/labels.hpp"
#include "telemetry/options.hpp"
#include "telemetry/tenant_table.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::telemetry {

// ---- handles ---------------------------------------------------------------------------------------------------------

enum class metric_id : std::uint8_t {
#define COUNTER(name, labels, text) name,
#define HISTOGRAM(name, labels, text) name,
#define GAUGE(name, labels, text) name,
#define GAUGE_MAX(name, text) name,
#define WATCHED_COUNTER(name, labels, text) name,
#define WATCHED_GAUGE(name, labels, text) name,
#define COMPUTED(name, type, text) name,
#include "telemetry/metrics.def"
#undef COUNTER
#undef HISTOGRAM
#undef GAUGE
#undef GAUGE_MAX
#undef WATCHED_COUNTER
#undef WATCHED_GAUGE
#undef COMPUTED
    last_
};

// `Labels` is written as void(label, …).
template <class Labels> struct counter { metric_id id; };
template <class Labels> struct histogram { metric_id id; };
template <class Labels> struct gauge { metric_id id; };
template <class Labels> struct watched { metric_id id; };
struct gauge_max { metric_id id; };

namespace metric {
#define COUNTER(name, labels, text) inline constexpr counter<void labels> name{metric_id::name};
#define HISTOGRAM(name, labels, text) inline constexpr histogram<void labels> name{metric_id::name};
#define GAUGE(name, labels, text) inline constexpr gauge<void labels> name{metric_id::name};
#define GAUGE_MAX(name, text) inline constexpr gauge_max name{metric_id::name};
#define WATCHED_COUNTER(name, labels, text) inline constexpr watched<void labels> name{metric_id::name};
#define WATCHED_GAUGE(name, labels, text) inline constexpr watched<void labels> name{metric_id::name};
#define COMPUTED(name, type, text)
#include "telemetry/metrics.def"
#undef COUNTER
#undef HISTOGRAM
#undef GAUGE
#undef GAUGE_MAX
#undef WATCHED_COUNTER
#undef WATCHED_GAUGE
#undef COMPUTED
}  // namespace metric

// ---- cells -----------------------------------------------------------------------------------------------------------

// Written by one thread, read by any: no read-modify-write instruction is needed.
using cell = std::atomic<std::uint64_t>;

inline void add_to(cell& c, std::uint64_t n) noexcept
{
    c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

// Upper bounds 2^5, 2^6 … 2^26 microseconds, then infinity. Each cell counts its own bucket only.
namespace buckets {
inline constexpr std::size_t finite = 22;
inline constexpr std::size_t count = finite + 1;
inline constexpr std::size_t width = count + 1;   // cells of one histogram: the buckets, then the sum in nanoseconds

constexpr std::uint64_t bound_us(std::size_t bucket) noexcept { return std::uint64_t{32} << bucket; }

// The bucket of a time, bounds included: by the position of the highest bit, not by search.
constexpr std::size_t of(std::uint64_t ns) noexcept
{
    const auto us = (ns + 999) / 1000;
    const auto above = (us - (us != 0 ? 1 : 0)) >> 5;
    return std::min(static_cast<std::size_t>(std::bit_width(above)), finite);
}
}  // namespace buckets

// Where the cells of each metric are; fixed when the metrics are made.
struct cell_layout {
    struct place {
        std::uint32_t first = 0;
        std::uint32_t named = 0;   // size of its configured label, "(none)" included
    };
    std::array<place, static_cast<std::size_t>(metric_id::last_)> places{};
    std::size_t size = 0;

    // `width`: cells per series. REQUIRES: enum labels are values of their enum; configured ones may be anything.
    template <class... Labels>
    std::size_t find(metric_id id, std::size_t width, Labels... at) const noexcept
    {
        const auto& p = places[static_cast<std::size_t>(id)];
        std::size_t series = 0;
        ((series = series * extent<Labels>(p) + position(p, at)), ...);
        return p.first + series * width;
    }

    template <class Label>
    static std::size_t extent(const place& p) noexcept
    {
        return label_traits<Label>::count != 0 ? label_traits<Label>::count : p.named;
    }
    template <class Label>
    static std::size_t position(const place& p, Label at) noexcept
    {
        if constexpr (label_traits<Label>::count != 0) {
            return static_cast<std::size_t>(at) - first_value_of<Label>();
        } else {
            return std::min(static_cast<std::uint32_t>(at), p.named - 1);
        }
    }
};

class metrics;

// One thread's block, and its way to count. Made by metrics::attach. Thread: one at a time; REQUIRES: the metrics outlive it.
class cells {
public:
    cells(cells&&) noexcept;
    cells& operator=(cells&&) = delete;
    ~cells();

    // One answered request: requests_total, request_duration_seconds and tenant_requests_total, so that they agree.
    void request(route_index route, std::string_view tenant, outcome how, std::chrono::nanoseconds took)
    {
        count(metric::requests_total, route, how);
        observe(metric::request_duration_seconds, took, route, how);
        count(metric::tenant_requests_total, tenants_->find(tenant), how);
    }

    template <class... Labels>
    void count(counter<void(Labels...)> c, std::type_identity_t<Labels>... at) noexcept
    {
        add_to(at_place(c.id, 1, at...), 1);
    }
    template <class... Labels>
    void count_many(counter<void(Labels...)> c, std::uint64_t n, std::type_identity_t<Labels>... at) noexcept
    {
        add_to(at_place(c.id, 1, at...), n);
    }
    // A negative time counts as none.
    template <class... Labels>
    void observe(histogram<void(Labels...)> h, std::chrono::nanoseconds took, std::type_identity_t<Labels>... at) noexcept
    {
        const auto ns = static_cast<std::uint64_t>(std::max<std::chrono::nanoseconds::rep>(took.count(), 0));
        auto* c = &at_place(h.id, buckets::width, at...);
        add_to(c[buckets::of(ns)], 1);
        add_to(c[buckets::count], ns);
    }
    // What goes up on one thread may come down on another.
    template <class... Labels>
    void step(gauge<void(Labels...)> g, std::int64_t by, std::type_identity_t<Labels>... at) noexcept
    {
        add_to(at_place(g.id, 1, at...), static_cast<std::uint64_t>(by));
    }
    void set(gauge_max g, std::uint64_t value) noexcept { at_place(g.id, 1).store(value, std::memory_order_relaxed); }
    void set(gauge_max g, std::chrono::nanoseconds value) noexcept { set(g, static_cast<std::uint64_t>(value.count())); }

private:
    friend class metrics;
    struct block;
    cells(block& b, cell* first, const cell_layout& layout, tenant_table& tenants);

    template <class... Labels>
    cell& at_place(metric_id id, std::size_t width, Labels... at) noexcept
    {
        return first_[layout_->find(id, width, at...)];
    }

    block* block_;
    cell* first_;
    const cell_layout* layout_;
    std::unique_ptr<tenant_lookup> tenants_;
};

// ---- the process's metrics -------------------------------------------------------------------------------------------

// The configured names that labels are made of; their places are the indexes. A name that occurs twice gets a number, since
// no two series may have the same labels.
struct metric_names {
    struct endpoint {
        std::string origin;
        std::string url;       // without userinfo
    };
    std::vector<std::string> routes;
    std::vector<std::string> origins;
    std::vector<endpoint> endpoints;
    std::string version;
    std::vector<std::string> sources;   // of events
};

// Owned by the composition root; made after the configuration was read. Thread: any.
class metrics {
public:
    using source = std::function<double()>;

    explicit metrics(const metric_names& names, const metrics_options& options = {});
    ~metrics();
    metrics(const metrics&) = delete;
    metrics& operator=(const metrics&) = delete;

    // A block for the calling thread.
    cells attach();
    // Most threads that were ever attached at once: the number of blocks, and all the memory that counting takes.
    std::size_t most_attached() const;

    // `ask` gives the value of one series when metrics are read, on the reading thread.
    // REQUIRES: it can be called as long as render() is, and does not call these metrics.
    template <class... Labels>
    void watch(watched<void(Labels...)> m, source ask, std::type_identity_t<Labels>... at)
    {
        watch_series(m.id, layout_.find(m.id, 1, at...), std::move(ask));
    }

    // Prometheus text exposition format 0.0.4. A labelled counter or histogram appears with its first event; a watched
    // series with its registration; all others always.
    std::string render();

    // Sums over all threads, for status pages and tests.
    template <class... Labels>
    std::uint64_t total(counter<void(Labels...)> c, std::type_identity_t<Labels>... at) const
    {
        return sum(layout_.find(c.id, 1, at...));
    }
    template <class... Labels>
    std::int64_t total(gauge<void(Labels...)> g, std::type_identity_t<Labels>... at) const
    {
        return static_cast<std::int64_t>(sum(layout_.find(g.id, 1, at...)));
    }
    template <class... Labels>
    std::uint64_t observations(histogram<void(Labels...)> h, std::type_identity_t<Labels>... at) const
    {
        const auto first = layout_.find(h.id, buckets::width, at...);
        std::uint64_t n = 0;
        for (std::size_t b = 0; b < buckets::count; ++b) { n += sum(first + b); }
        return n;
    }

private:
    struct family;
    struct page;
    struct watched_series {
        metric_id id;
        std::size_t place;
        source ask;
    };

    void watch_series(metric_id id, std::size_t place, source ask);
    std::uint64_t sum(std::size_t place) const;

    std::vector<std::uint64_t> sums() const;      // of all cells; REQUIRES: guard_ held
    std::uint64_t highest(std::size_t place) const;
    void render_family(page& out, const family& f, const std::vector<std::uint64_t>& all);
    void render_tenants(page& out, const family& f, const std::vector<std::uint64_t>& all);
    void render_watched(page& out, const family& f) const;
    void render_computed(page& out, const family& f) const;

    cell_layout layout_;
    std::vector<family> families_;
    std::string version_;
    tenant_table tenants_;
    mutable std::mutex guard_;                              // the two below
    std::vector<std::unique_ptr<cells::block>> blocks_;     // only grows: as many as threads ever ran at once
    std::vector<watched_series> watched_;                   // sorted by metric and place
};

}  // namespace tiercel::telemetry
