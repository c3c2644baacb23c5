#include "events/source.hpp"

#include "events/sure_order.hpp"
#include "flow/named_scope.hpp"

#include <chrono>
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
    i.reason = why;
    i.scopes = std::move(all.scopes);
    i.names = {std::move(all.name)};
    return i;
}

}  // namespace

task<bool> source::bridge_gap(std::string why)
{
    means_.board.note_gap(at_, why);
    const bool expired = co_await expire_everything("gap: " + std::move(why));
    co_return expired;
}

task<bool> source::expire_everything(std::string why)
{
    coherence::invalidation all = everything(options().label, why, means_.process);
    const bool taken = co_await invalidate_surely(std::move(all), means_.loop, means_.beside, means_.process);
    if (!taken) { co_return false; }
    // It holds here; the others, and whoever comes after us, must learn of it.
    while (!means_.runner.may_end_in_journal(options().kind) && !means_.runner.is_logged()) {
        const bool goes_on = co_await means_.beside.pause(100ms);
        if (!goes_on) { co_return false; }
    }
    co_return true;
}

}  // namespace tiercel::events
