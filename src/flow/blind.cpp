#include "flow/blind.hpp"

#include "flow/standing.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace tiercel::flow {
namespace {

trust by_rule(blind_rule r) noexcept
{
    switch (r) {
    case blind_rule::revalidate: return trust::revalidate;
    case blind_rule::serve: return trust::serve;
    case blind_rule::bypass: return trust::bypass;
    }
    return trust::bypass;
}

}  // namespace

trust trust_after(milliseconds unheard, bool l2_answers, const tier_options& o) noexcept
{
    if (l2_answers) { return unheard < o.ttl_when_blind ? trust::full : trust::after_look; }
    return unheard <= o.blind_grace ? trust::full : by_rule(o.when_blind);
}

// Up to known_until() the log was read, so what was in memory then has been judged; what came from the origin or was looked up later was
// good then.
milliseconds unheard_of(const entry& e, instant now, const process_context& p) noexcept
{
    const instant sure = std::max({p.valid.known_until(), e.times().received, e.last_blind_look()});
    return std::max(milliseconds(0), now - sure);
}

void doubt(decision& d, const request& rq, const worker_context& cx)
{
    const process_context& p = cx.process;
    const bool l2_answers = cx.l2 != nullptr && cx.l2->current() == l2::state::up;
    const trust t = trust_after(unheard_of(*d.stored, rq.now, p), l2_answers, p.tiers);
    if (t == trust::full) { return; }
    d.why = detail::blind;
    switch (t) {
    case trust::full:
    case trust::serve: break;
    case trust::revalidate: d.renew = renewal::stale; break;
    case trust::after_look:
        d.what = action::fetch;
        d.forward = forward_reason::stale;
        d.is_unsure = true;
        break;
    case trust::bypass:
        d.what = action::pass;
        d.alone = true;
        d.forward = forward_reason::bypass;
        d.stored = nullptr;
        break;
    }
}

async::task<blind_look> look_blindly(entry_ptr stored, worker_context& cx)
{
    blind_look seen;
    process_context& p = cx.process;
    const l2::lookup told = co_await cx.l2->look_up(stored->scopes());
    seen.answered = told == l2::lookup::known;
    const instant now = p.time.now();
    seen.left = stored_as_it_stands(stored, now, p);
    if (seen.answered && seen.left != nullptr) { seen.left->note_blind_look(now); }
    co_return seen;
}

bool may_serve_unseen(const entry& e, instant now, const process_context& p) noexcept
{
    return trust_after(unheard_of(e, now, p), false, p.tiers) != trust::bypass;
}

}  // namespace tiercel::flow
