// Many pages, and purges of every kind of scope while all nodes are under load. Purges are not waited for: how long after the API has
// answered does any node still give an old answer, and is anything fetched again that no purge named?
//
// A tenth of a second is too short for all pages to be asked for on all nodes. So three of four requests are for a page of a purge that is at
// hand or a moment ago: by then every node has it in memory, and whoever gives the old one is seen.

#include "load/popularity.hpp"
#include "load/purge.hpp"

#include <algorithm>
#include <map>

namespace tiercel::load::purge {
namespace {

using namespace std::chrono_literals;

constexpr nanoseconds around = 150ms;      // a purge its pages are asked for
constexpr nanoseconds gap = 25ms;          // between purges
constexpr nanoseconds lead = 300ms;        // before the first
constexpr nanoseconds lag_allowed = 100ms;

enum class kind { url, entity, tag, entity_list, prefix, host, tenant, all };
constexpr std::string_view names[] = {"url", "entity", "tag", "entity_list", "prefix", "host", "tenant", "all"};   // from few pages to many

// Everything about page k follows from k: its tenant, of whose pages it is the j-th, and there one of ten hosts, of ten directories on each, of
// twenty tags, of five types of entities; every other one is about one entity, the others are lists.
struct page {
    std::size_t tenant, host, directory, tag, type, id;
    bool is_list;
    std::string request;

    page(std::size_t k, std::size_t tenants)
    {
        const std::size_t j = k / tenants;
        tenant = k % tenants;
        host = j % 10;
        directory = j / 10 % 10;
        tag = j % 20;
        type = j % 5;
        id = j / 5 % 50;
        is_list = j / 5 % 2 == 0;
        request = "GET " + target(k) + " HTTP/1.1\r\nHost: " + authority() + "\r\nX-Tenant-ID: " + tenant_name() + "\r\nUser-Agent: tiercel-bench\r\n\r\n";
    }
    std::string tenant_name() const { return "tenant" + std::to_string(tenant); }
    std::string authority() const { return "host" + std::to_string(host) + ".test"; }
    std::string tag_name() const { return "tag" + std::to_string(tag); }
    std::string type_name() const { return "type" + std::to_string(type); }
    std::string directory_path() const { return "/page/d" + std::to_string(directory) + "/"; }
    std::string target(std::size_t k) const
    {
        return directory_path() + type_name() + "/" + std::to_string(k) + "?clock=1&ttl=86400&h=Surrogate-Key:" + tag_name() +
               (is_list ? "" : "&id=" + std::to_string(id));
    }
};

struct site {
    std::size_t tenants;
    std::vector<page> pages{};

    site(std::size_t keys, std::size_t t) : tenants(t)
    {
        for (std::size_t k = 0; k < keys; ++k) { pages.emplace_back(k, tenants); }
    }
    // Pages that a purge of that kind of what page k shows names.
    std::vector<std::size_t> named_by(kind of, std::size_t k) const
    {
        const page& like = pages[k];
        const auto matches = [&](std::size_t other) {
            const page& p = pages[other];
            switch (of) {
            case kind::url: return other == k;
            case kind::entity: return !p.is_list && p.type == like.type && p.id == like.id;
            case kind::tag: return p.tag == like.tag;
            case kind::entity_list: return p.is_list && p.type == like.type;
            case kind::prefix: return p.host == like.host && p.directory == like.directory;
            case kind::host: return p.host == like.host;
            default: return true;
            }
        };
        std::vector<std::size_t> out;
        const std::size_t step = of == kind::all ? 1 : tenants;   // all others are of one tenant
        for (std::size_t other = of == kind::all ? 0 : like.tenant; other < pages.size(); other += step) {
            if (matches(other)) { out.push_back(other); }
        }
        return out;
    }
    std::string order_for(kind of, std::size_t k) const
    {
        const page& p = pages[k];
        std::string name;
        switch (of) {
        case kind::url: name = "http://" + p.authority() + p.target(k); break;
        case kind::entity: name = p.type_name() + "/" + std::to_string(p.id); break;
        case kind::tag: name = p.tag_name(); break;
        case kind::entity_list: name = p.type_name(); break;
        case kind::prefix: name = p.authority() + p.directory_path(); break;
        case kind::host: name = p.authority(); break;
        case kind::tenant: name = p.tenant_name(); break;
        case kind::all: break;
        }
        const std::string scope = R"({"kind":")" + std::string(names[static_cast<std::size_t>(of)]) + R"(",")" +
                                  (of == kind::url ? "url" : "name") + R"(":")" + name + R"("})";
        const std::string tenant = of == kind::all ? "" : R"("tenant":")" + p.tenant_name() + R"(",)";
        return "{" + tenant + R"("mode":"hard","scopes":[)" + (of == kind::all ? R"({"kind":"all"})" : scope) + "]}";
    }
};

struct done_purge {
    std::size_t like = 0;
    purged when{};
    nanoseconds last_stale{0};   // answer, after the API's
};

struct found {
    std::uint64_t purges = 0, refused = 0, late = 0, fetched = 0, without_reason = 0, old = 0;
    histogram last_stale;
};

// Old answers that came after a purge of their page, and fetches that none was the reason for.
void judge(const std::vector<dated>& answers, std::vector<done_purge>& purges, const site& all, kind of, nanoseconds begin, found& out)
{
    std::map<std::size_t, std::vector<done_purge*>> of_page;
    std::vector<std::vector<std::size_t>> asked_for(all.pages.size());   // answers, by page
    for (std::size_t i = 0; i < answers.size(); ++i) { asked_for[answers[i].page].push_back(i); }
    for (done_purge& p : purges) {
        for (const std::size_t k : all.named_by(of, p.like)) {
            if (!asked_for[k].empty()) { of_page[k].push_back(&p); }
        }
    }
    for (std::size_t k = 0; k < all.pages.size(); ++k) {
        std::vector<nanoseconds> made;   // by the origin, since the begin
        for (const std::size_t i : asked_for[k]) {
            const dated& a = answers[i];
            if (a.made > begin) { made.push_back(a.made); }
            for (done_purge* const p : of_page[k]) {
                if (a.made < p->when.asked && a.came > p->when.acknowledged) {
                    ++out.old;
                    p->last_stale = std::max(p->last_stale, a.came - p->when.acknowledged);
                }
            }
        }
        std::sort(made.begin(), made.end());
        made.erase(std::unique(made.begin(), made.end()), made.end());
        nanoseconds before = begin - lag_allowed;
        for (const nanoseconds t : made) {
            // A node that has not heard of it yet may fetch for nothing: so a purge holds for a moment.
            const auto is_reason = [&](const done_purge* p) { return p->when.asked <= t && p->when.acknowledged + lag_allowed >= before; };
            const auto& reasons = of_page[k];
            out.without_reason += std::any_of(reasons.begin(), reasons.end(), is_reason) ? 0 : 1;
            before = t;
        }
        out.fetched += made.size();
    }
    for (const done_purge& p : purges) {
        out.last_stale.record(static_cast<std::uint64_t>(p.last_stale.count()));
        out.late += p.last_stale > lag_allowed ? 1 : 0;
    }
    out.purges += purges.size();
}

}  // namespace

void kinds(const settings& s, measurement& m)
{
    const site all_pages(s.quick ? 1'000 : 100'000, s.quick ? 4 : 100);
    const std::size_t of_each = s.quick ? 12 : 1'000, of_all = s.quick ? 2 : 20;   // purges
    stage_options o;
    o.nodes = 3;
    o.redis = true;
    o.node.threads = s.threads;
    o.node.l1 = "max_bytes: 512MiB";
    o.node.l2 = "timeout: 1s";
    o.node.tenancy = "resolvers: [{kind: header, name: X-Tenant-ID}]";
    o.node.server = "trusted_proxies: [127.0.0.0/8]";
    o.node.route = "stampede: {lock: {min_delta: 0s}}, entity: {type: \"{path.3}\", id: \"{query.id}\"}";
    stage all(std::move(o));
    std::vector<std::string> requests;
    for (const page& p : all_pages.pages) { requests.push_back(p.request); }
    all.wait_until_acquainted();
    all.fetch_all(requests);
    all.wait_for_redis_keys(requests.size());
    for (const unsigned i : {1u, 2u}) { all.fetch_all(requests, i); }

    const double rate = s.quick ? 1'000 : 2'000;
    found in_all;
    std::uint64_t errors = 0;
    for (const kind of : {kind::url, kind::entity, kind::tag, kind::entity_list, kind::prefix, kind::host, kind::tenant, kind::all}) {
        const std::size_t count = of == kind::all ? of_all : of_each;
        const std::uint64_t seed = s.seed + 10 * static_cast<std::uint64_t>(of);
        if (of != kind::url) { all.fetch_all(requests); }   // what the last ones removed
        const auto like = [&](std::size_t n) { return random_bits(seed, n) % requests.size(); };
        const auto page_of = [&](std::uint64_t n) -> std::size_t {
            const std::uint64_t drawn = random_bits(seed + 1, n);
            if (drawn % 4 == 0) { return (drawn >> 8) % requests.size(); }
            const nanoseconds due(static_cast<std::int64_t>(static_cast<double>(n) / rate * 1e9));
            const auto last = std::min<std::int64_t>((due + around - lead) / gap, static_cast<std::int64_t>(count) - 1);
            const auto first = std::min(std::max<std::int64_t>((due - around - lead) / gap, 0), last);
            if (last < 0) { return (drawn >> 8) % requests.size(); }
            return like(static_cast<std::size_t>(first) + (drawn >> 8) % static_cast<std::size_t>(last - first + 1));
        };
        std::vector<dated> answers;
        load_plan p = plan_of(s, all.ports());
        p.arrivals = schedule::constant(rate);
        p.duration = 2 * lead + gap * static_cast<std::int64_t>(count);
        p.keep_content = true;
        p.request = [&](std::uint64_t n) { return planned_request{.bytes = requests[page_of(n)], .server = static_cast<unsigned>(n % 3)}; };
        p.observe = [&](const answer_view& a) {
            if (a.status == 200) {
                answers.push_back({page_of(a.number), a.due, a.due + a.latency, nanoseconds(number_in(a.body)), a.by, static_cast<unsigned>(a.number % 3)});
            }
        };
        const nanoseconds begin = clock_now();
        load_run run(std::move(p));
        std::vector<done_purge> purges;
        for (std::size_t n = 0; n < count; ++n) {
            run.wait_until(lead + gap * static_cast<std::int64_t>(n));
            done_purge one{.like = like(n)};
            one.when.asked = clock_now();
            const auto answer = post(all.node(static_cast<unsigned>(n % 3)), "/v1/invalidations", all_pages.order_for(of, one.like));
            one.when.acknowledged = clock_now();
            const bool is_applied = answer.status == 202 && answer.body.find(R"("state":"applied")") != std::string::npos;
            in_all.refused += is_applied ? 0 : 1;
            if (is_applied) { purges.push_back(one); }
        }
        const load_result r = run.finish();
        for (dated& a : answers) {
            a.due += run.began();
            a.came += run.began();
        }
        found here;
        judge(answers, purges, all_pages, of, begin, here);
        const std::string name(names[static_cast<std::size_t>(of)]);
        errors += r.errors;
        in_all.purges += here.purges;
        in_all.late += here.late;
        in_all.fetched += here.fetched;
        in_all.without_reason += here.without_reason;
        in_all.old += here.old;
        in_all.last_stale.add(here.last_stale);
        m.add_run(name, r);
        m.figures.push_back(time_figure(name + ": from the API's answer to the last old one, p99 of " + std::to_string(here.purges) + " purges",
                                        nanoseconds(here.last_stale.quantile(0.99))));
        m.figures.push_back(count_figure(name + ": fetches", here.fetched));
    }
    const std::string context = "of " + std::to_string(in_all.purges);
    // The short form runs beside other tests.
    m.checks.push_back(count_at_most(in_all.late, "purge", context + " with an old answer later than 100 ms", in_all.purges / (s.quick ? 5 : 100)));
    m.checks.push_back(count_at_most(in_all.without_reason, "origin request", "that no purge was the reason for, of " + std::to_string(in_all.fetched), 0));
    m.checks.push_back(count_at_least(in_all.fetched, "origin request", "for what was purged", in_all.purges * 8 / 10));
    m.checks.push_back(count_at_most(in_all.refused, "purge", "not applied", 0));
    m.checks.push_back(count_at_most(errors, "error", "for clients", 0));
    m.figures.push_back(time_figure("from the API's answer to the last old one, p99 of all", nanoseconds(in_all.last_stale.quantile(0.99))));
    m.figures.push_back(time_figure("the longest of all", nanoseconds(in_all.last_stale.max())));
    m.figures.push_back(count_figure("old answers after the API's answer", in_all.old));
}

}  // namespace tiercel::load::purge
