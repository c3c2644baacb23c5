#include "telemetry/line_ring.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <thread>

namespace tiercel::telemetry {
namespace {

bool put(line_ring& ring, std::string_view line)
{
    char* at = ring.try_reserve(line.size());
    if (at == nullptr) { return false; }
    std::memcpy(at, line.data(), line.size());
    ring.commit(line.size());
    return true;
}

std::string take_all(line_ring& ring)
{
    std::string all;
    ring.consume([&](std::string_view piece) { all += piece; });
    return all;
}

TEST(LineRing, HandsOverWhatWasCommittedInOrder)
{
    line_ring ring(64, 64);
    EXPECT_EQ(take_all(ring), "");
    EXPECT_TRUE(put(ring, "one "));
    EXPECT_TRUE(put(ring, "two "));
    EXPECT_EQ(take_all(ring), "one two ");
    EXPECT_EQ(take_all(ring), "");
}

TEST(LineRing, RefusesWhenFullAndTakesAgainWhenRead)
{
    line_ring ring(16, 16);
    EXPECT_TRUE(put(ring, "0123456789"));
    EXPECT_FALSE(put(ring, "0123456789"));
    EXPECT_EQ(take_all(ring), "0123456789");
    EXPECT_TRUE(put(ring, "abcdefghi"));   // at the front, strictly below the reader
    EXPECT_EQ(take_all(ring), "abcdefghi");
}

TEST(LineRing, NeverFillsTheFrontUpToTheReaderWhichWouldLookEmpty)
{
    line_ring ring(16, 16);
    EXPECT_TRUE(put(ring, "0123456789"));
    EXPECT_EQ(take_all(ring), "0123456789");
    EXPECT_FALSE(put(ring, "abcdefghij"));
    EXPECT_TRUE(put(ring, "abcde"));
    EXPECT_TRUE(put(ring, "wrap"));        // the reader is at 10, the writer at 15
    EXPECT_FALSE(put(ring, "abcdef"));     // would end at 10
    EXPECT_TRUE(put(ring, "12345"));
    EXPECT_EQ(take_all(ring), "abcdewrap12345");
}

TEST(LineRing, ALineMayBeShorterThanItsReservation)
{
    line_ring ring(16, 16);
    ASSERT_NE(ring.try_reserve(12), nullptr);
    ring.commit(0);
    char* at = ring.try_reserve(12);
    std::memcpy(at, "ab", 2);
    ring.commit(2);
    EXPECT_EQ(take_all(ring), "ab");
}

TEST(LineRing, AReaderThatKeepsUpKeepsItInTheUsualPart)
{
    line_ring ring(1024, 64);
    const char* const first = ring.try_reserve(16);
    ring.commit(0);
    for (int i = 0; i < 1000; ++i) {
        const char* at = ring.try_reserve(16);
        ASSERT_NE(at, nullptr);
        ASSERT_LE(at + 16, first + 64);
        ring.commit(16);
        take_all(ring);
    }
}

TEST(LineRing, UsesTheRestWhileTheReaderIsAway)
{
    line_ring ring(1024, 64);
    int lines = 0;
    while (put(ring, "0123456789abcdef")) { ++lines; }
    EXPECT_EQ(lines, 64);
    EXPECT_EQ(take_all(ring).size(), 1024u);
}

TEST(LineRing, NothingIsLostOrTornBetweenTwoThreads)
{
    line_ring ring(512, 128);
    constexpr int lines = 20'000;
    std::thread writer([&] {
        std::mt19937 random(2);
        for (int i = 0; i < lines;) {
            const auto line = std::to_string(i) + std::string(random() % 40, '.') + '\n';
            if (put(ring, line)) {
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    });
    std::string all;
    int seen = 0;
    while (seen < lines) {
        const int before = seen;
        ring.consume([&](std::string_view piece) {
            all += piece;
            for (auto end = all.find('\n'); end != std::string::npos; end = all.find('\n')) {
                ASSERT_EQ(all.substr(0, all.find_first_of(".\n")), std::to_string(seen));
                ++seen;
                all.erase(0, end + 1);
            }
        });
        if (seen == before) { std::this_thread::yield(); }
    }
    writer.join();
    EXPECT_TRUE(all.empty());
}

}  // namespace
}  // namespace tiercel::telemetry
