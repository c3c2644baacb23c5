#include "load/stage.hpp"

#include "load/cpu.hpp"

#include <algorithm>

namespace tiercel::load {
namespace {

std::string with_comma(const std::string& pieces) { return pieces.empty() ? "" : ", " + pieces; }

std::string l2_pieces(const node_options& n, const std::string& redis_url)
{
    return redis_url.empty() ? "kind: none" : "kind: redis, url: \"" + redis_url + "\"" + with_comma(n.l2);
}

std::string yaml_of(const node_options& n, const std::string& origin_url, const std::string& redis_url)
{
    return "server: {threads: " + std::to_string(n.threads) + with_comma(n.server) + "}\n" +
           "cache: {l1: {" + n.l1 + "}, l2: {" + l2_pieces(n, redis_url) + "}}\n" +
           "tenancy: {" + n.tenancy + "}\n" +
           "invalidation: {" + n.invalidation + "}\n" +
           "origins: {site: {endpoints: [\"" + origin_url + "\"]" + with_comma(n.origin) + "}}\n" +
           "routes: [{name: all, match: {path: /}, origin: site" + with_comma(n.route) + "}]\n" +
           "log: {level: warn, access: {file: \"" + n.access_log + "\"}}\n";
}

void require(bool there, const std::string& what)
{
    if (!there) { throw cannot_run(what + " is not there"); }
}

}  // namespace

stage::stage(stage_options o)
{
    if (o.program.empty()) { o.program = test::proxy::program(); }
    require(std::filesystem::exists(o.program), "the program " + o.program.native());
    require(!o.redis || test::redis_server::available(), "redis-server");
    if (o.origin_url.empty()) {
        require(test::origin_process::available(), "the program " + test::origin_process::program().native());
        origin_.emplace(o.origin_arguments);
        o.origin_url = origin_->url();
    }
    if (o.redis) { redis_.emplace(o.redis_arguments); }
    const std::string yaml = yaml_of(o.node, o.origin_url, o.redis ? redis_->url() : "");
    for (unsigned i = 0; i < o.nodes; ++i) {
        nodes_.push_back(std::make_unique<test::proxy>(test::proxy_options{.configuration = yaml, .program = o.program}));
        if (!nodes_.back()->wait_until_well()) { throw std::runtime_error("a node does not get well:\n" + nodes_.back()->log()); }
    }
}

stage::~stage() = default;

std::vector<std::uint16_t> stage::ports() const
{
    std::vector<std::uint16_t> out;
    for (const auto& n : nodes_) { out.push_back(n->port()); }
    return out;
}

std::vector<pid_t> stage::processes() const
{
    std::vector<pid_t> out;
    for (const auto& n : nodes_) { out.push_back(n->process().pid()); }
    return out;
}

double stage::metric(std::string_view name, const std::map<std::string, std::string>& labels) const
{
    double sum = 0;
    for (const auto& n : nodes_) { sum += n->metric(name, labels); }
    return sum;
}

void stage::fetch_all(const std::vector<std::string>& requests, unsigned i) const
{
    load_plan p;
    p.servers = {nodes_.at(i)->port()};
    p.connections = static_cast<unsigned>(std::min<std::size_t>(32, requests.size()));
    p.arrivals = schedule::saturating();
    p.requests = requests.size();
    p.keep_records = false;
    p.request = [&requests](std::uint64_t n) { return planned_request{.bytes = requests[n]}; };
    int odd = 200;
    p.observe = [&odd](const answer_view& a) { odd = a.status == 200 ? odd : a.status; };
    run_load(std::move(p));
    if (odd != 200) { throw std::runtime_error("a first answer has status " + std::to_string(odd)); }
}

void stage::wait_until_acquainted()
{
    const auto known = [&] { return redis_->command({"HLEN", "tcl:{inv}:nodes"}).integer >= static_cast<std::int64_t>(nodes_.size()); };
    if (!test::eventually(known)) { throw std::runtime_error("the nodes do not know of each other"); }
}

void stage::wait_for_redis_keys(std::size_t n)
{
    constexpr std::int64_t own_keys = 3;   // the log of invalidations, its table, and the instances
    const auto enough = [&] { return redis_->command({"DBSIZE"}).integer >= static_cast<std::int64_t>(n) + own_keys; };
    if (!test::eventually(enough)) { throw std::runtime_error("Redis did not get all keys"); }
}

bool knows_route_options(const std::string& options)
{
    require(test::proxy::available(), "the program " + test::proxy::program().native());
    node_options n;
    n.route = options;
    const test::temp_dir directory;
    const auto file = directory.write("probe.yaml", yaml_of(n, "http://127.0.0.1:1", ""));
    return test::run_tiercel({"check", file.native()}).status.ok();
}

}  // namespace tiercel::load
