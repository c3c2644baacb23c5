// Purges of several kinds while all nodes are under load. The origin numbers its answers, so each tells whether it was fetched before a purge
// was asked for: once the purge is acknowledged, no node gives such an answer any more, and nothing else is fetched again.

#include "load/popularity.hpp"
#include "load/purge.hpp"

#include <algorithm>
#include <map>

namespace tiercel::load::purge {
namespace {

using namespace std::chrono_literals;

constexpr nanoseconds pause = 50ms;   // between two purges
constexpr std::size_t kept_host = 3;  // of the hosts 0 to 3 the one that no purge names

// Everything about page k follows from k: four hosts, on each four directories, in each pages of four tags.
struct page {
    std::size_t host, directory, tag;
    std::string path;

    explicit page(std::size_t k) : host(k % 4), directory(k / 4 % 4), tag(k / 16 % 4),
                                   path("/page/" + std::to_string(directory) + "/" + std::to_string(k)) {}
    bool is_kept() const { return host == kept_host; }
    std::string authority() const { return "host" + std::to_string(host) + ".test"; }
    std::string key() const { return (is_kept() ? "kept" : "tag") + std::to_string(tag); }
    std::string target() const { return path + "?serial&ttl=3600&h=Surrogate-Key:" + key(); }
    std::string request() const { return "GET " + target() + " HTTP/1.1\r\nHost: " + authority() + "\r\nUser-Agent: tiercel-bench\r\n\r\n"; }
};

struct asked_purge {
    std::string scope;                  // as JSON
    std::vector<std::size_t> pages{};   // the ones it names
    nanoseconds asked{0};
    nanoseconds acknowledged{0};
    std::vector<std::uint64_t> known{}; // of each of these pages the last serial before it was asked for
    nanoseconds last_stale{0};          // answer, after the acknowledgement
};

struct observed {
    std::size_t page;
    nanoseconds due, came;
    std::uint64_t serial;
    source by;
};

// The n-th: in turn a URL, a tag, a prefix, a host, as one page that may be purged has them.
asked_purge make_purge(const std::vector<page>& pages, std::uint64_t seed, std::uint64_t n)
{
    std::size_t chosen = random_bits(seed + 1, n) % pages.size();
    if (pages[chosen].is_kept()) { --chosen; }
    const page& like = pages[chosen];
    const std::string directory = like.authority() + "/page/" + std::to_string(like.directory) + "/";
    asked_purge out;
    const auto take = [&](std::string_view kind, const std::string& name, auto matches) {
        out.scope = R"({"kind":")" + std::string(kind) + R"(",")" + (kind == "url" ? "url" : "name") + R"(":")" + name + R"("})";
        for (std::size_t k = 0; k < pages.size(); ++k) {
            if (matches(pages[k])) { out.pages.push_back(k); }
        }
    };
    switch (n % 4) {
    case 0: take("url", "http://" + like.authority() + like.target(), [&](const page& p) { return p.path == like.path; }); break;
    case 1: take("tag", like.key(), [&](const page& p) { return p.key() == like.key(); }); break;
    case 2: take("prefix", directory, [&](const page& p) { return p.host == like.host && p.directory == like.directory; }); break;
    default: take("host", like.authority(), [&](const page& p) { return p.host == like.host; }); break;
    }
    return out;
}

std::uint64_t count_in(const std::map<std::string, std::uint64_t>& counts, const std::string& path)
{
    const auto at = counts.find(path);
    return at == counts.end() ? 0 : at->second;
}

struct staleness {
    std::uint64_t judged = 0;   // answers asked for after a purge of their page was acknowledged
    std::uint64_t stale = 0;    // those of them that were fetched before it was asked for
};

// Also notes in each purge when the last stale answer came.
staleness judge_answers(const std::vector<observed>& answers, std::vector<asked_purge>& purges)
{
    struct bound { asked_purge* of; std::uint64_t known; };
    std::map<std::size_t, std::vector<bound>> bounds;
    for (asked_purge& p : purges) {
        for (std::size_t i = 0; i < p.pages.size(); ++i) { bounds[p.pages[i]].push_back({&p, p.known[i]}); }
    }
    staleness out;
    for (const observed& a : answers) {
        bool judged = false, stale = false;
        for (const bound& b : bounds[a.page]) {
            const bool is_old = a.serial <= b.known;
            if (b.of->acknowledged < a.due) {
                judged = true;
                stale = stale || is_old;
            }
            if (is_old && b.of->acknowledged < a.came) { b.of->last_stale = std::max(b.of->last_stale, a.came - b.of->acknowledged); }
        }
        out.judged += judged ? 1 : 0;
        out.stale += stale ? 1 : 0;
    }
    return out;
}

// How many fetches of each page there was a reason for: a purge, or that a fetch was under way during a purge, and so may not be stored.
std::vector<std::uint64_t> fetches_with_reason(const std::vector<observed>& answers, const std::vector<asked_purge>& purges, std::size_t keys)
{
    std::vector<std::vector<const asked_purge*>> purges_of(keys);
    for (const asked_purge& p : purges) {
        for (const std::size_t k : p.pages) { purges_of[k].push_back(&p); }
    }
    std::vector<std::uint64_t> out(keys);
    for (std::size_t k = 0; k < keys; ++k) { out[k] = purges_of[k].size(); }
    for (const observed& a : answers) {
        const auto overlaps = [&](const asked_purge* p) { return a.due <= p->acknowledged && p->asked <= a.came; };
        const auto& of_page = purges_of[a.page];
        out[a.page] += a.by == source::origin && std::any_of(of_page.begin(), of_page.end(), overlaps) ? 1 : 0;
    }
    return out;
}

}  // namespace

void under_load(const settings& s, measurement& m)
{
    stage_options o;
    o.nodes = s.nodes;
    o.redis = !s.control;   // without it every node has a log of its own
    o.node.threads = s.threads;
    o.node.l2 = "timeout: 1s";   // a busy machine is not what this is about
    o.node.route = "stampede: {lock: {min_delta: 0s}}";   // else what is fetched this fast may be fetched by two nodes at once
    stage all(std::move(o));
    std::vector<page> pages;
    std::vector<std::string> requests;
    for (std::size_t k = 0; k < s.keys; ++k) { requests.push_back(pages.emplace_back(k).request()); }
    if (!s.control) { all.wait_until_acquainted(); }
    all.fetch_all(requests);
    if (!s.control) { all.wait_for_redis_keys(s.keys); }
    for (unsigned i = 1; i < s.nodes; ++i) { all.fetch_all(requests, i); }
    const auto before = all.origin().requests_by_path();

    const auto page_of = [&](std::uint64_t n) { return random_bits(s.seed, n) % s.keys; };
    std::vector<observed> answers;
    load_plan p = plan_of(s, all.ports());
    p.keep_content = true;
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = requests[page_of(n)], .server = static_cast<unsigned>(n % s.nodes)}; };
    p.observe = [&](const answer_view& a) {
        if (a.status == 200) { answers.push_back({page_of(a.number), a.due, a.due + a.latency, number_in(a.body), a.by}); }
    };
    load_run run(std::move(p));
    std::vector<asked_purge> purges;
    std::uint64_t refused = 0;
    for (nanoseconds at = pause; at < s.duration - 4 * pause; at = std::max(at, run.now()) + pause) {
        run.wait_until(at);
        const std::uint64_t n = purges.size() + refused;
        asked_purge next = make_purge(pages, s.seed, n);
        const auto known = all.origin().requests_by_path();
        for (const std::size_t k : next.pages) { next.known.push_back(count_in(known, pages[k].path)); }
        next.asked = run.now();
        const auto answer = all.node(static_cast<unsigned>(n % s.nodes)).admin("POST", "/v1/invalidations?wait=applied&timeout=5s",
                                                                              R"({"mode":"hard","scopes":[)" + next.scope + "]}");
        next.acknowledged = run.now();
        if (answer.status == 200) {
            purges.push_back(std::move(next));
        } else {
            ++refused;
        }
    }
    const load_result r = run.finish();

    const staleness found = judge_answers(answers, purges);
    const auto after = all.origin().requests_by_path();
    const std::vector<std::uint64_t> with_reason = fetches_with_reason(answers, purges, s.keys);
    std::uint64_t fetched = 0, without_reason = 0;
    for (std::size_t k = 0; k < s.keys; ++k) {
        const std::uint64_t n = count_in(after, pages[k].path) - count_in(before, pages[k].path);
        fetched += n;
        without_reason += n - std::min(n, with_reason[k]);
    }
    histogram to_acknowledge, to_last_stale;
    for (const asked_purge& one : purges) {
        to_acknowledge.record(static_cast<std::uint64_t>((one.acknowledged - one.asked).count()));
        to_last_stale.record(static_cast<std::uint64_t>(one.last_stale.count()));
    }

    const std::string count = std::to_string(purges.size());
    m.checks.push_back(count_at_most(found.stale, "stale answer", "of " + std::to_string(found.judged) + " asked for after " + count + " purges", 0));
    m.checks.push_back(count_at_most(without_reason, "origin request", "that no purge was the reason for, of " + std::to_string(fetched), 0));
    m.checks.push_back(count_at_most(refused, "purge", "not applied by all", 0));
    m.checks.push_back(count_at_most(r.errors, "error", "for clients", 0));
    m.checks.push_back(count_at_least(fetched, "origin request", "for what was purged", std::max<std::uint64_t>(purges.size(), 4)));
    m.add_run("all nodes", r);
    m.figures.push_back(time_figure("from the request to its acknowledgement, p99", nanoseconds(to_acknowledge.quantile(0.99))));
    m.figures.push_back(time_figure("from there to the last old answer to arrive, p99", nanoseconds(to_last_stale.quantile(0.99))));
    m.figures.push_back(count_figure("purges", purges.size()));
    m.plots.push_back(answers_over_time("Answers by tier", r.records, slot_of(s)));
    m.plots.push_back(latency_over_time("Latency over time", r.records, slot_of(s)));
}

}  // namespace tiercel::load::purge
