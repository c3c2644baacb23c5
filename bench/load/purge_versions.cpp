// The origin's version of a page rises, the page is purged, and all nodes are read, again and again, while fetches take long enough for purges
// to fall into them. An answer that was made before the last acknowledged purge of its page is one too many. The control is a program without the
// fence: an answer whose fetch was under way during a purge is stored there, and served until the next one.

#include "load/popularity.hpp"
#include "load/purge.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace tiercel::load::purge {
namespace {

using namespace std::chrono_literals;

constexpr unsigned writers = 3;
constexpr nanoseconds longest_pause = 40ms;

std::string tag_of(std::size_t k) { return "version" + std::to_string(k); }
std::string path_of(std::size_t k)
{
    return "/page/" + std::to_string(k) + "?clock=1&ttl=3600&delay=" + std::to_string(2 + k * 7 % 80) + "ms&h=Surrogate-Key:" + tag_of(k);
}

struct written {
    std::size_t page = 0;
    purged when{};
};

// Purges of the pages that are this writer's, by both modes and two kinds of scope, until it is told to end.
struct writer {
    std::vector<written> done{};
    std::uint64_t refused = 0;

    void run(const stage& all, unsigned own, std::size_t pages, std::uint64_t seed, const std::atomic<bool>& ending)
    {
        for (std::uint64_t n = 0; !ending; ++n) {
            const std::uint64_t drawn = random_bits(seed + 1 + own, n);
            const std::size_t page = own + drawn % (pages / writers) * writers;
            const std::string scope = (drawn >> 32) % 2 == 0 ? R"({"kind":"url","url":"http://bench.test)" + path_of(page) + R"("})"
                                                             : R"({"kind":"tag","name":")" + tag_of(page) + R"("})";
            const std::string mode = (drawn >> 33) % 2 == 0 ? "hard" : "soft";
            written w{.page = page};
            w.when.asked = clock_now();   // what the origin makes from now on is the new version
            const auto r = post(all.node(static_cast<unsigned>((drawn >> 34) % all.size())), "/v1/invalidations?wait=applied&timeout=5s",
                                R"({"mode":")" + mode + R"(","scopes":[)" + scope + "]}");
            w.when.acknowledged = clock_now();
            if (r.status == 200) {
                done.push_back(w);
            } else {
                ++refused;
            }
            std::this_thread::sleep_for(longest_pause * static_cast<std::int64_t>((drawn >> 40) % 256) / 256);
        }
    }
};

// The program as it would be without the fence; it lies beside this one.
std::filesystem::path without_fence()
{
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tiercel-unfenced";
}

// The last purge that was acknowledged before that; of one page, in order.
const written* last_before(const std::vector<const written*>& of_page, nanoseconds t)
{
    const auto at = std::partition_point(of_page.begin(), of_page.end(), [t](const written* w) { return w->when.acknowledged < t; });
    return at == of_page.begin() ? nullptr : *(at - 1);
}

}  // namespace

void versions(const settings& s, measurement& m)
{
    const std::size_t pages = s.quick ? 9 : 30;
    stage_options o;
    o.nodes = 3;
    o.redis = true;
    o.node.threads = s.threads;
    o.node.l2 = "timeout: 1s";
    o.node.route = "stampede: {lock: {min_delta: 0s}}, stale: {while_revalidate: 0s, if_error: 0s}";
    if (s.control) { o.program = without_fence(); }
    stage all(std::move(o));
    std::vector<std::string> requests;
    for (std::size_t k = 0; k < pages; ++k) { requests.push_back(make_request(path_of(k))); }
    all.wait_until_acquainted();
    all.fetch_all(requests);

    const auto page_of = [&](std::uint64_t n) { return random_bits(s.seed, n) % pages; };
    std::vector<dated> answers;
    load_plan p = plan_of(s, all.ports());
    p.duration = s.duration * (s.quick ? 4 : 60);
    p.keep_content = true;
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = requests[page_of(n)], .server = static_cast<unsigned>(n % 3)}; };
    p.observe = [&](const answer_view& a) {
        if (a.status == 200) {
            answers.push_back({page_of(a.number), a.due, a.due + a.latency, nanoseconds(number_in(a.body)), a.by, static_cast<unsigned>(a.number % 3)});
        }
    };
    std::atomic<bool> ending = false;
    std::vector<writer> all_writers(writers);
    std::vector<std::thread> threads;
    const nanoseconds last = p.duration - 500ms;
    load_run run(std::move(p));
    for (unsigned w = 0; w < writers; ++w) {
        threads.emplace_back([&, w] { all_writers[w].run(all, w, pages, s.seed, ending); });
    }
    run.wait_until(last);
    ending = true;
    for (std::thread& t : threads) { t.join(); }
    const load_result r = run.finish();

    std::vector<std::vector<const written*>> of_page(pages);
    std::uint64_t purges = 0, refused = 0;
    for (const writer& w : all_writers) {
        for (const written& one : w.done) { of_page[one.page].push_back(&one); }
        purges += w.done.size();
        refused += w.refused;
    }
    std::uint64_t judged = 0, stale = 0, hits = 0, during = 0;
    for (const dated& a : answers) {
        const nanoseconds due = run.began() + a.due, came = run.began() + a.came;
        const written* const before = last_before(of_page[a.page], due);
        judged += before != nullptr ? 1 : 0;
        stale += before != nullptr && a.made < before->when.asked ? 1 : 0;
        hits += a.by == source::l1 || a.by == source::l2 ? 1 : 0;
        during += a.by == source::origin && before != last_before(of_page[a.page], came) ? 1 : 0;
    }
    m.checks.push_back(count_at_most(stale, "answer", "older than the last acknowledged purge, of " + std::to_string(judged) + " after " +
                                     std::to_string(purges) + " purges", 0));
    m.checks.push_back(count_at_most(refused, "purge", "not applied by all", 0));
    m.checks.push_back(count_at_most(r.errors, "error", "for clients", 0));
    m.checks.push_back(count_at_least(during, "answer", "fetched while a purge of its page came", s.quick ? 5 : 100));
    m.checks.push_back(count_at_least(hits, "hit", "between purges", answers.size() / 20));
    m.add_run("versions", r);
    m.figures.push_back(count_figure("versions: purges", purges));
    m.figures.push_back(count_figure("versions: answers fetched while a purge of their page came", during));
}

}  // namespace tiercel::load::purge
