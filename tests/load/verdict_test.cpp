#include "load/verdict.hpp"

#include <gtest/gtest.h>

#include <limits>

using namespace tiercel::load;

TEST(Verdict, SaysTheFirstCheckWhenAllHold)
{
    const verdict v = verdict_of({count_at_most(1, "origin request", "for 1500", 1), count_at_most(0, "error", "", 0)});
    EXPECT_TRUE(v.passed);
    EXPECT_EQ(v.sentence, "1 origin request for 1500 (limit 1)");
}

TEST(Verdict, SaysTheFirstCheckThatDoesNotHold)
{
    const verdict v = verdict_of({count_at_most(1, "origin request", "for 1500", 1), count_at_most(3, "error", "", 0),
                                  ratio_at_least(0.5, "of the goodput", 0.95)});
    EXPECT_FALSE(v.passed);
    EXPECT_EQ(v.sentence, "3 errors (limit 0)");
}

TEST(Verdict, FailsWhenNothingWasChecked)
{
    EXPECT_FALSE(verdict_of({}).passed);
}

TEST(Verdict, NeverHoldsForWhatIsNotANumber)
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_FALSE(ratio_at_most(nan, "of anything", 1).holds());
    EXPECT_FALSE(ratio_at_least(nan, "of anything", 1).holds());
    EXPECT_FALSE(merged({ratio_at_most(0.5, "x", 1), ratio_at_most(nan, "x", 1)}).holds());
}

TEST(Verdict, TakesTheWorstOfCountsAndTheMedianOfRatios)
{
    EXPECT_EQ(merged({count_at_most(1, "a", "", 1), count_at_most(4, "a", "", 1), count_at_most(0, "a", "", 1)}).value, 4);
    EXPECT_EQ(merged({count_at_least(5, "a", "", 3), count_at_least(2, "a", "", 3)}).value, 2);
    EXPECT_EQ(merged({ratio_at_most(1.1, "x", 1.2), ratio_at_most(9, "x", 1.2), ratio_at_most(1.0, "x", 1.2)}).value, 1.1);
}

TEST(Verdict, WritesRatiosWithTwoDigits)
{
    EXPECT_EQ(sentence_of(ratio_at_most(1.123, "the limit's CPU per hit", 1.2)), "1.12 x the limit's CPU per hit (limit 1.20)");
    EXPECT_EQ(sentence_of(count_at_least(2, "hit", "again", 3)), "2 hits again (at least 3)");
}
