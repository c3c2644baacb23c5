#include <tiercel/body.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace tiercel {
namespace {

// The byte that belongs at an offset; a shift by any power of two shows.
char byte_at(byte_count offset) { return static_cast<char>((offset * 2654435761u) >> 13); }

std::string bytes(byte_count from, std::size_t count)
{
    std::string out(count, '\0');
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = byte_at(from + i);
    }
    return out;
}

std::string all_of(const body& b)
{
    std::string out;
    while (out.size() < b.size()) {
        out += b.at(out.size());
    }
    return out;
}

TEST(Body, IsEmptyAtFirst)
{
    const body_ptr b = body::make();
    EXPECT_EQ(b->size(), 0u);
    EXPECT_TRUE(b->at(0).empty());
    EXPECT_TRUE(b->at(1).empty());
    EXPECT_GT(b->footprint(), 0u);
}

struct shape {
    byte_count expected;
    std::size_t real;
};

class BodyShapes : public testing::TestWithParam<shape> {};

TEST_P(BodyShapes, GivesBackWhatWasAppendedWhateverWasExpected)
{
    const auto [expected, real] = GetParam();
    for (const std::size_t step : {real, std::size_t{1000}, std::size_t{4096}, std::size_t{50'000}}) {
        const body_ptr b = body::make(expected);
        for (std::size_t done = 0; done < real;) {
            const std::size_t n = std::min(std::max<std::size_t>(step, 1), real - done);
            b->append(bytes(done, n));
            done += n;
        }
        ASSERT_EQ(b->size(), real);
        ASSERT_EQ(all_of(*b), bytes(0, real));
        EXPECT_TRUE(b->at(real).empty());
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BodyShapes,
                         testing::Values(shape{0, 0}, shape{0, 1}, shape{0, 4095}, shape{0, 4096}, shape{0, 4097},
                                         shape{0, 32768}, shape{0, 32769}, shape{0, 300'000}, shape{0, 1'500'000},
                                         shape{100, 100}, shape{100, 50}, shape{100, 101}, shape{100, 100'000},
                                         shape{32768, 32768}, shape{32768, 32769}, shape{40'000, 40'000},
                                         shape{40'000, 39'999}, shape{40'000, 40'001}, shape{40'000, 200'000},
                                         shape{300'000, 300'000}, shape{1u << 20, 3u << 20}));

TEST(Body, ReadersAddressAnyOffset)
{
    const body_ptr b = body::make();
    b->append(bytes(0, 2'000'000));
    std::mt19937 random(1);
    for (int i = 0; i < 1000; ++i) {
        const byte_count at = random() % b->size();
        const std::string_view run = b->at(at);
        ASSERT_FALSE(run.empty());
        ASSERT_EQ(run, bytes(at, run.size()));
    }
}

TEST(Body, RoomIsFilledInPlaceAndPublishedByCommit)
{
    const body_ptr b = body::make();
    std::span<char> room = b->prepare();
    ASSERT_GE(room.size(), 5u);
    std::memcpy(room.data(), "hello", 5);
    EXPECT_EQ(b->size(), 0u);
    b->commit(5);
    EXPECT_EQ(b->at(0), "hello");
    EXPECT_EQ(b->at(0).data(), room.data());
    // Nothing committed: the same room again.
    EXPECT_EQ(b->prepare().data(), room.data() + 5);
    b->commit(0);
    EXPECT_EQ(b->prepare().data(), room.data() + 5);
}

TEST(Body, PublishedBytesStayWhereTheyAreWhileItGrows)
{
    const body_ptr b = body::make();
    b->append(bytes(0, 4096));
    const std::string_view early = b->at(0);
    b->append(bytes(4096, 1'000'000));
    EXPECT_EQ(early, bytes(0, 4096));
}

TEST(Body, TakesNoMoreMemoryThanExpected)
{
    const body_ptr known = body::make(40'000);
    known->append(bytes(0, 40'000));
    EXPECT_LT(known->footprint(), 41'000u);
    const body_ptr small = body::make();
    small->append("x");
    EXPECT_LT(small->footprint(), 5'000u);
}

TEST(BodyDeathTest, CommittingMoreThanTheRoomIsABrokenPromise)
{
    const body_ptr b = body::make();
    const std::size_t room = b->prepare().size();
    EXPECT_DEATH(b->commit(room + 1), "n <=");
}

TEST(Body, ReadersOnOtherThreadsSeeWhatIsPublished)
{
    constexpr std::size_t total = 3'000'000;
    const body_ptr b = body::make();
    const auto read = [&b] {
        std::mt19937 random(2);
        byte_count seen = 0;
        while (seen < total) {
            const std::string_view run = b->at(seen);
            for (std::size_t i = 0; i < run.size(); i += 97) {
                if (run[i] != byte_at(seen + i)) { return false; }
            }
            seen += run.size();
            if (run.empty()) { std::this_thread::yield(); }
            if (seen != 0) {
                const byte_count back = random() % seen;
                if (b->at(back).front() != byte_at(back)) { return false; }
            }
        }
        return true;
    };
    std::vector<char> ok(3, 0);
    {
        std::vector<std::jthread> readers;
        for (char& result : ok) {
            readers.emplace_back([&result, &read] { result = read() ? 1 : 0; });
        }
        std::mt19937 random(3);
        for (std::size_t done = 0; done < total;) {
            const std::span<char> room = b->prepare();
            const std::size_t n = std::min({room.size(), total - done, std::size_t{1} + random() % 5000});
            for (std::size_t i = 0; i < n; ++i) {
                room[i] = byte_at(done + i);
            }
            b->commit(n);
            done += n;
        }
    }
    EXPECT_EQ(ok, std::vector<char>(3, 1));
}

// ---- who counts it ----

TEST(Body, HeldIsCountedAsItGrowsAndShrinksUntilItIsFreed)
{
    const auto account = std::make_shared<held_bytes>(1);
    body_ptr b = body::make();
    b->append(bytes(0, 100'000));
    b->hold(account);
    EXPECT_EQ(*account, 1 + b->footprint());
    b->hold(account);
    EXPECT_EQ(*account, 1 + b->footprint()) << "once";
    b->append(bytes(100'000, 300'000));
    EXPECT_EQ(*account, 1 + b->footprint());
    b->discard_before(200'000);
    EXPECT_EQ(*account, 1 + b->footprint());
    EXPECT_LT(*account, 300'000u);
    b.reset();
    EXPECT_EQ(*account, 1u);
}

TEST(Body, IsHeldByItsAccountWhileNoStoreCountsIt)
{
    const auto account = std::make_shared<held_bytes>(0);
    body_ptr b = body::make();
    b->append(bytes(0, 100'000));
    b->enter_store(account);
    EXPECT_EQ(*account, 0u);
    b->enter_store(account);   // another entry with the same content
    b->leave_store();
    EXPECT_EQ(*account, 0u);
    b->leave_store();
    EXPECT_EQ(*account, b->footprint());
    b->enter_store(account);
    EXPECT_EQ(*account, 0u);
    b.reset();                 // freed with its entry
    EXPECT_EQ(*account, 0u);
}

}  // namespace
}  // namespace tiercel
