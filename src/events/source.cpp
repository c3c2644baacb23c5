#include "events/source.hpp"

#include "flow/named_scope.hpp"
#include "flow/writes.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::task;

coherence::invalidation everything(const std::string& label, const std::string& why, const flow::process_context& p)
{
    flow::named_scopes all = flow::find_scope(scope_kind::all, {}, {}, p);
    coherence::invalidation i;
    i.action = coherence::source_of::event;
    i.mode = purge_mode::soft;
    i.source = label;
    i.reason = "gap: " + why;
    i.scopes = std::move(all.scopes);
    i.names = {std::move(all.name)};
    return i;
}

}  // namespace

task<bool> source::bridge_gap(std::string why)
{
    // May outlive this coroutine.
    struct outcome {
        async::event* known = nullptr;
        coherence::append_state state = coherence::append_state::refused;
    };
    means_.board.note_gap(at_, why);
    for (;;) {
        async::event known(means_.loop.context(), means_.loop.wheel());
        const auto end = std::make_shared<outcome>();
        end->known = &known;
        flow::invalidate_everywhere(everything(options().label, why, means_.process), means_.process,
                                    [this, end](const coherence::receipt& r) {
                                        means_.loop.post([end, state = r.state] {
                                            end->state = state;
                                            if (end->known != nullptr) { end->known->set(); }
                                        });
                                    });
        const bool awaited = co_await means_.beside.wait(known, 1h);
        end->known = nullptr;
        if (!awaited) { co_return false; }
        if (end->state != coherence::append_state::refused) { break; }
        const bool goes_on = co_await means_.beside.pause(1s);
        if (!goes_on) { co_return false; }
    }
    // It holds here; the others, and whoever comes after us, must learn of it.
    while (!means_.options.has_journal && means_.process.log != nullptr && means_.process.log->status().waiting != 0) {
        const bool goes_on = co_await means_.beside.pause(100ms);
        if (!goes_on) { co_return false; }
    }
    co_return true;
}

}  // namespace tiercel::events
