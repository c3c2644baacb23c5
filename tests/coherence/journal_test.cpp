#include "coherence/journal.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace tiercel::coherence {
namespace {

using as = journal::added::as;

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
        EXPECT_EQ(j.add(of_scope(7)).what, as::kept);
        EXPECT_EQ(j.add(of_scope(0xffff'ffff'ffff'ffffu, purge_mode::soft)).what, as::kept);
        EXPECT_EQ(j.add(of_scope(9)).what, as::kept);
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
    EXPECT_EQ(j.add(of_scope(1)).what, as::kept);
    EXPECT_EQ(j.add(of_scope(1)).what, as::known);
    EXPECT_EQ(j.add(of_scope(1, purge_mode::soft)).what, as::kept);
    EXPECT_EQ(j.add(of_scope(2)).what, as::full);
    EXPECT_EQ(j.size(), 2u);
}

TEST(Journal, WhatHasTheSameEffectAsOneThatIsUnderWayWaitsBehindIt)
{
    journal j({}, 5);
    j.add(of_scope(1));
    j.begin_front();
    EXPECT_EQ(j.add(of_scope(1)).what, as::kept) << "others may have applied the first, and fetched, before this came";
    j.pop();
    EXPECT_EQ(j.size(), 1u);
    EXPECT_EQ(j.add(of_scope(1)).what, as::known);
}

TEST(Journal, HoweverOftenTheFirstIsTriedItsLikeWaitsBehindItOnce)
{
    journal j({}, 5);
    invalidation like = of_scope(1);
    j.add(like);
    for (const char* id : {"second", "third", "fourth"}) {
        j.begin_front();   // and it could not be sent
        like.id = id;
        j.add(like);
    }
    EXPECT_EQ(j.size(), 2u);
    j.pop();
    EXPECT_EQ(j.front().id, "second");
    j.begin_front();
    like.id = "fifth";
    EXPECT_EQ(j.add(like).what, as::kept);
}

TEST(Journal, ManyAreKeptTogetherWhatIsOfEqualEffectOnceAndWhatFindsNoRoomIsCounted)
{
    test::temp_dir dir;
    const journal_options o{.path = dir.path() / "journal", .max_bytes = 1'000'000};
    std::vector<invalidation> many;
    for (scope_hash s = 1; s <= 100; ++s) { many.push_back(of_scope(s)); }
    many.push_back(of_scope(100));
    {
        journal j(o, 51);
        j.add(of_scope(7));
        EXPECT_EQ(j.add_all(many), 50u);
        EXPECT_EQ(j.size(), 51u);
        EXPECT_EQ(j.add_all({}), 0u);
    }
    journal again(o, 100);
    EXPECT_EQ(again.size(), 51u);
    EXPECT_EQ(again.add(of_scope(20)).what, as::known);
    journal narrow({.path = dir.path() / "narrow", .max_bytes = 1'000}, 1'000);
    const std::size_t refused = narrow.add_all(many);
    EXPECT_GT(refused, 0u);
    EXPECT_EQ(narrow.size() + refused, 100u + 1u) << "the last one is refused like its like";
}

TEST(Journal, WhatIsMergedSaysIntoWhichAlsoAfterARestart)
{
    test::temp_dir dir;
    const journal_options o{.path = dir.path() / "journal"};
    invalidation second = of_scope(1);
    second.id = "second";
    {
        journal j(o, 100);
        j.add(of_scope(1));
        j.add(of_scope(2));
        EXPECT_EQ(j.add(second).into, "id-1");
        EXPECT_EQ(j.size(), 2u);
    }
    journal again(o, 100);
    EXPECT_EQ(again.size(), 2u);
    const std::vector<journal::found_line> found = again.take_found();
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].into, "");
    EXPECT_EQ(found[2].what.id, "second");
    EXPECT_EQ(found[2].into, "id-1");
}

// Somebody who repeats the same order while Redis is away must not use up the room of those who give new ones.
TEST(Journal, WhatIsMergedLeavesHalfOfTheFileToOthers)
{
    test::temp_dir dir;
    const journal_options o{.path = dir.path() / "journal", .max_bytes = 4'000};
    journal j(o, 100);
    j.add(of_scope(1));
    invalidation same = of_scope(1);
    for (int n = 0; n < 100; ++n) {
        same.id = "again-" + std::to_string(n);
        EXPECT_EQ(j.add(same).what, as::known);
    }
    for (scope_hash s = 2; s < 10; ++s) { EXPECT_EQ(j.add(of_scope(s)).what, as::kept) << s; }
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
    EXPECT_EQ(j.add(of_scope(1)).what, as::kept);
    as last = as::kept;
    for (scope_hash s = 2; s < 10 && last == as::kept; ++s) { last = j.add(of_scope(s)).what; }
    EXPECT_EQ(last, as::full);
}

TEST(Journal, APlaceThatCannotBeWrittenIsSaidAtTheStart)
{
    EXPECT_THROW(journal({.path = "/nowhere/at/all"}, 1), std::runtime_error);
}

}  // namespace
}  // namespace tiercel::coherence
