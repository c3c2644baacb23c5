// What may not be shared: everybody fetches alone, but at the same time; nobody gets another's answer; and a slow client slows nobody
// but itself.

#include "load/stampede.hpp"

#include "support/net.hpp"

#include <sys/socket.h>

#include <atomic>
#include <fstream>
#include <thread>

namespace tiercel::load::stampede {
namespace {

using namespace std::chrono_literals;

stage_options unlimited(const settings& s)
{
    stage_options o;
    o.node.threads = s.threads;
    o.node.route = route_of(s);
    o.node.origin = "limit: {max_inflight: 0}, pool: {max: 10000}";
    return o;
}

std::string delay_of(const settings& s) { return "&delay=" + std::to_string(s.origin_time.count()) + "ms"; }

// Everybody asks for the same URL, and the origin answers each with what that client said in X-User.
struct exchange_result {
    load_result run;
    std::uint64_t foreign = 0;
};

exchange_result ask_as_many(const stage& all, const std::string& target, unsigned clients)
{
    std::vector<std::string> requests;
    for (unsigned i = 0; i < clients; ++i) {
        const std::string who = "user-" + std::to_string(i);
        requests.push_back(make_request(target, "Cookie: session=" + who + "\r\nX-User: " + who + "\r\n"));
    }
    exchange_result out;
    load_plan p = plan_of({.request = "", .clients = clients}, all);
    p.request = [&](std::uint64_t n) { return planned_request{.bytes = requests[n]}; };
    p.keep_content = true;
    p.observe = [&](const answer_view& a) { out.foreign += a.body.starts_with("user-" + std::to_string(a.number) + "\n") ? 0 : 1; };
    out.run = run_load(std::move(p));
    return out;
}

// The most memory that a process has had at any time.
double peak_memory(pid_t process)
{
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    double kib = 0;
    for (std::string word; status >> word;) {
        if (word == "VmHWM:") { status >> kib; }
    }
    return kib * 1024;
}

// A client that takes a hundred bytes now and then, until told to stop.
class sluggard {
public:
    sluggard(std::uint16_t port, std::string request)
        : thread_([this, port, bytes = std::move(request)] {
              test::unique_fd fd = test::connect_to("127.0.0.1", port);
              const int small = 4096;
              ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
              ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
              char some[100];
              while (!done_ && ::recv(fd.get(), some, sizeof some, 0) > 0) { std::this_thread::sleep_for(100ms); }
          })
    {
    }
    sluggard(const sluggard&) = delete;
    sluggard& operator=(const sluggard&) = delete;
    ~sluggard()
    {
        done_ = true;
        thread_.join();
    }

private:
    std::atomic<bool> done_ = false;
    std::thread thread_;
};

}  // namespace

void uncacheable(const settings& s, measurement& m)
{
    stage all(unlimited(s));
    const std::string target = "/page/secret?cc=no-store&size=1000" + delay_of(s);
    const nanoseconds bare = bare_time(all.origin(), make_request(target));
    const load_result first = run_load(plan_of({.request = make_request(target), .clients = s.clients}, all));
    const load_result second = run_load(plan_of({.request = make_request(target), .clients = s.clients}, all));
    m.checks.push_back(ratio_at_most(slowest_over(first, bare), "the origin's time for a crowd at a page that may not be stored", ratio_limit(s, 2.2)));
    m.checks.push_back(ratio_at_most(slowest_over(second, bare), "the origin's time for the next crowd, which nobody lets wait", ratio_limit(s, 1.2)));
    m.checks.push_back(count_at_most(first.errors + second.errors, "error", "at the page that may not be stored", 0));
    m.add_run("uncacheable, first crowd", first);
    m.add_run("uncacheable, second crowd", second);
}

void personal(const settings& s, measurement& m)
{
    const unsigned clients = std::min(s.clients, 100u);
    stage all(unlimited(s));
    for (const char* how : {"cc=private", "ttl=600&vary=X-User"}) {
        all.origin().forget();
        const exchange_result r = ask_as_many(all, "/page/mine?echo=X-User&" + std::string(how) + delay_of(s), clients);
        const std::string context = "for " + std::to_string(clients) + " users, " + how;
        m.checks.push_back(count_at_most(r.foreign, "foreign marker", context, 0));
        m.checks.push_back(count_at_least(all.origin().requests("/page/mine"), "origin request", context, clients));
    }
}

void slow_reader(const settings& s, measurement& m)
{
    constexpr std::uint64_t size = 100 << 20;
    constexpr unsigned readers = 49;
    constexpr int pairs = 3;
    stage_options o = unlimited(s);
    o.node.l1 = "max_bytes: 2GiB, max_object: 128MiB";
    stage all(o);
    const auto page = [&](const std::string& name) { return make_request("/page/" + name + "?ttl=600&size=" + std::to_string(size)); };
    const auto read_all = [&](const std::string& name) { return run_load(plan_of({.request = page(name), .clients = readers, .patience = 120s}, all)); };
    load_result alone, together;
    std::vector<double> ratios;
    for (int i = 0; i < pairs; ++i) {
        const load_result one = read_all("alone" + std::to_string(i));
        const std::string name = "together" + std::to_string(i);
        const sluggard slow(all.node().port(), page(name));
        test::eventually([&] { return all.origin().requests("/page/" + name) > 0; });   // the slow one came first
        const load_result other = read_all(name);
        ratios.push_back(static_cast<double>(other.latency.max()) / static_cast<double>(one.latency.max()));
        alone.add(one);
        together.add(other);
    }
    constexpr unsigned objects = 2 * pairs;
    m.checks.push_back(ratio_at_most(median(ratios), "the time of 49 readers of 100 MiB when a slow one came first", 1.1));
    m.checks.push_back(count_at_most(all.origin().requests(), "origin request", "for " + std::to_string(objects) + " objects of 100 MiB", objects));
    m.checks.push_back(count_at_most(alone.errors + together.errors, "error", "among them", 0));
    m.checks.push_back(ratio_at_most(peak_memory(all.node().process().pid()) / (static_cast<double>(objects) * size), "their size, in memory at most", 1.3));
    m.add_run("100 MiB, alone", alone);
    m.add_run("100 MiB, with a slow reader", together);
}

}  // namespace tiercel::load::stampede
