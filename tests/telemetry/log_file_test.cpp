#include "telemetry/log_file.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace tiercel::telemetry {
namespace {

using test::read_file;

TEST(LogFile, AppendsToWhatIsThere)
{
    const test::temp_dir dir;
    const auto path = dir.write("a.log", "old\n");
    log_file file(path, 2);
    EXPECT_EQ(file.write("new\n"), 0u);
    EXPECT_EQ(read_file(path), "old\nnew\n");
}

TEST(LogFile, ReopenedWritesToTheNewFile)
{
    const test::temp_dir dir;
    const auto path = dir.path() / "a.log";
    log_file file(path, 2);
    file.write("one\n");
    std::filesystem::rename(path, dir.path() / "a.log.1");
    file.write("two\n");
    EXPECT_TRUE(file.reopen());
    file.write("three\n");
    EXPECT_EQ(read_file(dir.path() / "a.log.1"), "one\ntwo\n");
    EXPECT_EQ(read_file(path), "three\n");
}

TEST(LogFile, AFailedReopenKeepsTheOldFile)
{
    const test::temp_dir dir;
    const auto folder = dir.path() / "logs";
    std::filesystem::create_directory(folder);
    log_file file(folder / "a.log", 2);
    std::filesystem::rename(folder, dir.path() / "moved");
    EXPECT_FALSE(file.reopen());
    EXPECT_EQ(file.write("still\n"), 0u);
    EXPECT_EQ(read_file(dir.path() / "moved" / "a.log"), "still\n");
}

TEST(LogFile, SaysHowMuchAFullDiskLost)
{
    log_file file("/dev/full", 2);
    EXPECT_EQ(file.write("12345\n"), 6u);
    EXPECT_EQ(file.last_error(), ENOSPC);
}

TEST(LogFile, ThrowsWhenTheFileCannotBeMade)
{
    EXPECT_THROW(log_file("/nowhere/at/all.log", 2), std::system_error);
}

}  // namespace
}  // namespace tiercel::telemetry
