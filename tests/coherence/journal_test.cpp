#include "coherence/journal.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace tiercel::coherence {
namespace {

invalidation of_scope(scope_hash s, purge_mode mode = purge_mode::hard)
{
    invalidation i;
    i.id = "id-" + std::to_string(s);
    i.mode = mode;
    i.tenant = "shop";
    i.actor = "somebody \"quoted\"";
    i.scopes = {s};
    i.names = {"tag:x"};
    return i;
}

TEST(Journal, WhatIsKeptOutlivesTheProcessInItsOrder)
{
    test::temp_dir dir;
    const journal_options o{.path = dir.path() / "journal"};
    {
        journal j(o, 100);
        EXPECT_EQ(j.add(of_scope(7)), journal::added::kept);
        EXPECT_EQ(j.add(of_scope(0xffff'ffff'ffff'ffffu, purge_mode::soft)), journal::added::kept);
        EXPECT_EQ(j.add(of_scope(9)), journal::added::kept);
    }
    journal again(o, 100);
    ASSERT_EQ(again.size(), 3u);
    EXPECT_EQ(again.front().scopes, std::vector<scope_hash>{7});
    EXPECT_EQ(again.front().actor, "somebody \"quoted\"");
    again.pop();
    EXPECT_EQ(again.front().scopes, std::vector<scope_hash>{0xffff'ffff'ffff'ffffu});
    EXPECT_EQ(again.front().mode, purge_mode::soft);
    again.pop();
    again.pop();
    EXPECT_TRUE(again.empty());
    EXPECT_TRUE(journal(o, 100).empty());
}

TEST(Journal, WhatHasTheSameEffectWaitsOnce)
{
    journal j({}, 2);
    EXPECT_EQ(j.add(of_scope(1)), journal::added::kept);
    EXPECT_EQ(j.add(of_scope(1)), journal::added::known);
    EXPECT_EQ(j.add(of_scope(1, purge_mode::soft)), journal::added::kept);
    EXPECT_EQ(j.add(of_scope(2)), journal::added::full);
    EXPECT_EQ(j.size(), 2u);
}

TEST(Journal, WhatHasTheSameEffectAsOneThatIsUnderWayWaitsBehindIt)
{
    journal j({}, 5);
    j.add(of_scope(1));
    j.begin_front();
    EXPECT_EQ(j.add(of_scope(1)), journal::added::kept) << "others may have applied the first, and fetched, before this came";
    j.pop();
    EXPECT_EQ(j.size(), 1u);
    EXPECT_EQ(j.add(of_scope(1)), journal::added::known);
}

TEST(Journal, ALineThatACrashCutOffIsDroppedAndTheRestIsRead)
{
    test::temp_dir dir;
    const journal_options o{.path = dir.path() / "journal"};
    {
        journal j(o, 100);
        j.add(of_scope(1));
    }
    std::ofstream(o.path, std::ios::app) << R"({"id":"half","scop)";
    {
        journal j(o, 100);
        ASSERT_EQ(j.size(), 1u);
        j.add(of_scope(2));
    }
    EXPECT_EQ(journal(o, 100).size(), 2u);
}

TEST(Journal, AFileThatIsFullRefuses)
{
    test::temp_dir dir;
    journal j({.path = dir.path() / "journal", .max_bytes = 400}, 100);
    EXPECT_EQ(j.add(of_scope(1)), journal::added::kept);
    journal::added last = journal::added::kept;
    for (scope_hash s = 2; s < 10 && last == journal::added::kept; ++s) { last = j.add(of_scope(s)); }
    EXPECT_EQ(last, journal::added::full);
}

TEST(Journal, APlaceThatCannotBeWrittenIsSaidAtTheStart)
{
    EXPECT_THROW(journal({.path = "/nowhere/at/all"}, 1), std::runtime_error);
}

}  // namespace
}  // namespace tiercel::coherence
