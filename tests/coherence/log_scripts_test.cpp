#include "coherence/log_scripts.hpp"

#include <gtest/gtest.h>

namespace tiercel::coherence {
namespace {

using redis::reply;

reply text(std::string t)
{
    reply r;
    r.kind = reply::type::bulk;
    r.text = std::move(t);
    return r;
}

reply list(std::vector<reply> items)
{
    reply r;
    r.kind = reply::type::array;
    r.items = std::move(items);
    return r;
}

reply entry_with(std::vector<reply> fields) { return list({text("1700000000000016-0"), list(std::move(fields))}); }

TEST(LogEntry, IsReadWithAllItsScopes)
{
    const auto e = read_entry(entry_with({text("p"), text("1700000000000000"), text("n"), text("node"), text("s"),
                                          text("h00000000000000ff sffffffffffffffff"), text("later"), text("unknown")}));
    ASSERT_TRUE(e);
    EXPECT_EQ(e->at, 1700000000000016u);
    EXPECT_EQ(e->before, 1700000000000000u);
    EXPECT_EQ(e->node, "node");
    ASSERT_EQ(e->scopes.size(), 2u);
    EXPECT_EQ(e->scopes[0], std::pair(scope_hash{0xff}, purge_mode::hard));
    EXPECT_EQ(e->scopes[1], std::pair(~scope_hash{0}, purge_mode::soft));
}

TEST(LogEntry, OfNoOrWrongFormIsNone)
{
    EXPECT_FALSE(read_entry(entry_with({text("s"), text("h00000000000000ff")}))) << "without the one before";
    EXPECT_FALSE(read_entry(entry_with({text("p"), text("1"), text("s"), text("x00000000000000ff")})));
    EXPECT_FALSE(read_entry(entry_with({text("p"), text("1"), text("s"), text("h00ff")})));
    EXPECT_FALSE(read_entry(entry_with({text("p"), text("one")})));
    EXPECT_FALSE(read_entry(entry_with({text("p")})));
    EXPECT_FALSE(read_entry(text("p")));
}

TEST(LogEntry, HasANumberOfTheLog)
{
    for (const char* id : {"17-1", "17", "17-", "-0", "17-0x", "17x-0"}) {
        EXPECT_FALSE(read_entry(list({text(id), list({text("p"), text("1")})}))) << id;
    }
}

TEST(LogAppend, IsAnsweredByTwoNumbersAndWhichOfItsEventsWereKnownOrAWord)
{
    EXPECT_EQ(read_append(list({text("17"), text("16"), text("")}))->at, 17u);
    EXPECT_EQ(read_append(list({text("17"), text("16"), text("01")}))->known, (std::vector<bool>{false, true}));
    EXPECT_FALSE(read_append(list({text("17"), text("16"), text("02")})));
    EXPECT_FALSE(read_append(list({text("17"), text("16")})));
    EXPECT_TRUE(read_append(list({text("duplicate")}))->duplicate);
    EXPECT_FALSE(read_append(list({text("dup")})));
    EXPECT_FALSE(read_append(list({text("17x"), text("16"), text("")})));
    EXPECT_FALSE(read_append(list({text("17"), text(""), text("")})));
    EXPECT_FALSE(read_append(list({text("17"), text("16"), text(""), text("")})));
    EXPECT_FALSE(read_append(list({})));
    EXPECT_FALSE(read_append(text("duplicate")));
}

TEST(LogNode, TellsTwoNumbersAndNothingElse)
{
    EXPECT_EQ(read_node("17 1700000000000016")->applied, 17u);
    EXPECT_EQ(read_node("17 1700000000000016")->heard.count(), 1700000000000016);
    for (const char* bad : {"", "17", "17 ", " 17", "17 x", "x 17", "17 18 ", "17  18", "17 18x", "-1 18", "17 -1",
                            "17 9007199254740992", "17 18446744073709551616"}) {
        EXPECT_FALSE(read_node(bad)) << bad;
    }
}

TEST(LogTime, IsSecondsAndMicroseconds)
{
    EXPECT_EQ(read_time(list({text("1700000000"), text("16")}))->count(), 1'700'000'000'000'016);
    EXPECT_FALSE(read_time(list({text("1700000000")})));
    EXPECT_FALSE(read_time(list({text("1700000000"), text("1000000")})));
    EXPECT_FALSE(read_time(list({text("1700000000"), text("1e3")})));
    EXPECT_FALSE(read_time(list({text("99999999999"), text("0")})));
    EXPECT_FALSE(read_time(text("1700000000")));
}

TEST(LogEntry, ScoresAreReadAsRedisWritesThem)
{
    EXPECT_EQ(read_score(text("1700000000000016")), 1700000000000016u);
    EXPECT_EQ(read_score(text("1.7e+15")), 1700000000000000u);
    EXPECT_FALSE(read_score(text("inf")));
    EXPECT_FALSE(read_score(text("-1")));
    EXPECT_FALSE(read_score(text("")));
    EXPECT_FALSE(read_score(reply()));
}

TEST(Invalidation, IsTheSameAfterItWasWrittenDown)
{
    invalidation i;
    i.id = "a";
    i.event = "e";
    i.mode = purge_mode::soft;
    i.action = source_of::write;
    i.source = "feed";
    i.actor = "10.0.0.1";
    i.tenant = "t";
    i.reason = "\"because\"\n";
    i.scopes = {1, ~scope_hash{0}};
    i.names = {"tag:é"};
    invalidation back;
    ASSERT_TRUE(from_text(to_text(i), back));
    EXPECT_EQ(back.id, i.id);
    EXPECT_EQ(back.event, i.event);
    EXPECT_EQ(back.mode, i.mode);
    EXPECT_EQ(back.action, i.action);
    EXPECT_EQ(back.source, i.source);
    EXPECT_EQ(back.actor, i.actor);
    EXPECT_EQ(back.tenant, i.tenant);
    EXPECT_EQ(back.reason, i.reason);
    EXPECT_EQ(back.scopes, i.scopes);
    EXPECT_EQ(back.names, i.names);
    EXPECT_FALSE(from_text("{}", back));
    EXPECT_FALSE(from_text("no", back));
}

}  // namespace
}  // namespace tiercel::coherence
