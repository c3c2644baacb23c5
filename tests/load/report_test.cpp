#include "load/page.hpp"
#include "load/report.hpp"

#include "support/temp_dir.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include <regex>

using namespace tiercel::load;
using testing::HasSubstr;
using testing::Not;

namespace {

measurement one_repeat(std::uint64_t origin_requests)
{
    measurement m;
    m.requests = 3;
    m.checks = {count_at_most(origin_requests, "origin request", "for <b>", 1)};
    m.figures = {{.name = "CPU", .value = static_cast<double>(origin_requests), .unit = "us"}};
    distribution d{.name = "hits", .times = {}};
    for (std::uint64_t ns = 1000; ns < 5'000'000; ns = ns * 6 / 5) { d.times.record(ns); }
    m.latencies = {d};
    std::vector<answer_record> records;
    for (std::uint32_t i = 0; i < 200; ++i) {
        records.push_back({.due_us = i * 1000, .latency_us = 100 + i, .status = 200, .by = i % 2 == 0 ? source::l1 : source::origin});
    }
    m.plots = {percentile_plot("Latency", m.latencies), answers_over_time("Answers", records, std::chrono::milliseconds(20)),
               latency_over_time("Over time", records, std::chrono::milliseconds(20)),
               {.drawn = plot::shape::bars, .title = "Costs", .x_label = "x", .y_label = "", .series = {{.name = "a", .points = {{0, 1}}}}}};
    return m;
}

boost::json::object example(std::uint64_t second_repeat)
{
    scenario_result r;
    r.what = find_scenario("hit");
    r.with = settings_of(*r.what, true, false);
    r.repeats = {one_repeat(1), one_repeat(second_repeat)};
    r.began = "2026-01-01T00:00:00Z";
    return report_of(r, {{"processor", "one & only"}});
}

}  // namespace

TEST(Report, JudgesAllRepeats)
{
    EXPECT_TRUE(has_passed(example(1)));
    EXPECT_FALSE(has_passed(example(2)));
}

TEST(Report, EndsWithTheVerdictLine)
{
    EXPECT_TRUE(text_of(example(1)).ends_with("\nhit: PASS 1 origin request for <b> (limit 1)\n"));
    EXPECT_TRUE(text_of(example(2)).ends_with("\nhit: FAIL 2 origin requests for <b> (limit 1)\n"));
}

TEST(Report, SurvivesBeingWrittenAndReadAgain)
{
    const auto report = example(1);
    const auto again = boost::json::parse(boost::json::serialize(report)).as_object();
    EXPECT_EQ(text_of(again), text_of(report));
    EXPECT_EQ(page_of({again}), page_of({report}));
}

TEST(Report, APageOverAllResultsLiesBesideThem)
{
    const tiercel::test::temp_dir directory;
    write_report(example(1), directory.path());
    auto other = example(2);
    other["scenario"] = "other";
    write_report(other, directory.path());
    EXPECT_TRUE(std::filesystem::exists(directory.path() / "hit.json"));
    const std::string page = tiercel::test::read_file(directory.path() / "index.html");
    EXPECT_THAT(page, HasSubstr("id=\"hit\""));
    EXPECT_THAT(page, HasSubstr("id=\"other\""));
}

TEST(Page, AsksForNothingFromElsewhereAndRunsNothing)
{
    const std::string page = page_of({example(1)});
    for (const char* word : {"<script", "<link", "<img", "src=", "url(", "http:", "https:", "@import"}) { EXPECT_THAT(page, Not(HasSubstr(word))); }
}

TEST(Page, EscapesWhatItShows)
{
    const std::string page = page_of({example(1)});
    EXPECT_THAT(page, HasSubstr("for &lt;b&gt;"));
    EXPECT_THAT(page, HasSubstr("one &amp; only"));
    EXPECT_THAT(page, Not(HasSubstr("for <b>")));
}

TEST(Page, DrawsEveryPlotInsideItsFrame)
{
    const auto report = example(1);
    for (const auto& p : report.at("plots").as_array()) {
        const std::string svg = svg_of(p.as_object());
        EXPECT_THAT(svg, HasSubstr("</svg>"));
        EXPECT_THAT(svg, Not(HasSubstr("nan")));
        EXPECT_THAT(svg, Not(HasSubstr("inf")));
        const std::regex point("[ML](-?[0-9.e+]+) (-?[0-9.e+]+)");
        for (std::sregex_iterator at(svg.begin(), svg.end(), point), end; at != end; ++at) {
            const double x = std::stod((*at)[1]), y = std::stod((*at)[2]);
            EXPECT_TRUE(x >= 0 && x <= 500 && y >= 0 && y <= 260) << at->str();
        }
    }
}

TEST(Page, DrawsAPlotWithoutAnyPoint)
{
    plot nothing{.title = "Nothing", .x_label = "s", .y_label = "ms", .log_y = true, .series = {{.name = "none", .points = {}}}};
    measurement m = one_repeat(1);
    m.plots = {nothing};
    scenario_result r;
    r.what = find_scenario("hit");
    r.repeats = {m};
    const auto report = report_of(r, {});
    EXPECT_THAT(page_of({report}), HasSubstr("Nothing"));
    EXPECT_THAT(page_of({report}), Not(HasSubstr("nan")));
}
