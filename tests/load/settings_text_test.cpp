#include "load/settings_text.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace std::chrono_literals;
using namespace tiercel::load;

TEST(SettingsText, ReadsTimesWithTheirUnits)
{
    EXPECT_EQ(parse_time("250ms"), 250ms);
    EXPECT_EQ(parse_time("10s"), 10s);
    EXPECT_EQ(parse_time("5m"), 5min);
    for (const char* bad : {"", "10", "s", "-1s", "1h", "1.5s", "10 s"}) { EXPECT_THROW(parse_time(bad), std::invalid_argument) << bad; }
}

TEST(SettingsText, RefusesNumbersThatAreNone)
{
    settings s;
    for (const char* bad : {"", "0", "-1", "1x", "1.5"}) { EXPECT_THROW(option_named("keys").set(s, bad), std::invalid_argument) << bad; }
    for (const char* bad : {"", "0", "-1", "x", "nan"}) { EXPECT_THROW(option_named("rate").set(s, bad), std::invalid_argument) << bad; }
}

TEST(SettingsText, EveryOptionOfEveryScenarioHasARowThatReadsWhatItShows)
{
    for (const scenario& what : scenarios()) {
        for (const std::string_view name : what.options) {
            const option_row& row = option_named(name);
            ASSERT_EQ(row.name, name);
            settings s = what.full;
            const std::string shown = row.show(s);
            if (!row.type.empty() && !shown.empty()) { EXPECT_NO_THROW(row.set(s, shown)) << name; }
            EXPECT_EQ(row.show(s), shown);
        }
    }
}

TEST(SettingsText, EveryScenarioSaysWhatItIsAbout)
{
    for (const scenario& what : scenarios()) {
        EXPECT_EQ(find_scenario(what.name), &what);
        EXPECT_FALSE(what.property.empty());
        EXPECT_FALSE(what.control.empty());
        EXPECT_EQ(what.quick.repeats, 1u) << what.name;
    }
}
