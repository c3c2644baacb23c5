// HTTP caching as docs/http-caching.md demands it, over the wire: each case of the tables is a test of its own, played
//   - by the server in this program, with a clock that the case moves, in the default profile and in conf/rfc9111.yaml,
//   - by the program as users run it, in both profiles too, as far as the case needs no clock.
//
//     conformance_test --gtest_filter='rfc9111.4.2*'       the cases of one demand
//
// Nothing may deviate but what expected_deviations.cpp lists.

#include "expected_deviations.hpp"
#include "play.hpp"
#include "stage.hpp"
#include "support/proxy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace tiercel::conformance {
namespace {

enum class place { in_process, binary };

// One column of the summary.
struct series {
    const char* name;
    profile of;
    place where;
};
constexpr std::array all_series{
    series{"default", profile::standard, place::in_process},
    series{"rfc9111", profile::rfc9111, place::in_process},
    series{"default-program", profile::standard, place::binary},
    series{"rfc9111-program", profile::rfc9111, place::binary},
};

const table& table_of(profile p)
{
    static const table standard = all_cases(profile::standard);
    static const table full = all_cases(profile::rfc9111);
    return p == profile::standard ? standard : full;
}

// ---- what came out ---------------------------------------------------------------------------------------------------

struct tally {
    int played = 0;
    int held = 0;
};

struct results {
    std::map<std::string, std::map<int, tally>> by_series;       // name of the series, section
    std::map<std::string, std::set<bool>> of_expected;           // title of an expected deviation: how it came out
};

results& so_far()
{
    static results r;
    return r;
}

const expected_deviation* expected_for(const script& s)
{
    const auto list = expected_deviations();
    const auto at = std::find_if(list.begin(), list.end(), [&](const expected_deviation& d) { return d.title == s.title(); });
    return at == list.end() ? nullptr : &*at;
}

int section_of(const script& s) { return std::stoi(s.demand()); }

// ---- one case --------------------------------------------------------------------------------------------------------

// Servers start when their first case is played and stay until all are.
std::map<std::string, std::unique_ptr<stage>>& stages()
{
    static std::map<std::string, std::unique_ptr<stage>> all;
    return all;
}

stage& stage_of(const series& in)
{
    auto& slot = stages()[in.name];
    if (slot == nullptr) {
        slot = in.where == place::in_process ? make_scenario_stage(in.of) : make_binary_stage(in.of);
    }
    return *slot;
}

class case_test : public testing::Test {
public:
    case_test(const series& in, const script& s) : in_(in), script_(s) {}

    void TestBody() override
    {
        const std::vector<std::string> deviations = play(script_, stage_of(in_));
        tally& t = so_far().by_series[in_.name][section_of(script_)];
        ++t.played;
        t.held += deviations.empty() ? 1 : 0;
        if (const expected_deviation* known = expected_for(script_)) {
            so_far().of_expected[script_.title()].insert(deviations.empty());
            if (!deviations.empty()) {
                GTEST_SKIP() << "deviates as expected (" << known->reason << "): " << deviations.front();
            }
            return;
        }
        for (const std::string& d : deviations) { ADD_FAILURE() << script_.title() << "\n  " << d; }
    }

private:
    const series& in_;
    const script& script_;
};

void register_cases()
{
    for (const series& in : all_series) {
        for (const script& s : table_of(in.of).cases()) {
            if (in.where == place::binary && s.needs_clock()) { continue; }
            testing::RegisterTest(in.name, s.title().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                                  [&in, &s]() -> testing::Test* { return new case_test(in, s); });
        }
    }
}

// ---- the tables themselves -------------------------------------------------------------------------------------------

// The numbers that docs/http-caching.md defines, "- **4.2**".
std::set<std::string> demands()
{
    std::ifstream in(TIERCEL_SOURCE_DIR "/docs/http-caching.md");
    std::set<std::string> out;
    const std::regex number(R"(^- \*\*(\d+\.\d+)\*\* )");
    std::smatch found;
    for (std::string line; std::getline(in, line);) {
        if (std::regex_search(line, found, number)) { out.insert(found[1]); }
    }
    return out;
}

TEST(Tables, HaveAtLeastThreeHundredCasesInEachProfile)
{
    EXPECT_GE(table_of(profile::standard).cases().size(), 300U);
    EXPECT_EQ(table_of(profile::standard).cases().size(), table_of(profile::rfc9111).cases().size());
}

TEST(Tables, NameEachCaseOnceAndByADemandThatExists)
{
    const auto numbers = demands();
    std::set<std::string> titles;
    for (const script& s : table_of(profile::standard).cases()) {
        EXPECT_TRUE(titles.insert(s.title()).second) << s.title();
        EXPECT_TRUE(numbers.contains(s.demand())) << s.title();
    }
    for (const expected_deviation& d : expected_deviations()) { EXPECT_TRUE(titles.contains(std::string(d.title))) << d.title; }
}

TEST(Tables, HaveACaseForEachDemand)
{
    std::set<std::string> covered;
    for (const script& s : table_of(profile::standard).cases()) { covered.insert(s.demand()); }
    EXPECT_FALSE(demands().empty());
    for (const std::string& number : demands()) { EXPECT_TRUE(covered.contains(number)) << number; }
}

// `tiercel config` tells for each key where its value comes from.
TEST(Profiles, DifferInThreeKeysOfTheRouteAndNowhereElse)
{
    const test::command_result printed = test::run_tiercel({"config", TIERCEL_SOURCE_DIR "/conf/rfc9111.yaml"});
    std::set<std::string> set;
    std::istringstream in(printed.output);
    for (std::string line; std::getline(in, line);) {
        const bool is_address = line.starts_with("server.listen") || line.starts_with("admin.listen") || line.starts_with("origins.shop.endpoints") ||
                                line.starts_with("routes[0].name") || line.starts_with("routes[0].match") || line.starts_with("routes[0].origin");
        if (!is_address && !line.ends_with("# default")) { set.insert(line.substr(0, line.find("   #"))); }
    }
    EXPECT_EQ(set, (std::set<std::string>{"routes[0].set_cookie: store", "routes[0].store_errors: explicit", "routes[0].request_directives: honour"}));
}

// ---- the end ---------------------------------------------------------------------------------------------------------

void print_summary()
{
    std::set<int> sections;
    for (const auto& [name, of_series] : so_far().by_series) {
        for (const auto& [section, t] : of_series) { sections.insert(section); }
    }
    std::printf("\nsection");
    for (const series& s : all_series) { std::printf("%17s", s.name); }
    std::printf("   (cases that hold / cases)\n");
    std::map<std::string, tally> sums;
    const auto print_cell = [](const tally& t) {
        std::printf("%17s", t.played == 0 ? "-" : (std::to_string(t.held) + "/" + std::to_string(t.played)).c_str());
    };
    for (const int section : sections) {
        std::printf("%7d", section);
        for (const series& s : all_series) {
            const tally t = so_far().by_series[s.name][section];
            sums[s.name].played += t.played;
            sums[s.name].held += t.held;
            print_cell(t);
        }
        std::printf("\n");
    }
    std::printf("    all");
    for (const series& s : all_series) { print_cell(sums[s.name]); }
    std::printf("\n");
    if (!expected_deviations().empty()) { std::printf("\nexpected deviations:\n"); }
    for (const expected_deviation& d : expected_deviations()) {
        std::printf("  %s\n      %s\n", std::string(d.title).c_str(), std::string(d.reason).c_str());
    }
}

// A case that is listed as deviating and holds wherever it was played must leave the list.
int count_obsolete()
{
    int n = 0;
    for (const auto& [title, ways] : so_far().of_expected) {
        if (!ways.contains(false)) {
            std::printf("[  FAILED  ] it holds, so take it out of expected_deviations.cpp: %s (0 ms)\n", title.c_str());
            ++n;
        }
    }
    return n;
}

}  // namespace
}  // namespace tiercel::conformance

int main(int argc, char** argv)
{
    using namespace tiercel::conformance;
    testing::InitGoogleTest(&argc, argv);
    register_cases();
    const int failed = RUN_ALL_TESTS();
    stages().clear();
    print_summary();
    return count_obsolete() != 0 || failed != 0 ? 1 : 0;
}
