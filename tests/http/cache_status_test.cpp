#include "http/cache_status.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace tiercel {
namespace {

std::string text_of(const cache_status& s)
{
    std::string out;
    append_cache_status(out, s);
    return out;
}

TEST(CacheStatus, WritesOneMemberOfAList)
{
    EXPECT_EQ(text_of({}), "tiercel");
    EXPECT_EQ(text_of({.hit = true, .ttl = 59, .detail = "l1"}), "tiercel; hit; ttl=59; detail=l1");
    EXPECT_EQ(text_of({.hit = true, .ttl = -3, .detail = "swr"}), "tiercel; hit; ttl=-3; detail=swr");
    EXPECT_EQ(text_of({.hit = true, .ttl = 0}), "tiercel; hit; ttl=0");
    EXPECT_EQ(text_of({.fwd = "uri-miss", .fwd_status = 200, .stored = true, .ttl = 60}),
              "tiercel; fwd=uri-miss; fwd-status=200; stored; ttl=60");
    EXPECT_EQ(text_of({.fwd = "stale", .fwd_status = 304, .stored = true, .collapsed = true}),
              "tiercel; fwd=stale; fwd-status=304; stored; collapsed");
    EXPECT_EQ(text_of({.fwd = "request", .detail = "no-store"}), "tiercel; fwd=request; detail=no-store");
    EXPECT_EQ(text_of({.hit = true, .fwd = "stale", .fwd_status = 503, .stored = true, .collapsed = true, .ttl = -1, .key = "http://a/b?c",
                       .detail = "sie"}),
              "tiercel; hit; fwd=stale; fwd-status=503; stored; collapsed; ttl=-1; key=\"http://a/b?c\"; detail=sie");
}

TEST(CacheStatus, WritesTheLongestTimes)
{
    EXPECT_EQ(text_of({.ttl = std::numeric_limits<std::int64_t>::max()}), "tiercel; ttl=9223372036854775807");
    EXPECT_EQ(text_of({.ttl = std::numeric_limits<std::int64_t>::min()}), "tiercel; ttl=-9223372036854775808");
}

TEST(CacheStatus, IsAppended)
{
    std::string out = "inner; hit, ";
    append_cache_status(out, {.fwd = "miss"});
    EXPECT_EQ(out, "inner; hit, tiercel; fwd=miss");
}

}  // namespace
}  // namespace tiercel
