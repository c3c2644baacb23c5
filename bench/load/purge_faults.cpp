// Redis and consumers are killed while events come. Whatever was taken on takes effect: on an answer that each node gives at the end, made
// after its event was sent; and of the events of a stream none is passed over.

#include "load/popularity.hpp"
#include "load/purge.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

namespace tiercel::load::purge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t at_once = 20;   // events
const std::string feed = "sources: [{label: feed, kind: redis_stream, stream: feed, scope: all}]";

stage_options options_of(const settings& s)
{
    stage_options o;
    o.nodes = 3;
    o.redis = true;
    o.node.threads = s.threads;
    o.node.l2 = "timeout: 1s";
    o.node.route = "tags: [\"page-{path.2}\"]";
    o.node.invalidation = feed;
    return o;
}

std::string tag_of(std::size_t k) { return "page-" + std::to_string(k); }
std::string request_of(std::size_t k) { return make_request("/page/" + std::to_string(k) + "?clock=1&ttl=86400"); }

// All in one step, so that no reader sees a part. False: Redis is not there.
bool add_to_stream(test::redis_server& redis, std::size_t from, std::size_t to)
{
    std::vector<std::string> words{"EVAL", "for _, e in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'event', e) end return 1", "1", "feed"};
    for (std::size_t i = from; i < to; ++i) { words.push_back(event_of("e" + std::to_string(i), tag_of(i))); }
    try {
        return redis.command(words).integer == 1;
    } catch (const std::runtime_error&) {
        return false;
    }
}

void wait_for_group(stage& all)
{
    const auto has_group = [&] { return all.redis().command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; };
    if (!test::eventually(has_group)) { throw std::runtime_error("nobody reads the stream"); }
}

std::vector<std::string> unacknowledged(stage& all)
{
    std::vector<std::string> ids;
    for (const auto& r : all.redis().command({"XPENDING", "feed", "tiercel", "-", "+", "100000"}).elements) { ids.push_back(r.elements.at(0).text); }
    return ids;
}

// Nothing is left to be read, to be acknowledged, or to be told: what a node is told now, all have applied.
bool has_settled(stage& all)
{
    const auto groups = all.redis().command({"XINFO", "GROUPS", "feed"}).elements;
    if (groups.size() != 1 || !unacknowledged(all).empty()) { return false; }
    const auto last = all.redis().command({"XREVRANGE", "feed", "+", "-", "COUNT", "1"}).elements;
    const auto& group = groups.front().elements;
    for (std::size_t i = 0; i + 1 < group.size(); i += 2) {
        if (group[i].text == "last-delivered-id" && !last.empty() && group[i + 1].text != last.front().elements.at(0).text) { return false; }
    }
    for (unsigned i = 0; i < all.size(); ++i) {
        const auto r = post(all.node(i), "/v1/invalidations?wait=applied&timeout=1s", R"({"mode":"hard","scopes":[{"kind":"tag","name":"last"}]})");
        if (r.status != 200) { return false; }
    }
    return true;
}

// Events by both ways, half each, until all were taken on; when each was sent that was.
struct sender {
    std::vector<nanoseconds> sent;
    std::uint64_t refused = 0;

    explicit sender(std::size_t events) : sent(events) {}

    void run(stage& all, nanoseconds lasts)
    {
        const nanoseconds begin = clock_now();
        const std::size_t batches = (sent.size() + at_once - 1) / at_once;
        for (std::size_t b = 0; b < batches; ++b) {
            const std::size_t from = b * at_once, to = std::min(sent.size(), from + at_once);
            for (;;) {
                const nanoseconds now = clock_now();
                if (b % 2 == 0 ? add_to_stream(all.redis(), from, to) : post_all(all.node(static_cast<unsigned>(b / 2 % all.size())), from, to)) {
                    std::fill(sent.begin() + static_cast<std::ptrdiff_t>(from), sent.begin() + static_cast<std::ptrdiff_t>(to), now);
                    break;
                }
                ++refused;
                std::this_thread::sleep_for(20ms);
            }
            const nanoseconds next = begin + lasts * static_cast<std::int64_t>(b + 1) / static_cast<std::int64_t>(batches);
            if (next > clock_now()) { std::this_thread::sleep_for(next - clock_now()); }
        }
    }

    static bool post_all(const test::proxy& node, std::size_t from, std::size_t to)
    {
        std::vector<std::string> some;
        for (std::size_t i = from; i < to; ++i) { some.push_back(event_of("e" + std::to_string(i), tag_of(i))); }
        return send_events(node, some) == to - from;
    }
};

// When what each node gives at the end was made, page by page.
std::vector<nanoseconds> made_at(stage& all, const std::vector<std::string>& requests, unsigned node)
{
    std::vector<nanoseconds> out(requests.size());
    load_plan p;
    p.servers = {all.node(node).port()};
    p.connections = 32;
    p.arrivals = schedule::saturating();
    p.requests = requests.size();
    p.keep_content = true;
    p.keep_records = false;
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = requests[n]}; };
    p.observe = [&](const answer_view& a) { out[a.number] = a.status == 200 ? nanoseconds(number_in(a.body)) : 0ns; };
    run_load(std::move(p));
    return out;
}

void kill_redis(const settings& s, measurement& m, bool keeps_data)
{
    const std::size_t events = s.quick ? 600 : 10'000, others = events / 10;
    const nanoseconds lasts = s.quick ? 3s : 20s;
    const int kills = s.quick ? 2 : 8;
    stage_options o = options_of(s);
    if (keeps_data) { o.redis_arguments = {"--appendonly", "yes", "--appendfsync", "always"}; }
    stage all(std::move(o));
    all.wait_until_acquainted();
    wait_for_group(all);
    std::vector<std::string> requests;
    for (std::size_t k = 0; k < events + others; ++k) { requests.push_back(request_of(k)); }
    all.fetch_all(requests);
    for (const unsigned i : {1u, 2u}) { all.fetch_all(requests, i); }

    const nanoseconds begin = clock_now();
    load_plan p = plan_of(s, all.ports());
    p.arrivals = schedule::constant(200);
    p.duration = lasts;
    p.request = [&](std::uint64_t n) {
        return planned_request{.bytes = requests[random_bits(s.seed, n) % events], .server = static_cast<unsigned>(n % 3)};
    };
    load_run run(std::move(p));
    sender sending(events);
    std::thread thread([&] { sending.run(all, lasts); });
    for (int i = 0; i < kills; ++i) {
        run.wait_until(lasts * (2 * i + 1) / (2 * kills));
        all.redis().kill();
        std::this_thread::sleep_for(i % 2 == 0 ? 100ms : 700ms);
        all.redis().restart();
    }
    thread.join();
    const load_result r = run.finish();
    const bool settled = test::eventually([&] { return has_settled(all); }, 90s);
    const nanoseconds end = clock_now();

    std::uint64_t lost = 0, kept = 0;
    for (unsigned i = 0; i < all.size(); ++i) {
        const std::vector<nanoseconds> made = made_at(all, requests, i);
        for (std::size_t k = 0; k < events; ++k) { lost += made[k] < sending.sent[k] ? 1 : 0; }
        for (std::size_t k = events; k < made.size(); ++k) { kept += made[k] < begin ? 1 : 0; }
    }
    const std::string context = std::string(keeps_data ? "with" : "without") + " its data";
    const std::string of = "of " + std::to_string(events) + " while Redis was killed " + std::to_string(kills) + " times and came back " + context;
    m.checks.push_back(count_at_most(lost, "event", "without effect on some instance, " + of, 0));
    m.checks.push_back(count_at_least(settled ? 1 : 0, "end", "of all that was to be told, " + context, 1));
    m.checks.push_back(count_at_most(r.errors, "error", "for clients, " + context, 0));
    if (keeps_data) { m.checks.push_back(count_at_least(kept, "answer", "that no event named, still a hit, " + context, others * 3 * 9 / 10)); }
    m.add_run("Redis killed, " + context, r);
    m.figures.push_back(count_figure("batches not taken on and sent again, " + context, sending.refused));
    m.figures.push_back(time_figure("until all had settled, " + context, end - begin - lasts));
}

// Of all that the log says was invalidated: the pages, each as often as it is there.
std::multiset<std::size_t> pages_in_log(stage& all)
{
    std::multiset<std::size_t> out;
    for (const auto& entry : all.redis().command({"XRANGE", "tcl:{inv}:log", "-", "+"}).elements) {
        for (const auto& f : entry.elements.at(1).elements) {
            const std::size_t at = f.text.find("tag:page-");
            if (at != std::string::npos) { out.insert(std::stoul(f.text.substr(at + 9))); }
        }
    }
    return out;
}

// In the short form: what consumers that are gone have left, as if that had been a minute ago.
void age_unacknowledged(stage& all)
{
    std::vector<std::string> claim{"XCLAIM", "feed", "tiercel", "gone", "0"};
    const std::vector<std::string> ids = unacknowledged(all);
    if (ids.empty()) { return; }
    claim.insert(claim.end(), ids.begin(), ids.end());
    claim.insert(claim.end(), {"IDLE", "60000", "JUSTID"});
    all.redis().command(claim);
}

}  // namespace

void redis_killed(const settings& s, measurement& m)
{
    kill_redis(s, m, true);
    kill_redis(s, m, false);
}

void consumer_killed(const settings& s, measurement& m)
{
    const std::size_t events = s.quick ? 1'000 : 10'000;
    const unsigned kills = s.quick ? 4 : 100;
    stage all(options_of(s));
    wait_for_group(all);
    std::atomic<bool> ending = false;
    std::atomic<std::size_t> sent = 0;
    std::thread sender([&] {   // for as long as there are kills, and the rest after them
        const std::size_t step = std::max<std::size_t>(1, events / (kills * 4));
        while (sent < events) {
            const std::size_t to = std::min(events, sent + step);
            add_to_stream(all.redis(), sent, to);
            sent = to;
            if (!ending) { std::this_thread::sleep_for(25ms); }
        }
    });
    for (unsigned i = 0; i < kills; ++i) {
        const std::uint64_t drawn = random_bits(s.seed, i);
        std::this_thread::sleep_for(milliseconds(drawn % 100));
        test::proxy& victim = all.node(static_cast<unsigned>((drawn >> 16) % all.size()));
        victim.kill();
        victim.start();
    }
    ending = true;
    sender.join();
    const nanoseconds done = clock_now();
    if (s.quick) { age_unacknowledged(all); }
    // What a dead consumer has left is taken over after 30 s, and the name goes when it has been silent for that long.
    const auto consumers = [&] { return all.redis().command({"XINFO", "CONSUMERS", "feed", "tiercel"}).elements.size(); };
    test::eventually([&] { return has_settled(all) && (s.quick || consumers() == all.size()); }, 120s);
    const nanoseconds end = clock_now();

    const std::multiset<std::size_t> found = pages_in_log(all);
    const std::size_t different = std::set<std::size_t>(found.begin(), found.end()).size();
    const std::string of = "of " + std::to_string(events) + " while consumers were killed " + std::to_string(kills) + " times";
    m.checks.push_back(count_at_most(events - different, "event", "passed over, " + of, 0));
    m.checks.push_back(count_at_most(unacknowledged(all).size(), "event", "not acknowledged in the end", 0));
    m.checks.push_back(count_at_most(static_cast<std::uint64_t>(all.redis().command({"XLEN", "tcl:dlq"}).integer), "dead letter", "", 0));
    if (!s.quick) {
        m.checks.push_back(count_at_most(consumers(), "consumer", "left in the group", all.size()));
        m.checks.push_back(count_at_least(consumers(), "consumer", "left in the group", all.size()));
    }
    m.figures.push_back(count_figure("events that are in the log more than once", found.size() - different));
    m.figures.push_back(time_figure("from the last kill until all had settled", end - done));
}

}  // namespace tiercel::load::purge
