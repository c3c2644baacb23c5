#include "events/background.hpp"

#include "async/spawn.hpp"

#include <chrono>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;

task<> run(task<> work, async::drain_gate::pass) { co_await std::move(work); }

}  // namespace

void background::spawn(task<> work)
{
    if (async::drain_gate::pass pass = loop_.gate().try_enter()) {
        async::spawn(loop_.context(), run(std::move(work), std::move(pass)));
    }
}

task<bool> background::pause(milliseconds how_long)
{
    async::event over(loop_.context(), loop_.wheel());
    const bool goes_on = co_await wait(over, how_long);
    co_return goes_on;
}

task<bool> background::wait(async::event& e, milliseconds at_most)
{
    if (ending_) { co_return false; }
    const auto place = waits_.insert(waits_.end(), &e);
    co_await e.wait_until(steady::now() + at_most);
    waits_.erase(place);
    co_return !ending_;
}

void background::end()
{
    ending_ = true;
    for (async::event* e : waits_) { e->set(); }
}

task<> background::ended()
{
    async::event empty(loop_.context(), loop_.wheel());
    loop_.gate().close([&empty] { empty.set(); });
    co_await empty.wait_until(steady::now() + 1h);
}

}  // namespace tiercel::events
