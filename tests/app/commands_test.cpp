#include "app/commands.hpp"

#include "config/config_loader.hpp"
#include "config/config_print.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace tiercel::app {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Commands : testing::Test {
    std::filesystem::path folder = std::filesystem::temp_directory_path() / ("tiercel-commands-" + std::to_string(::getpid()));
    std::ostringstream out;
    std::ostringstream err;
    console io{out, err};
    config::environment env = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };

    void SetUp() override { std::filesystem::create_directories(folder); }
    void TearDown() override { std::filesystem::remove_all(folder); }
    std::string file(const std::string& text)
    {
        const auto path = folder / "t.yaml";
        std::ofstream(path) << text;
        return path.string();
    }
};

constexpr auto good = "origins: { shop: { endpoints: [http://127.0.0.1:3000] } }\nroutes: [ { origin: shop } ]\n";

TEST_F(Commands, CheckSaysOkOrListsEveryProblemOnALineOfItsOwn)
{
    const auto name = file(good);
    EXPECT_EQ(check(name, env, io), done);
    EXPECT_EQ(out.str(), name + ": ok\n");
    EXPECT_EQ(err.str(), "");

    file(std::string(good) + "server: { thread: 1 }\nlog: { level: loud }\n");
    out.str("");
    EXPECT_EQ(check(name, env, io), bad_usage);
    EXPECT_EQ(out.str(), "");
    EXPECT_EQ(err.str(), name + ":3:11: server.thread: is not a known key (did you mean threads?)\n" + name +
                             ":4:15: log.level: \"loud\" must be debug, info, warn or error\n");
}

TEST_F(Commands, CheckWarnsAndIsContentAllTheSame)
{
    const auto name = file(std::string(good) + "log: { file: /no/such/folder/x.log }\n");
    EXPECT_EQ(check(name, env, io), done);
    EXPECT_EQ(out.str(), name + ": can be used, see the warnings\n");
    EXPECT_EQ(err.str(), name + ":3:14: warning: log.file: there is no folder /no/such/folder on this machine, without which nothing starts\n");
}

TEST_F(Commands, ConfigPrintsValuesWithTheirSourceOrTheProblems)
{
    const auto name = file(good);
    EXPECT_EQ(show_config(name, env, io), done);
    EXPECT_THAT(out.str(), HasSubstr("routes[0].origin: shop   # " + name + ":2\n"));
    EXPECT_EQ(err.str(), "");
    EXPECT_EQ(show_config("/nonexistent", env, io), bad_usage);
    EXPECT_THAT(err.str(), HasSubstr("/nonexistent:1:1: does not exist\n"));
}

TEST_F(Commands, ReferencePassesCheck)
{
    EXPECT_EQ(show_reference(io), done);
    EXPECT_EQ(check(file(out.str()), env, io), done) << err.str();
}

TEST_F(Commands, TheUsualFileIsTheFirstThatExists)
{
    const auto name = file(good);
    EXPECT_EQ(usual_file({"/nonexistent", name, "/"}), name);
    EXPECT_EQ(usual_file({"/nonexistent"}), std::nullopt);
}

}  // namespace
}  // namespace tiercel::app
