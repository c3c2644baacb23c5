#include "config/spelling.hpp"

#include <gtest/gtest.h>

#include <array>

namespace tiercel::config {
namespace {

TEST(Spelling, CountsInsertionsDeletionsReplacementsAndSwaps)
{
    struct {
        const char* a;
        const char* b;
        std::size_t want;
    } const cases[] = {
        {"", "", 0},          {"", "abc", 3},         {"abc", "", 3},          {"route", "routes", 1}, {"rotues", "routes", 1},
        {"max-bytes", "max_bytes", 0}, {"MAX_BYTES", "max_bytes", 0}, {"listen", "silent", 4}, {"ca", "abc", 3}, {"abcd", "acbd", 1},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(spelling_distance(c.a, c.b), c.want) << c.a << " " << c.b;
        EXPECT_EQ(spelling_distance(c.b, c.a), c.want) << c.a << " " << c.b;
    }
}

TEST(Spelling, SuggestsWhatIsNearAndNothingElse)
{
    constexpr std::array<std::string_view, 5> names{"listen", "limits", "timeouts", "threads", "to"};
    EXPECT_EQ(nearest_name("lisen", names), "listen");
    EXPECT_EQ(nearest_name("timeout", names), "timeouts");
    EXPECT_EQ(nearest_name("trheads", names), "threads");
    EXPECT_EQ(nearest_name("limit", names), "limits");
    EXPECT_EQ(nearest_name("colour", names), "");
    EXPECT_EQ(nearest_name("x", names), "");
    EXPECT_EQ(nearest_name("", names), "");
    EXPECT_EQ(nearest_name(std::string(1'000'000, 'x'), names), "");
}

}  // namespace
}  // namespace tiercel::config
