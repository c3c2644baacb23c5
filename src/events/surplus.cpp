#include "events/surplus.hpp"

#include "flow/named_scope.hpp"
#include "flow/writes.hpp"

#include <chrono>
#include <iterator>
#include <memory>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::task;

constexpr std::size_t most_tenants = 1'000;   // at a time; beyond, everything is outdated

}  // namespace

void surplus::outdate(const reach& what, const std::string& label, end_handler done)
{
    if (what.everything || what.tenants.size() == 1) {
        join(what.everything ? std::string() : what.tenants.front(), label, std::move(done));
        return;
    }
    const auto open = std::make_shared<std::size_t>(what.tenants.size());
    const auto end_one = [open, done = std::move(done)] {
        if (--*open == 0 && done) { done(); }
    };
    for (const std::string& t : what.tenants) { join(t, label, end_one); }
}

void surplus::join(const std::string& tenant, const std::string& label, end_handler done)
{
    const bool is_new = !by_tenant_.contains(tenant);
    const std::string who = is_new && by_tenant_.size() >= most_tenants ? std::string() : tenant;
    state& s = by_tenant_[who];
    s.label = label;
    ++s.events;
    if (done) { s.waiting.push_back(std::move(done)); }
    if (s.sent) {
        s.again = true;
    } else {
        send(who);
    }
}

void surplus::send(const std::string& tenant)
{
    state& s = by_tenant_[tenant];
    s.sent = true;
    s.again = false;
    flow::named_scopes scope = flow::find_scope(tenant.empty() ? scope_kind::all : scope_kind::tenant, tenant, {}, process_);
    coherence::invalidation i;
    i.action = coherence::source_of::event;
    i.mode = purge_mode::soft;
    i.source = s.label;
    i.tenant = tenant;
    i.reason = "overload";
    i.scopes = std::move(scope.scopes);
    i.names = {std::move(scope.name)};
    i.coalesced = std::exchange(s.events, 0);
    flow::invalidate_everywhere(std::move(i), process_, [this, tenant, waited = std::exchange(s.waiting, {})](const coherence::receipt& r) {
        loop_.post([this, tenant, waited, refused = r.state == coherence::append_state::refused] { on_sent(tenant, refused, waited); });
    });
}

void surplus::on_sent(const std::string& tenant, bool refused, std::vector<end_handler> waited)
{
    state& s = by_tenant_[tenant];
    if (refused) {   // it holds here; the others must learn of it
        s.waiting.insert(s.waiting.begin(), std::make_move_iterator(waited.begin()), std::make_move_iterator(waited.end()));
        beside_.spawn(send_later(tenant));
        return;
    }
    s.sent = false;
    if (s.again) {
        send(tenant);
    } else {
        by_tenant_.erase(tenant);
    }
    for (const end_handler& done : waited) { done(); }
}

task<> surplus::send_later(std::string tenant)
{
    const bool goes_on = co_await beside_.pause(1s);
    if (goes_on) { send(tenant); }
}

}  // namespace tiercel::events
