#include "config/value.hpp"

#include <gtest/gtest.h>

namespace tiercel::config {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(Size, ReadsUnitsOfTwoAndPlainBytesAndNothingElse)
{
    struct {
        const char* text;
        byte_count want;
    } const good[] = {{"0", 0}, {"4096", 4096}, {"7B", 7}, {"64KiB", 65'536}, {"1MiB", 1 << 20}, {"2GiB", 2ull << 30}, {"1TiB", 1ull << 40}};
    for (const auto& c : good) {
        const auto r = read_size(c.text);
        ASSERT_TRUE(std::holds_alternative<byte_count>(r)) << c.text;
        EXPECT_EQ(std::get<byte_count>(r), c.want) << c.text;
    }
    for (const auto* text : {"", "KiB", "64KB", "64kib", "64 KiB", " 64", "64 ", "-1", "+1", "1.5MiB", "0x10", "64KiBs",
                             "18446744073709551616", "16777216TiB", "9999999999999999999999"}) {
        EXPECT_TRUE(std::holds_alternative<complaint>(read_size(text))) << text;
    }
}

TEST(Time, NeedsAUnitUnlessItIsZero)
{
    struct {
        const char* text;
        milliseconds want;
    } const good[] = {{"0", 0ms}, {"0s", 0ms}, {"0ms", 0ms}, {"250ms", 250ms}, {"30s", 30s}, {"5m", 5min}, {"24h", 24h}, {"7d", 168h}};
    for (const auto& c : good) {
        const auto r = read_time(c.text);
        ASSERT_TRUE(std::holds_alternative<milliseconds>(r)) << c.text;
        EXPECT_EQ(std::get<milliseconds>(r), c.want) << c.text;
    }
    for (const auto* text : {"", "5", "00", "s", "5S", "5 s", "-5s", "1.5s", "1h30m", "5sec", "1w", "1us",
                             "9223372036854775808ms", "106751991168d", "213503982335d"}) {
        EXPECT_TRUE(std::holds_alternative<complaint>(read_time(text))) << text;
    }
}

TEST(SizeAndTime, WriteWhatTheyReadInTheWayPeopleDo)
{
    for (const auto* text : {"0", "1000", "64KiB", "1MiB", "1025KiB", "2GiB", "3TiB"}) {
        EXPECT_EQ(write_size(std::get<byte_count>(read_size(text))), text);
    }
    for (const auto* text : {"0s", "1ms", "50ms", "1s", "1500ms", "60s", "5m", "90s", "1h", "24h", "7d", "25h"}) {
        EXPECT_EQ(write_time(std::get<milliseconds>(read_time(text))), text);
    }
}

TEST(Time, OfWholeSecondsRefusesLess)
{
    const auto kind = kind_for(between(0s, 1h), std::type_identity<std::chrono::seconds>());
    EXPECT_EQ(std::get<std::chrono::seconds>(kind.read("2000ms")), 2s);
    EXPECT_EQ(std::get<complaint>(kind.read("2500ms")).what, "must be whole seconds");
    EXPECT_EQ(std::get<complaint>(kind.read("2h")).what, "must be 0s to 1h");
}

TEST(Userinfo, IsCutFromAnythingThatLooksLikeAUrl)
{
    struct {
        const char* text;
        const char* want;
    } const cases[] = {
        {"redis://127.0.0.1/0", "redis://127.0.0.1/0"},
        {"redis://:secret@h/0", "redis://***@h/0"},
        {"redis://u:secret@h/0", "redis://***@h/0"},
        {"redis://u:se@cret@h/0", "redis://***@h/0"},
        {"redis://u:se/cr?et@h/0", "redis://***@h/0"},
        {"'http://u:p@h' is wrong", "'http://***@h' is wrong"},
        {"a@b", "a@b"},
        {"a@b://c", "a@b://c"},
        {"", ""},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(without_userinfo(c.text), c.want);
    }
}

}  // namespace
}  // namespace tiercel::config
