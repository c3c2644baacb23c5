#include "coherence/recent_writes.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;

// Scopes 1, 2, … with no meaning; of a URL 10 by http and 11 by https.
class RecentWrites : public testing::Test {
protected:
    void write(std::vector<scope_hash> scopes, sequence at, purge_mode mode = purge_mode::hard) { writes.note(scopes, mode, at, now); }
    std::optional<recent_writes::match> ask(std::vector<scope_hash> scopes, sequence happened, std::string_view event = "e",
                                            std::vector<std::size_t> widths = {}, purge_mode mode = purge_mode::soft)
    {
        if (widths.empty()) { widths.assign(scopes.size(), 1); }
        return writes.find({scopes, widths, mode, happened, event}, now);
    }

    instant now{1h};
    recent_writes writes{10s, 100};
};

TEST_F(RecentWrites, ExplainAnEventThatNamesNothingElse)
{
    write({1, 2, 3}, 1000);
    EXPECT_TRUE(ask({2, 1}, 900));
    EXPECT_TRUE(ask({3}, 1000)) << "at the same moment";
    EXPECT_FALSE(ask({1, 4}, 900)) << "it did not raise that";
    EXPECT_FALSE(ask({1}, 1001)) << "what was fetched since may be older than that";
    EXPECT_FALSE(ask({}, 900));
}

TEST_F(RecentWrites, OfDifferentKindsExplainNothingTogether)
{
    write({1}, 1000);
    write({2}, 1001);
    EXPECT_FALSE(ask({1, 2}, 900));
}

TEST_F(RecentWrites, ExplainOneEventEach)
{
    write({1}, 1000);
    write({1}, 2000);
    const auto first = ask({1}, 900, "a");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->at, 1000u);
    writes.give(first->number, "a");
    EXPECT_EQ(ask({1}, 900, "a")->at, 1000u) << "come again";
    const auto second = ask({1}, 900, "b");
    ASSERT_TRUE(second);
    EXPECT_EQ(second->at, 2000u);
    writes.give(second->number, "b");
    EXPECT_FALSE(ask({1}, 900, "c"));
}

TEST_F(RecentWrites, LeaveTheUrlByTheOtherSchemeToTheEvent)
{
    write({1, 10}, 1000);
    const auto m = ask({10, 11, 1}, 900, "e", {2, 1});
    ASSERT_TRUE(m);
    EXPECT_EQ(m->rest, std::vector<scope_hash>{11});
    EXPECT_FALSE(ask({20, 21, 1}, 900, "e", {2, 1}));
}

TEST_F(RecentWrites, ThatOnlyOutdatedDoNotExplainWhatRemoves)
{
    write({1}, 1000, purge_mode::soft);
    EXPECT_TRUE(ask({1}, 900));
    EXPECT_FALSE(ask({1}, 900, "e", {}, purge_mode::hard));
}

TEST_F(RecentWrites, AreForgottenAfterATimeAndWhenThereAreMore)
{
    write({1}, 1000);
    now += 10s;
    EXPECT_TRUE(ask({1}, 900));
    now += 1ms;
    EXPECT_FALSE(ask({1}, 900));
    write({2}, 2000);
    const auto old = ask({2}, 900);
    std::vector<scope_hash> many(100);
    std::iota(many.begin(), many.end(), 1000u);
    write(many, 3000);
    EXPECT_FALSE(ask({2}, 900));
    EXPECT_TRUE(ask({1050}, 900));
    writes.give(old->number, "late");
    EXPECT_TRUE(ask({1050}, 900, "other"));
}

}  // namespace
}  // namespace tiercel::coherence
