#include "flow/fill.hpp"

#include "flow/fill_fetch.hpp"
#include "flow/fill_search.hpp"
#include "flow/scopes.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace tiercel::flow {
namespace {

// What an early refresh has come to.
telemetry::xfetch_result result_of(const flight::view& ended)
{
    if (ended.state == flight_state::alone && ended.report.elsewhere) {
        return telemetry::xfetch_result::elsewhere;
    }
    if (ended.state != flight_state::complete || ended.report.what == outcome::stale) {
        return telemetry::xfetch_result::failed;
    }
    if (ended.report.what == outcome::hit_l2) {
        return telemetry::xfetch_result::adopted;
    }
    return ended.report.stored ? telemetry::xfetch_result::refreshed : telemetry::xfetch_result::failed;
}

async::task<> run_fill(std::unique_ptr<fill_job> job, worker_context& cx, async::drain_gate::pass inside)
{
    const async::drain_gate::pass held = std::move(inside);
    const std::unique_ptr<fill_job> mine = std::move(job);
    fill_end end(*mine, cx);
    try {
        fill_search search(*mine, end, cx);
        const bool must_fetch = co_await search.run();
        if (must_fetch) {
            co_await fetch_from_origin(*mine, search.known(), end, cx);
        }
        if (mine->why == renewal::early) {
            cx.counts.count(telemetry::metric::xfetch_total, result_of(mine->joined->look()));
        }
    } catch (...) {
        end.give_up(errc::internal);   // out of memory, most likely; nobody who waits may be left behind
    }
}

}  // namespace

std::shared_ptr<handover> start_fill(std::unique_ptr<fill_job> job, flight_table::place& place, worker_context& cx)
{
    auto pass = cx.loop.gate().try_enter();
    if (!pass) {
        place.hand_on();
        fill_end(*job, cx).give_up(errc::draining);
        return nullptr;
    }
    auto over = std::make_shared<handover>();
    over->awaited = !job->background;
    job->over = over;
    auto work = run_fill(std::move(job), cx, std::move(pass));
    boost::asio::co_spawn(cx.loop.get_executor(), std::move(work), boost::asio::detached);
    place.hand_on();
    return over;
}

void fetch_in_background(const request& get, worker_context& cx)
{
    flight_table::place place = cx.process.flights.join(get.key, get.hash, cx.process.valid, url_scope(get));
    if (!place.created) {
        return;
    }
    auto job = std::make_unique<fill_job>(get, place.joined, get.hash);
    job->background = true;
    start_fill(std::move(job), place, cx);
}

void refresh(const request& rq, const decision& d, worker_context& cx)
{
    process_context& p = cx.process;
    if (d.renew != renewal::revisit && (p.marks.recent_failure(rq.hash, rq.now) || !d.stored->may_refresh(rq.now))) {
        return;   // the last refresh failed a moment ago
    }
    flight_table::place place = p.flights.join(d.stored->key(), d.stored->hash(), p.valid, url_scope(rq));
    if (!place.created) {
        return;
    }
    auto job = std::make_unique<fill_job>(rq, place.joined, d.stored->hash());
    job->stored = d.stored;
    job->background = true;
    job->why = d.renew;
    job->refreshed = d.stored;
    if (d.renew != renewal::revisit) {
        d.stored->note_refresh(rq.now, 0.8 + 0.4 * cx.random.uniform());
    }
    if (d.renew == renewal::early) {
        cx.counts.observe(telemetry::metric::refresh_lead_seconds, d.stored->times().fresh_until - rq.now);
    }
    start_fill(std::move(job), place, cx);
}

}  // namespace tiercel::flow
