#include "config/load_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace tiercel::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Include : testing::Test {
    std::filesystem::path folder = std::filesystem::temp_directory_path() / ("tiercel-include-" + std::to_string(::getpid()));

    void SetUp() override { std::filesystem::create_directories(folder / "conf.d"); }
    void TearDown() override { std::filesystem::remove_all(folder); }

    void write(const std::string& name, const std::string& text) { std::ofstream(folder / name) << text; }
    loaded load_main(const std::string& text, const environment& env = no_environment())
    {
        write("main.yaml", text);
        return load(folder / "main.yaml", env);
    }
    // Without the folder, which differs from run to run.
    std::vector<std::string> short_lines(const loaded& l)
    {
        auto all = lines(l);
        for (auto& line : all) {
            const auto prefix = folder.string() + "/";
            for (auto at = line.find(prefix); at != line.npos; at = line.find(prefix)) {
                line.erase(at, prefix.size());
            }
        }
        return all;
    }
};

TEST_F(Include, MergesMapsAppendsListsInTheOrderOfNames)
{
    write("conf.d/20-b.yaml", "routes: [ { origin: b, match: { path: /b } } ]\norigins: { b: { endpoints: [http://127.0.0.1:2] } }\n");
    write("conf.d/10-a.yaml", "routes: [ { origin: a, match: { path: /a } } ]\norigins: { a: { endpoints: [http://127.0.0.1:1] } }\n");
    write("conf.d/ignored.txt", "not: [ yaml");
    const auto l = load_main("include: [conf.d/*.yaml]\n"
                             "origins: { main: { endpoints: [http://127.0.0.1:3] } }\n"
                             "routes: [ { origin: main, match: { path: /main } } ]\n"
                             "server: { threads: 1 }\n");
    ASSERT_THAT(short_lines(l), IsEmpty());
    EXPECT_EQ(l.value.origins.size(), 3u);
    ASSERT_EQ(l.value.routes.size(), 3u);
    EXPECT_EQ(l.value.routes[0].origin, "main");
    EXPECT_EQ(l.value.routes[1].origin, "a");
    EXPECT_EQ(l.value.routes[2].origin, "b");
    EXPECT_EQ(l.source_of("routes[1].origin"), (folder / "conf.d/10-a.yaml").string() + ":1");
    EXPECT_EQ(l.value.include, std::vector<std::string>{"conf.d/*.yaml"});
}

TEST_F(Include, AMapMayBeSpreadOverFilesButAValueMayNot)
{
    write("more.yaml", "origins: { o: { try_timeout: 5s, retry: { max: 1 } } }\nserver: { threads: 2 }\nlog: { level: warn }\n");
    const auto l = load_main("include: [more.yaml]\n"
                             "origins: { o: { endpoints: [http://127.0.0.1:3], retry: { base: 1ms } } }\n"
                             "routes: [ { origin: o } ]\n"
                             "server: { threads: 1 }\n");
    EXPECT_THAT(short_lines(l), ElementsAre("more.yaml:2:20: server.threads: is already set at main.yaml:4"));
    EXPECT_EQ(l.value.origins.at("o").retry.max, 1u);
    EXPECT_EQ(l.value.server.threads, 1u);
}

TEST_F(Include, ReportsProblemsInTheFileWhereTheyAre)
{
    write("a.yaml", "\nserver: { thread: 2 }\n");
    write("b.yaml", "server: [\n");
    const auto unknown = load_main(with_minimal("include: [a.yaml]\n"));
    EXPECT_THAT(short_lines(unknown), ElementsAre("a.yaml:2:11: server.thread: is not a known key (did you mean threads?)"));
    const auto broken = load_main(with_minimal("include: [b.yaml]\nsever: 1\n"));
    ASSERT_EQ(broken.problems.size(), 1u);
    EXPECT_THAT(short_lines(broken)[0], HasSubstr("b.yaml:2:1: is not YAML"));
}

TEST_F(Include, AFileThatIsNamedMustExistAPatternMayMatchNothing)
{
    EXPECT_THAT(short_lines(load_main(with_minimal("include: [gone.yaml]\n"))),
                ElementsAre("main.yaml:3:11: include: gone.yaml does not exist"));
    EXPECT_THAT(short_lines(load_main(with_minimal("include: [nothing/*.yaml]\n"))), IsEmpty());
}

TEST_F(Include, OnlyTheMainFileIncludesAndEachFileOnce)
{
    write("a.yaml", "include: [b.yaml]\n");
    write("b.yaml", "server: { threads: 3 }\n");
    EXPECT_THAT(short_lines(load_main(with_minimal("include: [a.yaml]\n"))),
                ElementsAre("a.yaml:1:1: include: an included file cannot include others"));
    EXPECT_THAT(short_lines(load_main(with_minimal("include: [b.yaml, ./b.yaml]\n"))),
                ElementsAre("main.yaml:3:19: include: ./b.yaml is included twice"));
    EXPECT_THAT(short_lines(load_main(with_minimal("include: [\"[bm]*.yaml\", b.yaml]\n"))),
                ElementsAre("main.yaml:3:25: include: b.yaml is included twice"));
    EXPECT_THAT(short_lines(load_main(with_minimal("include: [b.yaml, \"*.yaml\"]\n"))),
                ElementsAre("a.yaml:1:1: include: an included file cannot include others"));
}

TEST_F(Include, NamesMayComeFromTheEnvironment)
{
    write("b.yaml", "server: { threads: 3 }\n");
    const auto l = load_main(with_minimal("include: [\"${WHICH}.yaml\"]\n"), environment_of({{"WHICH", "b"}}));
    ASSERT_THAT(short_lines(l), IsEmpty());
    EXPECT_EQ(l.value.server.threads, 3u);
    EXPECT_EQ(load_main(with_minimal("include: [\"${WHICH}.yaml\"]\n")).problems.size(), 1u);
}

TEST_F(Include, WrongShapesAreReportedOnce)
{
    EXPECT_THAT(short_lines(load_main(with_minimal("include: b.yaml\n"))), ElementsAre("main.yaml:3:10: include: must be a list, as in [ a, b ]"));
    EXPECT_THAT(short_lines(load_main(with_minimal("include: [ [b.yaml] ]\n"))), ElementsAre("main.yaml:3:12: include[0]: must be a single value"));
}

}  // namespace
}  // namespace tiercel::config
