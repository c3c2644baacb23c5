#include "events/sure_order.hpp"

#include "flow/writes.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace tiercel::events {

using namespace std::chrono_literals;
using async::task;

task<bool> invalidate_surely(coherence::invalidation what, async::loop& l, background& beside, flow::process_context& p)
{
    // May outlive this coroutine.
    struct outcome {
        async::event* known = nullptr;
        coherence::append_state state = coherence::append_state::refused;
    };
    for (;;) {
        async::event known(l.context(), l.wheel());
        const auto end = std::make_shared<outcome>();
        end->known = &known;
        coherence::invalidation copy = what;
        flow::invalidate_everywhere(std::move(copy), p, [&l, end](const coherence::receipt& r) {
            l.post([end, state = r.state] {
                end->state = state;
                if (end->known != nullptr) { end->known->set(); }
            });
        });
        const bool awaited = co_await beside.wait(known, 1h);
        end->known = nullptr;
        if (!awaited) { co_return false; }
        if (end->state != coherence::append_state::refused) { co_return true; }
        const bool goes_on = co_await beside.pause(1s);
        if (!goes_on) { co_return false; }
    }
}

}  // namespace tiercel::events
