#include "events/background.hpp"

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;

task<> run(task<> work, async::drain_gate::pass) { co_await std::move(work); }

void rethrow(const std::exception_ptr& e)
{
    if (e) { std::rethrow_exception(e); }
}

}  // namespace

void background::spawn(task<> work)
{
    if (async::drain_gate::pass pass = loop_.gate().try_enter()) {
        async::asio::co_spawn(loop_.context(), run(std::move(work), std::move(pass)), rethrow);
    }
}

task<bool> background::pause(milliseconds how_long)
{
    if (ending_) { co_return false; }
    async::event over(loop_.context(), loop_.wheel());
    const auto place = pauses_.insert(pauses_.end(), &over);
    co_await over.wait_until(steady::now() + how_long);
    pauses_.erase(place);
    co_return !ending_;
}

void background::end()
{
    ending_ = true;
    for (async::event* e : pauses_) { e->set(); }
}

task<> background::ended()
{
    async::event empty(loop_.context(), loop_.wheel());
    loop_.gate().close([&empty] { empty.set(); });
    co_await empty.wait_until(steady::now() + 1h);
}

}  // namespace tiercel::events
