#include "telemetry/metrics.hpp"

#include "telemetry/log.hpp"
#include "telemetry/manual_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <thread>

namespace tiercel::telemetry {
namespace {

using namespace std::chrono_literals;

// ---- a strict reader of the text exposition format 0.0.4 --------------------------------------------------------------

using label_set = std::map<std::string, std::string>;

struct sample {
    std::string name;
    label_set labels;
    double value = 0;
};

struct family {
    std::string help;
    std::string type;
    std::vector<sample> samples;
};

// Throws std::runtime_error on the first byte that does not belong.
class exposition {
public:
    explicit exposition(std::string_view text)
    {
        while (!text.empty()) {
            const auto end = text.find('\n');
            if (end == std::string_view::npos) { fail("last line has no end", text); }
            line(text.substr(0, end));
            text.remove_prefix(end + 1);
        }
        for (const auto& [name, f] : families) { check_family(name, f); }
    }

    double value(const std::string& name, const label_set& labels = {}) const
    {
        for (const auto& [_, f] : families) {
            for (const auto& s : f.samples) {
                if (s.name == name && s.labels == labels) { return s.value; }
            }
        }
        return NAN;
    }

    std::map<std::string, family> families;
    std::vector<std::string> order;

private:
    [[noreturn]] static void fail(const std::string& why, std::string_view line)
    {
        throw std::runtime_error(why + ": " + std::string(line));
    }
    static bool is_name(std::string_view s)
    {
        return !s.empty() && (s[0] < '0' || s[0] > '9') &&
               s.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos;
    }
    static std::string take(std::string_view& s, std::string_view until)
    {
        const auto n = std::min(s.size(), s.find_first_of(until));
        std::string word(s.substr(0, n));
        s.remove_prefix(n);
        return word;
    }
    static void expect(std::string_view& s, std::string_view what, std::string_view line)
    {
        if (!s.starts_with(what)) { fail("expected " + std::string(what), line); }
        s.remove_prefix(what.size());
    }

    void line(std::string_view l)
    {
        auto rest = l;
        if (l.starts_with("# HELP ")) {
            rest.remove_prefix(7);
            open_ = take(rest, " ");
            if (!is_name(open_) || families.contains(open_)) { fail("bad or repeated family", l); }
            expect(rest, " ", l);
            families[open_].help = rest;
            order.push_back(open_);
        } else if (l.starts_with("# TYPE ")) {
            rest.remove_prefix(7);
            if (take(rest, " ") != open_ || !families[open_].type.empty()) { fail("TYPE does not follow its HELP", l); }
            expect(rest, " ", l);
            families[open_].type = rest;
        } else {
            sample_line(l);
        }
    }

    void sample_line(std::string_view l)
    {
        auto rest = l;
        sample s;
        s.name = take(rest, "{ ");
        if (!is_name(s.name)) { fail("bad name", l); }
        if (rest.starts_with("{")) { s.labels = labels(rest, l); }
        expect(rest, " ", l);
        if (rest == "+Inf") {
            s.value = INFINITY;
        } else if (rest == "NaN") {
            s.value = NAN;
        } else {
            const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), s.value);
            if (ec != std::errc{} || end != rest.data() + rest.size()) { fail("bad value", l); }
        }
        auto& f = families[open_];
        if (f.type.empty()) { fail("sample before TYPE", l); }
        auto base = s.name;
        if (f.type == "histogram") {
            for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
                if (base.ends_with(suffix)) { base.resize(base.size() - suffix.size()); break; }
            }
        }
        if (base != open_) { fail("sample of another family", l); }
        if (!seen_.emplace(s.name, s.labels).second) { fail("series twice", l); }
        f.samples.push_back(std::move(s));
    }

    static label_set labels(std::string_view& rest, std::string_view l)
    {
        label_set found;
        expect(rest, "{", l);
        for (;;) {
            const auto name = take(rest, "=");
            if (!is_name(name)) { fail("bad label name", l); }
            expect(rest, "=\"", l);
            std::string value;
            while (!rest.empty() && rest[0] != '"') {
                if (rest[0] == '\\') {
                    rest.remove_prefix(1);
                    const auto c = rest.empty() ? '?' : rest[0];
                    if (c != '\\' && c != '"' && c != 'n') { fail("bad escape", l); }
                    value += c == 'n' ? '\n' : c;
                } else {
                    value += rest[0];
                }
                rest.remove_prefix(1);
            }
            expect(rest, "\"", l);
            if (!found.emplace(name, value).second) { fail("label twice", l); }
            if (!rest.starts_with(",")) { break; }
            rest.remove_prefix(1);
        }
        expect(rest, "}", l);
        return found;
    }

    static void check_family(const std::string& name, const family& f)
    {
        if (f.type != "counter" && f.type != "gauge" && f.type != "histogram") { fail("bad type", name); }
        if (f.type != "histogram") { return; }
        std::map<label_set, std::vector<std::pair<double, double>>> buckets;
        std::map<label_set, double> totals;
        for (auto s : f.samples) {
            if (s.name == name + "_bucket") {
                const auto le = s.labels.extract("le").mapped();
                buckets[s.labels].emplace_back(le == "+Inf" ? INFINITY : std::stod(le), s.value);
            } else if (s.name == name + "_count") {
                totals[s.labels] = s.value;
            }
        }
        for (const auto& [labels, all] : buckets) {
            if (!std::ranges::is_sorted(all) || all.back().first != INFINITY || all.back().second != totals.at(labels)) {
                fail("histogram does not add up", name);
            }
        }
    }

    std::string open_;
    std::set<std::pair<std::string, label_set>> seen_;
};

metric_names shop()
{
    return {.routes = {"products", "pages"},
            .origins = {"shop", "cms"},
            .endpoints = {{"shop", "http://a:1"}, {"shop", "http://b:1"}, {"cms", "http://c:1"}},
            .version = "1.2.3",
            .sources = {"catalog"}};
}

constexpr route_index products{0};
constexpr route_index pages{1};
constexpr origin_index origin_of_shop{0};

// ---- the text --------------------------------------------------------------------------------------------------------

TEST(Metrics, AnEmptyPageIsValidAndHasEveryFamilyWithItsHelp)
{
    metrics m(shop());
    const exposition page(m.render());
    EXPECT_EQ(page.families.size(), static_cast<std::size_t>(metric_id::last_));
    for (const auto& [name, f] : page.families) {
        EXPECT_TRUE(name.starts_with("tiercel_")) << name;
        EXPECT_GT(f.help.size(), 15u) << name;
        EXPECT_EQ(f.type == "counter", name.ends_with("_total")) << name;
    }
    EXPECT_EQ(page.value("tiercel_build_info", {{"version", "1.2.3"}}), 1);
    EXPECT_GT(page.value("tiercel_process_resident_memory_bytes"), 1e6);
    EXPECT_GT(page.value("tiercel_process_open_fds"), 2);
    EXPECT_GT(page.value("tiercel_process_start_time_seconds"), 1.6e9);
    EXPECT_GT(page.value("tiercel_process_cpu_seconds_total"), 0);
}

TEST(Metrics, NamesOfThePublicContractAreThere)
{
    metrics m(shop());
    const exposition page(m.render());
    for (const auto* name :
         {"requests_total", "request_duration_seconds", "tenant_requests_total", "l1_bytes", "l1_limit_bytes", "l1_entries",
          "l1_evictions_total", "l2_duration_seconds", "l2_errors_total", "l2_state", "coalesced_total",
          "origin_requests_total", "origin_duration_seconds", "origin_inflight", "retries_total",
          "retry_budget_exhausted_total", "breaker_state", "breaker_transitions_total", "uncacheable_total",
          "origin_invalid_total", "loop_lag_seconds", "connections", "rejected_total", "log_suppressed_total", "build_info"}) {
        EXPECT_TRUE(page.families.contains(std::string("tiercel_") + name)) << name;
    }
}

TEST(Metrics, FamiliesAndSeriesKeepTheirOrder)
{
    metrics m(shop());
    auto c = m.attach();
    c.request(pages, "b", outcome::miss, 1ms);
    c.request(products, "a", outcome::hit_l1, 1ms);
    const exposition first(m.render());
    const exposition second(m.render());
    EXPECT_EQ(first.order, second.order);
    const auto& requests = first.families.at("tiercel_requests_total").samples;
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_EQ(requests[0].labels, (label_set{{"route", "products"}, {"outcome", "hit_l1"}}));
    const auto& tenants = first.families.at("tiercel_tenant_requests_total").samples;
    ASSERT_EQ(tenants.size(), 2u);
    EXPECT_EQ(tenants[0].labels.at("tenant"), "a");
}

TEST(Metrics, OneRequestCountsInAllThreeOfItsMetrics)
{
    metrics m(shop());
    auto c = m.attach();
    c.request(products, "t1", outcome::hit_l1, 100us);
    c.request(products, "t1", outcome::hit_l1, 3us);
    c.request(no_route, "t2", outcome::error, -5ms);
    const exposition page(m.render());
    EXPECT_EQ(page.value("tiercel_requests_total", {{"route", "products"}, {"outcome", "hit_l1"}}), 2);
    EXPECT_EQ(page.value("tiercel_requests_total", {{"route", "(none)"}, {"outcome", "error"}}), 1);
    EXPECT_EQ(page.value("tiercel_tenant_requests_total", {{"tenant", "t1"}, {"outcome", "hit_l1"}}), 2);
    EXPECT_EQ(page.value("tiercel_request_duration_seconds_count", {{"route", "products"}, {"outcome", "hit_l1"}}), 2);
    EXPECT_EQ(page.value("tiercel_request_duration_seconds_sum", {{"route", "products"}, {"outcome", "hit_l1"}}), 0.000103);
    EXPECT_EQ(page.value("tiercel_request_duration_seconds_bucket", {{"route", "products"}, {"outcome", "hit_l1"}, {"le", "0.000032"}}), 1);
    EXPECT_EQ(page.value("tiercel_request_duration_seconds_bucket", {{"route", "products"}, {"outcome", "hit_l1"}, {"le", "0.000128"}}), 2);
}

TEST(Metrics, LabelledCountersAppearWithTheirFirstEvent)
{
    metrics m(shop());
    auto c = m.attach();
    EXPECT_TRUE(exposition(m.render()).families.at("tiercel_uncacheable_total").samples.empty());
    c.count(metric::uncacheable_total, products, detail::no_store);
    c.count(metric::rejected_total, errc::bad_request);
    c.count(metric::rejected_total, errc::internal);
    const exposition page(m.render());
    EXPECT_EQ(page.families.at("tiercel_uncacheable_total").samples.size(), 1u);
    EXPECT_EQ(page.value("tiercel_uncacheable_total", {{"route", "products"}, {"reason", std::string(name_of(detail::no_store))}}), 1);
    EXPECT_EQ(page.value("tiercel_rejected_total", {{"reason", "bad_request"}}), 1);
    EXPECT_EQ(page.value("tiercel_rejected_total", {{"reason", "internal"}}), 1);
}

TEST(Metrics, EveryValueOfEveryLabelHasItsOwnCell)
{
    metrics m(shop());
    auto c = m.attach();
    std::uint64_t n = 0;
    for (const auto op : {l2_op::get, l2_op::set, l2_op::del}) {
        for (std::size_t r = 0; r < label_traits<l2_reason>::count; ++r) {
            c.count_many(metric::l2_errors_total, ++n, op, static_cast<l2_reason>(r));
        }
    }
    std::set<double> values;
    std::set<label_set> labels;
    const exposition page(m.render());
    for (const auto& s : page.families.at("tiercel_l2_errors_total").samples) {
        values.insert(s.value);
        labels.insert(s.labels);
    }
    EXPECT_EQ(values.size(), n);
    EXPECT_EQ(labels.size(), n);
}

TEST(Metrics, LabelsComeFromTheirClosedSets)
{
    metrics m(shop(), {.tenants = 5});
    auto c = m.attach();
    for (std::uint32_t i = 0; i < 1000; ++i) {
        c.request(route_index{i}, "tenant" + std::to_string(i), outcome::miss, 1ms);
        c.count(metric::origin_requests_total, origin_index{i}, origin_result::ok);
        c.count(metric::coalesced_total, route_index{UINT32_MAX - i});
    }
    const exposition page(m.render());
    std::map<std::string, std::set<std::string>> values;
    std::size_t series = 0;
    for (const auto& [name, f] : page.families) {
        series += f.samples.size();
        for (const auto& s : f.samples) {
            for (const auto& [label, value] : s.labels) { values[label].insert(value); }
        }
    }
    EXPECT_EQ(values["route"], (std::set<std::string>{"products", "pages", "(none)"}));
    EXPECT_EQ(values["origin"], (std::set<std::string>{"shop", "cms", "(none)"}));
    EXPECT_EQ(values["tenant"].size(), 6u);
    EXPECT_LT(series, 200u);
}

TEST(Metrics, AHundredThousandTenantsMakeFewSeries)
{
    metrics m(shop());
    auto c = m.attach();
    for (int t = 0; t < 100'000; ++t) {
        c.request(t % 2 == 0 ? products : pages, "tenant-" + std::to_string(t), static_cast<outcome>(t % 7), 1ms);
    }
    std::size_t series = 0;
    std::uint64_t tenant_sum = 0;
    const exposition page(m.render());
    for (const auto& [name, f] : page.families) {
        series += f.samples.size();
        for (const auto& s : f.samples) { tenant_sum += name == "tiercel_tenant_requests_total" ? static_cast<std::uint64_t>(s.value) : 0; }
    }
    EXPECT_LT(series, 10'000u);
    EXPECT_EQ(tenant_sum, 100'000u);
}

TEST(Metrics, HostileNamesDoNotBreakThePage)
{
    auto names = shop();
    names.routes = {"a\"b\\c\nd", "x\xff", "(none)", "twice", "twice", "twice#2"};
    names.endpoints = {{"o", "u"}, {"o", "u"}};
    metrics m(names);
    auto c = m.attach();
    for (std::uint32_t r = 0; r < 7; ++r) { c.count(metric::coalesced_total, route_index{r}); }
    c.request(no_route, "t\"\n{}=,", outcome::miss, 1ms);
    m.watch(metric::breaker_state, [] { return 0.0; }, endpoint_index{0});
    m.watch(metric::breaker_state, [] { return 0.0; }, endpoint_index{1});
    const exposition page(m.render());
    EXPECT_EQ(page.value("tiercel_coalesced_total", {{"route", "a\"b\\c\nd"}}), 1);
    EXPECT_EQ(page.families.at("tiercel_coalesced_total").samples.size(), 7u);
    EXPECT_EQ(page.value("tiercel_tenant_requests_total", {{"tenant", "t\"\n{}=,"}, {"outcome", "miss"}}), 1);
}

TEST(Metrics, WatchedValuesAreAskedForWhenThePageIsRead)
{
    metrics m(shop());
    double bytes = 5;
    m.watch(metric::l1_bytes, [&] { return bytes; });
    m.watch(metric::l1_evictions_total, [] { return 7.0; }, cause::expired);
    m.watch(metric::breaker_state, [] { return 2.0; }, endpoint_index{2});
    m.watch(metric::breaker_state, [] { return 1.0; }, endpoint_index{0});
    m.watch(metric::origin_inflight, [] { return std::nan(""); }, origin_of_shop);
    EXPECT_EQ(exposition(m.render()).value("tiercel_l1_bytes"), 5);
    bytes = 123456789012;
    const exposition page(m.render());
    EXPECT_EQ(page.value("tiercel_l1_bytes"), 123456789012);
    EXPECT_EQ(page.value("tiercel_l1_evictions_total", {{"reason", "expired"}}), 7);
    const auto& breakers = page.families.at("tiercel_breaker_state").samples;
    ASSERT_EQ(breakers.size(), 2u);
    EXPECT_EQ(breakers[0].labels, (label_set{{"origin", "shop"}, {"endpoint", "http://a:1"}}));
    EXPECT_EQ(breakers[1].labels, (label_set{{"origin", "cms"}, {"endpoint", "http://c:1"}}));
    EXPECT_TRUE(std::isnan(page.value("tiercel_origin_inflight", {{"origin", "shop"}})));
}

TEST(Metrics, AGaugeIsTheSumOfItsStepsOnAllThreads)
{
    metrics m(shop());
    auto a = m.attach();
    auto b = m.attach();
    a.step(metric::connections, 3, connection_state::active);
    b.step(metric::connections, -2, connection_state::active);
    EXPECT_EQ(m.total(metric::connections, connection_state::active), 1);
    b.step(metric::connections, -2, connection_state::active);
    EXPECT_EQ(exposition(m.render()).value("tiercel_connections", {{"state", "active"}}), -1);
}

TEST(Metrics, AMaximumShowsTheWorstThreadThatIsStillThere)
{
    metrics m(shop());
    auto a = m.attach();
    a.set(metric::loop_lag_seconds, 1500us);
    {
        auto b = m.attach();
        b.set(metric::loop_lag_seconds, 20ms);
        EXPECT_EQ(exposition(m.render()).value("tiercel_loop_lag_seconds"), 0.02);
    }
    EXPECT_EQ(exposition(m.render()).value("tiercel_loop_lag_seconds"), 0.0015);
}

TEST(Metrics, SuppressedLogLinesAreThereBySite)
{
    static constinit log_site site("metrics-test");
    metrics m(shop());
    const auto shown = [&] { return exposition(m.render()).value("tiercel_log_suppressed_total", {{"site", "metrics-test"}}); };
    site.count_lost(1);
    const auto before = shown();
    manual_clock clock;
    for (int i = 0; i < 12; ++i) { site.try_pass(clock.now(), 2); }
    EXPECT_EQ(shown() - before, 10);
}

// ---- buckets ---------------------------------------------------------------------------------------------------------

TEST(Buckets, BoundsAreInclusiveAndEveryTimeHasOne)
{
    const std::vector<std::pair<std::uint64_t, std::size_t>> cases{
        {0, 0}, {1, 0}, {31'999, 0}, {32'000, 0}, {32'001, 1}, {64'000, 1}, {64'001, 2}, {65'000, 2},
        {67'108'864'000, 21}, {67'108'864'001, 22}, {UINT64_MAX / 2, 22}};
    for (const auto& [ns, bucket] : cases) { EXPECT_EQ(buckets::of(ns), bucket) << ns; }
    for (std::size_t b = 0; b < buckets::finite; ++b) {
        EXPECT_EQ(buckets::of(buckets::bound_us(b) * 1000), b);
        EXPECT_EQ(buckets::of(buckets::bound_us(b) * 1000 + 1), b + 1);
    }
}

// ---- threads ---------------------------------------------------------------------------------------------------------

TEST(MetricsThreads, SumsAreExactWhileThePageIsRead)
{
    metrics m(shop(), {.tenants = 3});
    constexpr int each = 20'000;
    constexpr int workers = 4;
    std::atomic<int> running{workers};
    std::vector<std::thread> threads;
    for (int t = 0; t < workers; ++t) {
        threads.emplace_back([&] {
            auto c = m.attach();
            for (int i = 0; i < each; ++i) {
                c.request(products, "t" + std::to_string(i % 9), outcome::hit_l1, 50us);
                c.step(metric::connections, i % 2 == 0 ? 1 : -1, connection_state::idle);
            }
            --running;
        });
    }
    double last = 0;
    while (running > 0) {
        const exposition page(m.render());
        const auto now = page.value("tiercel_requests_total", {{"route", "products"}, {"outcome", "hit_l1"}});
        if (!std::isnan(now)) {
            EXPECT_GE(now, last);
            last = now;
        }
    }
    for (auto& t : threads) { t.join(); }
    const exposition page(m.render());
    EXPECT_EQ(m.total(metric::requests_total, products, outcome::hit_l1), std::uint64_t{each} * workers);
    EXPECT_EQ(m.observations(metric::request_duration_seconds, products, outcome::hit_l1), std::uint64_t{each} * workers);
    EXPECT_EQ(m.total(metric::connections, connection_state::idle), 0);
    double tenants = 0;
    for (const auto& s : page.families.at("tiercel_tenant_requests_total").samples) { tenants += s.value; }
    EXPECT_EQ(tenants, each * workers);
}

TEST(MetricsThreads, AThreadThatEndsLeavesItsSums)
{
    metrics m(shop());
    for (int i = 0; i < 50; ++i) {
        std::thread([&] {
            auto c = m.attach();
            c.count(metric::coalesced_total, products);
            auto moved = std::move(c);
            moved.count(metric::coalesced_total, products);
        }).join();
    }
    EXPECT_EQ(m.total(metric::coalesced_total, products), 100u);
    EXPECT_EQ(m.most_attached(), 1u);   // each took over the block of the one before
}

}  // namespace
}  // namespace tiercel::telemetry
