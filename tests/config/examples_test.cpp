#include "config/config_print.hpp"
#include "config/load_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tiercel::config {
namespace {

const std::filesystem::path folder = TIERCEL_CONF_DIR;

TEST(Examples, EveryShippedFileIsValid)
{
    std::size_t files = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
        if (file.path().extension() == ".yaml") {
            EXPECT_THAT(lines(load(file.path(), no_environment())), testing::IsEmpty());
            ++files;
        }
    }
    EXPECT_GE(files, 1u);
}

TEST(Examples, TheReferenceIsWhatTheTablePrints)
{
    std::ifstream in(folder / "reference.yaml");
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str(), reference_text()) << "print it anew: tiercel config --reference > conf/reference.yaml";
}

}  // namespace
}  // namespace tiercel::config
