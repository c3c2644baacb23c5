#include <tiercel/scope.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace tiercel {
namespace {

TEST(Scope, HashesDifferByKindTenantAndName)
{
    std::set<scope_hash> seen;
    for (const auto kind : {scope_kind::all, scope_kind::tenant, scope_kind::host, scope_kind::url, scope_kind::prefix,
                            scope_kind::entity, scope_kind::entity_list, scope_kind::tag, scope_kind::group}) {
        for (const std::string_view tenant : {"", "a", "ab", "b"}) {
            for (const std::string_view name : {"", "b", "c", "bc", "ab"}) {
                EXPECT_TRUE(seen.insert(hash_scope(kind, tenant, name)).second);
            }
        }
    }
}

TEST(Scope, HashesAreTheSameInEveryProcessAndBuild)
{
    // They are stored in L2 and sent in events; changing them makes old entries deaf to new purges.
    EXPECT_EQ(hash_scope(scope_kind::tag, "shop", "red"), 16271519853139150518u);
    EXPECT_EQ(hash_scope(scope_kind::all, "", ""), 6845432796368301014u);
}

TEST(Validity, AnEntryIsGoodUntilOneOfItsScopesIsRaised)
{
    const auto v = std::make_unique<validity>();
    const scope_hash mine[] = {1, 2, 3};
    const sequence stamp = v->applied();
    EXPECT_TRUE(v->is_valid(mine, stamp));
    v->raise(4);
    EXPECT_TRUE(v->is_valid(mine, stamp));
    v->raise(3);
    EXPECT_FALSE(v->is_valid(mine, stamp));
    EXPECT_TRUE(v->is_valid({}, stamp));
}

TEST(Validity, AFillThatBeganBeforeThePurgeIsInvalidAndOneThatBeganAfterIsGood)
{
    const auto v = std::make_unique<validity>();
    const scope_hash mine[] = {7};
    const sequence before = v->applied();
    const sequence purge = v->raise(7);
    EXPECT_EQ(v->applied(), purge);
    EXPECT_FALSE(v->is_valid(mine, before));
    EXPECT_TRUE(v->is_valid(mine, v->applied()));
}

TEST(Validity, ScopesOfOneEventShareASequence)
{
    const auto v = std::make_unique<validity>();
    const scope_hash event[] = {10, 11};
    const scope_hash a[] = {10};
    const scope_hash b[] = {11};
    const sequence before = v->applied();
    EXPECT_EQ(v->raise(event, purge_mode::hard), before + 1);
    EXPECT_FALSE(v->is_valid(a, before));
    EXPECT_FALSE(v->is_valid(b, before));
}

TEST(Validity, TwoScopesInOneBucketAreToldApart)
{
    const auto v = std::make_unique<validity>();
    const scope_hash mine[] = {5};
    const sequence stamp = v->applied();
    v->raise(5 + 4096);
    EXPECT_TRUE(v->is_valid(mine, stamp));
}

TEST(Validity, ASoftPurgeOutdatesAndAHardOneRemoves)
{
    const auto v = std::make_unique<validity>();
    const scope_hash mine[] = {8, 9};
    const sequence stamp = v->applied();
    const scope_hash soft[] = {9};
    const sequence s = v->raise(soft, purge_mode::soft);
    EXPECT_EQ(v->judge(mine, stamp).what, standing::is::outdated);
    EXPECT_EQ(v->judge(mine, stamp).since, s);
    EXPECT_TRUE(v->survives(mine, stamp));
    EXPECT_FALSE(v->is_valid(mine, stamp));
    EXPECT_TRUE(v->is_valid(mine, s));
    v->raise(8);
    EXPECT_EQ(v->judge(mine, stamp).what, standing::is::gone);
    EXPECT_EQ(v->judge(mine, s).what, standing::is::gone);
}

TEST(Validity, NothingStampedBeforeTheFloorIsGood)
{
    const auto v = std::make_unique<validity>();
    v->advance(1000);
    EXPECT_TRUE(v->is_valid({}, 999));
    v->raise_floor(1000);
    EXPECT_FALSE(v->is_valid({}, 999));
    EXPECT_TRUE(v->is_valid({}, 1000));
}

// What was not read from the log yet may bear any number from the next free one on: no stamp may reach it.
TEST(Validity, OwnRaisesNeverStampAboveWhatTheLogMayHaveGivenToOthers)
{
    const auto v = std::make_unique<validity>();
    v->advance(1000);
    const scope_hash mine[] = {1};
    const scope_hash other[] = {2};
    for (int i = 0; i < 100; ++i) {
        const sequence before = v->applied();
        v->raise(1);
        EXPECT_FALSE(v->is_valid(mine, before));
        EXPECT_LT(v->applied(), 1000 + validity::spacing);
    }
    const sequence fetched = v->applied();
    v->apply(2, purge_mode::hard, 1000 + validity::spacing);   // another node's, appended before that fetch
    v->advance(1000 + validity::spacing);
    EXPECT_FALSE(v->is_valid(other, fetched));
    EXPECT_FALSE(v->is_valid(mine, fetched)) << "there was no room for another stamp";
    EXPECT_TRUE(v->is_valid(mine, v->applied()));
}

// In milliseconds: the log was read until, and of the feeds everything is known until, as was found then.
TEST(Validity, WhatFeedsHaveSaidIsKnownOnceTheLogWasReadUntilThatWasFound)
{
    const auto at = [](int ms) { return instant(milliseconds(ms)); };
    validity v;
    EXPECT_EQ(v.all_known_until(), end_of_time) << "nobody else is there";
    v.know_feeds_until(at(0), at(100));
    EXPECT_EQ(v.all_known_until(), at(0)) << "that nothing is known is known at once";
    v.know_until(at(100));
    v.know_feeds_until(at(90), at(100));
    EXPECT_EQ(v.all_known_until(), at(0)) << "others may have appended until the end of that moment";
    v.know_until(at(101));
    EXPECT_EQ(v.all_known_until(), at(90));
    v.know_feeds_until(at(190), at(200));
    v.know_feeds_until(at(290), at(300));
    v.know_feeds_until(at(390), at(400));
    EXPECT_EQ(v.all_known_until(), at(90));
    v.know_until(at(250));
    EXPECT_EQ(v.all_known_until(), at(190)) << "later findings do not put off the first";
    v.know_until(at(500));
    EXPECT_EQ(v.all_known_until(), at(390));
    v.know_feeds_until(at(350), at(510));
    EXPECT_EQ(v.all_known_until(), at(350)) << "less";
    v.know_until(at(520));
    v.know_feeds_until(at(600), at(510));
    EXPECT_EQ(v.all_known_until(), at(520)) << "no more than is known of the log";
}

TEST(Validity, AMillionScopesTakeLittleMemoryAndAreAllRemembered)
{
    const auto v = std::make_unique<validity>();
    constexpr std::uint64_t scatter = 0x9e3779b97f4a7c15u;
    for (std::uint64_t i = 1; i <= 1'000'000; ++i) {
        v->apply(i * scatter, purge_mode::hard, i + 1);
    }
    v->advance(1'000'001);
    EXPECT_EQ(v->size(), 1'000'000u);
    EXPECT_EQ(v->floor(), 0u);
    for (std::uint64_t i = 1; i <= 1'000'000; i += 997) {
        const scope_hash one[] = {i * scatter};
        EXPECT_FALSE(v->is_valid(one, i));
        EXPECT_TRUE(v->is_valid(one, i + 1));
    }
}

TEST(Validity, WhatIsForgottenForWantOfRoomTakesEverythingOlderWithIt)
{
    const auto v = std::make_unique<validity>();
    constexpr std::uint64_t scatter = 0x9e3779b97f4a7c15u;
    for (std::uint64_t i = 1; i <= 2'000'000; ++i) {
        v->apply(i * scatter, purge_mode::hard, i + 1);
    }
    v->advance(2'000'001);
    EXPECT_LT(v->size(), 1'600'000u);
    for (std::uint64_t i = 1; i <= 2'000'000; i += 997) {
        const scope_hash one[] = {i * scatter};
        EXPECT_FALSE(v->is_valid(one, i)) << i;
    }
}

// The protocol of a hit, with purges from several threads: whoever has seen a purge complete never again finds the entry good,
// neither by the check nor by the remembered sequence.
TEST(Validity, NoReaderRemembersAnEntryAsGoodPastAPurge)
{
    for (int round = 0; round < 50; ++round) {
        const auto v = std::make_unique<validity>();
        const scope_hash mine[] = {42};
        const sequence stamp = v->applied();
        std::atomic<std::uint64_t> checked{0};
        std::atomic<bool> purged{false};
        std::atomic<int> wrong{0};
        const auto is_good = [&] {
            const std::uint64_t applied = v->version();
            if (checked.load(std::memory_order_relaxed) == applied) { return true; }
            if (!v->is_valid(mine, stamp)) { return false; }
            checked.store(applied, std::memory_order_relaxed);
            return true;
        };
        std::vector<std::jthread> threads;
        for (int i = 0; i < 2; ++i) {
            threads.emplace_back([&] {
                for (int n = 0; n < 2000; ++n) {
                    const bool was_purged = purged.load(std::memory_order_acquire);
                    if (is_good() && was_purged) { ++wrong; }
                }
            });
        }
        threads.emplace_back([&] {
            for (scope_hash other = 100; other < 300; ++other) {
                v->raise(other);
            }
        });
        threads.emplace_back([&] {
            std::this_thread::yield();
            v->raise(42);
            purged.store(true, std::memory_order_release);
        });
        threads.clear();
        EXPECT_EQ(wrong, 0);
        EXPECT_FALSE(is_good());
        EXPECT_EQ(v->applied(), 202u);
    }
}

}  // namespace
}  // namespace tiercel
