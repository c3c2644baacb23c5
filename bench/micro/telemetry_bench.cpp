// Times of what every request pays for telemetry: a counter, a histogram, and a line of the access log.

#include "telemetry/access_log.hpp"
#include "telemetry/escape.hpp"
#include "telemetry/metrics.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <string>

namespace {

using namespace tiercel;
using namespace tiercel::telemetry;
using namespace std::chrono_literals;

metric_names names_of_ten_routes()
{
    metric_names names;
    for (int i = 0; i < 10; ++i) { names.routes.push_back("route-" + std::to_string(i)); }
    names.origins = {"shop"};
    return names;
}

void BM_counter(benchmark::State& state)
{
    metrics all(names_of_ten_routes());
    auto cells = all.attach();
    std::uint32_t route = 0;
    for (auto _ : state) {
        cells.count(metric::requests_total, route_index{route++ & 7}, outcome::hit_l1);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(BM_counter);

void BM_histogram(benchmark::State& state)
{
    metrics all(names_of_ten_routes());
    auto cells = all.attach();
    std::uint32_t n = 0;
    for (auto _ : state) {
        ++n;
        cells.observe(metric::request_duration_seconds, std::chrono::nanoseconds((n & 1023) * 997), route_index{n & 7}, outcome::hit_l1);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(BM_histogram);

// All that one request counts. Argument: how many tenants take turns.
void BM_request_counts(benchmark::State& state)
{
    metrics all(names_of_ten_routes());
    auto cells = all.attach();
    std::array<std::string, 1024> tenants;
    for (std::size_t i = 0; i < tenants.size(); ++i) { tenants[i] = "tenant-" + std::to_string(i); }
    const auto count = static_cast<std::uint32_t>(state.range(0));
    std::uint32_t n = 0;
    for (auto _ : state) {
        ++n;
        cells.request(route_index{n & 7}, tenants[n % count], outcome::hit_l1, 40us);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(BM_request_counts)->Arg(1)->Arg(50)->Arg(1000);

void BM_metrics_page(benchmark::State& state)
{
    metrics all(names_of_ten_routes());
    auto cells = all.attach();
    for (std::uint32_t i = 0; i < 1000; ++i) { cells.request(route_index{i % 10}, std::to_string(i), static_cast<outcome>(i % 7), 1ms); }
    for (auto _ : state) { benchmark::DoNotOptimize(all.render()); }
}
BENCHMARK(BM_metrics_page)->Unit(benchmark::kMicrosecond);

access_record usual_hit()
{
    access_record r;
    r.time = wall_time(1738367999123ms);
    r.duration = 38us;
    r.client = "192.0.2.117";
    r.method = "GET";
    r.target = "/products/42/reviews?page=2&sort=newest";
    r.host = "shop.example.com";
    r.status = 200;
    r.bytes_sent = 1260;
    r.route = "products";
    r.tenant = "tenant-17";
    r.what = outcome::hit_l1;
    r.why = detail::l1;
    r.from = tier::l1;
    r.key = hash128{0x0123456789abcdef, 0xfedcba9876543210};
    r.request_id = "01JJYZ6W8TQ4S9V3D5R7N2K1HX";
    r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    r.user_agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
    r.referer = "https://shop.example.com/products/42";
    return r;
}

// What the worker pays for a line, in batches that fit into its ring: a line for which there is no room would cost next to
// nothing and spoil the figure. The other thread writes to /dev/null.
void BM_access_log_line(benchmark::State& state)
{
    constexpr int batch = 256;
    access_options options;
    options.format = state.range(0) == 0 ? log_format::json : log_format::text;
    options.file = "/dev/null";
    access_log log(options, logger());
    auto lane = log.open_lane();
    auto r = usual_hit();
    std::int64_t lines = 0;
    for (auto _ : state) {
        for (int i = 0; i < batch; ++i) {
            r.time += 1ms;
            lane.write(r);
        }
        lines += batch;
        state.PauseTiming();
        log.flush();
        state.ResumeTiming();
    }
    state.counters["per_line"] = benchmark::Counter(static_cast<double>(lines), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_access_log_line)->ArgName("text")->Arg(0)->Arg(1);

void BM_escape_json(benchmark::State& state)
{
    const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
    std::string out(escaped_capacity(text.size()) + 16, '\0');
    for (auto _ : state) { benchmark::DoNotOptimize(escape_json(out.data(), text)); }
}
BENCHMARK(BM_escape_json)->Arg(3)->Arg(9)->Arg(40)->Arg(110);

}  // namespace
