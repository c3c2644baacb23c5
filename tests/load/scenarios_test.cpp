// Every scenario of tiercel-bench in its short form: it passes, and it fails when what it is about is switched off. A scenario that
// could not fail would prove nothing.

#include "load/scenario.hpp"

#include "support/process.hpp"

#include <gmock/gmock.h>

#include <string>

namespace tiercel::load {
namespace {

constexpr int passed = 0;
constexpr int property_failed = 1;
constexpr int could_not_run = 3;

struct bench_run {
    int code;
    std::string said;
    std::string verdict;   // the last line
};

bench_run run_bench(std::vector<std::string> arguments)
{
    test::process_options o;
    o.argv = std::move(arguments);
    o.argv.insert(o.argv.begin(), TIERCEL_BENCH_PROGRAM);
    const auto p = test::process::start(std::move(o));
    const int code = p->wait(std::chrono::seconds(120)).code;
    std::string said = p->output();
    const std::size_t end = said.find_last_not_of('\n');
    const std::size_t begin = end == std::string::npos ? 0 : said.rfind('\n', end) + 1;
    return {.code = code, .said = said, .verdict = said.substr(begin, end + 1 - begin)};
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, HoldsInItsShortForm)
{
    const bench_run r = run_bench({GetParam(), "--quick"});
    if (r.code == could_not_run) { GTEST_SKIP() << r.said; }
    EXPECT_EQ(r.code, passed) << r.said;
    EXPECT_TRUE(r.verdict.starts_with(GetParam() + ": PASS ")) << r.verdict;
}

TEST_P(Scenario, FailsWithoutTheProtectionItIsAbout)
{
    const bench_run r = run_bench({GetParam(), "--quick", "--control"});
    if (r.code == could_not_run) { GTEST_SKIP() << r.said; }
    EXPECT_EQ(r.code, property_failed) << r.said;
    EXPECT_TRUE(r.verdict.starts_with(GetParam() + " (control): FAIL ")) << r.verdict;
}

std::vector<std::string> names()
{
    std::vector<std::string> out;
    for (const scenario& s : scenarios()) { out.emplace_back(s.name); }
    return out;
}

std::string test_name(const testing::TestParamInfo<std::string>& name)
{
    std::string out = name.param;
    for (char& c : out) { c = c == '-' ? '_' : c; }
    return out;
}

INSTANTIATE_TEST_SUITE_P(Bench, Scenario, testing::ValuesIn(names()), test_name);

// The control of the scenario is the log that is not shared; these parts are about more.
TEST(PurgeScenario, FailsWithoutTheFence)
{
    const bench_run r = run_bench({"purge", "--quick", "--control", "--only", "versions"});
    EXPECT_EQ(r.code, property_failed) << r.said;
    EXPECT_TRUE(r.said.find("not ok  0 answers older") == std::string::npos && r.verdict.find("older than the last acknowledged purge") != std::string::npos)
        << r.said;
}

TEST(PurgeScenario, FailsWhenWhoStoodStillCannotLearnWhatWasPurged)
{
    const bench_run r = run_bench({"purge", "--quick", "--control", "--only", "standstill"});
    EXPECT_EQ(r.code, property_failed) << r.said;
    EXPECT_TRUE(r.verdict.find("100 stale answers") != std::string::npos) << r.said;
}

TEST(BenchProgram, RefusesWhatItDoesNotKnow)
{
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {}, {"nonsense"}, {"hit", "--nonsense"}, {"hit", "--rate", "fast"}, {"hit", "--duration", "10"}, {"hit", "--repeats", "0"},
             {"hit", "--tenants", "3"}, {"hit", "--tiercel", "/nonsense"}, {"stampede", "--only", "nonsense"}}) {
        EXPECT_EQ(run_bench(arguments).code, 2) << testing::PrintToString(arguments);
    }
}

TEST(BenchProgram, WritesItsResultsAsJsonAndAsAPage)
{
    const test::temp_dir directory;
    const bench_run r = run_bench({"hit", "--quick", "--rate", "500", "--poisson", "--repeats", "2", "--out", directory.path().native()});
    EXPECT_EQ(r.code, passed) << r.said;
    EXPECT_THAT(test::read_file(directory.path() / "hit.json"), testing::HasSubstr("\"verdict\":\"PASS\""));
    EXPECT_THAT(test::read_file(directory.path() / "index.html"), testing::HasSubstr("<svg"));
}

TEST(BenchProgram, SaysThatItCouldNotRunWhenAProgramIsMissing)
{
    const bench_run r = run_bench({"hit", "--quick", "--tiercel", "/bin/true"});
    EXPECT_EQ(r.code, could_not_run);
    EXPECT_TRUE(r.verdict.find("COULD NOT RUN") != std::string::npos || r.said.find("COULD NOT RUN") != std::string::npos) << r.said;
}

}  // namespace
}  // namespace tiercel::load
