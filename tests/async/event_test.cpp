#include "async/event.hpp"
#include "async/loop.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include <thread>

namespace tiercel::async {
namespace {

using namespace std::chrono_literals;

task<> wait_for(event& e, steady::time_point t, std::optional<bool>& seen)
{
    const bool set = co_await e.wait_until(t);
    seen = set;
}

TEST(Event, SetWakesTheWaiter)
{
    loop l;
    event e(l.context(), l.wheel());
    std::optional<bool> seen;
    asio::co_spawn(l.context(), wait_for(e, steady::now() + 1h, seen), asio::detached);
    l.post([&] { e.set(); });
    l.context().run();
    EXPECT_EQ(seen, true);
}

TEST(Event, SetBeforeWaitDoesNotSuspend)
{
    loop l;
    event e(l.context(), l.wheel());
    e.set();
    std::optional<bool> seen;
    asio::co_spawn(l.context(), wait_for(e, steady::now() + 1h, seen), asio::detached);
    l.context().poll();
    EXPECT_EQ(seen, true);
}

TEST(Event, DeadlineEndsTheWait)
{
    loop l;
    event e(l.context(), l.wheel());
    std::optional<bool> seen;
    asio::co_spawn(l.context(), wait_for(e, steady::now() + 20ms, seen), asio::detached);
    l.context().run();
    EXPECT_EQ(seen, false);
}

TEST(Event, AnotherThreadSetsByPosting)
{
    loop l;
    event e(l.context(), l.wheel());
    std::optional<bool> seen;
    asio::co_spawn(l.context(), wait_for(e, steady::now() + 1h, seen), asio::detached);
    std::thread other([&] { l.post([&] { e.set(); }); });
    l.context().run();
    other.join();
    EXPECT_EQ(seen, true);
}

}  // namespace
}  // namespace tiercel::async
