#include "async/frame_pool.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace tiercel::async {
namespace {

TEST(FramePool, GivesAFrameOfTheSameSizeAgain)
{
    void* const first = frame_pool::allocate(700);
    std::memset(first, 1, 700);
    frame_pool::deallocate(first, 700);
    void* const second = frame_pool::allocate(690);
#if TIERCEL_POOLS_FRAMES
    EXPECT_EQ(second, first);
#endif
    std::memset(second, 2, 690);
    frame_pool::deallocate(second, 690);
}

TEST(FramePool, NeverGivesAFrameThatIsTooSmall)
{
    std::vector<std::pair<char*, std::size_t>> held;
    for (std::size_t size = 1; size < 20000; size = size * 3 / 2 + 1) {
        frame_pool::deallocate(frame_pool::allocate(size), size);
    }
    for (std::size_t size = 1; size < 20000; size = size * 3 / 2 + 1) {
        held.emplace_back(static_cast<char*>(frame_pool::allocate(size)), size);
        std::memset(held.back().first, static_cast<int>(held.size()), size);   // a sanitizer or the heap would object
    }
    for (std::size_t i = 0; i < held.size(); ++i) {
        EXPECT_EQ(held[i].first[held[i].second - 1], static_cast<char>(i + 1));
        frame_pool::deallocate(held[i].first, held[i].second);
    }
}

TEST(FramePool, AFrameMayEndOnAnotherThread)
{
    std::vector<void*> frames;
    for (int i = 0; i < 500; ++i) {
        frames.push_back(frame_pool::allocate(1500));
    }
    std::thread([&] {
        for (void* f : frames) {
            frame_pool::deallocate(f, 1500);
        }
    }).join();   // the leak check would tell what is left behind
}

}  // namespace
}  // namespace tiercel::async
