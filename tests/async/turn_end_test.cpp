#include "async/loop.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include <string>

namespace tiercel::async {
namespace {

task<> note_turns(loop& l, std::string& text, std::string_view names)
{
    for (const char c : names) {
        co_await l.turn_end().reached();
        text += c;
    }
}

TEST(TurnEnd, ComesAfterWhatWasReadyInTheOrderOfComing)
{
    loop l;
    std::string text;
    asio::co_spawn(l.context(), note_turns(l, text, "a"), asio::detached);
    asio::co_spawn(l.context(), note_turns(l, text, "b"), asio::detached);
    l.post([&] { text += '1'; });
    l.context().run();
    EXPECT_EQ(text, "1ab");
    EXPECT_EQ(l.turn_end().count(), 1u);
}

TEST(TurnEnd, WhoWaitsAgainWaitsForTheNext)
{
    loop l;
    std::string text;
    asio::co_spawn(l.context(), note_turns(l, text, "ac"), asio::detached);
    asio::co_spawn(l.context(), note_turns(l, text, "bd"), asio::detached);
    l.context().run();
    EXPECT_EQ(text, "abcd");
    EXPECT_EQ(l.turn_end().count(), 2u);
}

TEST(TurnEnd, LoopThatEndsBeforeItDestroysWhoWaits)
{
    std::string text;
    {
        loop l;
        asio::co_spawn(l.context(), note_turns(l, text, "a"), asio::detached);
        l.context().run_one();
    }
    EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace tiercel::async
