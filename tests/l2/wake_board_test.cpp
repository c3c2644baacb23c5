#include "l2/wake_board.hpp"

#include "redis/run_task.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tiercel::l2 {
namespace {

using namespace std::chrono_literals;
using async::steady;

constexpr hash128 one{0x0123456789abcdef, 0xfedcba9876543210};
constexpr hash128 other{1, 2};

TEST(WakeMessage, SaysWhichKeyAndHowItsFillEnded)
{
    EXPECT_EQ(wake_message(one, "T", {.what = fill_outcome::stored}), "0123456789abcdeffedcba9876543210 T stored");
    EXPECT_EQ(wake_message(one, "T", {.what = fill_outcome::failed, .why = errc::origin_error, .status = 503}),
              "0123456789abcdeffedcba9876543210 T failed origin_error 503");
    for (std::size_t i = 0; i < static_cast<std::size_t>(fill_outcome::last_); ++i) {
        fill_news said{.what = static_cast<fill_outcome>(i)};
        if (said.what == fill_outcome::failed) { said.why = errc::origin_timeout; }
        const auto w = parse_wake(wake_message(other, "T", said));
        ASSERT_TRUE(w);
        EXPECT_EQ(w->key, other);
        EXPECT_EQ(w->token, "T");
        EXPECT_EQ(w->news.what, said.what);
        EXPECT_EQ(w->news.why, said.why);
        EXPECT_EQ(w->news.status, 0);
    }
}

TEST(WakeMessage, IsIgnoredWhenItIsNotOurs)
{
    const std::string hash(32, 'a');
    for (const std::string& text : {std::string(), std::string("stored"), hash.substr(1) + " stored", hash + "a stored",
                                    "-" + hash.substr(1) + " stored", "0x" + hash.substr(2) + " stored", std::string(32, 'g') + " stored"}) {
        EXPECT_FALSE(parse_wake(text)) << text;
    }
}

TEST(WakeMessage, MeansLookForYourselfWhenItIsNotUnderstood)
{
    const std::string hash = hex(one);
    for (const std::string_view rest : {"", " ", " evaporated", " failed", " failed origin_timeout", " failed origin_timeout x",
                                        " failed no_such_error 0", " failed redis_down 0", " failed bad_request 0",
                                        " failed origin_error 200", " failed origin_error 6000", " failed origin_error -1"}) {
        const auto w = parse_wake(hash + " T" + std::string(rest));
        ASSERT_TRUE(w) << rest;
        EXPECT_EQ(w->news.what, fill_outcome::released) << rest;
    }
}

class WakeBoard : public testing::Test {
protected:
    std::optional<fill_news> wait(wake_board::seat& s, steady::duration for_so_long = 10s)
    {
        return redis::run(loop_, s.wait_until(steady::now() + for_so_long, "T"));
    }

    async::loop loop_;
    std::shared_ptr<wake_board> board_ = std::make_shared<wake_board>();
};

TEST_F(WakeBoard, TellsAllWhoWaitForThatKeyAndNobodyElse)
{
    wake_board::seat first(board_, one, loop_);
    wake_board::seat second(board_, one, loop_);
    wake_board::seat stranger(board_, other, loop_);
    board_->tell({.key = one, .token = "T", .news = {.what = fill_outcome::stored}});
    EXPECT_EQ(wait(first)->what, fill_outcome::stored);
    EXPECT_EQ(wait(second)->what, fill_outcome::stored);
    EXPECT_EQ(wait(stranger, 20ms), std::nullopt);
    EXPECT_EQ(wait(first, 20ms), std::nullopt) << "said once";
}

TEST_F(WakeBoard, KeepsTheLatestNewsUntilSomebodyAsks)
{
    wake_board::seat s(board_, one, loop_);
    board_->tell({.key = one, .token = "T", .news = {.what = fill_outcome::released}});
    board_->tell({.key = one, .token = "T", .news = {.what = fill_outcome::stored}});
    loop_.context().poll();
    loop_.context().restart();
    EXPECT_EQ(wait(s)->what, fill_outcome::stored);
    EXPECT_EQ(wait(s, 20ms), std::nullopt);
}

TEST_F(WakeBoard, HeedsTheFillThatIsWaitedForAndNoOther)
{
    wake_board::seat s(board_, one, loop_);
    board_->tell({.key = one, .token = "before", .news = {.what = fill_outcome::stored}});
    EXPECT_EQ(wait(s, 20ms), std::nullopt);
    board_->tell({.key = one, .token = "before", .news = {.what = fill_outcome::failed}});
    loop_.context().restart();
    loop_.context().poll();
    board_->tell({.key = one, .token = "T", .news = {.what = fill_outcome::alone}});
    EXPECT_EQ(wait(s)->what, fill_outcome::alone);
}

TEST_F(WakeBoard, AWakeUpOnItsWayOutlivesTheWaiter)
{
    {
        const wake_board::seat s(board_, one, loop_);
        EXPECT_EQ(board_->seats(), 1u);
        board_->tell({.key = one, .token = "T", .news = {.what = fill_outcome::stored}});
    }
    EXPECT_EQ(board_->seats(), 0u);
    loop_.context().poll();
    board_->tell({.key = one, .token = "T", .news = {.what = fill_outcome::stored}});
}

TEST_F(WakeBoard, OtherThreadsMayTellWhileSeatsComeAndGo)
{
    std::atomic<bool> told = false;
    std::thread teller([&] {
        for (int i = 0; i < 2000; ++i) { board_->tell({.key = one, .token = "T", .news = {.what = fill_outcome::stored}}); }
        told = true;
    });
    while (!told) {
        wake_board::seat s(board_, one, loop_);
        wait(s, 0ms);
    }
    teller.join();
    loop_.context().restart();
    loop_.context().poll();
    EXPECT_EQ(board_->seats(), 0u);
}

}  // namespace
}  // namespace tiercel::l2
