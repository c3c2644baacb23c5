// A node stands still (SIGSTOP) while more is invalidated than the log holds. When it wakes, requests wait for it already: none of them is
// answered with what was invalidated meanwhile, and what was not is still there.

#include "load/popularity.hpp"
#include "load/purge.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <numeric>
#include <random>
#include <thread>

namespace tiercel::load::purge {
namespace {

using namespace std::chrono_literals;

constexpr nanoseconds noticed_after = 6s;   // a shorter standstill is taken for a busy machine
constexpr std::size_t batch = 500;

struct extent {
    std::size_t pages, named;   // pages that are stored, and how many of them the events name
    std::size_t events;         // the others name what nobody has
    std::size_t log;            // entries that the log holds at the end
};
extent extent_of(const settings& s)
{
    return s.quick ? extent{1'000, 100, 4'000, 2'000} : extent{10'000, 1'000, 200'000, 100'000};
}

std::string target_of(std::size_t k) { return make_request("/page/" + std::to_string(k) + "?clock=1&ttl=86400"); }

// All of them, by the nodes that are awake. How many were taken on.
std::uint64_t send_all(stage& all, const extent& e)
{
    std::atomic<std::size_t> next{0};
    std::atomic<std::uint64_t> taken{0};
    std::vector<std::thread> senders;
    for (const unsigned node : {0u, 1u}) {
        senders.emplace_back([&, node] {
            for (std::size_t from = next.fetch_add(batch); from < e.events; from = next.fetch_add(batch)) {
                std::vector<std::string> some;
                for (std::size_t i = from; i < std::min(e.events, from + batch); ++i) {
                    some.push_back(event_of(std::to_string(i), (i < e.named ? "page-" : "other-") + std::to_string(i)));
                }
                taken += send_events(all.node(node), some);
            }
        });
    }
    for (std::thread& t : senders) { t.join(); }
    return taken;
}

}  // namespace

void standstill(const settings& s, measurement& m)
{
    const extent e = extent_of(s);
    stage_options o;
    o.nodes = 3;
    o.redis = !s.control;   // without it every node has a log of its own
    o.node.threads = s.threads;
    o.node.l2 = "timeout: 1s";
    o.node.route = "tags: [\"page-{path.2}\"]";
    stage all(std::move(o));
    constexpr unsigned asleep = 2;
    std::vector<std::string> requests;
    for (std::size_t k = 0; k < e.pages; ++k) { requests.push_back(target_of(k)); }
    if (!s.control) { all.wait_until_acquainted(); }
    all.fetch_all(requests);
    if (!s.control) { all.wait_for_redis_keys(e.pages); }
    for (const unsigned i : {1u, asleep}) { all.fetch_all(requests, i); }

    all.node(asleep).process().send_signal(SIGSTOP);
    const nanoseconds stopped = clock_now();
    const std::uint64_t taken = send_all(all, e);
    const nanoseconds passed = clock_now();
    if (s.quick && !s.control) { all.redis().command({"XTRIM", "tcl:{inv}:log", "MAXLEN", std::to_string(e.log)}); }
    const auto left = s.control ? 0 : static_cast<std::uint64_t>(all.redis().command({"XLEN", "tcl:{inv}:log"}).integer);
    all.fetch_all({requests.begin(), requests.begin() + static_cast<std::ptrdiff_t>(e.named / 2)});   // Redis has the new ones of these
    if (clock_now() < stopped + noticed_after) { std::this_thread::sleep_for(stopped + noticed_after - clock_now()); }

    std::vector<std::size_t> order(e.pages);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937_64(s.seed));
    std::vector<dated> answers;
    load_plan p = plan_of(s, {all.node(asleep).port()});
    p.duration = no_time;
    p.requests = e.pages;
    p.keep_content = true;
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = requests[order[n]]}; };
    p.observe = [&](const answer_view& a) {
        if (a.status == 200) { answers.push_back({order[a.number], a.due, a.due + a.latency, nanoseconds(number_in(a.body)), a.by, asleep}); }
    };
    load_run run(std::move(p));
    run.wait_until(200ms);   // what was asked for by now waits in the sockets
    const nanoseconds woken = run.now();
    all.node(asleep).process().send_signal(SIGCONT);
    const load_result r = run.finish();

    std::uint64_t stale = 0, named = 0, kept = 0, others = 0, waiting = 0, from_memory = 0, kept_waiting = 0;
    for (const dated& a : answers) {
        if (a.page < e.named) {
            ++named;
            stale += a.made < passed ? 1 : 0;
        } else {
            ++others;
            const bool is_old_one = a.made < stopped;
            kept += is_old_one ? 1 : 0;
            from_memory += a.by == source::l1 ? 1 : 0;
            waiting += a.due < woken ? 1 : 0;
            kept_waiting += a.due < woken && is_old_one ? 1 : 0;
        }
    }
    const std::string context = "after " + std::to_string(e.events) + " events during a standstill";
    m.checks.push_back(count_at_most(stale, "stale answer", "of " + std::to_string(named) + " " + context, 0));
    const std::string for_others = "of " + std::to_string(others) + " for what no event named are still hits";
    m.checks.push_back(count_at_least(kept, "answer", for_others, (e.pages - e.named) * 9 / 10));
    m.checks.push_back(count_at_most(e.events - taken, "event", "of " + std::to_string(e.events) + " not taken on", 0));
    m.checks.push_back(count_at_most(r.errors, "error", context, 0));
    if (!s.control) { m.checks.push_back(count_at_most(left, "invalidation", "left in the log", e.log + 200)); }   // it is trimmed by whole nodes
    m.add_run("after the standstill", r);
    m.figures.push_back(count_figure("not named, asked for before it woke", waiting));
    m.figures.push_back(count_figure("of these still hits", kept_waiting));
    m.figures.push_back(count_figure("not named, from memory", from_memory));
    m.figures.push_back({.name = "events per second", .value = static_cast<double>(taken) / (milliseconds_of(passed - stopped) / 1e3), .unit = ""});
    m.plots.push_back(answers_over_time("After a standstill", r.records, 20ms));
}

}  // namespace tiercel::load::purge
